// Bits of a mode, as proto::Attr::permissions has them.
#pragma once

#include <cstdint>

namespace weft::metadata {

inline constexpr uint32_t kPermissionBits = 07777;
inline constexpr uint32_t kSetUserId = 04000;
inline constexpr uint32_t kSetGroupId = 02000;
inline constexpr uint32_t kSticky = 01000;
inline constexpr uint32_t kGroupPermissions = 00070;
inline constexpr uint32_t kGroupExecute = 00010;  // without it set-group-id has another meaning
inline constexpr uint32_t kAnyExecute = 00111;

}  // namespace weft::metadata
