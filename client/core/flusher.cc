#include "client/core/flusher.h"

#include <chrono>
#include <utility>

namespace weft::client {
namespace {

constexpr std::chrono::milliseconds kTickEvery{250};

}  // namespace

void Flusher::Watch(std::shared_ptr<File> file) {
  MutexLock lock(&mutex_);
  files_.push_back(std::move(file));
}

void Flusher::Press() {
  MutexLock lock(&mutex_);
  pressed_ = true;
  wake_.Signal();
}

void Flusher::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.Signal();
  }
  if (thread_.joinable()) thread_.join();
  std::vector<std::shared_ptr<File>> files;
  MutexLock lock(&mutex_);
  files.swap(files_);
  lock.Unlock();  // a file may end here
}

void Flusher::Run() {
  auto next_tick = std::chrono::steady_clock::now() + kTickEvery;
  for (;;) {
    bool pressed = false;
    std::vector<std::shared_ptr<File>> files;
    {
      MutexLock lock(&mutex_);
      while (!stopping_ && !pressed_ && wake_.WaitUntil(&mutex_, next_tick)) {
      }
      if (stopping_) return;
      pressed = std::exchange(pressed_, false);
      files.swap(files_);
    }
    const bool tick = std::chrono::steady_clock::now() >= next_tick;
    std::vector<std::shared_ptr<File>> left;
    for (std::shared_ptr<File>& file : files) {
      if (pressed) file->WriteOutBehind();
      if (!tick || file->Tick()) left.push_back(std::move(file));
    }
    if (tick) next_tick = std::chrono::steady_clock::now() + kTickEvery;
    MutexLock lock(&mutex_);
    files_.insert(files_.end(), std::make_move_iterator(left.begin()),
                  std::make_move_iterator(left.end()));
  }
}

}  // namespace weft::client
