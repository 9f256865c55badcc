#include "client/cli/mount_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace weft::cli {
namespace {

constexpr char kTable[] =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
    "60 22 0:47 / /mnt/weft rw,relatime shared:9 master:1 - fuse.weft meta:7400 rw,user_id=0\n"
    "61 22 0:48 / /mnt/with\\040blank\\134 rw - fuse.weft meta\\0402 rw\n"
    "62 22 0:49 / /mnt/over rw - fuse.weft a:1 rw\n"
    "63 22 0:50 / /mnt/over rw - tmpfs tmpfs rw\n"
    "nonsense\n"
    "64 22 0:51 / /mnt/short rw -\n";

std::vector<MountEntry> Table() {
  std::istringstream text(kTable);
  return ParseMountTable(text);
}

TEST(MountTableTest, ReadsTypesAndSources) {
  const auto entry = FindMount(Table(), "/mnt/weft");
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->type, kWeftType);
  EXPECT_EQ(entry->source, "meta:7400");
  EXPECT_EQ(Table().size(), 5u);
}

TEST(MountTableTest, UnescapesNames) {
  const auto entry = FindMount(Table(), "/mnt/with blank\\");
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->source, "meta 2");
}

TEST(MountTableTest, TheUppermostCounts) {
  EXPECT_EQ(FindMount(Table(), "/mnt/over")->type, "tmpfs");
  EXPECT_FALSE(FindMount(Table(), "/mnt").has_value());
}

TEST(MountTableTest, ReadsThisMachines) {
  const auto table = ReadMountTable();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(FindMount(*table, "/proc").has_value());  // "/" is no mount in a chroot
}

TEST(MountTableTest, PathsBecomeThoseOfTheTable) {
  namespace fs = std::filesystem;
  char directory[] = "/tmp/weft-mount-table-test-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const fs::path base = fs::canonical(directory);
  fs::create_directory(base / "real");
  fs::create_directory_symlink("real", base / "link");
  const auto absolute = [](const fs::path& path) { return AbsoluteMountPoint(path.string()); };
  const std::string want = (base / "real").string();
  EXPECT_EQ(absolute(base / "real").value_or(""), want);
  EXPECT_EQ(absolute(base / "real" / "").value_or(""), want);
  EXPECT_EQ(absolute(base / "." / "real" / ".." / "real").value_or(""), want);
  EXPECT_EQ(absolute(base / "link").value_or(""), want);
  EXPECT_EQ(absolute(base / "not-there").value_or(""), (base / "not-there").string());
  EXPECT_FALSE(absolute(base / "not-there" / "below").ok());
  EXPECT_EQ(absolute("/").value_or(""), "/");
  fs::remove_all(base);
}

}  // namespace
}  // namespace weft::cli
