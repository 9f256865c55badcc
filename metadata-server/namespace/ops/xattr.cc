#include <string>
#include <utility>

#include "common/limits.h"
#include "common/status.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/ops/acl_xattrs.h"
#include "metadata-server/namespace/ops/ops.h"
#include "metadata-server/namespace/rows.h"
#include "metadata-server/namespace/xattr_rules.h"

namespace weft::metadata::ops {
namespace {

absl::Status NoSuchXattr() { return PosixError(ENODATA, "no such attribute"); }

// What the inode has besides one name, without ACLs.
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

absl::Status CheckTotal(size_t total_bytes) {
  if (total_bytes <= kMaxXattrTotalBytes) return absl::OkStatus();
  return PosixError(ENOSPC, "the file's attributes would take more than 64 KiB");
}

// Puts the inode after a change of its ACLs.
absl::Status PutWithAcl(Core& core, Transaction& transaction, InodeRecord* inode) {
  WEFT_ASSIGN_OR_RETURN(const Others others, ReadOthers(core, *inode, /*name=*/{}));
  WEFT_RETURN_IF_ERROR(CheckTotal(others.total_bytes + AclBytes(*inode)));
  inode->mutable_attr()->set_has_xattrs(others.count > 0 || HasAcl(*inode));
  transaction.PutChanged(inode);
  return absl::OkStatus();
}

absl::Status SetPlain(Core& core, const proto::SetXattrRequest& request, Transaction& transaction,
                      InodeRecord* inode) {
  WEFT_RETURN_IF_ERROR(MayChangeXattr(transaction.credentials(), *inode, request.name()));
  WEFT_ASSIGN_OR_RETURN(const Others others, ReadOthers(core, *inode, request.name()));
  if (request.create_only() && others.has_name) {
    return PosixError(EEXIST, "the attribute exists");
  }
  if (request.replace_only() && !others.has_name) return NoSuchXattr();
  WEFT_RETURN_IF_ERROR(CheckTotal(others.total_bytes + AclBytes(*inode) + request.name().size() +
                                  request.value().size()));
  transaction.PutXattr(IdOf(*inode), request.name(), request.value());
  inode->mutable_attr()->set_has_xattrs(true);
  transaction.PutChanged(inode);
  return absl::OkStatus();
}

absl::Status RemovePlain(Core& core, std::string_view name, Transaction& transaction,
                         InodeRecord* inode) {
  WEFT_RETURN_IF_ERROR(MayChangeXattr(transaction.credentials(), *inode, name));
  WEFT_ASSIGN_OR_RETURN(const Others others, ReadOthers(core, *inode, name));
  if (!others.has_name) return NoSuchXattr();
  transaction.DeleteXattr(IdOf(*inode), name);
  inode->mutable_attr()->set_has_xattrs(others.count > 0 || HasAcl(*inode));
  transaction.PutChanged(inode);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<proto::GetXattrReply> GetXattr(Core& core, const proto::GetXattrRequest& request) {
  WEFT_RETURN_IF_ERROR(CheckXattrName(request.name()));
  const InodeId id(request.inode_id());
  WEFT_ASSIGN_OR_RETURN(const InodeRecord inode, ReadInode(*core.store, id));
  proto::GetXattrReply reply;
  if (IsAclName(request.name())) {
    WEFT_ASSIGN_OR_RETURN(*reply.mutable_value(), GetAcl(inode, request.name()));
    return reply;
  }
  WEFT_RETURN_IF_ERROR(MayGetXattr(request.credentials(), inode, request.name()));
  if (!inode.attr().has_xattrs()) return NoSuchXattr();
  absl::StatusOr<std::string> value = core.store->Get(Family::kXattr, XattrKey(id, request.name()));
  if (ErrnoOf(value.status()) == ENOENT) return NoSuchXattr();
  WEFT_RETURN_IF_ERROR(value.status());
  reply.set_value(*std::move(value));
  return reply;
}

absl::StatusOr<proto::ListXattrReply> ListXattr(Core& core,
                                                const proto::ListXattrRequest& request) {
  const InodeId id(request.inode_id());
  WEFT_ASSIGN_OR_RETURN(const InodeRecord inode, ReadInode(*core.store, id));
  proto::ListXattrReply reply;
  if (!inode.attr().has_xattrs()) return reply;
  if (!inode.access_acl().empty()) reply.add_names(std::string(kAccessAclName));
  if (!inode.default_acl().empty()) reply.add_names(std::string(kDefaultAclName));
  WEFT_RETURN_IF_ERROR(core.store->Scan(Family::kXattr, InodeKey(id), {},
                                        [&](std::string_view key, std::string_view) {
                                          const std::string_view name = NameOfKey(key);
                                          if (IsListed(request.credentials(), name))
                                            reply.add_names(std::string(name));
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
  if (request.value().size() > kMaxXattrTotalBytes) {
    return PosixError(E2BIG, "an attribute has at most 64 KiB");
  }
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, id));
  if (IsAclName(request.name())) {
    WEFT_RETURN_IF_ERROR(
        SetAcl(transaction.credentials(), request.name(), request.value(), &inode));
    WEFT_RETURN_IF_ERROR(PutWithAcl(core, transaction, &inode));
  } else {
    WEFT_RETURN_IF_ERROR(SetPlain(core, request, transaction, &inode));
  }
  return transaction.Commit(proto::SetXattrReply());
}

absl::StatusOr<proto::RemoveXattrReply> RemoveXattr(Core& core,
                                                    const proto::RemoveXattrRequest& request,
                                                    Transaction& transaction) {
  WEFT_RETURN_IF_ERROR(CheckXattrName(request.name()));
  const InodeId id(request.inode_id());
  const InodeLocks::Guard guard = core.locks.Lock({id});
  WEFT_ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*core.store, id));
  if (IsAclName(request.name())) {
    WEFT_RETURN_IF_ERROR(RemoveAcl(transaction.credentials(), request.name(), &inode));
    WEFT_RETURN_IF_ERROR(PutWithAcl(core, transaction, &inode));
  } else {
    WEFT_RETURN_IF_ERROR(RemovePlain(core, request.name(), transaction, &inode));
  }
  return transaction.Commit(proto::RemoveXattrReply());
}

}  // namespace weft::metadata::ops
