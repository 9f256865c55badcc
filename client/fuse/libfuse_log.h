// What libfuse has to say goes to our log. Thread-safe.
#pragma once

#include <string>

namespace weft::fuse {

// For the whole process, as libfuse has it.
void RouteLibfuseLog();

// The last error that libfuse logged on this thread since the last call, or empty: it says why a
// call failed that answers only that it failed.
[[nodiscard]] std::string TakeLibfuseError();

}  // namespace weft::fuse
