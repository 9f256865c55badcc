#include "metadata-server/options.h"

namespace weft::metadata {
namespace {

using config::Bounds;
using config::Command;
using std::chrono::milliseconds;

constexpr uint32_t kMaxWorkers = 4096;
constexpr uint32_t kMaxId = UINT32_MAX - 1;  // the last one means "none"
constexpr uint64_t kMinCacheBytes = uint64_t{1} << 20;

void DeclareTimes(Command& command, Options* options) {
  command.AddDuration(
      {.name = "sync-interval",
       .help = "Changes reach the disk at least this often; 0: before each answer."},
      {.max = milliseconds(60'000)}, &options->sync_interval);
  command.AddDuration({.name = "session-ttl", .help = "A client silent for so long is given up."},
                      {.min = milliseconds(1'000), .max = milliseconds(3'600'000)},
                      &options->session_ttl);
  command.AddDuration({.name = "heartbeat", .help = "How often storage-servers report."},
                      {.min = milliseconds(50), .max = milliseconds(60'000)}, &options->heartbeat);
}

void DeclareClientRules(Command& command, Options* options) {
  command.AddFlag(
      {.name = "root-squash", .help = "User and group 0 of clients count as the anonymous ones."},
      &options->clients.root_squash);
  command.AddNumber({.name = "anonymous-uid", .help = "As whom squashed users count."},
                    Bounds<uint32_t>{1, kMaxId}, &options->clients.anonymous_uid);
  command.AddNumber({.name = "anonymous-gid", .help = "As which squashed groups count."},
                    Bounds<uint32_t>{1, kMaxId}, &options->clients.anonymous_gid);
  command.AddList(
      {.name = "trusted-clients",
       .value = "ADDRESS",
       .help = "Clients whose root is not squashed: addresses, or ranges (10.0.0.0/8)."},
      &options->clients.trusted_clients);
  command.AddList({.name = "read-only-clients",
                   .value = "ADDRESS",
                   .help = "Clients that may change nothing: addresses, or ranges."},
                  &options->clients.read_only_clients);
}

}  // namespace

void DeclareOptions(Command& command, Options* options) {
  command.AddText({.name = "data",
                   .value = "DIR",
                   .help = "Directory that keeps the namespace, best on a fast disk.",
                   .required = true},
                  &options->data);
  command.AddAddress(
      {.name = "listen", .help = "Where the wire listens for clients; port 0 takes a free one."},
      Command::Port::kAny, &options->listen);
  command.AddAddress(
      {.name = "control-listen", .help = "Where gRPC listens for storage-servers and the CLI."},
      Command::Port::kAny, &options->control_listen);
  DeclareTimes(command, options);
  DeclareClientRules(command, options);
  command.AddSize({.name = "cache", .help = "Memory for cached blocks of the namespace."},
                  {.min = kMinCacheBytes}, &options->cache_bytes);
  command.AddNumber({.name = "min-workers", .help = "Threads that wait for requests."},
                    Bounds<uint32_t>{1, kMaxWorkers}, &options->min_workers);
  command.AddNumber({.name = "max-workers", .help = "Threads that work on requests at most."},
                    Bounds<uint32_t>{1, kMaxWorkers}, &options->max_workers);
  command.AddFlag({.name = "auto-add-nodes",
                   .help = "Storage-servers join when they register, without `weft node add`."},
                  &options->auto_add_nodes);
  command.AddChoice({.name = "log-level", .help = "Least severe messages that are logged."},
                    {"trace", "debug", "info", "warn", "error", "critical", "off"},
                    &options->log.level);
  command.AddText({.name = "log-file", .value = "FILE", .help = "Log to this file; empty: stderr."},
                  &options->log.file);
}

}  // namespace weft::metadata
