// The address by which others reach this daemon, where nobody has said it.
#pragma once

#include <string>

namespace weft::storage {

// `listen_address` (with its real port), but where it stands for any interface, with the host
// address of the interface that leads to `peer_address`; the host's name where that cannot be found
// out. Sends nothing.
[[nodiscard]] std::string AdvertisedAddress(const std::string& listen_address,
                                            const std::string& peer_address);

}  // namespace weft::storage
