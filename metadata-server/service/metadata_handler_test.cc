#include "metadata-server/service/metadata_handler.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "common/status.h"
#include "common/testing/manual_clock.h"
#include "common/uuid.h"
#include "common/version.h"
#include "common/wire/channel.h"
#include "metadata-server/namespace/testing/fake_content_service.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {
namespace {

using std::chrono::milliseconds;

// The handler over a real wire, on a namespace in memory.
class MetadataHandlerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto membership = Membership::Open({}, store_.get(), &clock_);
    ASSERT_TRUE(membership.ok()) << membership.status();
    membership_ = std::move(*membership);
    auto names = Namespace::Open({}, store_.get(), &clock_, &content_);
    ASSERT_TRUE(names.ok()) << names.status();
    names_ = std::move(*names);
    auto sessions = SessionTable::Load({.ttl = kTtl,
                                        .end =
                                            [this](SessionId session, bool) {
                                              locks_.EndSession(session);
                                              return names_->EndSession(session);
                                            }},
                                       store_.get(), &clock_);
    ASSERT_TRUE(sessions.ok()) << sessions.status();
    sessions_ = std::move(*sessions);
    Serve({});
  }
  void Serve(const ClientRuleOptions& options) {
    auto rules = ClientRules::Make(options);
    ASSERT_TRUE(rules.ok()) << rules.status();
    if (server_ != nullptr) server_->Stop();
    ServerFacts facts;
    facts.cluster_id = membership_->cluster_id();
    facts.server_start = 77;
    facts.session_ttl = kTtl;
    facts.control_address = [] { return std::string("127.0.0.1:7401"); };
    handler_ =
        std::make_unique<MetadataHandler>(facts, *std::move(rules), names_.get(), sessions_.get(),
                                          &locks_, store_.get(), membership_.get());
    auto server = wire::Server::Start({.name = "metadata"}, handler_.get());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
    channel_ =
        wire::Channel::Make({.address = server_->address(),
                             .identity = {NewUuid(), "client", [] { return std::string(); }}});
  }
  void TearDown() override {
    if (server_ != nullptr) server_->Stop();
  }

  // Makes a call; the reply's payload is left in payload_.
  template <typename Reply, typename Request>
  absl::StatusOr<Reply> Call(proto::MetadataMethod method, const Request& request,
                             std::string payload = "") {
    Reply reply;
    payload_.assign(size_t{1} << 20, '\0');
    iovec out{payload.data(), payload.size()};
    iovec in{payload_.data(), payload_.size()};
    const auto received = channel_->Call({.method = static_cast<uint16_t>(method),
                                          .request = &request,
                                          .payload = std::span(&out, payload.empty() ? 0 : 1),
                                          .reply = &reply,
                                          .receive = std::span(&in, 1),
                                          .timeout = milliseconds(60'000)});
    if (!received.ok()) return received.status();
    payload_.resize(*received);
    return reply;
  }

  uint64_t OpenSession(const std::string& uuid = "client", bool read_only = false) {
    proto::OpenSessionRequest request;
    request.set_client_uuid(uuid);
    request.set_read_only(read_only);
    auto reply = Call<proto::OpenSessionReply>(proto::OPEN_SESSION, request);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? reply->session_id() : 0;
  }
  proto::CreateRequest CreateOf(uint64_t session, const std::string& name) {
    proto::CreateRequest request;
    request.mutable_mutation()->set_session_id(session);
    request.mutable_mutation()->set_sequence(++sequence_);
    request.set_parent_id(kRootInode.value());
    request.set_name(name);
    request.set_permissions(0644);
    request.set_for_writing(true);
    return request;
  }

  static constexpr milliseconds kTtl{15'000};
  ManualClock clock_;
  FakeContentService content_;
  std::unique_ptr<KvStore> store_ = NewMemoryKvStore();
  std::unique_ptr<Membership> membership_;
  std::unique_ptr<Namespace> names_;
  SessionLocks locks_{{}, &clock_};
  std::unique_ptr<SessionTable> sessions_;
  std::unique_ptr<MetadataHandler> handler_;
  std::unique_ptr<wire::Server> server_;
  std::unique_ptr<wire::Channel> channel_;
  uint64_t sequence_ = 0;
  std::string payload_;
};

TEST_F(MetadataHandlerTest, TellsWhoItIsWithoutASession) {
  const auto info =
      Call<proto::GetServerInfoReply>(proto::GET_SERVER_INFO, proto::GetServerInfoRequest());
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->control_address(), "127.0.0.1:7401");
  EXPECT_EQ(info->cluster_id(), membership_->cluster_id());
  EXPECT_EQ(info->version(), kVersion);
}

TEST_F(MetadataHandlerTest, ASessionOpensLivesAndCloses) {
  proto::OpenSessionRequest open;
  open.set_client_uuid("client");
  const auto opened = Call<proto::OpenSessionReply>(proto::OPEN_SESSION, open);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->ttl_ms(), kTtl.count());
  EXPECT_EQ(opened->root_inode_id(), kRootInode.value());
  EXPECT_EQ(opened->server_start(), 77u);
  EXPECT_EQ(opened->map_epoch(), 1u);
  EXPECT_EQ(opened->durability_id(), store_->durability_id());
  EXPECT_EQ(opened->control_address(), "127.0.0.1:7401");

  proto::KeepAliveRequest alive;
  alive.set_session_id(opened->session_id());
  const auto kept = Call<proto::KeepAliveReply>(proto::KEEP_ALIVE, alive);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->server_start(), 77u);
  EXPECT_EQ(kept->map_epoch(), 1u);

  proto::CloseSessionRequest close;
  close.set_session_id(opened->session_id());
  ASSERT_TRUE(Call<proto::CloseSessionReply>(proto::CLOSE_SESSION, close).ok());
  EXPECT_TRUE(Call<proto::CloseSessionReply>(proto::CLOSE_SESSION, close).ok()) << "repeated";
  EXPECT_EQ(ErrnoOf(Call<proto::KeepAliveReply>(proto::KEEP_ALIVE, alive).status()), ESHUTDOWN);
}

TEST_F(MetadataHandlerTest, ASessionNeedsAClient) {
  const auto opened =
      Call<proto::OpenSessionReply>(proto::OPEN_SESSION, proto::OpenSessionRequest());
  EXPECT_EQ(ErrnoOf(opened.status()), EINVAL);
}

TEST_F(MetadataHandlerTest, ChangesNeedALivingSession) {
  EXPECT_EQ(ErrnoOf(Call<proto::CreateReply>(proto::CREATE, CreateOf(99, "f")).status()),
            ESHUTDOWN);
  const uint64_t session = OpenSession();
  EXPECT_TRUE(Call<proto::CreateReply>(proto::CREATE, CreateOf(session, "f")).ok());
  for (milliseconds passed{0}; passed <= kTtl; passed += milliseconds(1'000)) {
    clock_.Advance(milliseconds(1'000));
    sessions_->MarkExpired();
  }
  EXPECT_EQ(ErrnoOf(Call<proto::CreateReply>(proto::CREATE, CreateOf(session, "g")).status()),
            ESHUTDOWN);
  proto::LookupRequest lookup;  // changes nothing, needs no session
  lookup.set_parent_id(kRootInode.value());
  lookup.set_name("g");
  EXPECT_EQ(ErrnoOf(Call<proto::LookupReply>(proto::LOOKUP, lookup).status()), ENOENT);
}

TEST_F(MetadataHandlerTest, ARepeatedChangeGetsTheFirstAnswer) {
  const proto::CreateRequest create = CreateOf(OpenSession(), "f");
  const auto first = Call<proto::CreateReply>(proto::CREATE, create);
  const auto again = Call<proto::CreateReply>(proto::CREATE, create);
  ASSERT_TRUE(first.ok() && again.ok()) << again.status();
  EXPECT_TRUE(again->created());
  EXPECT_EQ(again->attr().inode_id(), first->attr().inode_id());
}

TEST_F(MetadataHandlerTest, InlineContentTravelsAsPayload) {
  const uint64_t session = OpenSession();
  const auto created = Call<proto::CreateReply>(proto::CREATE, CreateOf(session, "f"));
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(payload_, "");
  proto::WriteInlineRequest write;
  write.mutable_mutation()->set_session_id(session);
  write.mutable_mutation()->set_sequence(++sequence_);
  write.set_inode_id(created->attr().inode_id());
  write.set_content_id(created->attr().content().content_id());
  const auto written = Call<proto::WriteInlineReply>(proto::WRITE_INLINE, write, "hello, weft");
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->attr().size_bytes(), 11u);

  proto::LookupRequest lookup;
  lookup.set_parent_id(kRootInode.value());
  lookup.set_name("f");
  lookup.set_want_inline(true);
  ASSERT_TRUE(Call<proto::LookupReply>(proto::LOOKUP, lookup).ok());
  EXPECT_EQ(payload_, "hello, weft");
}

TEST_F(MetadataHandlerTest, AKeepAliveReportsOpensAndHearsOfLostOnes) {
  const uint64_t session = OpenSession();
  const auto created = Call<proto::CreateReply>(proto::CREATE, CreateOf(session, "f"));
  ASSERT_TRUE(created.ok());
  proto::KeepAliveRequest alive;
  alive.set_session_id(session);
  alive.set_known_server_start(76);
  alive.set_reports_opens(true);
  alive.add_opens()->set_inode_id(created->attr().inode_id());
  alive.add_opens()->set_inode_id(123456);
  const auto kept = Call<proto::KeepAliveReply>(proto::KEEP_ALIVE, alive);
  ASSERT_TRUE(kept.ok()) << kept.status();
  ASSERT_EQ(kept->lost_inodes_size(), 1);
  EXPECT_EQ(kept->lost_inodes(0), 123456u);
}

TEST_F(MetadataHandlerTest, TheMapIsSentWhole) {
  const auto map = Call<proto::ClusterMap>(proto::GET_CLUSTER_MAP, proto::GetClusterMapRequest());
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->SerializeAsString(),
            membership_->publisher().Current()->message().SerializeAsString());
}

TEST_F(MetadataHandlerTest, SpaceIsThatOfAddedTargets) {
  proto::RegisterRequest node;
  node.set_node_uuid(NewUuid());
  node.set_name("n1");
  node.set_address("127.0.0.1:7410");
  proto::Target* target = node.add_targets();
  target->set_uuid(NewUuid());
  target->set_capacity_bytes(1 << 30);
  target->set_free_bytes(1 << 29);
  ASSERT_TRUE(membership_->Register(node).ok());
  EXPECT_EQ(Call<proto::StatFsReply>(proto::STAT_FS, proto::StatFsRequest())->capacity_bytes(), 0u);
  ASSERT_TRUE(membership_->AddNode("n1").ok());
  const auto space = Call<proto::StatFsReply>(proto::STAT_FS, proto::StatFsRequest());
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_EQ(space->capacity_bytes(), uint64_t{1} << 30);
  EXPECT_EQ(space->free_bytes(), uint64_t{1} << 29);
  EXPECT_EQ(space->inodes_used(), 1u);
  EXPECT_GT(space->inodes_free(), 0u);

  // Of a directory with a quota it is what that leaves.
  proto::OpenSessionRequest client;
  client.set_client_uuid(NewUuid());
  const auto session = Call<proto::OpenSessionReply>(proto::OPEN_SESSION, client);
  ASSERT_TRUE(session.ok()) << session.status();
  proto::SetQuotaRequest quota;
  quota.mutable_mutation()->set_session_id(session->session_id());
  quota.mutable_mutation()->set_sequence(1);
  quota.set_inode_id(kRootInode.value());
  quota.set_limit_bytes(1 << 20);
  quota.set_limit_inodes(10);
  ASSERT_TRUE(Call<proto::SetQuotaReply>(proto::SET_QUOTA, quota).ok());
  proto::StatFsRequest of_root;
  of_root.set_inode_id(kRootInode.value());
  const auto left = Call<proto::StatFsReply>(proto::STAT_FS, of_root);
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_EQ(left->capacity_bytes(), uint64_t{1} << 20);
  EXPECT_EQ(left->free_bytes(), (uint64_t{1} << 20) - 4096);
  EXPECT_EQ(left->inodes_used(), 1u);
  EXPECT_EQ(left->inodes_free(), 9u);
}

TEST_F(MetadataHandlerTest, SyncTellsTheDurabilityId) {
  const auto synced = Call<proto::SyncReply>(proto::SYNC, proto::SyncRequest());
  ASSERT_TRUE(synced.ok()) << synced.status();
  EXPECT_EQ(synced->durability_id(), store_->durability_id());
}

TEST_F(MetadataHandlerTest, UnknownMethodsAreRefused) {
  const auto method = static_cast<proto::MetadataMethod>(60000);
  EXPECT_EQ(ErrnoOf(Call<proto::SyncReply>(method, proto::SyncRequest()).status()), EOPNOTSUPP);
}

TEST_F(MetadataHandlerTest, MessagesThatDoNotParseAreRefused) {
  proto::GetPathReply garbage;  // bytes where a SetAttrRequest has a message
  garbage.set_path("\xff");
  EXPECT_EQ(ErrnoOf(Call<proto::SetAttrReply>(proto::SET_ATTR, garbage).status()), EPROTO);
}

// Every method of the enum must reach something.
TEST_F(MetadataHandlerTest, EveryMethodIsAnswered) {
  const auto* methods = proto::MetadataMethod_descriptor();
  for (int i = 0; i < methods->value_count(); ++i) {
    if (methods->value(i)->number() == proto::METADATA_METHOD_UNSPECIFIED) continue;
    proto::SyncRequest empty;
    const auto reply = Call<proto::SyncReply>(
        static_cast<proto::MetadataMethod>(methods->value(i)->number()), empty);
    EXPECT_NE(ErrnoOf(reply.status()), EOPNOTSUPP) << methods->value(i)->name();
  }
}

TEST_F(MetadataHandlerTest, LocksEndWithTheirSession) {
  const uint64_t one = OpenSession("one");
  const uint64_t two = OpenSession("two");
  proto::SetLockRequest set;
  set.mutable_mutation()->set_session_id(one);
  set.mutable_mutation()->set_sequence(1);
  set.mutable_lock()->set_inode_id(5);
  set.mutable_lock()->set_kind(proto::LOCK_POSIX);
  set.mutable_lock()->set_type(proto::WRITE_LOCK);
  set.mutable_lock()->set_last_byte(9);
  const auto first = Call<proto::SetLockReply>(proto::SET_LOCK, set);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->server_start(), 77u);
  set.mutable_mutation()->set_session_id(two);
  EXPECT_EQ(ErrnoOf(Call<proto::SetLockReply>(proto::SET_LOCK, set).status()), EAGAIN);
  set.set_wait_id(4);
  set.mutable_mutation()->set_sequence(2);
  EXPECT_TRUE(Call<proto::SetLockReply>(proto::SET_LOCK, set)->queued());
  proto::CloseSessionRequest close;
  close.set_session_id(one);
  ASSERT_TRUE(Call<proto::CloseSessionReply>(proto::CLOSE_SESSION, close).ok());
  set.mutable_mutation()->set_sequence(3);
  EXPECT_FALSE(Call<proto::SetLockReply>(proto::SET_LOCK, set)->queued());
  set.mutable_mutation()->set_session_id(one);
  EXPECT_EQ(ErrnoOf(Call<proto::SetLockReply>(proto::SET_LOCK, set).status()), ESHUTDOWN);
}

// A client that skips the kernel's checks: raw calls in the name of somebody else.
TEST_F(MetadataHandlerTest, TheServerItselfChecksWhoAsks) {
  const uint64_t session = OpenSession();
  const auto made = Call<proto::CreateReply>(proto::CREATE, CreateOf(session, "roots"));
  ASSERT_TRUE(made.ok()) << made.status();
  const uint64_t inode = made->attr().inode_id();
  clock_.Advance(std::chrono::seconds(60));  // the grace after the start is over
  const uint64_t hostile = OpenSession("hostile");
  const auto as_user = [&](auto request) {
    request.mutable_mutation()->set_session_id(hostile);
    request.mutable_mutation()->set_sequence(++sequence_);
    request.mutable_mutation()->mutable_credentials()->set_uid(1000);
    request.mutable_mutation()->mutable_credentials()->set_gid(1000);
    return request;
  };
  EXPECT_EQ(
      ErrnoOf(Call<proto::CreateReply>(proto::CREATE, as_user(CreateOf(hostile, "new"))).status()),
      EACCES);
  proto::UnlinkRequest unlink;
  unlink.set_parent_id(kRootInode.value());
  unlink.set_name("roots");
  EXPECT_EQ(ErrnoOf(Call<proto::UnlinkReply>(proto::UNLINK, as_user(unlink)).status()), EACCES);
  proto::SetAttrRequest chmod;
  chmod.set_inode_id(inode);
  chmod.set_permissions(0777);
  EXPECT_EQ(ErrnoOf(Call<proto::SetAttrReply>(proto::SET_ATTR, as_user(chmod)).status()), EPERM);
  proto::OpenRequest open;
  open.set_inode_id(inode);
  open.set_for_writing(true);
  EXPECT_EQ(ErrnoOf(Call<proto::OpenReply>(proto::OPEN, as_user(open)).status()), EACCES);
  proto::WriteInlineRequest write;
  write.set_inode_id(inode);
  write.set_content_id(made->attr().content().content_id());
  EXPECT_EQ(
      ErrnoOf(Call<proto::WriteInlineReply>(proto::WRITE_INLINE, as_user(write), "x").status()),
      EACCES);
}

TEST_F(MetadataHandlerTest, RootIsSquashedInChangesAndInReads) {
  const uint64_t session = OpenSession();
  proto::MakeNodeRequest make;
  make.mutable_mutation()->set_session_id(session);
  make.mutable_mutation()->set_sequence(++sequence_);
  make.set_parent_id(kRootInode.value());
  make.set_name("private");
  make.set_type(proto::DIRECTORY);
  make.set_permissions(0700);
  const auto made = Call<proto::MakeNodeReply>(proto::MAKE_NODE, make);
  ASSERT_TRUE(made.ok()) << made.status();
  proto::ReadDirRequest list;
  list.set_inode_id(made->attr().inode_id());
  EXPECT_TRUE(Call<proto::ReadDirReply>(proto::READ_DIR, list).ok());

  Serve({.root_squash = true});
  EXPECT_EQ(ErrnoOf(Call<proto::ReadDirReply>(proto::READ_DIR, list).status()), EACCES);
  EXPECT_EQ(ErrnoOf(Call<proto::CreateReply>(proto::CREATE, CreateOf(session, "f")).status()),
            EACCES);
  Serve({.root_squash = true, .trusted_clients = {"127.0.0.0/8"}});
  EXPECT_TRUE(Call<proto::ReadDirReply>(proto::READ_DIR, list).ok());
  EXPECT_TRUE(Call<proto::CreateReply>(proto::CREATE, CreateOf(session, "f")).ok());
}

TEST_F(MetadataHandlerTest, ReadOnlySessionsAndClientsChangeNothing) {
  const uint64_t writer = OpenSession();
  const auto made = Call<proto::CreateReply>(proto::CREATE, CreateOf(writer, "f"));
  ASSERT_TRUE(made.ok()) << made.status();
  const auto expect_read_only = [&](uint64_t session) {
    EXPECT_EQ(ErrnoOf(Call<proto::CreateReply>(proto::CREATE, CreateOf(session, "g")).status()),
              EROFS);
    proto::OpenRequest open;
    open.mutable_mutation()->set_session_id(session);
    open.mutable_mutation()->set_sequence(++sequence_);
    open.set_inode_id(made->attr().inode_id());
    EXPECT_TRUE(Call<proto::OpenReply>(proto::OPEN, open).ok());
    proto::CloseRequest close;
    close.mutable_mutation()->set_session_id(session);
    close.mutable_mutation()->set_sequence(++sequence_);
    close.set_inode_id(made->attr().inode_id());
    close.set_atime_ns(clock_.WallNs());
    EXPECT_TRUE(Call<proto::CloseReply>(proto::CLOSE, close).ok());
    open.mutable_mutation()->set_sequence(++sequence_);
    open.set_truncate(true);
    EXPECT_EQ(ErrnoOf(Call<proto::OpenReply>(proto::OPEN, open).status()), EROFS);
    proto::WriteInlineRequest write;
    write.mutable_mutation()->set_session_id(session);
    write.mutable_mutation()->set_sequence(++sequence_);
    write.set_inode_id(made->attr().inode_id());
    EXPECT_EQ(ErrnoOf(Call<proto::WriteInlineReply>(proto::WRITE_INLINE, write, "x").status()),
              EROFS);
  };
  expect_read_only(OpenSession("reader", /*read_only=*/true));
  EXPECT_TRUE(Call<proto::CreateReply>(proto::CREATE, CreateOf(writer, "h")).ok());
  Serve({.read_only_clients = {"127.0.0.1"}});
  clock_.Advance(milliseconds(1));
  expect_read_only(writer);
  proto::GetAttrRequest get;
  get.set_inode_id(made->attr().inode_id());
  const auto after = Call<proto::GetAttrReply>(proto::GET_ATTR, get);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->attr().atime_ns(), made->attr().atime_ns()) << "nor access times";
}

}  // namespace
}  // namespace weft::metadata
