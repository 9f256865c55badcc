#include "metadata-server/service/lock_notifier.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace weft::metadata {
namespace {

TEST(LockNotifierTest, OneThatDoesNotAnswerHoldsUpNobody) {
  Mutex mutex;
  CondVar changed;
  bool let_go = false;
  std::map<uint64_t, std::multiset<uint64_t>> told;
  LockNotifier notifier;
  notifier.Start([&](SessionId session, const proto::LockGrantedRequest& request) {
    MutexLock lock(&mutex);
    while (session == SessionId(1) && !let_go) changed.Wait(&mutex);
    told[session.value()].insert(request.wait_ids().begin(), request.wait_ids().end());
    changed.SignalAll();
  });
  for (uint64_t id = 1; id <= 20; ++id) notifier.Add(SessionId(1), id);
  notifier.Add(SessionId(2), 7);
  {
    MutexLock lock(&mutex);
    while (!told.contains(2)) changed.Wait(&mutex);
    EXPECT_FALSE(told.contains(1));
    let_go = true;
    changed.SignalAll();
    while (told[1].size() < 20) changed.Wait(&mutex);
    EXPECT_EQ(std::set<uint64_t>(told[1].begin(), told[1].end()).size(), 20u);  // each once
  }
  notifier.Stop();
  notifier.Add(SessionId(2), 8);  // does nothing
}

}  // namespace
}  // namespace weft::metadata
