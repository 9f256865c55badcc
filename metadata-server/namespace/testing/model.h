// What the namespace should do, said as simply as possible: a tree in memory that is used by one
// thread, with the errors of POSIX. For random tests. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/ids.h"
#include "proto/types.pb.h"

namespace weft::metadata {

class Model {
 public:
  struct Node {
    proto::FileType type = proto::REGULAR;
    uint32_t nlink = 0;                    // names; of a directory 0 or 1
    InodeId parent;                        // directories only
    std::map<std::string, InodeId> names;  // directories only
    std::string bytes;                     // stored inline bytes
    uint64_t size_bytes = 0;
    bool is_inline = true;
    std::map<std::string, std::string> xattrs;
    int open_count = 0;
  };
  enum class Flag { kNone, kNoReplace, kExchange };

  Model();

  // Each returns an errno, 0 for OK, and changes nothing otherwise. MakeNode does not know the new
  // inode's id: Added says it afterwards.
  [[nodiscard]] int MakeNode(InodeId parent, const std::string& name) const;
  void Added(InodeId parent, const std::string& name, InodeId inode, proto::FileType type);
  int Link(InodeId inode, InodeId parent, const std::string& name);
  int Unlink(InodeId parent, const std::string& name);
  int Rmdir(InodeId parent, const std::string& name);
  int Rename(InodeId from, const std::string& name, InodeId to, const std::string& new_name,
             Flag flag);
  int Write(InodeId inode, uint64_t offset_bytes, const std::string& data);
  int Truncate(InodeId inode, uint64_t size_bytes);
  int MoveToChunks(InodeId inode, uint64_t size_bytes);
  int SetXattr(InodeId inode, const std::string& name, const std::string& value);
  int RemoveXattr(InodeId inode, const std::string& name);
  int Open(InodeId inode);
  void Close(InodeId inode);

  [[nodiscard]] const std::map<InodeId, Node>& nodes() const { return nodes_; }
  // st_nlink.
  [[nodiscard]] uint32_t NlinkOf(InodeId inode) const;
  // The bytes of an inline file that a reader gets.
  [[nodiscard]] std::string PayloadOf(InodeId inode) const;

 private:
  Node* Find(InodeId inode);
  // 0, or why `inode` is not a directory that has or takes names.
  [[nodiscard]] int CheckDirectory(InodeId inode) const;
  [[nodiscard]] std::optional<InodeId> Lookup(InodeId parent, const std::string& name) const;
  [[nodiscard]] bool IsWithin(InodeId inode, InodeId top) const;
  void DropName(InodeId inode);
  void DropIfForgotten(InodeId inode);

  std::map<InodeId, Node> nodes_;
};

}  // namespace weft::metadata
