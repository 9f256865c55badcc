// A connected TCP socket, and blocking transfers over it with deadlines.
//
// The socket is in blocking mode and the deadline is the kernel's socket timeout, so that a
// transfer that succeeds costs one system call and no poll. Errors: IsTransport for all (the peer
// is gone, or the deadline has passed); after one the socket is of no use. Not thread-safe, except
// that Shutdown may be called from any thread while the object lives.
#pragma once

#include <absl/status/statusor.h>
#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "common/unique_fd.h"
#include "common/wire/iovec_cursor.h"

namespace weft::wire {

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline kNoDeadline = Deadline::max();
[[nodiscard]] inline Deadline After(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// Whether more of the same frame follows, which the kernel may then send together.
enum class More { kNo, kYes };

class Socket {
 public:
  Socket() = default;
  explicit Socket(UniqueFd fd) : fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const { return fd_.get(); }

  // What has come is received also after the deadline: whoever was held up elsewhere still gets it.

  // Waits for something and receives at most `into`.size() bytes of it, and at least one.
  [[nodiscard]] absl::StatusOr<size_t> Receive(std::span<std::byte> into, Deadline deadline);
  // Receives what is there without waiting: 0 where nothing is.
  [[nodiscard]] absl::StatusOr<size_t> ReceiveNow(std::span<std::byte> into);
  // Fills all that `into` has left.
  [[nodiscard]] absl::Status ReceiveAll(IovecCursor& into, Deadline deadline);

  // Sends all that `from` has left; after an error left_bytes() tells how much was not taken.
  [[nodiscard]] absl::Status SendAll(IovecCursor& from, More more, Deadline deadline);
  // Sends a range of a file without copying it. A file that ends inside the range is an error.
  [[nodiscard]] absl::Status SendFile(int file, uint64_t offset_bytes, size_t length_bytes,
                                      Deadline deadline);
  [[nodiscard]] absl::Status SendZeros(size_t length_bytes, More more, Deadline deadline);

  // True where the peer has neither sent anything nor closed: fit for a new call.
  [[nodiscard]] bool IsQuiet() const;

  // Ends transfers (`how` as in shutdown(2)), those in progress included.
  void Shutdown(int how) const;

 private:
  // Sets SO_RCVTIMEO or SO_SNDTIMEO where `set` (what it is now) is far from what the deadline
  // asks. Error once the deadline has passed.
  absl::Status LimitWait(int option, Deadline deadline, std::chrono::milliseconds& set) const;

  UniqueFd fd_;
  std::chrono::milliseconds receive_timeout_{0};  // 0: for ever, as in a new socket
  std::chrono::milliseconds send_timeout_{0};
};

}  // namespace weft::wire
