#include "metadata-server/namespace/acl.h"

#include <cerrno>

#include "common/limits.h"
#include "common/status.h"

namespace weft::metadata {
namespace {

constexpr uint32_t kVersion = 2;
constexpr size_t kHeaderBytes = 4;
constexpr size_t kEntryBytes = 8;
constexpr uint16_t kAllPermissions = 7;
constexpr uint32_t kNoId = UINT32_MAX;  // in entries that name nobody
constexpr uint32_t kShownBits = 0777;

constexpr unsigned kOwnerShift = 6;
constexpr unsigned kGroupShift = 3;

template <typename Integer>
Integer ReadLittleEndian(std::string_view bytes) {
  Integer value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    value |= static_cast<Integer>(static_cast<Integer>(static_cast<uint8_t>(bytes[i])) << (8 * i));
  }
  return value;
}

template <typename Integer>
void AppendLittleEndian(Integer value, std::string* bytes) {
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    bytes->push_back(static_cast<char>(static_cast<uint8_t>(value >> (8 * i))));
  }
}

AclEntry ReadEntry(std::string_view bytes) {
  return {.tag = static_cast<AclTag>(ReadLittleEndian<uint16_t>(bytes)),
          .permissions = ReadLittleEndian<uint16_t>(bytes.substr(2)),
          .id = ReadLittleEndian<uint32_t>(bytes.substr(4))};
}

Acl ReadEntries(std::string_view bytes) {
  Acl acl;
  for (size_t at = kHeaderBytes; at < bytes.size(); at += kEntryBytes) {
    acl.push_back(ReadEntry(bytes.substr(at)));
  }
  return acl;
}

bool NamesSomebody(AclTag tag) { return tag == AclTag::kUser || tag == AclTag::kGroup; }

bool IsKnown(AclTag tag) {
  switch (tag) {
    case AclTag::kOwner:
    case AclTag::kUser:
    case AclTag::kOwningGroup:
    case AclTag::kGroup:
    case AclTag::kMask:
    case AclTag::kOther:
      return true;
  }
  return false;
}

// The values of the tags rise in the order that entries have to stand in.
absl::Status CheckEntries(const Acl& acl) {
  bool has_owner = false;
  bool has_group = false;
  bool has_other = false;
  bool has_mask = false;
  bool names_somebody = false;
  AclTag last = AclTag::kOwner;
  for (const AclEntry& entry : acl) {
    if (!IsKnown(entry.tag) || (entry.permissions & ~kAllPermissions) != 0) {
      return PosixError(EINVAL, "an entry of the ACL has a tag or permissions that do not exist");
    }
    if (entry.tag < last) return PosixError(EINVAL, "the entries of the ACL are not in order");
    last = entry.tag;
    if (NamesSomebody(entry.tag)) {
      if (entry.id == kNoId) return PosixError(EINVAL, "an entry of the ACL names nobody");
      names_somebody = true;
      continue;
    }
    bool& has = entry.tag == AclTag::kOwner         ? has_owner
                : entry.tag == AclTag::kOwningGroup ? has_group
                : entry.tag == AclTag::kMask        ? has_mask
                                                    : has_other;
    if (has) return PosixError(EINVAL, "the ACL has an entry twice");
    has = true;
  }
  if (!has_owner || !has_group || !has_other || (names_somebody && !has_mask)) {
    return PosixError(EINVAL, "the ACL has no entry for owner, group, other or mask");
  }
  return absl::OkStatus();
}

AclEntry* Find(AclTag tag, Acl* acl) {
  for (AclEntry& entry : *acl) {
    if (entry.tag == tag) return &entry;
  }
  return nullptr;
}

// The entry that the group bits of a mode show.
AclEntry* GroupClass(Acl* acl) {
  AclEntry* const mask = Find(AclTag::kMask, acl);
  return mask != nullptr ? mask : Find(AclTag::kOwningGroup, acl);
}

// Calls visit(entry, shift of its bits in a mode) for the three entries that a mode shows.
template <typename Visit>
void VisitShown(Acl* acl, Visit visit) {
  visit(Find(AclTag::kOwner, acl), kOwnerShift);
  visit(GroupClass(acl), kGroupShift);
  visit(Find(AclTag::kOther, acl), 0u);
}

}  // namespace

absl::StatusOr<Acl> ParseAcl(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || (bytes.size() - kHeaderBytes) % kEntryBytes != 0) {
    return PosixError(EINVAL, "the ACL has a length that no ACL has");
  }
  if (ReadLittleEndian<uint32_t>(bytes) != kVersion) {
    return PosixError(EOPNOTSUPP, "the ACL is of a version other than 2");
  }
  if ((bytes.size() - kHeaderBytes) / kEntryBytes > kMaxAclEntries) {
    return PosixError(ENOSPC, "an ACL has at most " + std::to_string(kMaxAclEntries) + " entries");
  }
  Acl acl = ReadEntries(bytes);
  if (!acl.empty()) WEFT_RETURN_IF_ERROR(CheckEntries(acl));
  return acl;
}

Acl ReadStoredAcl(std::string_view bytes) { return ReadEntries(bytes); }

std::string FormatAcl(const Acl& acl) {
  std::string bytes;
  bytes.reserve(kHeaderBytes + acl.size() * kEntryBytes);
  AppendLittleEndian(kVersion, &bytes);
  for (const AclEntry& entry : acl) {
    AppendLittleEndian(static_cast<uint16_t>(entry.tag), &bytes);
    AppendLittleEndian(entry.permissions, &bytes);
    AppendLittleEndian(NamesSomebody(entry.tag) ? entry.id : kNoId, &bytes);
  }
  return bytes;
}

bool IsMinimal(const Acl& acl) {
  for (const AclEntry& entry : acl) {
    if (NamesSomebody(entry.tag) || entry.tag == AclTag::kMask) return false;
  }
  return true;
}

uint32_t PermissionsOf(const Acl& acl) {
  uint32_t permissions = 0;
  Acl copy = acl;
  VisitShown(&copy, [&](const AclEntry* entry, unsigned shift) {
    permissions |= uint32_t{entry->permissions} << shift;
  });
  return permissions;
}

void SetPermissions(uint32_t permissions, Acl* acl) {
  VisitShown(acl, [&](AclEntry* entry, unsigned shift) {
    entry->permissions = static_cast<uint16_t>((permissions >> shift) & kAllPermissions);
  });
}

void Restrict(uint32_t* permissions, Acl* acl) {
  VisitShown(acl, [&](AclEntry* entry, unsigned shift) {
    entry->permissions &= static_cast<uint16_t>(*permissions >> shift);
  });
  *permissions = (*permissions & ~kShownBits) | PermissionsOf(*acl);
}

}  // namespace weft::metadata
