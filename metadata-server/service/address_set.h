// A set of IP addresses, given as text: "10.1.2.3", "10.0.0.0/8", "fd00::1", "fd00::/8". Constant
// after Parse, and so thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::metadata {

class AddressSet {
 public:
  // EINVAL naming the text that is no address or range.
  [[nodiscard]] static absl::StatusOr<AddressSet> Parse(const std::vector<std::string>& texts);

  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  // `host`: a number, as wire::Peer has it before the port. What is no number is in no set.
  [[nodiscard]] bool Contains(std::string_view host) const;

 private:
  // IPv4 addresses are kept as IPv6 has them (::ffff:10.1.2.3).
  using Bytes = std::array<uint8_t, 16>;
  struct Range {
    Bytes address{};
    unsigned prefix_bits = 0;
  };

  std::vector<Range> ranges_;
};

}  // namespace weft::metadata
