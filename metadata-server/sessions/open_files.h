// Which session has which inode open, and how: readers and writers are counted.
//
// In memory only: after a restart the sessions report what they have open (Report). It does not
// know whether an inode exists. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <vector>

#include "common/ids.h"
#include "common/mutex.h"

namespace weft::metadata {

// Bounds the memory that one session takes.
inline constexpr uint32_t kMaxOpenFilesPerSession = 1 << 20;

enum class OpenMode : uint8_t { kReading, kWriting };

class OpenFiles {
 public:
  // One more open. ENFILE: the session has kMaxOpenFilesPerSession inodes open; nothing is counted.
  [[nodiscard]] absl::Status Add(SessionId session, InodeId inode, OpenMode mode);
  // One less; nothing happens where there is none.
  void Remove(SessionId session, InodeId inode, OpenMode mode);
  // All opens of the inode by the session.
  void RemoveAll(SessionId session, InodeId inode);

  // The session had `count` opens when this server started. A later report of the same takes its
  // place and is not added to it, so that it may be repeated. ENFILE as above.
  [[nodiscard]] absl::Status Report(SessionId session, InodeId inode, OpenMode mode,
                                    uint32_t count);

  [[nodiscard]] bool IsOpen(InodeId inode) const;
  [[nodiscard]] bool IsOpenBy(SessionId session, InodeId inode, OpenMode mode) const;

  struct OpenInode {
    InodeId inode;
    bool for_writing = false;
  };
  [[nodiscard]] std::vector<OpenInode> OfSession(SessionId session) const;
  // Inodes that the session has open.
  [[nodiscard]] uint32_t CountOf(SessionId session) const;

 private:
  // Opens since the start and opens reported from before it.
  struct Count {
    uint32_t counted = 0;
    uint32_t reported = 0;
    [[nodiscard]] bool is_zero() const { return counted == 0 && reported == 0; }
  };
  struct Opens {
    Count reading;
    Count writing;
    [[nodiscard]] Count& of(OpenMode mode) {
      return mode == OpenMode::kWriting ? writing : reading;
    }
  };
  using OpensOfSession = absl::flat_hash_map<InodeId, Opens>;

  // The session's entry for the inode, made where there is none.
  absl::StatusOr<Opens*> Entry(SessionId session, InodeId inode) WEFT_REQUIRES(mutex_);
  // Drops the entry where nothing is counted in it.
  void DropIfZero(SessionId session, InodeId inode) WEFT_REQUIRES(mutex_);
  void Drop(OpensOfSession* opens, InodeId inode) WEFT_REQUIRES(mutex_);

  mutable Mutex mutex_;
  absl::flat_hash_map<SessionId, OpensOfSession> sessions_ WEFT_GUARDED_BY(mutex_);
  // How many sessions have it open.
  absl::flat_hash_map<InodeId, uint32_t> inodes_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::metadata
