#include "metadata-server/namespace/testing/quota_invariants.h"

#include <map>

#include "common/ids.h"
#include "common/status.h"
#include "metadata-server/namespace/keys.h"
#include "metadata-server/namespace/quota_table.h"
#include "metadata-server/namespace/records.pb.h"
#include "metadata-server/namespace/rows.h"
#include "metadata-server/store/counters.h"

namespace weft::metadata {
namespace {

class Checker {
 public:
  Checker(const KvStore& store, QuotaIds ids) : store_(store), ids_(ids) {}

  std::vector<std::string> Run() {
    Read(Family::kQuota, &quotas_);
    Read(Family::kInode, &inodes_);
    for (const auto& [id, inode] : inodes_) Count(id, inode);
    CheckUses();
    for (const auto& [id, quota] : quotas_) {
      if (quota.state() != QuotaRecord::ACTIVE) return std::move(broken_);
    }
    for (const auto& [id, inode] : inodes_) CheckQuotaId(id, inode);
    return std::move(broken_);
  }

 private:
  template <typename Record>
  void Read(Family family, std::map<InodeId, Record>* rows) {
    const absl::Status status =
        store_.Scan(family, {}, {}, [&](std::string_view key, std::string_view value) {
          const InodeId id = InodeOfKey(key);
          Expect((*rows)[id].ParseFromString(std::string(value)), id, "bad row");
          return true;
        });
    Expect(status.ok(), InodeId(), "scan: " + MessageOf(status));
  }

  void Expect(bool holds, InodeId inode, const std::string& what) {
    if (!holds) broken_.push_back("inode " + std::to_string(inode.value()) + ": " + what);
  }

  void Count(InodeId id, const InodeRecord& inode) {
    if (inode.quota_id() == 0) return;
    Expect(inode.charged_bytes() == inode.attr().used_bytes(), id, "is charged for other bytes");
    Expect(quotas_.contains(InodeId(inode.quota_id())), id, "counts in a quota that is not there");
    for (auto quota = quotas_.find(InodeId(inode.quota_id())); quota != quotas_.end();
         quota = quotas_.find(InodeId(quota->second.parent_id()))) {
      uses_[quota->first] +=
          {.bytes = static_cast<int64_t>(inode.attr().used_bytes()), .inodes = 1};
    }
  }

  void CheckUses() {
    std::map<InodeId, QuotaUse> stored;
    const absl::Status status =
        store_.Scan(Family::kQuotaUse, {}, {}, [&](std::string_view key, std::string_view value) {
          stored[InodeOfKey(key)] = {.bytes = ReadCounter(value, 0),
                                     .inodes = ReadCounter(value, 1)};
          return true;
        });
    Expect(status.ok(), InodeId(), "scan: " + MessageOf(status));
    for (const auto& [id, quota] : quotas_) {
      const QuotaUse& sum = uses_[id];
      Expect(stored[id] == sum, id,
             "its quota says " + std::to_string(stored[id].bytes) + " bytes and " +
                 std::to_string(stored[id].inodes) + " inodes; its inodes have " +
                 std::to_string(sum.bytes) + " and " + std::to_string(sum.inodes));
      stored.erase(id);
    }
    for (const auto& [id, use] : stored) Expect(false, id, "a usage of no quota");
  }

  // A file with several names may have got them before there were quotas: any of them will do. One
  // that has lost the name in its record has another one somewhere.
  void CheckQuotaId(InodeId id, const InodeRecord& inode) {
    if (inode.attr().nlink() == 0) return;
    if (!IsDirectory(inode) && (ids_ == QuotaIds::kOfDirectories || inode.attr().nlink() > 1)) {
      return;
    }
    const auto own_name = ReadDentry(store_, InodeId(inode.attr().parent_id()), inode.name());
    if (id != kRootInode && (!own_name.ok() || !*own_name)) return;
    InodeId above = id;
    while (!quotas_.contains(above) && above != kRootInode) {
      const auto record = inodes_.find(above);
      if (record == inodes_.end()) return;  // said by BrokenInvariants
      above = InodeId(record->second.attr().parent_id());
    }
    const uint64_t wanted = quotas_.contains(above) ? above.value() : 0;
    Expect(inode.quota_id() == wanted, id,
           "counts in quota " + std::to_string(inode.quota_id()) + " and stands below that of " +
               std::to_string(wanted));
  }

  const KvStore& store_;
  const QuotaIds ids_;
  std::map<InodeId, QuotaRecord> quotas_;
  std::map<InodeId, InodeRecord> inodes_;
  std::map<InodeId, QuotaUse> uses_;
  std::vector<std::string> broken_;
};

}  // namespace

std::vector<std::string> BrokenQuotaInvariants(const KvStore& store, QuotaIds ids) {
  return Checker(store, ids).Run();
}

}  // namespace weft::metadata
