#include "common/wire/socket.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "common/status.h"

namespace weft::wire {
namespace {

using std::chrono::milliseconds;

constexpr size_t kZerosBytes = 64 * 1024;
constexpr std::array<std::byte, kZerosBytes> kZeros{};

absl::Status Closed() { return TransportError("connection closed by the peer"); }

absl::Status Late() { return absl::DeadlineExceededError("timed out"); }

absl::Status Failed(const char* what) {
  return TransportError(std::string(what) + ": " + std::strerror(errno));
}

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK; }

int SendFlags(More more) { return MSG_NOSIGNAL | (more == More::kYes ? MSG_MORE : 0); }

}  // namespace

absl::Status Socket::LimitWait(int option, Deadline deadline, milliseconds& set) const {
  milliseconds want{0};
  if (deadline != kNoDeadline) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return Late();
    want = std::chrono::ceil<milliseconds>(left);
    // Near enough: the calls of one connection mostly have the same timeout, and whoever wakes up
    // too early comes here again.
    if (set > set.zero() && set * 10 >= want * 9 && set * 10 <= want * 11) return absl::OkStatus();
  }
  if (want == set) return absl::OkStatus();
  const timeval timeout{.tv_sec = want.count() / 1000, .tv_usec = want.count() % 1000 * 1000};
  if (::setsockopt(fd(), SOL_SOCKET, option, &timeout, sizeof(timeout)) != 0) {
    return Failed("setsockopt");
  }
  set = want;
  return absl::OkStatus();
}

absl::StatusOr<size_t> Socket::Receive(std::span<std::byte> into, Deadline deadline) {
  for (;;) {
    const absl::Status wait = LimitWait(SO_RCVTIMEO, deadline, receive_timeout_);
    if (!wait.ok() && !absl::IsDeadlineExceeded(wait)) return wait;
    const ssize_t got = ::recv(fd(), into.data(), into.size(), wait.ok() ? 0 : MSG_DONTWAIT);
    if (got > 0) return static_cast<size_t>(got);
    if (got == 0) return Closed();
    if (!WouldBlock() && errno != EINTR) return Failed("recv");
    if (!wait.ok()) return wait;
  }
}

absl::StatusOr<size_t> Socket::ReceiveNow(std::span<std::byte> into) {
  for (;;) {
    const ssize_t got = ::recv(fd(), into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) return static_cast<size_t>(got);
    if (got == 0) return Closed();
    if (WouldBlock()) return 0;
    if (errno != EINTR) return Failed("recv");
  }
}

absl::Status Socket::ReceiveAll(IovecCursor& into, Deadline deadline) {
  while (into.left_bytes() > 0) {
    const absl::Status wait = LimitWait(SO_RCVTIMEO, deadline, receive_timeout_);
    if (!wait.ok() && !absl::IsDeadlineExceeded(wait)) return wait;
    const std::span<iovec> pieces = into.Next();
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const ssize_t got = ::recvmsg(fd(), &message, wait.ok() ? MSG_WAITALL : MSG_DONTWAIT);
    if (got > 0) into.Advance(static_cast<size_t>(got));
    if (got == 0) return Closed();
    if (got < 0 && !WouldBlock() && errno != EINTR) return Failed("recvmsg");
    if (got < 0 && !wait.ok()) return wait;
  }
  return absl::OkStatus();
}

absl::Status Socket::SendAll(IovecCursor& from, More more, Deadline deadline) {
  while (from.left_bytes() > 0) {
    WEFT_RETURN_IF_ERROR(LimitWait(SO_SNDTIMEO, deadline, send_timeout_));
    const std::span<iovec> pieces = from.Next();
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const bool is_last = TotalBytes(pieces) == from.left_bytes();
    const ssize_t sent = ::sendmsg(fd(), &message, SendFlags(is_last ? more : More::kYes));
    if (sent > 0) from.Advance(static_cast<size_t>(sent));
    if (sent < 0 && !WouldBlock() && errno != EINTR) return Failed("sendmsg");
  }
  return absl::OkStatus();
}

absl::Status Socket::SendFile(int file, uint64_t offset_bytes, size_t length_bytes,
                              Deadline deadline) {
  auto offset = static_cast<off_t>(offset_bytes);
  while (length_bytes > 0) {
    WEFT_RETURN_IF_ERROR(LimitWait(SO_SNDTIMEO, deadline, send_timeout_));
    const ssize_t sent = ::sendfile(fd(), file, &offset, length_bytes);
    if (sent > 0) length_bytes -= static_cast<size_t>(sent);
    if (sent == 0) return TransportError("the file ends inside the range to send");
    if (sent < 0 && !WouldBlock() && errno != EINTR) return Failed("sendfile");
  }
  return absl::OkStatus();
}

absl::Status Socket::SendZeros(size_t length_bytes, More more, Deadline deadline) {
  const iovec zeros{const_cast<std::byte*>(kZeros.data()), kZeros.size()};
  std::array<iovec, 16> pieces;
  pieces.fill(zeros);
  while (length_bytes > 0) {
    IovecCursor cursor(pieces, length_bytes);
    length_bytes -= cursor.left_bytes();
    WEFT_RETURN_IF_ERROR(SendAll(cursor, length_bytes > 0 ? More::kYes : more, deadline));
  }
  return absl::OkStatus();
}

bool Socket::IsQuiet() const {
  std::byte byte;
  return ::recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && WouldBlock();
}

void Socket::Shutdown(int how) const { ::shutdown(fd(), how); }

}  // namespace weft::wire
