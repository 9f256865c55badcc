// What weft-storage can be told, and the declarations that read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/config/command.h"
#include "common/log.h"

namespace weft::storage {

struct Options {
  std::vector<std::string> data;  // directories, one target each
  std::string metadata;           // host:port of the metadata-server's wire
  std::string name;               // of this node; unique in the cluster
  std::string listen = "0.0.0.0:7410";
  std::string advertise;        // empty: made from `listen`, see AdvertisedAddress
  uint64_t capacity_bytes = 0;  // of each target; 0: what its disk has
  uint32_t min_workers = 4;
  uint32_t max_workers = 256;
  LogOptions log;
};

// With the defaults of this machine: the name is its host name.
[[nodiscard]] Options DefaultOptions();

// Declares every option on `command`. `options` must outlive it.
void DeclareOptions(config::Command& command, Options* options);

}  // namespace weft::storage
