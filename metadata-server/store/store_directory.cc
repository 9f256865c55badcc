#include "metadata-server/store/store_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "common/status.h"

namespace weft::metadata {
namespace {

using nlohmann::json;

constexpr char kKind[] = "weftfs-metadata-store";
constexpr char kIdentityName[] = "/STORE";
constexpr char kNewIdentityName[] = "/STORE.new";

absl::Status Damaged(const std::string& path, std::string_view what) {
  return PosixError(
      EIO, path + " is damaged: " + std::string(what) + "; restore the directory from a backup");
}

absl::Status MakeDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return PosixError(error.value(), "cannot make " + path + ": " + error.message());
  return absl::OkStatus();
}

absl::StatusOr<StoreIdentity> Parse(const std::string& path, const std::string& text) {
  const json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains("kind") || !parsed["kind"].is_string()) {
    return Damaged(path, "its file STORE cannot be read");
  }
  if (parsed["kind"] != kKind) {
    return PosixError(ENOTEMPTY, path + " holds a " + parsed["kind"].get<std::string>() +
                                     ", not a metadata store; name another directory");
  }
  if (!parsed.contains("format") || !parsed["format"].is_number_unsigned()) {
    return Damaged(path, "its file STORE names no format");
  }
  const auto format = parsed["format"].get<uint64_t>();
  if (format > kStoreFormatVersion) {
    return PosixError(EPROTONOSUPPORT, path + " has format " + std::to_string(format) +
                                           ", and this release knows formats up to " +
                                           std::to_string(kStoreFormatVersion) +
                                           "; run a newer release");
  }
  const bool complete = parsed.contains("ready") && parsed["ready"].is_boolean() &&
                        parsed.contains("boot_id") && parsed["boot_id"].is_string() &&
                        parsed.contains("durability_id") && parsed["durability_id"].is_string();
  if (!complete) return Damaged(path, "its file STORE lacks a field");
  StoreIdentity identity;
  identity.format = static_cast<uint32_t>(format);
  identity.ready = parsed["ready"].get<bool>();
  identity.boot_id = parsed["boot_id"].get<std::string>();
  identity.durability_id = parsed["durability_id"].get<std::string>();
  return identity;
}

absl::Status WriteDurably(const std::string& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.is_open()) return LastError("open " + path);
  while (!text.empty()) {
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return LastError("write " + path);
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(fd.get()) != 0) return LastError("fsync " + path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StoreDirectory> StoreDirectory::Open(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    WEFT_RETURN_IF_ERROR(MakeDirectory(path));
  }
  UniqueFd lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.is_open()) return LastError("cannot open the directory " + path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return LastError("cannot lock " + path);
    return PosixError(EBUSY, path + " is in use by another process; stop that one first");
  }
  StoreDirectory directory(path, std::move(lock));
  WEFT_RETURN_IF_ERROR(directory.Read());
  return directory;
}

absl::Status StoreDirectory::Read() {
  std::ifstream file(path_ + kIdentityName);
  if (!file) {
    if (::access((path_ + kIdentityName).c_str(), F_OK) == 0) {
      return PosixError(EIO, "cannot read " + path_ + kIdentityName);
    }
    return CheckEmpty();
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  WEFT_ASSIGN_OR_RETURN(identity_, Parse(path_, text));
  if (identity_.ready && ::access((database_path() + "/CURRENT").c_str(), F_OK) != 0) {
    return Damaged(path_, "its database is missing");
  }
  return absl::OkStatus();
}

// A store that died before its first identity was in place, and the root of a fresh file system,
// count as empty.
absl::Status StoreDirectory::CheckEmpty() const {
  std::error_code error;
  std::filesystem::directory_iterator entries(path_, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (name == kNewIdentityName + 1 || name == "lost+found") continue;
    return PosixError(ENOTEMPTY, path_ + " is not empty and holds no metadata store (" + name +
                                     "); name an empty directory");
  }
  if (error) return PosixError(error.value(), "cannot list " + path_ + ": " + error.message());
  return absl::OkStatus();
}

absl::Status StoreDirectory::Write(StoreIdentity identity) {
  const json text = {{"kind", kKind},
                     {"format", identity.format},
                     {"ready", identity.ready},
                     {"boot_id", identity.boot_id},
                     {"durability_id", identity.durability_id}};
  WEFT_RETURN_IF_ERROR(WriteDurably(path_ + kNewIdentityName, text.dump() + "\n"));
  if (::rename((path_ + kNewIdentityName).c_str(), (path_ + kIdentityName).c_str()) != 0) {
    return LastError("rename to " + path_ + kIdentityName);
  }
  if (::fsync(lock_.get()) != 0) return LastError("fsync " + path_);
  identity_ = std::move(identity);
  return absl::OkStatus();
}

absl::StatusOr<std::string> KernelBootId() {
  constexpr char kPath[] = "/proc/sys/kernel/random/boot_id";
  std::ifstream file(kPath);
  std::string boot_id;
  if (!(file >> boot_id)) return PosixError(EIO, std::string("cannot read ") + kPath);
  return boot_id;
}

}  // namespace weft::metadata
