#include "storage-server/chunks/superblock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "common/crc32c.h"
#include "common/status.h"
#include "common/uuid.h"

namespace weft::storage {
namespace {

constexpr char kSuperblock[] = "superblock";
constexpr char kTemporary[] = "superblock.new";
constexpr char kLock[] = "lock";
constexpr char kCrcPrefix[] = "crc32c ";
constexpr size_t kMaxSuperblockBytes = 64 * 1024;
constexpr mode_t kFileMode = 0600;

std::string CrcLine(std::string_view json) {
  std::array<char, 16> hex{};
  std::snprintf(hex.data(), hex.size(), "%08x", Crc32c(std::as_bytes(std::span(json))));
  return kCrcPrefix + std::string(hex.data()) + "\n";
}

absl::Status Damaged(const std::string& path, std::string_view why) {
  return PosixError(EIO, path + " is damaged (" + std::string(why) +
                             "). Restore it from a backup, or give this daemon an empty directory "
                             "instead and let replicas fill it");
}

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return LastError("open " + path);
  std::string text(kMaxSuperblockBytes, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return LastError("read " + path);
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  text.resize(size);
  return text;
}

absl::Status WriteAllAndSync(const std::string& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode));
  if (!fd.is_open()) return LastError("create " + path);
  while (!text.empty()) {
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return LastError("write " + path);
    text.remove_prefix(static_cast<size_t>(n));
  }
  if (::fsync(fd.get()) != 0) return LastError("fsync " + path);
  return absl::OkStatus();
}

absl::StatusOr<Superblock> Parse(const std::string& path, const std::string& text) {
  const size_t line_end = text.find('\n');
  if (line_end == std::string::npos) return Damaged(path, "it is cut off");
  const std::string json_text = text.substr(0, line_end);
  if (text.substr(line_end + 1) != CrcLine(json_text))
    return Damaged(path, "its checksum is wrong");
  const nlohmann::json json = nlohmann::json::parse(json_text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Damaged(path, "it is not JSON");
  const auto text_of = [&json](const char* key) -> std::optional<std::string> {
    const auto at = json.find(key);
    if (at == json.end() || !at->is_string()) return std::nullopt;
    return at->get<std::string>();
  };
  const auto version = json.find("format_version");
  if (version == json.end() || !version->is_number_unsigned()) {
    return Damaged(path, "it names no format version");
  }
  if (version->get<uint64_t>() > kFormatVersion) {
    return PosixError(EPROTONOSUPPORT,
                      path + " has format version " + std::to_string(version->get<uint64_t>()) +
                          ", this release knows up to " + std::to_string(kFormatVersion) +
                          ". Start a newer weft-storage on it");
  }
  const auto target = text_of("target_uuid");
  const auto node = text_of("node_uuid");
  const auto cluster = text_of("cluster_id");
  if (!target || !IsUuid(*target) || !node || !cluster) return Damaged(path, "fields are missing");
  return Superblock{.target_uuid = *target,
                    .node_uuid = *node,
                    .cluster_id = *cluster,
                    .format_version = version->get<uint32_t>()};
}

// What may lie in a directory whose making into a target was cut short, and in a new file system.
bool MayPrecedeSuperblock(const std::filesystem::directory_entry& entry) {
  static const std::set<std::string> kOwn = {kTemporary, kLock, kIndexDirectory, "lost+found"};
  const std::string name = entry.path().filename().string();
  if (kOwn.contains(name)) return true;
  std::error_code error;
  return name == kSegmentsDirectory && std::filesystem::is_empty(entry.path(), error) && !error;
}

absl::Status CheckNotForeign(const std::string& directory) {
  std::error_code error;
  std::filesystem::directory_iterator at(directory, error);
  if (error == std::errc::no_such_file_or_directory) return absl::OkStatus();
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    if (MayPrecedeSuperblock(*at)) continue;
    return PosixError(ENOTEMPTY, directory + " is not empty and not a WeftFS target (it holds " +
                                     at->path().filename().string() +
                                     "). Give an empty or new directory, or empty this one");
  }
  if (error) return PosixError(error.value(), "list " + directory + ": " + error.message());
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenDirectory(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open()) return LastError("open " + directory);
  return fd;
}

}  // namespace

absl::StatusOr<std::optional<Superblock>> ReadSuperblock(const std::string& directory) {
  const std::string path = directory + "/" + kSuperblock;
  const absl::StatusOr<std::string> text = ReadAll(path);
  if (text.ok()) return Parse(path, *text);
  if (ErrnoOf(text.status()) != ENOENT) return text.status();
  WEFT_RETURN_IF_ERROR(CheckNotForeign(directory));
  return std::optional<Superblock>();
}

absl::Status WriteSuperblock(const std::string& directory, const Superblock& superblock) {
  const nlohmann::json json = {{"format_version", superblock.format_version},
                               {"target_uuid", superblock.target_uuid},
                               {"node_uuid", superblock.node_uuid},
                               {"cluster_id", superblock.cluster_id}};
  const std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const std::string temporary = directory + "/" + kTemporary;
  const std::string path = directory + "/" + kSuperblock;
  WEFT_ASSIGN_OR_RETURN(const UniqueFd fd, OpenDirectory(directory));
  WEFT_RETURN_IF_ERROR(WriteAllAndSync(temporary, text + "\n" + CrcLine(text)));
  if (::rename(temporary.c_str(), path.c_str()) != 0) return LastError("rename " + temporary);
  if (::fsync(fd.get()) != 0) return LastError("fsync " + directory);
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> LockTarget(const std::string& directory) {
  const std::string path = directory + "/" + kLock;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
  if (!fd.is_open()) return LastError("open " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return LastError("lock " + path);
  return PosixError(EBUSY, directory +
                               " is in use by another weft-storage. Stop that one first, or give "
                               "this one another directory");
}

absl::Status AdoptCluster(const std::string& directory, const std::string& cluster_id) {
  WEFT_ASSIGN_OR_RETURN(const UniqueFd fd, OpenDirectory(directory));
  if (::flock(fd.get(), LOCK_EX) != 0) return LastError("lock " + directory);  // one at a time
  WEFT_ASSIGN_OR_RETURN(std::optional<Superblock> superblock, ReadSuperblock(directory));
  if (!superblock) return PosixError(ENOENT, directory + " is not a WeftFS target");
  if (superblock->cluster_id == cluster_id) return absl::OkStatus();
  if (!superblock->cluster_id.empty()) {
    return PosixError(EEXIST, directory + " belongs to the cluster " + superblock->cluster_id +
                                  ", not to " + cluster_id +
                                  ". Check the metadata-server's address");
  }
  superblock->cluster_id = cluster_id;
  return WriteSuperblock(directory, *superblock);
}

}  // namespace weft::storage
