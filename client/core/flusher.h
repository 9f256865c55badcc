// The thread that looks after files with something buffered: it calls File::Tick about four times a
// second, and starts writing out everything when memory runs short. It never waits for a server.
// Thread-safe.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "client/core/file.h"
#include "common/mutex.h"

namespace weft::client {

class Flusher {
 public:
  Flusher() : thread_([this] { Run(); }) {}
  ~Flusher() { Stop(); }
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

  // See FileMount::watch. Holds the file until its Tick says that nothing is left.
  void Watch(std::shared_ptr<File> file) WEFT_EXCLUDES(mutex_);
  // Memory runs short: all watched files shall write out.
  void Press() WEFT_EXCLUDES(mutex_);
  // Ends the thread and lets go of the files. Idempotent.
  void Stop() WEFT_EXCLUDES(mutex_);

 private:
  void Run() WEFT_EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar wake_;
  std::vector<std::shared_ptr<File>> files_ WEFT_GUARDED_BY(mutex_);
  bool pressed_ WEFT_GUARDED_BY(mutex_) = false;
  bool stopping_ WEFT_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: uses all the others
};

}  // namespace weft::client
