// Changes that wait in the daemon while their client goes on: after a repetition was accepted they
// must not run any more.
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"
#include "common/testing/manual_clock.h"
#include "common/uuid.h"
#include "storage-server/service/storage_handler.h"
#include "storage-server/testing/gate_store.h"
#include "storage-server/testing/maps.h"
#include "storage-server/testing/temp_directory.h"

namespace weft::storage {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::byte>;

constexpr ChunkId kChunk{ContentId(42), 0};
constexpr uint64_t kSession = 1;
constexpr uint32_t kLength = 2 * kBlockBytes;

Bytes Filled(char c) { return Bytes(kLength, static_cast<std::byte>(c)); }

class AnswerKeeper final : public wire::Responder {
 public:
  void Ok(const google::protobuf::MessageLite& /*message*/,
          std::span<const iovec> /*payload*/) override {
    error_ = 0;
  }
  void OkFromFile(const google::protobuf::MessageLite& /*message*/,
                  std::span<const wire::FileRange> /*payload*/) override {
    error_ = 0;
  }
  void Error(const absl::Status& status) override { error_ = ErrnoOf(status); }
  [[nodiscard]] int error() const { return error_; }

 private:
  int error_ = -1;  // no answer
};

class LateChangesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = OpenTarget({.directory = directory_.Path("data"),
                              .node_uuid = "node",
                              .capacity_bytes = 64u << 20,
                              .segment_bytes = 16u << 20});
    ASSERT_TRUE(opened.ok()) << opened.status();
    auto gate = std::make_unique<GateStore>(std::move(opened->store));
    store_ = gate.get();
    opened->store = std::move(gate);
    proto::RegisterReply registered;
    proto::Target& target = *registered.add_targets();
    target.set_uuid(opened->superblock.target_uuid);
    target.set_target_id(kTestTarget);
    std::vector<LocalTargets::Opened> all;
    all.push_back({directory_.Path("data"), *std::move(opened)});
    targets_ = std::make_unique<LocalTargets>("node", std::move(all));
    ASSERT_TRUE(targets_->AssignIds(registered.targets()).ok());
    Fence({});
    view_.Renew(clock_.Now(), 10s);
    handler_ = std::make_unique<StorageHandler>("n1", targets_.get(), &view_, &source_);
  }

  // Publishes a newer map in which these sessions are fenced.
  void Fence(const std::vector<uint64_t>& sessions) {
    proto::ClusterMap message = TestMap();
    message.set_epoch(++epoch_);
    for (const uint64_t session : sessions) message.add_fenced_sessions(session);
    auto map = ClusterMap::Make(std::move(message));
    ASSERT_TRUE(map.ok()) << map.status();
    ASSERT_TRUE(view_.Update(*map));
  }

  template <typename Request>
  int Handle(uint16_t method, Request request, uint64_t generation, Bytes payload) {
    request.mutable_route()->set_target_id(kTestTarget);
    request.mutable_route()->set_group(1);
    request.mutable_route()->set_map_epoch(kTestGroupEpoch);
    request.set_content_id(kChunk.content.value());
    request.set_chunk(kChunk.number);
    request.set_session_id(kSession);
    request.set_generation(generation);
    const std::string message = request.SerializeAsString();
    AnswerKeeper answer;
    handler_->Handle({.method = method, .message = message, .payload = payload}, answer);
    return answer.error();
  }
  int Write(char c, uint64_t generation) {
    const Bytes data = Filled(c);
    proto::WriteChunkRequest request;
    request.set_chunk_bytes_log2(16);
    for (const uint32_t crc : Crc32cOfPieces(0, data)) request.add_piece_crc32c(crc);
    return Handle(proto::WRITE_CHUNK, request, generation, data);
  }
  int Punch(uint64_t generation) {
    proto::PunchChunkRequest request;
    request.set_length_bytes(kLength);
    return Handle(proto::PUNCH_CHUNK, request, generation, {});
  }

  void ExpectStored(char c) {
    const auto read = store_->Read(kChunk, 0, kLength);
    ASSERT_TRUE(read.ok()) << read.status();
    Bytes bytes(read->data_bytes);
    ASSERT_TRUE(store_->Copy(*read, bytes).ok());
    EXPECT_TRUE(bytes == Filled(c)) << "first byte: " << static_cast<int>(bytes.at(0));
  }

  TempDirectory directory_;
  ManualClock clock_;
  ClusterView view_{&clock_};
  ChunkSource source_{{NewUuid(), "n1", [] { return std::string(kTestClusterId); }}, &view_, 4};
  uint64_t epoch_ = kTestEpoch;
  GateStore* store_ = nullptr;
  std::unique_ptr<LocalTargets> targets_;
  std::unique_ptr<StorageHandler> handler_;
};

TEST_F(LateChangesTest, ALateWriteDoesNotOverwriteWhatCameAfterItsRepetition) {
  store_->CloseForOne();
  int late = 0;
  std::thread first([&] { late = Write('a', 1); });
  store_->AwaitWaiter();
  EXPECT_EQ(Write('a', 2), 0);  // the repetition
  EXPECT_EQ(Write('b', 2), 0);
  store_->Open();
  first.join();
  EXPECT_EQ(late, ECANCELED);
  ExpectStored('b');
}

TEST_F(LateChangesTest, ALatePunchDoesNotEither) {
  EXPECT_EQ(Write('a', 1), 0);
  store_->CloseForOne();
  int late = 0;
  std::thread first([&] { late = Punch(1); });
  store_->AwaitWaiter();
  EXPECT_EQ(Punch(2), 0);
  EXPECT_EQ(Write('b', 2), 0);
  store_->Open();
  first.join();
  EXPECT_EQ(late, ECANCELED);
  ExpectStored('b');
}

TEST_F(LateChangesTest, OneThatArrivesLateIsRefusedToo) {
  EXPECT_EQ(Write('b', 2), 0);
  EXPECT_EQ(Write('a', 1), ECANCELED);
  EXPECT_EQ(Punch(1), ECANCELED);
  ExpectStored('b');
}

TEST_F(LateChangesTest, AHealthyOneOfTheSameGenerationRuns) {
  store_->CloseForOne();
  int other = 0;
  std::thread first([&] { other = Write('a', 1); });
  store_->AwaitWaiter();
  EXPECT_EQ(Write('b', 1), 0);
  store_->Open();
  first.join();
  EXPECT_EQ(other, 0);
  ExpectStored('a');
}

TEST_F(LateChangesTest, ASessionThatIsFencedMeanwhileChangesNothing) {
  EXPECT_EQ(Write('b', 1), 0);
  for (const bool punch : {false, true}) {
    store_->CloseForOne();
    int late = 0;
    std::thread first([&] { late = punch ? Punch(1) : Write('a', 1); });
    store_->AwaitWaiter();
    Fence({kSession});
    store_->Open();
    first.join();
    EXPECT_EQ(late, ESHUTDOWN);
    Fence({});
  }
  ExpectStored('b');
  Fence({kSession});
  EXPECT_EQ(Punch(1), ESHUTDOWN);
}

}  // namespace
}  // namespace weft::storage
