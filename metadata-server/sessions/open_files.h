// Which session has which inode open, and how: readers and writers are counted.
//
// In memory only. After a restart each session reports once what it had open (Report); until then
// the opens and closes that this server carries out are remembered with their sequence numbers, so
// that what the report has counted already is not counted again. It does not know whether an inode
// exists. Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>

#include <cstdint>
#include <vector>

#include "common/ids.h"
#include "common/mutex.h"

namespace weft::metadata {

// Bound the memory that one session takes.
inline constexpr uint32_t kMaxOpenFilesPerSession = 1 << 20;
inline constexpr size_t kMaxUnreportedChanges = 1 << 20;

enum class OpenMode : uint8_t { kReading, kWriting };

class OpenFiles {
 public:
  // What a session says that it has open.
  struct Reported {
    struct Record {
      InodeId inode;
      OpenMode mode = OpenMode::kReading;
      uint32_t count = 0;
    };
    std::vector<Record> records;  // one for each inode and mode; of several the last counts
    // The records have counted the session's requests up to this sequence, but for `except`.
    uint64_t sequence = 0;
    absl::flat_hash_set<uint64_t> except;
  };

  // One more open, by the request of that sequence. Not counted again where a report has counted
  // it. ENFILE: the session has too many inodes open, or does not report; nothing is counted.
  [[nodiscard]] absl::Status Add(SessionId session, InodeId inode, OpenMode mode,
                                 uint64_t sequence);
  // One less, in the same way; nothing happens where there is none. With the sequence of an Add:
  // takes that one back.
  void Remove(SessionId session, InodeId inode, OpenMode mode, uint64_t sequence);
  // All opens of the inode by the session.
  void RemoveAll(SessionId session, InodeId inode);
  // The session has ended: everything that is known of it goes.
  void Forget(SessionId session);

  // The first report of a session counts: from then on its opens are those of the report, and what
  // it did besides. A later one changes nothing, so that it may be repeated. Records beyond
  // kMaxOpenFilesPerSession are not taken.
  void Report(SessionId session, const Reported& reported);

  [[nodiscard]] bool IsOpen(InodeId inode) const;
  // Some other session has it open for writing.
  [[nodiscard]] bool OthersWrite(SessionId session, InodeId inode) const;
  [[nodiscard]] bool IsOpenBy(SessionId session, InodeId inode, OpenMode mode) const;

  struct OpenInode {
    InodeId inode;
    bool for_writing = false;
  };
  [[nodiscard]] std::vector<OpenInode> OfSession(SessionId session) const;
  // Inodes that the session has open.
  [[nodiscard]] uint32_t CountOf(SessionId session) const;

 private:
  struct Opens {
    int64_t reading = 0;
    int64_t writing = 0;
    [[nodiscard]] int64_t& of(OpenMode mode) {
      return mode == OpenMode::kWriting ? writing : reading;
    }
    [[nodiscard]] bool is_open() const { return reading > 0 || writing > 0; }
  };
  // An open (+1) or a close (-1) that this server carried out.
  struct Change {
    uint64_t sequence = 0;
    InodeId inode;
    OpenMode mode = OpenMode::kReading;
    int32_t by = 0;
  };
  using OpensByInode = absl::flat_hash_map<InodeId, Opens>;
  struct Session {
    OpensByInode opens;  // those that are open
    bool has_reported = false;
    std::vector<Change> unreported;  // until it has
    uint64_t reported_sequence = 0;  // from then on, see Reported
    absl::flat_hash_set<uint64_t> except;

    [[nodiscard]] bool IsReported(uint64_t sequence) const {
      return has_reported && sequence <= reported_sequence && !except.contains(sequence);
    }
  };
  // Sessions that have an inode open.
  struct Openers {
    uint32_t all = 0;
    uint32_t writing = 0;
  };

  // Sets how the session has the inode open; below 0 counts as 0.
  void Set(Session& session, InodeId inode, Opens opens) WEFT_REQUIRES(mutex_);

  mutable Mutex mutex_;
  absl::flat_hash_map<SessionId, Session> sessions_ WEFT_GUARDED_BY(mutex_);
  absl::flat_hash_map<InodeId, Openers> inodes_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::metadata
