// A namespace for tests, over a store that survives its crashes, with short ways to say the common
// requests. Requests get rising sequence numbers; nothing is acknowledged unless a test does it.
// Thread-safe, but for Crash, Stop and Start.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/status.h"
#include "common/testing/manual_clock.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/namespace.h"
#include "metadata-server/namespace/rows.h"
#include "metadata-server/namespace/testing/crashing_kv_store.h"
#include "metadata-server/namespace/testing/fake_content_service.h"
#include "metadata-server/namespace/testing/invariants.h"

namespace weft::metadata {

// The errno of a StatusOr; 0 for OK.
using weft::ErrnoOf;
template <typename T>
[[nodiscard]] int ErrnoOf(const absl::StatusOr<T>& result) {
  return weft::ErrnoOf(result.status());
}

inline constexpr SessionId kSession{1};
inline constexpr SessionId kOtherSession{2};
inline constexpr uint32_t kUser = 1000;
inline constexpr uint32_t kGroup = 100;

// `groups`: the effective one, then the supplementary ones.
[[nodiscard]] inline proto::Credentials CallerOf(uint32_t uid,
                                                 const std::vector<uint32_t>& groups) {
  proto::Credentials caller;
  caller.set_uid(uid);
  caller.set_gid(groups.front());
  for (size_t i = 1; i < groups.size(); ++i) caller.add_groups(groups[i]);
  return caller;
}

class TestNamespace {
 public:
  explicit TestNamespace(KvStore* store = nullptr)
      : own_store_(store == nullptr ? NewMemoryKvStore() : nullptr),
        store_(store == nullptr ? own_store_.get() : store) {
    Start();
    EndGrace();
    GiveRootAway();
  }
  ~TestNamespace() { Stop(); }

  [[nodiscard]] Namespace* operator->() { return namespace_.get(); }
  [[nodiscard]] KvStore& store() { return *store_; }
  [[nodiscard]] CrashingKvStore& crashing() { return *crashing_; }

  void Start() {
    crashing_ = std::make_unique<CrashingKvStore>(store_);
    auto opened = Namespace::Open({}, crashing_.get(), &clock, &content);
    ASSERT_TRUE(opened.ok()) << opened.status();
    namespace_ = *std::move(opened);
  }
  void Stop() { namespace_.reset(); }
  // As kill -9 and a start: what was not committed is lost.
  void Crash() {
    crashing_->CrashAfter(0);
    Stop();
    Start();
  }
  void EndGrace() { clock.Advance(std::chrono::seconds(16)); }

  [[nodiscard]] proto::Mutation NextMutation(SessionId session = kSession) {
    proto::Mutation mutation;
    mutation.set_session_id(session.value());
    mutation.set_sequence(++sequence_);
    *mutation.mutable_credentials() = caller;
    return mutation;
  }
  // A request of this type with the next mutation.
  template <typename Request>
  [[nodiscard]] Request Next(SessionId session = kSession) {
    Request request;
    *request.mutable_mutation() = NextMutation(session);
    return request;
  }

  absl::StatusOr<proto::Attr> Make(InodeId parent, std::string_view name, proto::FileType type,
                                   std::string_view target = {}, uint32_t permissions = 0755) {
    auto request = Next<proto::MakeNodeRequest>();
    request.set_parent_id(parent.value());
    request.set_name(std::string(name));
    request.set_type(type);
    request.set_permissions(permissions);
    request.set_symlink_target(std::string(target));
    return AttrOf(namespace_->MakeNode(request));
  }
  InodeId MakeDir(InodeId parent, std::string_view name) {
    return Good(Make(parent, name, proto::DIRECTORY));
  }
  InodeId MakeFile(InodeId parent, std::string_view name) {
    return Good(Make(parent, name, proto::REGULAR));
  }
  // A regular file that is not inline, of this size.
  InodeId MakeChunked(InodeId parent, std::string_view name, uint64_t size_bytes) {
    const InodeId inode = MakeFile(parent, name);
    EXPECT_EQ(MoveToChunks(inode, size_bytes), 0);
    return inode;
  }
  int MoveToChunks(InodeId inode, uint64_t size_bytes) {
    auto request = Next<proto::CommitWriteRequest>();
    request.set_inode_id(inode.value());
    request.set_content_id(Get(inode).content().content_id());
    request.set_inline_version(Get(inode).content().inline_version());
    request.set_drop_inline(true);
    request.set_size_at_least_bytes(size_bytes);
    request.set_used_bytes_added(size_bytes);
    return ErrnoOf(namespace_->CommitWrite(request).status());
  }

  absl::StatusOr<proto::CreateReply> Create(InodeId parent, std::string_view name,
                                            bool exclusive = false, SessionId session = kSession) {
    auto request = Next<proto::CreateRequest>(session);
    request.set_parent_id(parent.value());
    request.set_name(std::string(name));
    request.set_permissions(0644);
    request.set_exclusive(exclusive);
    request.set_for_writing(true);
    return namespace_->Create(request, nullptr);
  }
  int Open(InodeId inode, bool for_writing = false, SessionId session = kSession,
           bool truncate = false) {
    auto request = Next<proto::OpenRequest>(session);
    request.set_inode_id(inode.value());
    request.set_for_writing(for_writing);
    request.set_truncate(truncate);
    return ErrnoOf(namespace_->Open(request, nullptr).status());
  }
  int Close(InodeId inode, bool for_writing = false, SessionId session = kSession) {
    auto request = Next<proto::CloseRequest>(session);
    request.set_inode_id(inode.value());
    request.set_for_writing(for_writing);
    return ErrnoOf(namespace_->Close(request).status());
  }

  // The report of kSession; see KeepAliveRequest.
  std::vector<InodeId> Report(const std::vector<proto::OpenRecord>& opens, uint64_t sequence = 0) {
    proto::KeepAliveRequest report;
    report.set_session_id(kSession.value());
    report.set_reports_opens(true);
    report.set_opens_sequence(sequence);
    for (const proto::OpenRecord& open : opens) *report.add_opens() = open;
    return namespace_->ReportOpens(report);
  }

  absl::StatusOr<proto::Attr> Lookup(InodeId parent, std::string_view name) {
    proto::LookupRequest request;
    request.set_parent_id(parent.value());
    request.set_name(std::string(name));
    *request.mutable_credentials() = caller;
    return AttrOf(namespace_->Lookup(request, nullptr));
  }
  absl::StatusOr<proto::Attr> TryGet(InodeId inode) {
    proto::GetAttrRequest request;
    request.set_inode_id(inode.value());
    return AttrOf(namespace_->GetAttr(request));
  }
  proto::Attr Get(InodeId inode) {
    auto attr = TryGet(inode);
    EXPECT_TRUE(attr.ok()) << attr.status();
    return attr.ok() ? *attr : proto::Attr();
  }

  int Link(InodeId inode, InodeId parent, std::string_view name) {
    auto request = Next<proto::LinkRequest>();
    request.set_inode_id(inode.value());
    request.set_new_parent_id(parent.value());
    request.set_new_name(std::string(name));
    return ErrnoOf(namespace_->Link(request).status());
  }
  int Unlink(InodeId parent, std::string_view name) {
    auto request = Next<proto::UnlinkRequest>();
    request.set_parent_id(parent.value());
    request.set_name(std::string(name));
    return ErrnoOf(namespace_->Unlink(request).status());
  }
  int Rmdir(InodeId parent, std::string_view name) {
    auto request = Next<proto::RmdirRequest>();
    request.set_parent_id(parent.value());
    request.set_name(std::string(name));
    return ErrnoOf(namespace_->Rmdir(request).status());
  }
  enum class RenameFlag { kNone, kNoReplace, kExchange };
  int Rename(InodeId parent, std::string_view name, InodeId new_parent, std::string_view new_name,
             RenameFlag flag = RenameFlag::kNone) {
    auto request = Next<proto::RenameRequest>();
    request.set_parent_id(parent.value());
    request.set_name(std::string(name));
    request.set_new_parent_id(new_parent.value());
    request.set_new_name(std::string(new_name));
    request.set_no_replace(flag == RenameFlag::kNoReplace);
    request.set_exchange(flag == RenameFlag::kExchange);
    return ErrnoOf(namespace_->Rename(request).status());
  }

  int Truncate(InodeId inode, uint64_t size_bytes) {
    auto request = Next<proto::SetAttrRequest>();
    request.set_inode_id(inode.value());
    request.set_size_bytes(size_bytes);
    return ErrnoOf(namespace_->SetAttr(request).status());
  }
  int Write(InodeId inode, uint64_t offset_bytes, std::string_view data) {
    auto request = Next<proto::WriteInlineRequest>();
    request.set_inode_id(inode.value());
    request.set_content_id(Get(inode).content().content_id());
    request.set_offset_bytes(offset_bytes);
    return ErrnoOf(namespace_->WriteInline(request, data).status());
  }
  std::string Read(InodeId inode) {
    proto::ReadInlineRequest request;
    request.set_inode_id(inode.value());
    *request.mutable_credentials() = caller;
    std::string payload;
    const auto reply = namespace_->ReadInline(request, &payload);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return payload;
  }
  int SetXattr(InodeId inode, std::string_view name, std::string_view value) {
    auto request = Next<proto::SetXattrRequest>();
    request.set_inode_id(inode.value());
    request.set_name(std::string(name));
    request.set_value(std::string(value));
    return ErrnoOf(namespace_->SetXattr(request).status());
  }
  // All names of a directory, page by page.
  std::vector<std::string> List(InodeId directory, uint32_t page_entries = 0) {
    std::vector<std::string> names;
    proto::ReadDirRequest request;
    request.set_inode_id(directory.value());
    *request.mutable_credentials() = caller;
    request.set_max_entries(page_entries);
    for (;;) {
      const auto reply = namespace_->ReadDir(request);
      EXPECT_TRUE(reply.ok()) << reply.status();
      if (!reply.ok()) return names;
      for (const proto::DirEntry& entry : reply->entries()) names.push_back(entry.name());
      if (reply->at_end()) return names;
      request.set_after_name(names.back());
    }
  }

  size_t RowCount(Family family) {
    size_t count = 0;
    EXPECT_TRUE(store_
                    ->Scan(family, {}, {},
                           [&count](std::string_view, std::string_view) {
                             ++count;
                             return true;
                           })
                    .ok());
    return count;
  }
  void ExpectInvariants(QuotaIds quota_ids = QuotaIds::kOfAll) {
    const std::vector<std::string> broken = BrokenInvariants(*store_, quota_ids);
    for (const std::string& what : broken) ADD_FAILURE() << what;
    // While rows are being counted the number rises to it.
    const uint64_t inode_rows = RowCount(Family::kInode);
    for (int i = 0; i < 30'000 && namespace_->InodeCount() != inode_rows; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(namespace_->InodeCount(), inode_rows);
  }

  template <typename Reply>
  static absl::StatusOr<proto::Attr> AttrOf(absl::StatusOr<Reply> reply) {
    if (!reply.ok()) return reply.status();
    return reply->attr();
  }
  static InodeId Good(const absl::StatusOr<proto::Attr>& attr) {
    EXPECT_TRUE(attr.ok()) << attr.status();
    return attr.ok() ? InodeId(attr->inode_id()) : InodeId();
  }

  // Who makes the requests.
  proto::Credentials caller = CallerOf(kUser, {kGroup});

  ManualClock clock;
  FakeContentService content;

 private:
  // The root directory goes to the user that requests come from.
  void GiveRootAway() {
    absl::StatusOr<InodeRecord> root = ReadInode(*store_, kRootInode);
    ASSERT_TRUE(root.ok()) << root.status();
    root->mutable_attr()->set_uid(kUser);
    root->mutable_attr()->set_gid(kGroup);
    Batch batch;
    batch.Put(Family::kInode, InodeKey(kRootInode), root->SerializeAsString());
    ASSERT_TRUE(store_->Commit(batch).ok());
  }

  const std::unique_ptr<KvStore> own_store_;
  KvStore* const store_;
  std::unique_ptr<CrashingKvStore> crashing_;
  std::unique_ptr<Namespace> namespace_;
  std::atomic<uint64_t> sequence_{0};
};

}  // namespace weft::metadata
