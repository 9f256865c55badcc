// Release of the software, as people see it. Formats and protocols have versions of their own.
#pragma once

namespace weft {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace weft
