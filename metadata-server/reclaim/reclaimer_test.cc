#include "metadata-server/reclaim/reclaimer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <set>
#include <string>

#include "common/mutex.h"
#include "common/status.h"
#include "common/uuid.h"
#include "common/wire/server.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/records.pb.h"
#include "proto/storage.pb.h"

namespace weft::metadata {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kLong{60};  // only a failing test waits for so long

// Counts syncs, to check what was synced when a storage-server was called.
class CountingStore final : public KvStore {
 public:
  absl::StatusOr<std::string> Get(Family family, std::string_view key) const override {
    return inner_->Get(family, key);
  }
  absl::Status Scan(
      Family family, std::string_view prefix, std::string_view first,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return inner_->Scan(family, prefix, first, visit);
  }
  absl::Status Commit(const Batch& batch) override {
    is_synced = false;
    return inner_->Commit(batch);
  }
  absl::Status Sync() override {
    is_synced = true;
    return inner_->Sync();
  }
  std::string fault() const override { return inner_->fault(); }
  std::string durability_id() const override { return inner_->durability_id(); }

  std::atomic<bool> is_synced{false};

 private:
  std::unique_ptr<KvStore> inner_ = NewMemoryKvStore();
};

// A storage-server on a real wire that only remembers what it was asked.
class FakeStorage final : public wire::Handler {
 public:
  explicit FakeStorage(const CountingStore* store) : store_(store) {
    auto server = wire::Server::Start({.name = "storage"}, this);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
  }
  ~FakeStorage() override { server_->Stop(); }

  std::string address() const { return server_->address(); }
  void SetError(int error) { error_ = error; }
  void SetEnd(proto::ContentEndReply end) {
    MutexLock lock(&mutex_);
    end_ = std::move(end);
  }

  // How often each (target, content) was removed.
  std::map<std::pair<uint32_t, uint64_t>, int> removed() {
    MutexLock lock(&mutex_);
    return removed_;
  }
  std::vector<proto::TruncateContentRequest> truncated() {
    MutexLock lock(&mutex_);
    return truncated_;
  }
  int refused() const { return refused_; }
  bool was_called_before_a_sync() const { return called_unsynced_; }

  void Handle(const wire::Request& request, wire::Responder& responder) override {
    if (const int error = error_; error != 0) {
      ++refused_;
      return responder.Error(PosixError(error, "as told"));
    }
    if (request.method == proto::REMOVE_CONTENT) return Remove(request, responder);
    if (request.method == proto::TRUNCATE_CONTENT) return Truncate(request, responder);
    if (request.method == proto::CONTENT_END) {
      MutexLock lock(&mutex_);
      return responder.Ok(end_);
    }
    responder.Error(PosixError(EOPNOTSUPP, "no such method"));
  }

 private:
  void Remove(const wire::Request& request, wire::Responder& responder) {
    proto::RemoveContentRequest message;
    EXPECT_TRUE(wire::ParseMessage(request, &message).ok());
    EXPECT_EQ(message.route().group(), UINT32_MAX);
    {
      MutexLock lock(&mutex_);
      ++removed_[{message.route().target_id(), message.content_id()}];
    }
    responder.Ok(proto::RemoveContentReply());
  }
  void Truncate(const wire::Request& request, wire::Responder& responder) {
    if (!store_->is_synced) called_unsynced_ = true;
    proto::TruncateContentRequest message;
    EXPECT_TRUE(wire::ParseMessage(request, &message).ok());
    {
      MutexLock lock(&mutex_);
      truncated_.push_back(message);
    }
    responder.Ok(proto::TruncateContentReply());
  }

  const CountingStore* const store_;
  std::atomic<int> error_{0};
  std::atomic<int> refused_{0};
  std::atomic<bool> called_unsynced_{false};
  Mutex mutex_;
  proto::ContentEndReply end_ WEFT_GUARDED_BY(mutex_);
  std::map<std::pair<uint32_t, uint64_t>, int> removed_ WEFT_GUARDED_BY(mutex_);
  std::vector<proto::TruncateContentRequest> truncated_ WEFT_GUARDED_BY(mutex_);
  std::unique_ptr<wire::Server> server_;
};

// Two storage-servers with a target each (1 and 2), and four groups that alternate between them.
class ReclaimerTest : public testing::Test {
 protected:
  ReclaimerTest() : one_(&store_), two_(&store_) { Publish({one_.address(), two_.address()}); }
  ~ReclaimerTest() override { reclaimer_.reset(); }

  void Publish(const std::vector<std::string>& addresses,
               proto::NodeState state_of_two = proto::NODE_ONLINE) {
    proto::ClusterMap message;
    message.set_epoch(++epoch_);
    for (uint32_t id = 1; id <= addresses.size(); ++id) {
      proto::Node* node = message.add_nodes();
      node->set_node_id(id);
      node->set_address(addresses[id - 1]);
      node->set_state(id == 2 ? state_of_two : proto::NODE_ONLINE);
      proto::Target* target = message.add_targets();
      target->set_target_id(id);
      target->set_node_id(id);
    }
    proto::Pool* pool = message.add_pools();
    for (uint32_t group = 0; group < 4; ++group) {
      pool->add_groups()->add_members()->set_target_id(group % 2 + 1);
    }
    auto map = ClusterMap::Make(std::move(message));
    ASSERT_TRUE(map.ok()) << map.status();
    MutexLock lock(&mutex_);
    map_ = *map;
  }

  void Start(milliseconds cut_wait = kLong) {
    reclaimer_.reset();
    calls_ = std::make_unique<ContentCalls>(
        [this] {
          MutexLock lock(&mutex_);
          return map_;
        },
        wire::Identity{NewUuid(), "metadata", [] { return std::string(); }});
    Reclaimer::Options options;
    options.cut_wait = cut_wait;
    options.call_timeout = kLong;
    options.first_pause = milliseconds(5);
    options.most_pause = milliseconds(20);
    options.newest_group_set = [](PoolId) { return GroupSet{.base = 7}; };
    reclaimer_ = std::make_unique<Reclaimer>(options, &store_, calls_.get());
  }

  static proto::Content ContentOf(uint64_t id, uint32_t width = 2) {
    proto::Content content;
    content.set_content_id(id);
    content.set_width(width);
    content.set_chunk_bytes_log2(20);
    return content;
  }
  void AddRows(uint64_t first, uint64_t count, uint32_t width = 2) {
    Batch batch;
    for (uint64_t id = first; id < first + count; ++id) {
      ReclaimRecord record;
      *record.mutable_content() = ContentOf(id, width);
      batch.Put(Family::kReclaim, ContentKey(ContentId(id)), record.SerializeAsString());
    }
    ASSERT_TRUE(store_.Commit(batch).ok());
  }
  // Polls until `condition` holds.
  template <typename Condition>
  [[nodiscard]] static bool Eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
  }
  [[nodiscard]] bool EventuallyPending(uint64_t rows) {
    return Eventually([&] { return reclaimer_->CountPending() == rows; });
  }

  CountingStore store_;
  FakeStorage one_;
  FakeStorage two_;
  uint64_t epoch_ = 0;
  Mutex mutex_;
  std::shared_ptr<const ClusterMap> map_ WEFT_GUARDED_BY(mutex_);
  std::unique_ptr<ContentCalls> calls_;
  std::unique_ptr<Reclaimer> reclaimer_;
};

TEST_F(ReclaimerTest, RemovesFromEveryTargetAndThenForgets) {
  AddRows(1, 3);
  Start();
  ASSERT_TRUE(EventuallyPending(0));
  EXPECT_EQ(one_.removed().size(), 3u);
  EXPECT_EQ(two_.removed().size(), 3u);
  EXPECT_EQ(one_.removed().at({1, 2}), 1);
  AddRows(10, 2);
  reclaimer_->WakeReclaim();
  ASSERT_TRUE(EventuallyPending(0));
  EXPECT_EQ(two_.removed().at({2, 11}), 1);
}

TEST_F(ReclaimerTest, AsksOnlyTargetsThatCanHoldTheContent) {
  AddRows(1, 1, 1);
  Start();
  ASSERT_TRUE(EventuallyPending(0));
  EXPECT_EQ(one_.removed().size(), 1u);
  EXPECT_TRUE(two_.removed().empty());
}

TEST_F(ReclaimerTest, ManyRowsAreWorkedOffInBatches) {
  AddRows(1, 2000);
  Start();
  ASSERT_TRUE(EventuallyPending(0));
  EXPECT_EQ(one_.removed().size(), 2000u);
  EXPECT_EQ(two_.removed().size(), 2000u);
}

TEST_F(ReclaimerTest, ATargetThatRefusesHoldsUpNothingButItsOwn) {
  two_.SetError(EAGAIN);
  AddRows(1, 600);
  AddRows(1000, 10, 1);  // only on target 1, behind more rows than a batch has
  Start();
  ASSERT_TRUE(EventuallyPending(600));
  ASSERT_TRUE(Eventually([&] { return two_.refused() > 3; })) << "it is tried again";
  two_.SetError(0);
  ASSERT_TRUE(EventuallyPending(0));
  EXPECT_EQ(two_.removed().size(), 600u);
  EXPECT_EQ(one_.removed().size(), 610u);
  EXPECT_EQ(one_.removed().at({1, 1}), 1) << "those that have answered are not asked again";
}

TEST_F(ReclaimerTest, AnOfflineNodeIsNotEvenAsked) {
  Publish({one_.address(), two_.address()}, proto::NODE_OFFLINE);
  AddRows(1, 5);
  Start();
  ASSERT_TRUE(Eventually([&] { return one_.removed().size() == 5; }));
  EXPECT_TRUE(two_.removed().empty());
  Publish({one_.address(), two_.address()});
  reclaimer_->WakeReclaim();
  ASSERT_TRUE(EventuallyPending(0));
  EXPECT_EQ(two_.removed().size(), 5u);
}

TEST_F(ReclaimerTest, AServerThatIsGoneIsFoundAgainAtItsNewAddress) {
  Publish({one_.address(), "127.0.0.1:1"});  // nobody listens there
  AddRows(1, 5);
  Start();
  ASSERT_TRUE(Eventually([&] { return one_.removed().size() == 5; }));
  Publish({one_.address(), two_.address()});
  ASSERT_TRUE(EventuallyPending(0));
  EXPECT_EQ(two_.removed().size(), 5u);
}

TEST_F(ReclaimerTest, WhatIsLeftIsDoneAfterARestart) {
  two_.SetError(EAGAIN);
  AddRows(1, 5);
  Start();
  ASSERT_TRUE(Eventually([&] { return one_.removed().size() == 5 && two_.refused() > 0; }));
  reclaimer_->Stop();
  EXPECT_EQ(reclaimer_->CountPending(), 5u);
  reclaimer_.reset();
  two_.SetError(0);
  Start();
  ASSERT_TRUE(EventuallyPending(0));
  EXPECT_EQ(two_.removed().size(), 5u);
}

TEST_F(ReclaimerTest, RowsWithoutATargetGo) {
  ReclaimRecord record;
  *record.mutable_content() = ContentOf(1);
  record.mutable_content()->set_pool(9);  // no such pool
  Batch batch;
  batch.Put(Family::kReclaim, ContentKey(ContentId(1)), record.SerializeAsString());
  ASSERT_TRUE(store_.Commit(batch).ok());
  Start();
  ASSERT_TRUE(EventuallyPending(0));
}

TEST_F(ReclaimerTest, TruncateReachesEveryTargetAfterASync) {
  Start();
  ASSERT_TRUE(EventuallyPending(0));
  Batch shrink;
  shrink.Put(Family::kInode, "key", "value");
  ASSERT_TRUE(store_.Commit(shrink).ok());
  proto::Content content = ContentOf(5);
  content.set_cut(3);
  ASSERT_TRUE(reclaimer_->Truncate(content, 12345, Patience::kWait).ok());
  for (FakeStorage* storage : {&one_, &two_}) {
    const auto truncated = storage->truncated();
    ASSERT_EQ(truncated.size(), 1u);
    EXPECT_EQ(truncated[0].content_id(), 5u);
    EXPECT_EQ(truncated[0].size_bytes(), 12345u);
    EXPECT_EQ(truncated[0].cut(), 3u);
    EXPECT_EQ(truncated[0].chunk_bytes_log2(), 20u);
    EXPECT_FALSE(storage->was_called_before_a_sync());
  }
}

TEST_F(ReclaimerTest, TruncateWaitsForATargetThatIsAway) {
  two_.SetError(ESTALE);
  Start();
  std::thread repair([&] {
    EXPECT_TRUE(Eventually([&] { return two_.refused() > 2; }));
    two_.SetError(0);
  });
  EXPECT_TRUE(reclaimer_->Truncate(ContentOf(5), 1, Patience::kWait).ok());
  repair.join();
  EXPECT_EQ(two_.truncated().size(), 1u);
}

TEST_F(ReclaimerTest, TruncateGivesUpAfterItsTimeAndAtOnceOnRealErrors) {
  two_.SetError(EAGAIN);
  Start(milliseconds(50));
  EXPECT_EQ(ErrnoOf(reclaimer_->Truncate(ContentOf(5), 1, Patience::kWait)), EAGAIN);
  two_.SetError(EIO);
  Start();
  EXPECT_EQ(ErrnoOf(reclaimer_->Truncate(ContentOf(5), 1, Patience::kWait)), EIO);
  EXPECT_EQ(ErrnoOf(reclaimer_->End(ContentOf(5), Patience::kWait).status()), EIO);
}

TEST_F(ReclaimerTest, OneTryIsOneCall) {
  two_.SetError(EAGAIN);
  Start();
  EXPECT_EQ(ErrnoOf(reclaimer_->Truncate(ContentOf(5), 1, Patience::kOneTry)), EAGAIN);
  EXPECT_EQ(two_.refused(), 1);
  EXPECT_EQ(ErrnoOf(reclaimer_->End(ContentOf(5), Patience::kOneTry).status()), EAGAIN);
  EXPECT_EQ(two_.refused(), 2);
}

TEST_F(ReclaimerTest, OneTryAsksNobodyWhereANodeIsOffline) {
  Publish({one_.address(), two_.address()}, proto::NODE_OFFLINE);
  Start();
  const absl::Status status = reclaimer_->Truncate(ContentOf(5), 1, Patience::kOneTry);
  EXPECT_TRUE(IsTransport(status)) << status;
  EXPECT_NE(MessageOf(status).find("target 2"), std::string::npos) << status;
  EXPECT_TRUE(IsTransport(reclaimer_->End(ContentOf(5), Patience::kOneTry).status()));
  EXPECT_TRUE(one_.truncated().empty());
  Publish({one_.address(), two_.address()});
  EXPECT_TRUE(reclaimer_->Truncate(ContentOf(5), 1, Patience::kOneTry).ok());
  EXPECT_EQ(two_.truncated().size(), 1u);
}

TEST_F(ReclaimerTest, TheEndIsThatOfTheLastChunk) {
  Start();
  EXPECT_EQ(reclaimer_->End(ContentOf(5), Patience::kWait)->end_bytes, 0u);
  proto::ContentEndReply end;
  end.set_has_chunks(true);
  end.set_last_chunk(4);
  end.set_last_chunk_length_bytes(100);
  end.set_used_bytes(4096);
  one_.SetEnd(end);
  end.set_last_chunk(3);
  end.set_last_chunk_length_bytes(1 << 20);
  two_.SetEnd(end);
  const StoredContent stored = *reclaimer_->End(ContentOf(5), Patience::kWait);
  EXPECT_EQ(stored.end_bytes, (uint64_t{4} << 20) + 100);
  EXPECT_EQ(stored.used_bytes, 2 * 4096u);
}

TEST_F(ReclaimerTest, NewContentGoesToTheNewestSet) {
  Start();
  EXPECT_EQ(reclaimer_->SetForNewContent(PoolId(0)).base, 7u);
}

}  // namespace
}  // namespace weft::metadata
