// Random UUIDs (RFC 4122, version 4) through libuuid. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace weft {

// "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx", lower case.
[[nodiscard]] std::string NewUuid();
[[nodiscard]] bool IsUuid(std::string_view text);

}  // namespace weft
