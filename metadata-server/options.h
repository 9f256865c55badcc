// What weft-metadata can be told, and the declarations that read it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/config/command.h"
#include "common/log.h"
#include "metadata-server/service/client_rules.h"

namespace weft::metadata {

struct Options {
  std::string data;  // directory of the namespace
  std::string listen = "0.0.0.0:7400";
  std::string control_listen = "0.0.0.0:7401";
  std::chrono::milliseconds sync_interval{100};
  std::chrono::milliseconds session_ttl{15'000};
  std::chrono::milliseconds heartbeat{1'000};
  uint64_t cache_bytes = uint64_t{128} << 20;
  uint32_t min_workers = 4;
  uint32_t max_workers = 256;
  bool auto_add_nodes = false;
  ClientRuleOptions clients;
  LogOptions log;
};

// Declares every option on `command`. `options` must outlive it.
void DeclareOptions(config::Command& command, Options* options);

}  // namespace weft::metadata
