// Copies from one storage-server to another, and lists of what they have.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"
#include "common/testing/manual_clock.h"
#include "common/uuid.h"
#include "common/wire/channel.h"
#include "storage-server/chunks/testing/chunk_helpers.h"
#include "storage-server/service/storage_handler.h"
#include "storage-server/testing/maps.h"
#include "storage-server/testing/temp_directory.h"

namespace weft::storage {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kChunkLog2 = 20;
const ContentId kSource{42};
const ContentId kCopy{43};

wire::Identity IdentityOf(std::string name) {
  return {NewUuid(), std::move(name), [] { return std::string(kTestClusterId); }};
}

// A storage-server with one target.
class Node {
 public:
  Node(std::string name, uint32_t target) : source_(IdentityOf(name), &view_, 4) {
    targets_ = std::move(*LocalTargets::Open({directory_.Path("data")}, 256 << 20));
    proto::RegisterReply registered;
    *registered.add_targets() = targets_->Report()[0];
    registered.mutable_targets(0)->set_target_id(target);
    EXPECT_TRUE(targets_->AssignIds(registered.targets()).ok());
    store_ = targets_->Find(TargetId(target));
    handler_ = std::make_unique<StorageHandler>(name, targets_.get(), &view_, &source_);
    wire::ServerOptions options;
    options.name = "storage " + name;
    options.cluster_id = [] { return std::string(kTestClusterId); };
    server_ = std::move(*wire::Server::Start(std::move(options), handler_.get()));
  }

  [[nodiscard]] std::string address() const { return server_->address(); }
  ChunkStore& store() { return *store_; }
  void Update(std::shared_ptr<const ClusterMap> map) {
    view_.Update(std::move(map));
    view_.Renew(clock_.Now(), 10s);
  }
  void Revoke() { view_.Revoke(); }

 private:
  TempDirectory directory_;
  ManualClock clock_;
  ClusterView view_{&clock_};
  ChunkSource source_;
  std::unique_ptr<LocalTargets> targets_;
  ChunkStore* store_ = nullptr;
  std::unique_ptr<StorageHandler> handler_;
  std::unique_ptr<wire::Server> server_;
};

class CopyTest : public testing::Test {
 protected:
  CopyTest() { Publish(two_.address()); }

  void Publish(const std::string& address_of_two) {
    proto::ClusterMap message = TestMap();
    message.set_epoch(++epoch_);
    message.mutable_nodes(0)->set_address(one_.address());
    message.mutable_nodes(1)->set_address(address_of_two);
    const auto map = ClusterMap::Make(std::move(message));
    ASSERT_TRUE(map.ok()) << map.status();
    one_.Update(*map);
    two_.Update(*map);
  }

  // From chunk 3 of kSource on node two to chunk 5 of kCopy on node one.
  static proto::CopyChunkRequest Request(uint32_t from, uint32_t to, uint32_t length) {
    proto::CopyChunkRequest copy;
    copy.mutable_route()->set_target_id(kTestTarget);
    copy.mutable_route()->set_group(1);
    copy.mutable_route()->set_map_epoch(kTestGroupEpoch);
    copy.set_content_id(kCopy.value());
    copy.set_chunk(5);
    copy.set_offset_bytes(to);
    copy.set_session_id(1);
    copy.set_generation(1);
    copy.set_chunk_bytes_log2(kChunkLog2);
    copy.mutable_source_route()->set_target_id(kForeignTarget);
    copy.mutable_source_route()->set_group(2);
    copy.mutable_source_route()->set_map_epoch(kTestGroupEpoch);
    copy.set_source_content_id(kSource.value());
    copy.set_source_chunk(3);
    copy.set_source_offset_bytes(from);
    copy.set_length_bytes(length);
    return copy;
  }
  int Copy(const proto::CopyChunkRequest& request) {
    return ErrnoOf(channels_.Get(one_.address())
                       .Call({.method = proto::COPY_CHUNK,
                              .request = &request,
                              .reply = &reply_,
                              .timeout = 60s})
                       .status());
  }

  uint64_t epoch_ = kTestEpoch;
  Node one_{"n1", kTestTarget};
  Node two_{"n2", kForeignTarget};
  wire::ChannelPool channels_{IdentityOf("test")};
  proto::WriteChunkReply reply_;
};

TEST_F(CopyTest, BytesGoFromServerToServer) {
  const Bytes data = RandomBytes(10 * kBlockBytes + 77, 1);
  ASSERT_TRUE(WriteBytes(&two_.store(), {kSource, 3}, 0, data).ok());
  Bytes expected(20'000);
  for (const auto [from, to, length] : {std::array<uint32_t, 3>{0, 0, 4096},
                                        {1, 0, 100},
                                        {4095, 4097, 9000},
                                        {12288, 8192, 8192},
                                        {40'000, 100, 1037}}) {
    EXPECT_EQ(Copy(Request(from, to, length)), 0);
    std::copy_n(data.begin() + from, length, expected.begin() + to);
  }
  const auto copied = ReadChunk(&one_.store(), {kCopy, 5});
  ASSERT_TRUE(copied.ok()) << copied.status();
  expected.resize(copied->size());
  EXPECT_EQ(*copied, expected);
  EXPECT_FALSE(reply_.durability_id().empty());
}

TEST_F(CopyTest, BehindTheSourceAreZeros) {
  ASSERT_TRUE(WriteBytes(&two_.store(), {kSource, 3}, 0, RandomBytes(100, 1)).ok());
  ASSERT_TRUE(WriteBytes(&one_.store(), {kCopy, 5}, 0, RandomBytes(300, 2)).ok());
  EXPECT_EQ(Copy(Request(50, 0, 200)), 0);
  const Bytes copied = ReadChunk(&one_.store(), {kCopy, 5}).value();
  EXPECT_EQ(Bytes(copied.begin() + 50, copied.begin() + 200), Bytes(150));
}

TEST_F(CopyTest, ASourceThatIsAwayIsTriedAgainLater) {
  two_.Revoke();
  EXPECT_EQ(Copy(Request(0, 0, 100)), EAGAIN);
  Publish("127.0.0.1:1");  // nobody listens there
  EXPECT_EQ(Copy(Request(0, 0, 100)), EAGAIN);
  EXPECT_FALSE(one_.store().Stat({kCopy, 5}).ok());
}

TEST_F(CopyTest, ACopyIsAChangeLikeAWrite) {
  proto::CopyChunkRequest fenced = Request(0, 0, 100);
  fenced.set_session_id(kFencedSession);
  EXPECT_EQ(Copy(fenced), ESHUTDOWN);
  proto::CopyChunkRequest newer = Request(0, 0, 100);
  newer.set_generation(2);
  EXPECT_EQ(Copy(newer), 0);
  EXPECT_EQ(Copy(Request(0, 0, 100)), ECANCELED) << "it is late";
}

TEST_F(CopyTest, BadRequestsAreRefused) {
  EXPECT_EQ(Copy(Request(0, 0, 0)), EINVAL);
  EXPECT_EQ(Copy(Request(0, 1u << kChunkLog2, 1)), EINVAL);
  EXPECT_EQ(Copy(Request(kMaxChunkBytes, 0, 1)), EINVAL);
  proto::CopyChunkRequest nowhere = Request(0, 0, 1);
  nowhere.set_source_content_id(0);
  EXPECT_EQ(Copy(nowhere), EINVAL);
}

TEST_F(CopyTest, ListsTellWhatIsStored) {
  ASSERT_TRUE(WriteBytes(&one_.store(), {kCopy, 2}, kBlockBytes, RandomBytes(5000, 1)).ok());
  ASSERT_TRUE(WriteBytes(&one_.store(), {kCopy, 7}, 0, RandomBytes(10, 2)).ok());
  proto::ListChunksRequest request;
  *request.mutable_route() = Request(0, 0, 1).route();
  request.set_content_id(kCopy.value());
  request.set_max_chunks(1);
  proto::ListChunksReply reply;
  const auto list = [&] {
    return ErrnoOf(channels_.Get(one_.address())
                       .Call({.method = proto::LIST_CHUNKS, .request = &request, .reply = &reply})
                       .status());
  };
  ASSERT_EQ(list(), 0);
  EXPECT_FALSE(reply.at_end());
  ASSERT_EQ(reply.chunks_size(), 1);
  EXPECT_EQ(reply.chunks(0).chunk(), 2u);
  EXPECT_EQ(reply.chunks(0).length_bytes(), kBlockBytes + 5000);
  ASSERT_EQ(reply.chunks(0).begin_bytes_size(), 1);
  EXPECT_EQ(reply.chunks(0).begin_bytes(0), kBlockBytes);
  EXPECT_EQ(reply.chunks(0).end_bytes(0), kBlockBytes + 5000);
  request.set_first_chunk(3);
  request.set_max_chunks(100);
  ASSERT_EQ(list(), 0);
  EXPECT_TRUE(reply.at_end());
  EXPECT_EQ(reply.chunks_size(), 1);
  request.set_content_id(0);
  EXPECT_EQ(list(), EINVAL);
}

TEST(ChunkSourceTest, CopiesTakeHalfOfTheWorkers) {
  const ManualClock clock;
  const ClusterView view(&clock);
  ChunkSource source(IdentityOf("n"), &view, 4);
  {
    const auto one = source.Admit();
    const auto two = source.Admit();
    ASSERT_TRUE(one.ok() && two.ok());
    EXPECT_EQ(ErrnoOf(source.Admit().status()), EAGAIN);
  }
  EXPECT_TRUE(source.Admit().ok());
  ChunkSource none(IdentityOf("n"), &view, 1);
  EXPECT_EQ(ErrnoOf(none.Admit().status()), EOPNOTSUPP);
}

}  // namespace
}  // namespace weft::storage
