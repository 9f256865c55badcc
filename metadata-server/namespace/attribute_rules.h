// What setattr may change and what else changes with it: chmod(2), chown(2), utimensat(2),
// truncate(2). Pure functions; the operation holds the inode's lock.
#pragma once

#include <absl/status/status.h>

#include "metadata-server/namespace/records.pb.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

// EPERM, EACCES: the caller may not, as the manual pages name it. `is_open_for_writing`: the
// session has the file open for writing.
//
// Who may write to a file may also drop its set-id bits, and nothing else of its mode: a kernel
// that writes for a user who is not the owner asks for that first.
[[nodiscard]] absl::Status CheckSetAttr(const proto::Credentials& caller, const InodeRecord& inode,
                                        const proto::SetAttrRequest& request,
                                        bool is_open_for_writing);

// Owner, group and mode; the ACL follows the mode. Set-id bits that a chown or a cut drops go.
void SetOwnership(const proto::Credentials& caller, const proto::SetAttrRequest& request,
                  InodeRecord* inode);

void SetTimes(const proto::SetAttrRequest& request, int64_t now_ns, proto::Attr* attr);

}  // namespace weft::metadata
