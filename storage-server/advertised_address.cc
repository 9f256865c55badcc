#include "storage-server/advertised_address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <memory>
#include <optional>

#include "common/unique_fd.h"

namespace weft::storage {
namespace {

// "[::1]" → "::1", which is what the resolver takes.
std::string WithoutBrackets(const std::string& host) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

// Numeric host of a socket address, in brackets where it is IPv6.
std::optional<std::string> HostText(const sockaddr_storage& address, socklen_t bytes) {
  std::array<char, NI_MAXHOST> host{};
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), bytes, host.data(), host.size(),
                    nullptr, 0, NI_NUMERICHOST) != 0) {
    return std::nullopt;
  }
  const std::string text = host.data();
  return address.ss_family == AF_INET6 ? "[" + text + "]" : text;
}

// The local address that the kernel would send from. Connecting a datagram socket sends nothing.
std::optional<std::string> LocalHostTowards(const std::string& peer_address) {
  const size_t colon = peer_address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(WithoutBrackets(peer_address.substr(0, colon)).c_str(),
                    peer_address.substr(colon + 1).c_str(), &hints, &found) != 0) {
    return std::nullopt;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  const UniqueFd fd(::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage local{};
  socklen_t bytes = sizeof(local);
  if (!fd.is_open() || ::connect(fd.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &bytes) != 0) {
    return std::nullopt;
  }
  return HostText(local, bytes);
}

std::string HostName() {
  std::array<char, HOST_NAME_MAX + 1> host{};
  return ::gethostname(host.data(), host.size() - 1) == 0 ? host.data() : "localhost";
}

}  // namespace

std::string AdvertisedAddress(const std::string& listen_address, const std::string& peer_address) {
  const size_t colon = listen_address.rfind(':');
  const std::string host = listen_address.substr(0, colon);
  if (host != "0.0.0.0" && host != "[::]") return listen_address;
  return LocalHostTowards(peer_address).value_or(HostName()) + listen_address.substr(colon);
}

}  // namespace weft::storage
