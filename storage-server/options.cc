#include "storage-server/options.h"

#include <unistd.h>

#include <array>
#include <climits>

namespace weft::storage {
namespace {

constexpr uint32_t kMaxWorkers = 4096;

}  // namespace

Options DefaultOptions() {
  Options options;
  std::array<char, HOST_NAME_MAX + 1> host{};
  options.name = ::gethostname(host.data(), host.size() - 1) == 0 ? host.data() : "storage";
  return options;
}

void DeclareOptions(config::Command& command, Options* options) {
  using config::Bounds;
  using config::Command;
  command.AddList({.name = "data",
                   .value = "DIR",
                   .help = "Directory that keeps chunks, best a disk of its own; repeat it for "
                           "several disks.",
                   .required = true},
                  &options->data);
  command.AddAddress(
      {.name = "metadata", .help = "Wire address of the metadata-server.", .required = true},
      Command::Port::kReal, &options->metadata);
  command.AddText({.name = "name",
                   .value = "NAME",
                   .help = "Name of this node, unique in the cluster; the host's name by default.",
                   .varies = true},
                  &options->name);
  command.AddAddress({.name = "listen", .help = "Where the wire listens; port 0 takes a free one."},
                     Command::Port::kAny, &options->listen);
  command.AddAddress({.name = "advertise",
                      .help = "Address at which others reach this node; by default that of "
                              "--listen, on the interface that leads to the metadata-server."},
                     Command::Port::kReal, &options->advertise);
  command.AddSize({.name = "capacity",
                   .help = "Space that each target takes at most; 0 is all that its disk has."},
                  {.min = 0}, &options->capacity_bytes);
  command.AddNumber({.name = "min-workers", .help = "Threads that wait for requests."},
                    Bounds<uint32_t>{1, kMaxWorkers}, &options->min_workers);
  command.AddNumber({.name = "max-workers", .help = "Threads that work on requests at most."},
                    Bounds<uint32_t>{1, kMaxWorkers}, &options->max_workers);
  command.AddChoice({.name = "log-level", .help = "Least severe messages that are logged."},
                    {"trace", "debug", "info", "warn", "error", "critical", "off"},
                    &options->log.level);
  command.AddText({.name = "log-file", .value = "FILE", .help = "Log to this file; empty: stderr."},
                  &options->log.file);
}

}  // namespace weft::storage
