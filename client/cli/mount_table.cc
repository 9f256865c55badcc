#include "client/cli/mount_table.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "common/status.h"

namespace weft::cli {
namespace {

constexpr char kTablePath[] = "/proc/self/mountinfo";
constexpr size_t kMountPointField = 4;  // before the separator; type and source come after it
constexpr char kSeparator[] = "-";
constexpr int kOctal = 8;

bool IsOctal(char c) { return c >= '0' && c < '0' + kOctal; }

// The kernel writes blanks and backslashes as \ooo.
std::string Unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 3 < text.size() && IsOctal(text[i + 1]) &&
                         IsOctal(text[i + 2]) && IsOctal(text[i + 3]);
    if (!escaped) {
      plain += text[i];
      continue;
    }
    const int code =
        ((text[i + 1] - '0') * kOctal + (text[i + 2] - '0')) * kOctal + (text[i + 3] - '0');
    plain += static_cast<char>(code);
    i += 3;
  }
  return plain;
}

std::optional<MountEntry> ParseLine(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> fields;
  for (std::string field; stream >> field;) fields.push_back(field);
  size_t separator = kMountPointField + 1;
  while (separator < fields.size() && fields[separator] != kSeparator) ++separator;
  if (separator + 2 >= fields.size()) return std::nullopt;
  return MountEntry{.mount_point = Unescaped(fields[kMountPointField]),
                    .type = fields[separator + 1],
                    .source = Unescaped(fields[separator + 2])};
}

}  // namespace

std::vector<MountEntry> ParseMountTable(std::istream& text) {
  std::vector<MountEntry> table;
  for (std::string line; std::getline(text, line);) {
    if (std::optional<MountEntry> entry = ParseLine(line)) table.push_back(*std::move(entry));
  }
  return table;
}

absl::StatusOr<std::vector<MountEntry>> ReadMountTable() {
  std::ifstream file(kTablePath);
  if (!file) return LastError(std::string("read ") + kTablePath);
  return ParseMountTable(file);
}

std::optional<MountEntry> FindMount(const std::vector<MountEntry>& table,
                                    std::string_view mount_point) {
  for (auto entry = table.rbegin(); entry != table.rend(); ++entry) {
    if (entry->mount_point == mount_point) return *entry;
  }
  return std::nullopt;
}

absl::StatusOr<std::string> AbsoluteMountPoint(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path plain = fs::absolute(path, error).lexically_normal();
  if (!plain.has_filename() && plain.has_relative_path()) plain = plain.parent_path();  // "/mnt/"
  if (!error && plain == plain.root_path()) return plain.string();
  fs::path parent;
  if (!error) parent = fs::canonical(plain.parent_path(), error);
  if (error) return PosixError(error.value(), path + ": " + error.message());
  const fs::path joined = parent / plain.filename();
  // A symbolic link is no mount point, but may lead to one.
  if (!fs::is_symlink(joined, error)) return joined.string();
  const fs::path target = fs::canonical(joined, error);
  if (error) return PosixError(error.value(), path + ": " + error.message());
  return target.string();
}

}  // namespace weft::cli
