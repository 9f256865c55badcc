#include "client/cli/mount_options.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <functional>
#include <iterator>

#include "common/config/units.h"
#include "common/status.h"

namespace weft::cli {
namespace {

using std::chrono::milliseconds;

// Passed on to the kernel.
constexpr std::string_view kKernelFlags[] = {"ro",      "rw",      "suid",      "nosuid", "dev",
                                             "nodev",   "exec",    "noexec",    "sync",   "async",
                                             "dirsync", "noatime", "nodiratime"};
// Of fstab and mount(8) themselves, or what WeftFS does anyway.
constexpr std::string_view kIgnored[] = {"defaults", "auto",  "noauto",   "user",      "nouser",
                                         "users",    "owner", "group",    "nofail",    "_netdev",
                                         "silent",   "loud",  "lazytime", "nolazytime"};
constexpr std::string_view kIgnoredPrefixes[] = {"x-", "X-", "comment="};

constexpr uint64_t kMaxKernelReadAhead = uint64_t{1} << 30;
constexpr uint32_t kMaxThreads = 1024;

absl::Status BadValue(std::string_view name, std::string_view value, std::string_view allowed) {
  return PosixError(EINVAL, absl::StrCat("mount option ", std::string(name), ": \"",
                                         std::string(value), "\" is not ", std::string(allowed)));
}

// A duration, or plain seconds as other file systems take them ("1.5").
absl::StatusOr<milliseconds> ReadDuration(std::string_view text) {
  const absl::StatusOr<milliseconds> duration = config::ParseDuration(text);
  if (duration.ok()) return duration;
  constexpr double kMaxSeconds = 1e9;
  double seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || stop != end || !(seconds >= 0 && seconds <= kMaxSeconds)) {
    return duration.status();
  }
  return std::chrono::duration_cast<milliseconds>(std::chrono::duration<double>(seconds));
}

// An option of ours, "name=value".
struct Option {
  std::string name;
  std::string help;
  std::string default_text;
  std::function<absl::Status(std::string_view value)> read;
};

Option Duration(std::string name, std::string help, milliseconds* value) {
  return {name, std::move(help), config::FormatDuration(*value),
          [name, value](std::string_view text) -> absl::Status {
            const absl::StatusOr<milliseconds> read = ReadDuration(text);
            if (!read.ok()) return BadValue(name, text, config::kDurationSyntax);
            *value = *read;
            return absl::OkStatus();
          }};
}

Option Size(std::string name, std::string help, uint64_t max, uint64_t* value) {
  return {name, std::move(help), config::FormatSize(*value),
          [name, max, value](std::string_view text) -> absl::Status {
            const absl::StatusOr<uint64_t> read = config::ParseSize(text);
            if (!read.ok()) return BadValue(name, text, config::kSizeSyntax);
            if (*read > max) {
              return BadValue(name, text, "a size of at most " + config::FormatSize(max));
            }
            *value = *read;
            return absl::OkStatus();
          }};
}

Option Number(std::string name, std::string help, uint32_t max, uint32_t* value) {
  return {name, std::move(help), absl::StrCat(*value),
          [name, max, value](std::string_view text) -> absl::Status {
            uint32_t read = 0;
            const char* const end = text.data() + text.size();
            const auto [stop, error] = std::from_chars(text.data(), end, read);
            if (error != std::errc() || stop != end || read == 0 || read > max) {
              return BadValue(name, text, absl::StrCat("a whole number from 1 to ", max));
            }
            *value = read;
            return absl::OkStatus();
          }};
}

Option Text(std::string name, std::string help, std::string* value) {
  return {std::move(name), std::move(help), *value, [value](std::string_view text) {
            *value = text;
            return absl::OkStatus();
          }};
}

Option Locks(std::string name, std::string help, fuse::LockScope* value) {
  return {name, std::move(help), "cluster", [name, value](std::string_view text) -> absl::Status {
            if (text != "cluster" && text != "local") {
              return BadValue(name, text, "cluster or local");
            }
            *value = text == "local" ? fuse::LockScope::kLocal : fuse::LockScope::kCluster;
            return absl::OkStatus();
          }};
}

std::vector<Option> OwnOptions(MountSettings* settings) {
  client::VfsOptions& vfs = settings->mount.vfs;
  fuse::SessionOptions& session = settings->mount.session;
  fuse::CacheTimeouts& timeouts = settings->mount.timeouts;
  return {
      Duration("io_timeout", "how long calls wait for a server that is away, then EIO",
               &vfs.io_timeout),
      Duration("connect_timeout", "how long mounting waits for the metadata-server",
               &vfs.connect_timeout),
      Duration("attr_timeout", "how long the kernel keeps attributes", &timeouts.attributes),
      Duration("entry_timeout", "how long the kernel keeps names", &timeouts.entries),
      Duration("negative_timeout", "how long the kernel keeps that a name is missing",
               &timeouts.missing_entries),
      Size("write_buffer", "written and not yet sent, all files", UINT64_MAX,
           &vfs.write_buffer_bytes),
      Size("file_write_buffer", "written and not yet sent, one file", UINT64_MAX,
           &vfs.file_write_buffer_bytes),
      Size("read_ahead", "read ahead of one sequential reader; 0: none", UINT64_MAX,
           &vfs.read_ahead_bytes),
      Size("read_cache", "read ahead and not yet asked for, all files", UINT64_MAX,
           &vfs.read_cache_bytes),
      Size("kernel_read_ahead", "read ahead by the kernel (set as root only)", kMaxKernelReadAhead,
           &session.kernel_read_ahead_bytes),
      Number("io_threads", "threads that send and read ahead", kMaxThreads, &vfs.io_threads),
      Number("fuse_threads", "threads that serve the kernel, at most", kMaxThreads,
             &session.max_threads),
      Locks("locks", "who keeps flock and fcntl locks: the cluster, or this mount (local)",
            &settings->mount.locks),
      Text("log_file", "where to log; none: stderr, or a file below /var/log/weft",
           &settings->log.file),
      Text("log_level", "trace, debug, info, warn, error or off", &settings->log.level),
  };
}

template <size_t kSize>
bool Contains(const std::string_view (&list)[kSize], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

bool IsIgnored(std::string_view word) {
  return word.empty() || Contains(kIgnored, word) ||
         std::any_of(std::begin(kIgnoredPrefixes), std::end(kIgnoredPrefixes),
                     [&](std::string_view prefix) { return word.starts_with(prefix); });
}

// What reading does to access times, which FUSE leaves to us. The last word counts.
bool ReadAtimeOption(std::string_view word, client::VfsOptions* vfs) {
  if (word == "noatime") {
    vfs->atime = proto::NO_ATIME;
  } else if (word == "strictatime") {
    vfs->atime = proto::STRICT_ATIME;
  } else if (word == "atime" || word == "relatime" || word == "norelatime" ||
             word == "nostrictatime") {
    vfs->atime = proto::RELATIVE_ATIME;
  } else if (word == "diratime" || word == "nodiratime") {
    vfs->directory_atime = word == "diratime";
  } else {
    return false;
  }
  return true;
}

absl::Status ReadOption(std::string_view word, const std::vector<Option>& own,
                        UnknownOptions unknown, MountSettings* settings) {
  if (IsIgnored(word)) return absl::OkStatus();
  client::VfsOptions& vfs = settings->mount.vfs;
  const bool is_atime = ReadAtimeOption(word, &vfs);
  if (word == "ro" || word == "rw") vfs.read_only = word == "ro";
  if (Contains(kKernelFlags, word)) {
    settings->mount.session.mount_flags.emplace_back(word);
    return absl::OkStatus();
  }
  if (is_atime) return absl::OkStatus();
  if (word == "allow_other") {
    settings->mount.session.allow_other = true;
    return absl::OkStatus();
  }
  const std::string_view name = word.substr(0, word.find('='));
  const auto found = std::find_if(own.begin(), own.end(),
                                  [&](const Option& option) { return option.name == name; });
  if (found == own.end()) {
    if (unknown == UnknownOptions::kIgnore) return absl::OkStatus();
    return PosixError(EINVAL, absl::StrCat("unknown mount option \"", std::string(word),
                                           "\" (weft mount --help lists them)"));
  }
  if (name.size() == word.size()) {
    return PosixError(EINVAL, absl::StrCat("mount option ", found->name, " needs a value"));
  }
  return found->read(word.substr(name.size() + 1));
}

}  // namespace

std::vector<std::string> SplitOptions(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    words.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return words;
}

absl::Status ReadMountOptions(const std::vector<std::string>& words, UnknownOptions unknown,
                              MountSettings* settings) {
  const std::vector<Option> own = OwnOptions(settings);
  for (const std::string& word : words) {
    WEFT_RETURN_IF_ERROR(ReadOption(word, own, unknown, settings));
  }
  return absl::OkStatus();
}

std::string MountOptionsHelp() {
  MountSettings defaults;
  std::string help =
      "Options of -o: ro, noatime, nosuid, nodev, noexec, allow_other and others of mount(8), "
      "and\n";
  for (const Option& option : OwnOptions(&defaults)) {
    constexpr size_t kNameColumn = 20;
    std::string name = option.name + "=";
    name.resize(std::max(name.size() + 1, kNameColumn), ' ');
    absl::StrAppend(&help, "  ", name, option.help);
    if (!option.default_text.empty()) absl::StrAppend(&help, " [", option.default_text, "]");
    help += "\n";
  }
  return help;
}

}  // namespace weft::cli
