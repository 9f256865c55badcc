// Access times: when reading changes them, and doing it. An access time is no change of the inode:
// ctime and the change counter stay, so that nobody drops what he has cached.
#pragma once

#include <cstdint>

#include "common/ids.h"
#include "metadata-server/namespace/core.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

// Does a read at `now_ns` set the access time?
[[nodiscard]] bool IsAtimeDue(proto::AtimePolicy policy, const proto::Attr& attr, int64_t now_ns);

// After a read of `attr`'s inode, which is not locked: sets the access time to now, if that is due.
// An error is not told: the read was done all the same.
void NoteRead(Core& core, proto::AtimePolicy policy, const proto::Attr& attr);

// A client has read the inode, whose lock is held, at that time. Never goes back, nor into the
// future.
void SetAtime(Core& core, InodeId inode, int64_t atime_ns);

}  // namespace weft::metadata
