#include "metadata-server/service/address_set.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "common/status.h"

namespace weft::metadata {
namespace {

using Bytes = std::array<uint8_t, 16>;

constexpr unsigned kAllBits = 128;
constexpr size_t kIpv4Offset = 12;  // of an IPv4 address in its IPv6 form
constexpr unsigned kIpv4PrefixBits = 96;

struct Address {
  Bytes bytes{};
  bool is_ipv4 = false;
};

std::optional<Address> ReadAddress(std::string_view text) {
  const std::string copy(text);
  Address address;
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  address.bytes[kIpv4Offset - 2] = address.bytes[kIpv4Offset - 1] = UINT8_MAX;
  address.is_ipv4 = true;
  if (::inet_pton(AF_INET, copy.c_str(), &address.bytes[kIpv4Offset]) == 1) return address;
  return std::nullopt;
}

// The number behind the slash; all bits where there is none.
std::optional<unsigned> ReadPrefix(std::string_view text, bool is_ipv4) {
  const unsigned offset = is_ipv4 ? kIpv4PrefixBits : 0;
  if (text.empty()) return kAllBits;
  text.remove_prefix(1);
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (!is_number || bits > kAllBits - offset) return std::nullopt;
  return bits + offset;
}

bool HaveSamePrefix(const Bytes& a, const Bytes& b, unsigned bits) {
  const unsigned bytes = bits / 8;
  if (!std::equal(a.begin(), a.begin() + bytes, b.begin())) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

}  // namespace

absl::StatusOr<AddressSet> AddressSet::Parse(const std::vector<std::string>& texts) {
  AddressSet set;
  for (const std::string& text : texts) {
    const size_t slash = std::min(text.find('/'), text.size());
    const std::optional<Address> address = ReadAddress(std::string_view(text).substr(0, slash));
    const std::optional<unsigned> bits =
        address ? ReadPrefix(std::string_view(text).substr(slash), address->is_ipv4) : std::nullopt;
    if (!bits) {
      return PosixError(EINVAL, "\"" + text + "\" is no IP address or range like 10.0.0.0/8");
    }
    set.ranges_.push_back({address->bytes, *bits});
  }
  return set;
}

bool AddressSet::Contains(std::string_view host) const {
  if (ranges_.empty()) return false;
  const std::optional<Address> address = ReadAddress(host);
  return address && std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
           return HaveSamePrefix(address->bytes, range.address, range.prefix_bits);
         });
}

}  // namespace weft::metadata
