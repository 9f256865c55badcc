#include "common/wire/address.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

#include "common/status.h"

namespace weft::wire {
namespace {

constexpr int kBacklog = 1024;
// An idle peer that has vanished is noticed after kKeepIdle + kKeepCount * kKeepInterval seconds.
constexpr int kKeepIdleSeconds = 30;
constexpr int kKeepIntervalSeconds = 10;
constexpr int kKeepCount = 3;

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

absl::StatusOr<AddressList> Resolve(const std::string& address, int flags) {
  WEFT_ASSIGN_OR_RETURN(const HostPort parts, ParseAddress(address));
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found);
  // A name service that does not answer now may answer later, so this counts as no answer.
  if (error != 0) return TransportError(address + ": " + ::gai_strerror(error));
  return AddressList(found, &::freeaddrinfo);
}

absl::Status AwaitConnected(int fd, Deadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return absl::DeadlineExceededError("connect: timed out");
    pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
    const int timeout_ms = static_cast<int>(std::min<int64_t>(left.count(), INT_MAX));
    if (::poll(&wait, 1, timeout_ms) > 0) break;
  }
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) return absl::OkStatus();
  return TransportError(std::string("connect: ") + std::strerror(error));
}

absl::StatusOr<UniqueFd> ConnectTo(const addrinfo& target, Deadline deadline) {
  UniqueFd fd(::socket(target.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return TransportError(std::string("socket: ") + std::strerror(errno));
  Tune(fd.get());
  if (::connect(fd.get(), target.ai_addr, target.ai_addrlen) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) {
      return TransportError(std::string("connect: ") + std::strerror(errno));
    }
    WEFT_RETURN_IF_ERROR(AwaitConnected(fd.get(), deadline));
  }
  if (::fcntl(fd.get(), F_SETFL, 0) != 0) {
    return TransportError(std::string("fcntl: ") + std::strerror(errno));
  }
  return fd;
}

}  // namespace

absl::StatusOr<HostPort> ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    const bool has_brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (has_brackets) host = host.substr(1, host.size() - 2);
    const bool is_number = !port.empty() && port.size() <= 5 &&
                           port.find_first_not_of("0123456789") == std::string_view::npos;
    const bool is_host =
        !host.empty() && (has_brackets || host.find(':') == std::string_view::npos);
    if (is_host && is_number && std::stoi(std::string(port)) <= UINT16_MAX) {
      return HostPort{std::string(host), std::string(port)};
    }
  }
  return PosixError(EINVAL, "not an address of the form host:port: '" + std::string(text) + "'");
}

absl::StatusOr<UniqueFd> Listen(const std::string& address) {
  WEFT_ASSIGN_OR_RETURN(const AddressList targets, Resolve(address, AI_PASSIVE));
  absl::Status status;
  for (const addrinfo* target = targets.get(); target != nullptr; target = target->ai_next) {
    UniqueFd fd(::socket(target->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int yes = 1;
    if (fd.is_open()) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (fd.is_open() && ::bind(fd.get(), target->ai_addr, target->ai_addrlen) == 0 &&
        ::listen(fd.get(), kBacklog) == 0) {
      Tune(fd.get());
      return fd;
    }
    status = LastError("cannot listen on " + address);
  }
  return status;
}

absl::StatusOr<Socket> Connect(const std::string& address, Deadline deadline) {
  WEFT_ASSIGN_OR_RETURN(const AddressList targets, Resolve(address, 0));
  absl::Status status;
  for (const addrinfo* target = targets.get(); target != nullptr; target = target->ai_next) {
    absl::StatusOr<UniqueFd> fd = ConnectTo(*target, deadline);
    if (fd.ok()) return Socket(*std::move(fd));
    status = Annotate(fd.status(), address);
  }
  return status;
}

void Tune(int fd) {
  const auto set = [fd](int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof(value));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  // bbr, the default of some machines, is several times slower over loopback.
  constexpr std::string_view kCongestion = "cubic";
  ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, kCongestion.data(), kCongestion.size());
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdleSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepIntervalSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepCount);
}

uint16_t LocalPort(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
}

std::string PeerAddress(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host, sizeof(host), port,
                    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  return std::string(host) + ":" + port;
}

}  // namespace weft::wire
