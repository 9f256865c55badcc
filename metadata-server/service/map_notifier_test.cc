#include "metadata-server/service/map_notifier.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "common/uuid.h"
#include "common/wire/channel.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {
namespace {

constexpr std::chrono::seconds kLong{60};  // only a failing test waits for so long

std::shared_ptr<const ClusterMap> MapOf(uint64_t epoch) {
  proto::ClusterMap message;
  message.set_epoch(epoch);
  return *ClusterMap::Make(std::move(message));
}

class NoCalls final : public wire::Handler {
 public:
  void Handle(const wire::Request&, wire::Responder&) override {}
};

// The epochs that a client was told.
class Told {
 public:
  void Add(uint64_t epoch) {
    MutexLock lock(&mutex_);
    newest_ = epoch;
    changed_.SignalAll();
  }
  bool WaitFor(uint64_t epoch) {
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    MutexLock lock(&mutex_);
    while (newest_ != epoch && changed_.WaitUntil(&mutex_, deadline)) {
    }
    return newest_ == epoch;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  uint64_t newest_ WEFT_GUARDED_BY(mutex_) = 0;
};

TEST(MapNotifierTest, ClientsHearOfNewMaps) {
  NoCalls handler;
  auto server = wire::Server::Start({.name = "metadata"}, &handler);
  ASSERT_TRUE(server.ok()) << server.status();
  Told told;
  const auto client = wire::CallbackListener::Start(
      {.address = (*server)->address(),
       .identity = {NewUuid(), "client", [] { return std::string(); }}},
      [&told](uint16_t method, std::string_view message, std::string*) {
        EXPECT_EQ(method, proto::MAP_CHANGED);
        proto::MapChangedRequest request;
        EXPECT_TRUE(request.ParseFromArray(message.data(), static_cast<int>(message.size())));
        told.Add(request.map_epoch());
        return absl::OkStatus();
      });
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while ((*server)->CallbackPeers().empty() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_FALSE((*server)->CallbackPeers().empty());

  MapPublisher publisher(MapOf(1));
  MapNotifier notifier(&publisher, server->get());
  publisher.Publish(MapOf(2));
  EXPECT_TRUE(told.WaitFor(2));
  publisher.Publish(MapOf(3));
  publisher.Publish(MapOf(4));
  EXPECT_TRUE(told.WaitFor(4));
}

TEST(MapNotifierTest, StopsWhileNothingHappens) {
  NoCalls handler;
  auto server = wire::Server::Start({.name = "metadata"}, &handler);
  ASSERT_TRUE(server.ok());
  MapPublisher publisher(MapOf(1));
  const MapNotifier notifier(&publisher, server->get());
}

}  // namespace
}  // namespace weft::metadata
