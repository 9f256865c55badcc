// The handler behind a real wire server, on a real chunk store.
#include "storage-server/service/storage_handler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"
#include "common/testing/manual_clock.h"
#include "common/uuid.h"
#include "common/version.h"
#include "common/wire/channel.h"
#include "storage-server/testing/maps.h"
#include "storage-server/testing/temp_directory.h"

namespace weft::storage {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::byte>;

constexpr uint64_t kContent = 42;
constexpr uint32_t kChunkLog2 = 16;
constexpr uint32_t kChunkBytes = 1u << kChunkLog2;

Bytes RandomBytes(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes(count);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

class StorageHandlerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto targets = LocalTargets::Open({directory_.Path("data")}, 256 << 20);
    ASSERT_TRUE(targets.ok()) << targets.status();
    targets_ = std::move(*targets);
    proto::RegisterReply registered;
    *registered.add_targets() = targets_->Report()[0];
    registered.mutable_targets(0)->set_target_id(kTestTarget);
    ASSERT_TRUE(targets_->AssignIds(registered.targets()).ok());
    auto map = ClusterMap::Make(TestMap());
    ASSERT_TRUE(map.ok()) << map.status();
    ASSERT_TRUE(view_.Update(*map));
    view_.Renew(clock_.Now(), 10s);

    handler_ = std::make_unique<StorageHandler>("n1", targets_.get(), &view_, &source_);
    wire::ServerOptions server;
    server.name = "storage n1";
    server.cluster_id = [] { return std::string(kTestClusterId); };
    auto started = wire::Server::Start(std::move(server), handler_.get());
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = std::move(*started);
    wire::ChannelOptions channel;
    channel.address = server_->address();
    channel.identity = {NewUuid(), "test", [] { return std::string(kTestClusterId); }};
    channel_ = wire::Channel::Make(std::move(channel));
  }

  // The answer to one call: an error, or the payload (and `*reply`).
  template <typename Reply>
  absl::StatusOr<Bytes> Call(uint16_t method, const google::protobuf::MessageLite& request,
                             Reply* reply, const Bytes& payload = {}) {
    Bytes received(kChunkBytes);
    const iovec send{const_cast<std::byte*>(payload.data()), payload.size()};
    const iovec receive{received.data(), received.size()};
    wire::CallSpec call;
    call.method = method;
    call.request = &request;
    call.payload = {&send, payload.empty() ? 0u : 1u};
    call.reply = reply;
    call.receive = {&receive, 1};
    call.timeout = 60s;
    WEFT_ASSIGN_OR_RETURN(const size_t bytes, channel_->Call(call));
    received.resize(bytes);
    return received;
  }

  static void SetRoute(proto::Route* route) {
    route->set_target_id(kTestTarget);
    route->set_group(1);
    route->set_map_epoch(kTestGroupEpoch);
  }

  static proto::WriteChunkRequest WriteRequest(uint32_t chunk, uint32_t offset, const Bytes& data) {
    proto::WriteChunkRequest request;
    SetRoute(request.mutable_route());
    request.set_content_id(kContent);
    request.set_chunk(chunk);
    request.set_offset_bytes(offset);
    request.set_chunk_bytes_log2(kChunkLog2);
    request.set_session_id(1);
    for (const uint32_t crc : Crc32cOfPieces(offset, data)) request.add_piece_crc32c(crc);
    return request;
  }

  void MustWrite(uint32_t chunk, uint32_t offset, const Bytes& data) {
    const auto written =
        Call(proto::WRITE_CHUNK, WriteRequest(chunk, offset, data), &write_reply_, data);
    ASSERT_TRUE(written.ok()) << written.status();
  }

  static proto::ReadChunkRequest ReadRequest(uint32_t chunk, uint32_t offset, uint32_t length) {
    proto::ReadChunkRequest request;
    SetRoute(request.mutable_route());
    request.set_content_id(kContent);
    request.set_chunk(chunk);
    request.set_offset_bytes(offset);
    request.set_length_bytes(length);
    return request;
  }

  template <typename Request>
  static Request OnContent() {
    Request request;
    SetRoute(request.mutable_route());
    request.set_content_id(kContent);
    return request;
  }

  // Reads both ways, and checks that both are the same and match their checksums.
  Bytes MustRead(uint32_t chunk, uint32_t offset, uint32_t length) {
    proto::ReadChunkRequest request = ReadRequest(chunk, offset, length);
    const auto sent = Call(proto::READ_CHUNK, request, &read_reply_);
    EXPECT_TRUE(sent.ok()) << sent.status();
    if (!sent.ok()) return {};
    EXPECT_EQ(
        std::vector<uint32_t>(read_reply_.block_crc32c().begin(), read_reply_.block_crc32c().end()),
        Crc32cOfPieces(read_reply_.data_offset_bytes(), *sent));
    request.set_by_copy(true);
    const auto copied = Call(proto::READ_CHUNK, request, &read_reply_);
    EXPECT_TRUE(copied.ok()) << copied.status();
    if (copied.ok()) {
      EXPECT_EQ(*copied, *sent);
    }
    return *sent;
  }

  // Expects that a request fails with the errno and a text that has `part`.
  template <typename Reply>
  void ExpectError(uint16_t method, const google::protobuf::MessageLite& request, int error,
                   const std::string& part, const Bytes& payload = {}) {
    Reply reply;
    const auto answer = Call(method, request, &reply, payload);
    ASSERT_FALSE(answer.ok()) << part;
    EXPECT_EQ(ErrnoOf(answer.status()), error) << answer.status();
    EXPECT_NE(MessageOf(answer.status()).find(part), std::string::npos) << answer.status();
  }

  TempDirectory directory_;
  ManualClock clock_;
  ClusterView view_{&clock_};
  ChunkSource source_{{NewUuid(), "n1", [] { return std::string(kTestClusterId); }}, &view_, 4};
  std::unique_ptr<LocalTargets> targets_;
  std::unique_ptr<StorageHandler> handler_;
  std::unique_ptr<wire::Server> server_;
  std::unique_ptr<wire::Channel> channel_;
  proto::WriteChunkReply write_reply_;
  proto::ReadChunkReply read_reply_;
};

TEST_F(StorageHandlerTest, PingNeedsNoCluster) {
  view_.Revoke();
  proto::PingReply reply;
  ASSERT_TRUE(Call(proto::PING, proto::PingRequest(), &reply).ok());
  EXPECT_EQ(reply.node_name(), "n1");
  EXPECT_EQ(reply.version(), kVersion);
}

TEST_F(StorageHandlerTest, WhatIsWrittenIsReadBack) {
  const Bytes data = RandomBytes(3 * kBlockBytes + 100, 1);  // the last block is short
  MustWrite(5, 0, data);
  EXPECT_EQ(write_reply_.chunk_length_bytes(), data.size());
  EXPECT_EQ(MustRead(5, 0, kChunkBytes), data);
  EXPECT_EQ(read_reply_.chunk_length_bytes(), data.size());
  EXPECT_EQ(read_reply_.version(), write_reply_.version());
  EXPECT_EQ(read_reply_.data_offset_bytes(), 0u);

  // Whole blocks are sent around what was asked for.
  const Bytes part = MustRead(5, kBlockBytes + 10, 1);
  EXPECT_EQ(read_reply_.data_offset_bytes(), kBlockBytes);
  EXPECT_EQ(part, Bytes(data.begin() + kBlockBytes, data.begin() + 2 * kBlockBytes));
}

TEST_F(StorageHandlerTest, HolesReadAsZeros) {
  const Bytes data = RandomBytes(kBlockBytes + 7, 2);
  MustWrite(0, 4 * kBlockBytes, data);
  Bytes expected(4 * kBlockBytes);
  expected.insert(expected.end(), data.begin(), data.end());
  EXPECT_EQ(MustRead(0, 0, kChunkBytes), expected);
  EXPECT_EQ(read_reply_.block_crc32c(0), Crc32cOfZeroBlock());
}

TEST_F(StorageHandlerTest, NothingIsReadBeyondTheEnd) {
  EXPECT_TRUE(MustRead(9, 0, kChunkBytes).empty());
  EXPECT_EQ(read_reply_.chunk_length_bytes(), 0u);
  MustWrite(9, 0, RandomBytes(100, 3));
  EXPECT_TRUE(MustRead(9, kBlockBytes, kBlockBytes).empty());
  EXPECT_EQ(read_reply_.chunk_length_bytes(), 100u);
}

TEST_F(StorageHandlerTest, PartsOfBlocksAreMerged) {
  Bytes data = RandomBytes(2 * kBlockBytes, 4);
  MustWrite(1, 0, data);
  const Bytes patch = RandomBytes(1000, 5);
  MustWrite(1, 3600, patch);  // over the border of two blocks
  std::copy(patch.begin(), patch.end(), data.begin() + 3600);
  EXPECT_EQ(MustRead(1, 0, kChunkBytes), data);
}

TEST_F(StorageHandlerTest, DataThatDoesNotMatchItsChecksumsIsRefused) {
  Bytes data = RandomBytes(2 * kBlockBytes, 6);
  const proto::WriteChunkRequest request = WriteRequest(2, 0, data);
  data[5000] ^= std::byte{1};
  ExpectError<proto::WriteChunkReply>(proto::WRITE_CHUNK, request, EBADMSG, "", data);
  EXPECT_TRUE(MustRead(2, 0, kChunkBytes).empty());
}

TEST_F(StorageHandlerTest, NumbersOutOfBoundsAreNamed) {
  const Bytes data = RandomBytes(kBlockBytes, 7);
  const auto bad_write = [&](const std::string& field,
                             const std::function<void(proto::WriteChunkRequest*)>& change) {
    proto::WriteChunkRequest request = WriteRequest(0, 0, data);
    change(&request);
    ExpectError<proto::WriteChunkReply>(proto::WRITE_CHUNK, request, EINVAL, field, data);
  };
  bad_write("content_id", [](auto* r) { r->set_content_id(0); });
  bad_write("chunk_bytes_log2", [](auto* r) { r->set_chunk_bytes_log2(15); });
  bad_write("chunk_bytes_log2", [](auto* r) { r->set_chunk_bytes_log2(27); });
  bad_write("offset_bytes", [](auto* r) { r->set_offset_bytes(kChunkBytes); });
  bad_write("offset_bytes", [](auto* r) { r->set_offset_bytes(kChunkBytes - 1); });
  bad_write("offset_bytes", [](auto* r) { r->set_offset_bytes(UINT32_MAX); });
  bad_write("piece_crc32c", [](auto* r) { r->add_piece_crc32c(1); });
  bad_write("piece_crc32c", [](auto* r) { r->clear_piece_crc32c(); });
  bad_write("piece_crc32c", [](auto* r) { r->set_offset_bytes(1); });  // two pieces now
  ExpectError<proto::WriteChunkReply>(proto::WRITE_CHUNK, WriteRequest(0, 0, {}), EINVAL, "length");

  ExpectError<proto::ReadChunkReply>(proto::READ_CHUNK, ReadRequest(0, 0, 0), EINVAL, "length");
  ExpectError<proto::ReadChunkReply>(proto::READ_CHUNK, ReadRequest(0, 1, kMaxChunkBytes), EINVAL,
                                     "offset_bytes");
  auto punch = OnContent<proto::PunchChunkRequest>();
  punch.set_length_bytes(UINT32_MAX);
  ExpectError<proto::PunchChunkReply>(proto::PUNCH_CHUNK, punch, EINVAL, "offset_bytes");
  auto truncate = OnContent<proto::TruncateContentRequest>();
  truncate.set_chunk_bytes_log2(kChunkLog2);
  truncate.set_size_bytes(UINT64_MAX);
  ExpectError<proto::TruncateContentReply>(proto::TRUNCATE_CONTENT, truncate, EINVAL, "size_bytes");
  EXPECT_TRUE(MustRead(0, 0, kChunkBytes).empty()) << "nothing of it all was written";
}

TEST_F(StorageHandlerTest, RoutesAreChecked) {
  const auto read = [&](int error, const std::function<void(proto::Route*)>& change) {
    proto::ReadChunkRequest request = ReadRequest(0, 0, 1);
    change(request.mutable_route());
    ExpectError<proto::ReadChunkReply>(proto::READ_CHUNK, request, error, "");
  };
  read(ENXIO, [](auto* r) { r->set_target_id(kForeignTarget); });
  read(ENXIO, [](auto* r) { r->set_target_id(0); });
  read(ESTALE, [](auto* r) { r->set_map_epoch(kTestGroupEpoch - 1); });
  read(ESTALE, [](auto* r) { r->set_group(3); });
  read(EAGAIN, [](auto* r) { r->set_map_epoch(kTestEpoch + 1); });
  read(EINVAL, [](auto* r) { r->set_group(4); });
  auto sync = OnContent<proto::RemoveContentRequest>();
  sync.mutable_route()->set_target_id(kForeignTarget);
  ExpectError<proto::RemoveContentReply>(proto::REMOVE_CONTENT, sync, ENXIO, "target 8");
}

TEST_F(StorageHandlerTest, WithoutALeaseNothingIsServed) {
  const Bytes data = RandomBytes(100, 8);
  MustWrite(0, 0, data);
  clock_.Advance(10s);
  ExpectError<proto::ReadChunkReply>(proto::READ_CHUNK, ReadRequest(0, 0, 1), EAGAIN, "serve");
  ExpectError<proto::WriteChunkReply>(proto::WRITE_CHUNK, WriteRequest(0, 0, data), EAGAIN, "serve",
                                      data);
  view_.Renew(clock_.Now(), 10s);
  EXPECT_EQ(MustRead(0, 0, 100), data);
}

TEST_F(StorageHandlerTest, FencedSessionsMayReadButNotWrite) {
  const Bytes data = RandomBytes(100, 9);
  proto::WriteChunkRequest request = WriteRequest(0, 0, data);
  request.set_session_id(kFencedSession);
  ExpectError<proto::WriteChunkReply>(proto::WRITE_CHUNK, request, ESHUTDOWN, "666", data);
  EXPECT_TRUE(MustRead(0, 0, 100).empty());
}

TEST_F(StorageHandlerTest, SyncAndWritesTellTheSameDurabilityId) {
  MustWrite(0, 0, RandomBytes(100, 10));
  proto::SyncTargetRequest request;
  SetRoute(request.mutable_route());
  request.mutable_route()->set_group(kWholeTarget);
  proto::SyncTargetReply reply;
  ASSERT_TRUE(Call(proto::SYNC_TARGET, request, &reply).ok());
  EXPECT_FALSE(reply.durability_id().empty());
  EXPECT_EQ(reply.durability_id(), write_reply_.durability_id());
}

TEST_F(StorageHandlerTest, StatAndEndTellWhatIsThere) {
  auto stat = OnContent<proto::StatChunkRequest>();
  stat.set_chunk(3);
  proto::StatChunkReply stat_reply;
  ASSERT_TRUE(Call(proto::STAT_CHUNK, stat, &stat_reply).ok());
  EXPECT_FALSE(stat_reply.exists());
  proto::ContentEndReply end_reply;
  ASSERT_TRUE(Call(proto::CONTENT_END, OnContent<proto::ContentEndRequest>(), &end_reply).ok());
  EXPECT_FALSE(end_reply.has_chunks());

  MustWrite(0, 0, RandomBytes(kChunkBytes, 11));
  MustWrite(3, 0, RandomBytes(5000, 12));
  ASSERT_TRUE(Call(proto::STAT_CHUNK, stat, &stat_reply).ok());
  EXPECT_TRUE(stat_reply.exists());
  EXPECT_EQ(stat_reply.length_bytes(), 5000u);
  EXPECT_EQ(stat_reply.used_bytes(), 2 * kBlockBytes);
  EXPECT_GE(stat_reply.extents(), 1u);
  ASSERT_TRUE(Call(proto::CONTENT_END, OnContent<proto::ContentEndRequest>(), &end_reply).ok());
  EXPECT_TRUE(end_reply.has_chunks());
  EXPECT_EQ(end_reply.last_chunk(), 3u);
  EXPECT_EQ(end_reply.last_chunk_length_bytes(), 5000u);
  EXPECT_EQ(end_reply.used_bytes(), kChunkBytes + 2 * kBlockBytes);
}

TEST_F(StorageHandlerTest, TruncateCutsAndKeepsOlderWritersOut) {
  const Bytes data = RandomBytes(kChunkBytes, 13);
  MustWrite(0, 0, data);
  MustWrite(1, 0, data);
  auto truncate = OnContent<proto::TruncateContentRequest>();
  truncate.mutable_route()->set_group(kWholeTarget);
  truncate.set_size_bytes(5000);
  truncate.set_chunk_bytes_log2(kChunkLog2);
  truncate.set_cut(1);
  proto::TruncateContentReply reply;
  const auto truncated = Call(proto::TRUNCATE_CONTENT, truncate, &reply);
  ASSERT_TRUE(truncated.ok()) << truncated.status();
  EXPECT_EQ(reply.chunks_changed(), 2u);
  EXPECT_EQ(MustRead(0, 0, kChunkBytes), Bytes(data.begin(), data.begin() + 5000));
  EXPECT_TRUE(MustRead(1, 0, kChunkBytes).empty());
  // A writer that has not heard of the cut would bring bytes back.
  ExpectError<proto::WriteChunkReply>(proto::WRITE_CHUNK, WriteRequest(0, 0, data), ESTALE, "",
                                      data);
}

TEST_F(StorageHandlerTest, RemoveTakesEveryChunkOfTheContent) {
  MustWrite(0, 0, RandomBytes(100, 14));
  MustWrite(7, 0, RandomBytes(100, 15));
  auto remove = OnContent<proto::RemoveContentRequest>();
  remove.mutable_route()->set_group(kWholeTarget);
  proto::RemoveContentReply reply;
  ASSERT_TRUE(Call(proto::REMOVE_CONTENT, remove, &reply).ok());
  EXPECT_EQ(reply.chunks_removed(), 2u);
  ASSERT_TRUE(Call(proto::REMOVE_CONTENT, remove, &reply).ok());
  EXPECT_EQ(reply.chunks_removed(), 0u);
  EXPECT_TRUE(MustRead(7, 0, 100).empty());
}

TEST_F(StorageHandlerTest, PunchMakesZeros) {
  Bytes data = RandomBytes(4 * kBlockBytes, 16);
  MustWrite(0, 0, data);
  auto punch = OnContent<proto::PunchChunkRequest>();
  punch.set_offset_bytes(100);
  punch.set_length_bytes(2 * kBlockBytes);
  proto::PunchChunkReply reply;
  const auto punched = Call(proto::PUNCH_CHUNK, punch, &reply);
  ASSERT_TRUE(punched.ok()) << punched.status();
  EXPECT_GT(reply.version(), write_reply_.version());
  std::fill_n(data.begin() + 100, 2 * kBlockBytes, std::byte{0});
  EXPECT_EQ(MustRead(0, 0, kChunkBytes), data);
}

TEST_F(StorageHandlerTest, UnknownMethodsAndMalformedMessagesHarmNothing) {
  ExpectError<proto::PingReply>(9, proto::PingRequest(), EOPNOTSUPP, "method 9");
  // A string where READ_CHUNK has a message.
  proto::PingReply malformed;
  malformed.set_node_name("\x0f");  // a tag of a wire type that does not exist
  ExpectError<proto::ReadChunkReply>(proto::READ_CHUNK, malformed, EPROTO, "");
  const Bytes data = RandomBytes(100, 17);
  MustWrite(0, 0, data);
  EXPECT_EQ(MustRead(0, 0, 100), data);
}

}  // namespace
}  // namespace weft::storage
