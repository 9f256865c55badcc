#include "metadata-server/namespace/namespace.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/status.h"
#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/core.h"
#include "metadata-server/namespace/era.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/mutate.h"
#include "metadata-server/namespace/new_inode.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/quota_space.h"
#include "metadata-server/namespace/quota_walks.h"
#include "metadata-server/namespace/replay.h"
#include "metadata-server/namespace/report_opens.h"
#include "metadata-server/namespace/rows.h"
#include "metadata-server/namespace/upkeep.h"

namespace weft::metadata {
namespace {

// The top 12 bits of an inode id name the metadata shard, which is 0.
constexpr uint64_t kInodeIdEnd = uint64_t{1} << 52;
constexpr uint64_t kContentIdEnd = UINT64_MAX;

// A new store gets its root directory; one that has lost it is refused.
absl::Status MakeRoot(const Core& core) {
  const absl::StatusOr<InodeRecord> root = ReadDirectory(*core.store, kRootInode);
  if (ErrnoOf(root.status()) != ESTALE) return root.status();
  if (core.store->Get(Family::kMeta, kInodeIdsKey).ok()) {
    return PosixError(EIO, "the metadata store is damaged: it has no root directory");
  }
  InodeRecord record;
  proto::Attr* const attr = record.mutable_attr();
  const int64_t now_ns = core.clock->WallNs();
  attr->set_inode_id(kRootInode.value());
  attr->set_parent_id(kRootInode.value());
  attr->set_type(proto::DIRECTORY);
  attr->set_permissions(0755);
  attr->set_nlink(2);
  attr->set_size_bytes(kDirectoryBytes);
  attr->set_used_bytes(kDirectoryBytes);
  attr->set_atime_ns(now_ns);
  attr->set_mtime_ns(now_ns);
  attr->set_ctime_ns(now_ns);
  attr->set_btime_ns(now_ns);
  attr->set_change(1);
  *record.mutable_layout() = DefaultLayout();
  Batch batch;
  batch.Put(Family::kInode, InodeKey(kRootInode), record.SerializeAsString());
  return core.store->Commit(batch);
}

class NamespaceImpl final : public Namespace {
 public:
  NamespaceImpl(const Options& options, KvStore* store, Clock* clock, ContentService* content) {
    core_.store = store;
    core_.clock = clock;
    core_.content = content;
    core_.grace_end = clock->Now() + options.reclaim_grace;
  }

  absl::Status Load() {
    WEFT_RETURN_IF_ERROR(MakeRoot(core_));
    WEFT_ASSIGN_OR_RETURN(era_, Era::Load(core_.store));
    WEFT_ASSIGN_OR_RETURN(core_.inode_ids, IdAllocator::Load(core_.store, kInodeIdsKey,
                                                             kRootInode.value() + 1, kInodeIdEnd));
    WEFT_ASSIGN_OR_RETURN(core_.content_ids,
                          IdAllocator::Load(core_.store, kContentIdsKey, 1, kContentIdEnd));
    WEFT_ASSIGN_OR_RETURN(core_.replies, KeptReplies::Load(core_.store));
    WEFT_RETURN_IF_ERROR(core_.cuts.Load(*core_.store));
    WEFT_RETURN_IF_ERROR(core_.quotas.Load(*core_.store));
    WEFT_ASSIGN_OR_RETURN(core_.inode_count, InodeCounter::Load(core_.store));
    return absl::OkStatus();
  }

  absl::StatusOr<proto::GetAttrReply> GetAttr(const proto::GetAttrRequest& request) override {
    return Stamped(WithQuotaLeft(ops::GetAttr(core_, request)));
  }
  absl::StatusOr<proto::ReadLinkReply> ReadLink(const proto::ReadLinkRequest& request) override {
    return ops::ReadLink(core_, request);
  }
  absl::StatusOr<proto::ReadDirReply> ReadDir(const proto::ReadDirRequest& request) override {
    return Stamped(ops::ReadDir(core_, request));
  }
  absl::StatusOr<proto::GetXattrReply> GetXattr(const proto::GetXattrRequest& request) override {
    return ops::GetXattr(core_, request);
  }
  absl::StatusOr<proto::ListXattrReply> ListXattr(const proto::ListXattrRequest& request) override {
    return ops::ListXattr(core_, request);
  }
  absl::StatusOr<proto::GetLayoutReply> GetLayout(const proto::GetLayoutRequest& request) override {
    return ops::GetLayout(core_, request);
  }
  absl::StatusOr<proto::GetPathReply> GetPath(const proto::GetPathRequest& request) override {
    return ops::GetPath(core_, request);
  }
  absl::StatusOr<proto::GetQuotaReply> GetQuota(const proto::GetQuotaRequest& request) override {
    return ops::GetQuota(core_, request);
  }
  absl::StatusOr<proto::ListQuotasReply> ListQuotas(
      const proto::ListQuotasRequest& request) override {
    return ops::ListQuotas(core_, request);
  }
  QuotaSpace SpaceOf(InodeId inode) override { return metadata::SpaceOf(core_, inode); }
  absl::StatusOr<proto::LookupReply> Lookup(const proto::LookupRequest& request,
                                            std::string* payload) override {
    return Stamped(ops::Lookup(core_, request, payload));
  }
  absl::StatusOr<proto::ReadInlineReply> ReadInline(const proto::ReadInlineRequest& request,
                                                    std::string* payload) override {
    return Stamped(ops::ReadInline(core_, request, payload));
  }

  absl::StatusOr<proto::MakeNodeReply> MakeNode(const proto::MakeNodeRequest& request) override {
    return Run<proto::MakeNodeReply>(proto::MAKE_NODE, request, ops::MakeNode);
  }
  absl::StatusOr<proto::LinkReply> Link(const proto::LinkRequest& request) override {
    return Run<proto::LinkReply>(proto::LINK, request, ops::Link);
  }
  absl::StatusOr<proto::UnlinkReply> Unlink(const proto::UnlinkRequest& request) override {
    return Run<proto::UnlinkReply>(proto::UNLINK, request, ops::Unlink);
  }
  absl::StatusOr<proto::RmdirReply> Rmdir(const proto::RmdirRequest& request) override {
    return Run<proto::RmdirReply>(proto::RMDIR, request, ops::Rmdir);
  }
  absl::StatusOr<proto::RenameReply> Rename(const proto::RenameRequest& request) override {
    return Run<proto::RenameReply>(proto::RENAME, request, ops::Rename);
  }
  absl::StatusOr<proto::CloseReply> Close(const proto::CloseRequest& request) override {
    return Run<proto::CloseReply>(proto::CLOSE, request, ops::Close);
  }
  absl::StatusOr<proto::BeginMoveReply> BeginMove(const proto::BeginMoveRequest& request) override {
    return Run<proto::BeginMoveReply>(proto::BEGIN_MOVE, request, ops::BeginMove);
  }
  absl::StatusOr<proto::CommitWriteReply> CommitWrite(
      const proto::CommitWriteRequest& request) override {
    return WithQuotaLeft(
        Run<proto::CommitWriteReply>(proto::COMMIT_WRITE, request, ops::CommitWrite));
  }
  absl::StatusOr<proto::SetXattrReply> SetXattr(const proto::SetXattrRequest& request) override {
    return Run<proto::SetXattrReply>(proto::SET_XATTR, request, ops::SetXattr);
  }
  absl::StatusOr<proto::RemoveXattrReply> RemoveXattr(
      const proto::RemoveXattrRequest& request) override {
    return Run<proto::RemoveXattrReply>(proto::REMOVE_XATTR, request, ops::RemoveXattr);
  }
  absl::StatusOr<proto::SetLayoutReply> SetLayout(const proto::SetLayoutRequest& request) override {
    return Run<proto::SetLayoutReply>(proto::SET_LAYOUT, request, ops::SetLayout);
  }
  absl::StatusOr<proto::SetQuotaReply> SetQuota(const proto::SetQuotaRequest& request) override {
    return Run<proto::SetQuotaReply>(proto::SET_QUOTA, request, ops::SetQuota);
  }
  absl::StatusOr<proto::RemoveQuotaReply> RemoveQuota(
      const proto::RemoveQuotaRequest& request) override {
    return Run<proto::RemoveQuotaReply>(proto::REMOVE_QUOTA, request, ops::RemoveQuota);
  }

  absl::StatusOr<proto::SetAttrReply> SetAttr(const proto::SetAttrRequest& request) override {
    return Stamped(Mutate<proto::SetAttrReply>(
        core_, request.mutation(), proto::SET_ATTR,
        [&](Transaction& transaction) { return ops::SetAttr(core_, request, transaction); },
        [&](proto::SetAttrReply reply) { return ReplaySetAttr(core_, std::move(reply)); }));
  }

  absl::StatusOr<proto::WriteInlineReply> WriteInline(const proto::WriteInlineRequest& request,
                                                      std::string_view data) override {
    return WithQuotaLeft(Run<proto::WriteInlineReply>(
        proto::WRITE_INLINE, request,
        [data](Core& core, const proto::WriteInlineRequest& write, Transaction& transaction) {
          return ops::WriteInline(core, write, data, transaction);
        }));
  }

  absl::StatusOr<proto::AppendReply> Append(const proto::AppendRequest& request,
                                            std::string_view data) override {
    return WithQuotaLeft(Run<proto::AppendReply>(
        proto::APPEND, request,
        [data](Core& core, const proto::AppendRequest& append, Transaction& transaction) {
          return ops::Append(core, append, data, transaction);
        }));
  }

  absl::StatusOr<proto::CreateReply> Create(const proto::CreateRequest& request,
                                            std::string* payload) override {
    return WithQuotaLeft(RunOpen<proto::CreateReply>(proto::CREATE, request, ops::Create, payload));
  }
  absl::StatusOr<proto::OpenReply> Open(const proto::OpenRequest& request,
                                        std::string* payload) override {
    return WithQuotaLeft(RunOpen<proto::OpenReply>(proto::OPEN, request, ops::Open, payload));
  }

  std::vector<InodeId> ReportOpens(const proto::KeepAliveRequest& report) override {
    return metadata::ReportOpens(core_, report);
  }
  absl::Status EndSession(SessionId session) override {
    WEFT_RETURN_IF_ERROR(metadata::EndSession(core_, session));
    core_.opens.Forget(session);
    return absl::OkStatus();
  }
  absl::Status Tick() override { return metadata::Tick(core_); }
  absl::StatusOr<bool> WalkQuotas(size_t max_names) override {
    return quota_walker_.Step(max_names);
  }

  uint32_t OpenFileCount(SessionId session) const override { return core_.opens.CountOf(session); }
  uint64_t InodeCount() const override { return core_.inode_count->count(); }

 private:
  // As it is now: a kept reply does not know it.
  template <typename Reply>
  absl::StatusOr<Reply> WithQuotaLeft(absl::StatusOr<Reply> reply) {
    if (!reply.ok() || core_.quotas.empty()) return reply;
    const QuotaSpace space = metadata::SpaceOf(core_, InodeId(reply->attr().inode_id()));
    if (space.bytes) reply->set_quota_left_bytes(space.bytes->left);
    return reply;
  }

  // A mutation whose kept reply is the answer to a repetition.
  template <typename Reply, typename Request, typename Op>
  absl::StatusOr<Reply> Run(proto::MetadataMethod method, const Request& request, Op op) {
    return Stamped(Mutate<Reply>(
        core_, request.mutation(), method,
        [&](Transaction& transaction) { return op(core_, request, transaction); },
        [](Reply reply) -> absl::StatusOr<Reply> { return reply; }));
  }

  template <typename Reply, typename Request, typename Op>
  absl::StatusOr<Reply> RunOpen(proto::MetadataMethod method, const Request& request, Op op,
                                std::string* payload) {
    return Stamped(Mutate<Reply>(
        core_, request.mutation(), method,
        [&](Transaction& transaction) { return op(core_, request, transaction, payload); },
        [&](Reply reply) {
          return ReplayOpen<Reply>(core_, RequestIdOf(request.mutation(), method),
                                   request.for_writing(), std::move(reply), payload);
        }));
  }

  template <typename Reply>
  absl::StatusOr<Reply> Stamped(absl::StatusOr<Reply> reply) const {
    if (reply.ok()) era_->Stamp(&*reply);
    return reply;
  }

  Core core_;
  std::optional<Era> era_;  // constant once loaded
  QuotaWalker quota_walker_{&core_};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Namespace>> Namespace::Open(Options options, KvStore* store,
                                                           Clock* clock, ContentService* content) {
  auto opened = std::make_unique<NamespaceImpl>(options, store, clock, content);
  WEFT_RETURN_IF_ERROR(opened->Load());
  return opened;
}

}  // namespace weft::metadata
