#include "metadata-server/namespace/testing/invariants.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <map>
#include <utility>

#include "common/ids.h"
#include "common/status.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/records.pb.h"
#include "metadata-server/namespace/rows.h"
#include "metadata-server/namespace/testing/quota_invariants.h"
#include "metadata-server/store/big_endian.h"

namespace weft::metadata {
namespace {

class Checker {
 public:
  explicit Checker(const KvStore& store) : store_(store) {}

  std::vector<std::string> Run() {
    ReadInodes();
    ReadDentries();
    for (const auto& [id, inode] : inodes_) CheckInode(id, inode);
    CheckOrphans();
    CheckContents();
    CheckCutsAndXattrs();
    return std::move(broken_);
  }

 private:
  struct Names {
    uint32_t count = 0;
    uint32_t entries = 0;         // of a directory
    uint32_t subdirectories = 0;  // of a directory
    bool has_own_name = false;    // the one that its record tells
  };

  template <typename Visit>
  void ForEach(Family family, Visit visit) {
    const absl::Status status =
        store_.Scan(family, {}, {}, [&](std::string_view key, std::string_view value) {
          visit(key, value);
          return true;
        });
    if (!status.ok()) Broken(InodeId(), "scan: " + MessageOf(status));
  }

  void Broken(InodeId inode, const std::string& what) {
    broken_.push_back("inode " + std::to_string(inode.value()) + ": " + what);
  }
  void Expect(bool holds, InodeId inode, const std::string& what) {
    if (!holds) Broken(inode, what);
  }

  uint64_t Mark(std::string_view key) {
    const auto row = store_.Get(Family::kMeta, key);
    return row.ok() ? ReadBigEndian(*row) : 0;
  }

  void ReadInodes() {
    const uint64_t mark = Mark(kInodeIdsKey);
    ForEach(Family::kInode, [&](std::string_view key, std::string_view value) {
      const InodeId id = InodeOfKey(key);
      InodeRecord& inode = inodes_[id];
      Expect(inode.ParseFromString(std::string(value)), id, "bad row");
      Expect(IdOf(inode) == id, id, "another id in the row");
      Expect(id == kRootInode || id.value() < mark, id, "the id was not reserved");
    });
  }

  void ReadDentries() {
    ForEach(Family::kDentry, [&](std::string_view key, std::string_view value) {
      const InodeId directory = InodeOfKey(key);
      DentryRecord dentry;
      Expect(dentry.ParseFromString(std::string(value)), directory, "bad dentry");
      const auto target = inodes_.find(IdOf(dentry));
      if (target == inodes_.end()) {
        return Broken(directory, "the name " + std::string(NameOfKey(key)) + " leads nowhere");
      }
      const InodeRecord& inode = target->second;
      Expect(inodes_.contains(directory), directory, "has names and does not exist");
      Expect(inode.attr().type() == dentry.type(), IdOf(inode), "its name tells another type");
      Names& names = names_[IdOf(inode)];
      ++names.count;
      names.has_own_name |=
          InodeId(inode.attr().parent_id()) == directory && inode.name() == NameOfKey(key);
      ++names_[directory].entries;
      if (IsDirectory(inode)) ++names_[directory].subdirectories;
    });
  }

  void CheckInode(InodeId id, const InodeRecord& inode) {
    const Names& names = names_[id];
    if (!IsDirectory(inode)) {
      Expect(inode.attr().nlink() == names.count, id,
             "nlink " + std::to_string(inode.attr().nlink()) + " and " +
                 std::to_string(names.count) + " names");
      Expect(names.entries == 0, id, "has names in it and is no directory");
      return;
    }
    Expect(inode.entry_count() == names.entries, id,
           "counts " + std::to_string(inode.entry_count()) + " names and has " +
               std::to_string(names.entries));
    if (id == kRootInode) {
      Expect(names.count == 0, id, "the root has a name");
      Expect(InodeId(inode.attr().parent_id()) == kRootInode, id, "the root has a parent");
    } else if (names.count == 0) {
      Expect(inode.attr().nlink() == 0 && names.entries == 0, id, "an unnamed directory is in use");
      return;
    } else {
      Expect(names.count == 1, id, "a directory with several names");
      Expect(names.has_own_name, id, "a directory does not know its name or parent");
      CheckReachesRoot(id);
    }
    Expect(inode.attr().nlink() == 2 + names.subdirectories, id, "a directory's nlink is wrong");
  }

  void CheckReachesRoot(InodeId id) {
    absl::flat_hash_set<InodeId> seen;
    for (InodeId up = id; up != kRootInode;) {
      const auto inode = inodes_.find(up);
      if (inode == inodes_.end() || !seen.insert(up).second) {
        return Broken(id, "does not lead to the root");
      }
      up = InodeId(inode->second.attr().parent_id());
    }
  }

  void CheckOrphans() {
    absl::flat_hash_set<InodeId> orphans;
    ForEach(Family::kOrphan,
            [&](std::string_view key, std::string_view) { orphans.insert(InodeOfKey(key)); });
    for (const auto& [id, inode] : inodes_) {
      Expect((inode.attr().nlink() == 0) == orphans.contains(id), id,
             inode.attr().nlink() == 0 ? "unnamed, and no orphan row" : "named, and an orphan row");
      orphans.erase(id);
    }
    for (const InodeId id : orphans) Broken(id, "an orphan row of no inode");
  }

  void CheckContents() {
    const uint64_t mark = Mark(kContentIdsKey);
    std::map<ContentId, const InodeRecord*> contents;
    for (const auto& [id, inode] : inodes_) {
      if (!IsRegular(inode)) continue;
      const ContentId content(inode.attr().content().content_id());
      Expect(content.value() < mark && !content.is_none(), id, "the content id was not reserved");
      Expect(contents.emplace(content, &inode).second, id, "shares its content id");
    }
    ForEach(Family::kInline, [&](std::string_view key, std::string_view value) {
      const auto inode = contents.find(ContentOfKey(key));
      if (inode == contents.end()) return Broken(InodeId(), "inline bytes of no inode");
      const proto::Attr& attr = inode->second->attr();
      Expect(attr.content().is_inline(), IdOf(*inode->second), "inline bytes, and not inline");
      Expect(!value.empty() && value.size() <= attr.size_bytes(), IdOf(*inode->second),
             "inline bytes do not fit the size");
    });
    ForEach(Family::kReclaim, [&](std::string_view key, std::string_view) {
      Expect(!contents.contains(ContentOfKey(key)), InodeId(), "content in use is to be reclaimed");
    });
  }

  void CheckCutsAndXattrs() {
    ForEach(Family::kTruncate, [&](std::string_view key, std::string_view value) {
      const InodeId id = InodeOfKey(key);
      TruncateRecord record;
      Expect(record.ParseFromString(std::string(value)), id, "bad row of a cut");
      const auto inode = inodes_.find(id);
      if (inode == inodes_.end()) return Broken(id, "a cut of no inode");
      Expect(inode->second.attr().content().content_id() == record.content().content_id(), id,
             "a cut of another content");
    });
    absl::flat_hash_set<InodeId> with_xattrs;
    ForEach(Family::kXattr,
            [&](std::string_view key, std::string_view) { with_xattrs.insert(InodeOfKey(key)); });
    for (const auto& [id, inode] : inodes_) {
      Expect(inode.attr().has_xattrs() == with_xattrs.contains(id), id, "has_xattrs is wrong");
      with_xattrs.erase(id);
    }
    for (const InodeId id : with_xattrs) Broken(id, "xattrs of no inode");
  }

  const KvStore& store_;
  absl::flat_hash_map<InodeId, InodeRecord> inodes_;
  absl::flat_hash_map<InodeId, Names> names_;
  std::vector<std::string> broken_;
};

}  // namespace

std::vector<std::string> BrokenInvariants(const KvStore& store, QuotaIds quota_ids) {
  std::vector<std::string> broken = Checker(store).Run();
  for (std::string& what : BrokenQuotaInvariants(store, quota_ids))
    broken.push_back(std::move(what));
  return broken;
}

}  // namespace weft::metadata
