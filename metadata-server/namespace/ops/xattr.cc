#include <string>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"

namespace weft::metadata::ops {
namespace {

constexpr size_t kMaxXattrNameBytes = 255;

absl::Status CheckXattrName(std::string_view name) {
  if (name.empty() || name.size() > kMaxXattrNameBytes) {
    return PosixError(ERANGE, "an attribute's name has 1 to 255 bytes");
  }
  return absl::OkStatus();
}

absl::Status NoSuchXattr() { return PosixError(ENODATA, "no such attribute"); }

// What the inode has besides one name.
struct Others {
  size_t count = 0;
  size_t total_bytes = 0;
  bool has_name = false;  // the name itself is there
};

absl::StatusOr<Others> ReadOthers(const Core& core, const InodeRecord& inode,
                                  std::string_view name) {
  Others others;
  if (!inode.attr().has_xattrs()) return others;
  WEFT_RETURN_IF_ERROR(core.store->Scan(
      Family::kXattr, InodeKey(IdOf(inode)), {}, [&](std::string_view key, std::string_view value) {
        if (NameOfKey(key) == name) {
          others.has_name = true;
          return true;
        }
        ++others.count;
        others.total_bytes += NameOfKey(key).size() + value.size();
        return true;
      }));
  return others;
}

}  // namespace

absl::StatusOr<proto::GetXattrReply> GetXattr(Core& core, const proto::GetXattrRequest& request) {
  WEFT_RETURN_IF_ERROR(CheckXattrName(request.name()));
  const InodeId id(request.inode_id());
  WEFT_ASSIGN_OR_RETURN(const InodeRecord inode, ReadInode(*core.store, id));
  if (!inode.attr().has_xattrs()) return NoSuchXattr();
  absl::StatusOr<std::string> value = core.store->Get(Family::kXattr, XattrKey(id, request.name()));
  if (ErrnoOf(value.status()) == ENOENT) return NoSuchXattr();
  WEFT_RETURN_IF_ERROR(value.status());
  proto::GetXattrReply reply;
  reply.set_value(*std::move(value));
  return reply;
}

absl::StatusOr<proto::ListXattrReply> ListXattr(Core& core,
                                                const proto::ListXattrRequest& request) {
  const InodeId id(request.inode_id());
  WEFT_ASSIGN_OR_RETURN(const InodeRecord inode, ReadInode(*core.store, id));
  proto::ListXattrReply reply;
  if (!inode.attr().has_xattrs()) return reply;
  WEFT_RETURN_IF_ERROR(core.store->Scan(Family::kXattr, InodeKey(id), {},
                                        [&reply](std::string_view key, std::string_view) {
                                          reply.add_names(std::string(NameOfKey(key)));
                                          return true;
                                        }));
  return reply;
}

absl::StatusOr<proto::SetXattrReply> SetXattr(Core& core, const proto::SetXattrRequest& request,
                                              Transaction& transaction) {
  WEFT_RETURN_IF_ERROR(CheckXattrName(request.name()));
  if (request.create_only() && request.replace_only()) {
    return PosixError(EINVAL, "XATTR_CREATE and XATTR_REPLACE exclude each other");
  }
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, id));
  WEFT_ASSIGN_OR_RETURN(const Others others, ReadOthers(core, inode, request.name()));
  if (request.create_only() && others.has_name) {
    return PosixError(EEXIST, "the attribute exists");
  }
  if (request.replace_only() && !others.has_name) return NoSuchXattr();
  if (others.total_bytes + request.name().size() + request.value().size() > kMaxXattrTotalBytes) {
    return PosixError(ENOSPC, "the file's attributes would take more than 64 KiB");
  }
  transaction.PutXattr(id, request.name(), request.value());
  inode.mutable_attr()->set_has_xattrs(true);
  transaction.PutChanged(&inode);
  return transaction.Commit(proto::SetXattrReply());
}

absl::StatusOr<proto::RemoveXattrReply> RemoveXattr(Core& core,
                                                    const proto::RemoveXattrRequest& request,
                                                    Transaction& transaction) {
  WEFT_RETURN_IF_ERROR(CheckXattrName(request.name()));
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, id));
  WEFT_ASSIGN_OR_RETURN(const Others others, ReadOthers(core, inode, request.name()));
  if (!others.has_name) return NoSuchXattr();
  transaction.DeleteXattr(id, request.name());
  inode.mutable_attr()->set_has_xattrs(others.count > 0);
  transaction.PutChanged(&inode);
  return transaction.Commit(proto::RemoveXattrReply());
}

}  // namespace weft::metadata::ops
