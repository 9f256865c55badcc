// Graceful stop: SIGTERM and SIGINT as something to wait for.
#pragma once

namespace weft {

// Blocks SIGTERM and SIGINT in the calling thread and all that it starts later, and ignores SIGPIPE:
// make it first in main. Not thread-safe; one per process.
class StopSignal {
 public:
  StopSignal();
  // Returns the signal's number once one has come.
  int Wait();
};

}  // namespace weft
