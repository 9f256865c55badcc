#include "client/cli/mount_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>

#include "common/status.h"

namespace weft::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::Status Read(std::string_view text, MountSettings* settings) {
  return ReadMountOptions(SplitOptions(text), UnknownOptions::kRefuse, settings);
}

TEST(MountOptionsTest, OptionsOfFstabDoNothing) {
  MountSettings settings;
  const absl::Status status = Read(
      "defaults,noauto,_netdev,nofail,user,relatime,x-systemd.automount,x-weft.note=1,comment=me",
      &settings);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(settings.mount.session.mount_flags, IsEmpty());
  EXPECT_FALSE(settings.mount.session.allow_other);
}

TEST(MountOptionsTest, FlagsGoToTheKernelInTheirOrder) {
  MountSettings settings;
  ASSERT_TRUE(Read("ro,noatime,nosuid,nodev,noexec,allow_other", &settings).ok());
  EXPECT_THAT(settings.mount.session.mount_flags,
              ElementsAre("ro", "noatime", "nosuid", "nodev", "noexec"));
  EXPECT_TRUE(settings.mount.session.allow_other);
}

TEST(MountOptionsTest, ReadOnlyAndAccessTimesAreToldToTheFileSystem) {
  const auto vfs_of = [](const char* text) {
    MountSettings settings;
    EXPECT_TRUE(Read(text, &settings).ok()) << text;
    return settings.mount.vfs;
  };
  EXPECT_FALSE(vfs_of("").read_only);
  EXPECT_TRUE(vfs_of("ro").read_only);
  EXPECT_FALSE(vfs_of("ro,rw").read_only);
  EXPECT_EQ(vfs_of("").atime, proto::RELATIVE_ATIME);
  EXPECT_EQ(vfs_of("noatime").atime, proto::NO_ATIME);
  EXPECT_EQ(vfs_of("strictatime").atime, proto::STRICT_ATIME);
  EXPECT_EQ(vfs_of("noatime,relatime").atime, proto::RELATIVE_ATIME);
  EXPECT_TRUE(vfs_of("noatime").directory_atime);
  EXPECT_FALSE(vfs_of("nodiratime").directory_atime);
}

TEST(MountOptionsTest, OwnOptionsHaveValues) {
  MountSettings settings;
  const absl::Status status = Read(
      "io_timeout=90s,attr_timeout=1.5,entry_timeout=250ms,negative_timeout=0,"
      "write_buffer=1GiB,read_ahead=0,kernel_read_ahead=1M,fuse_threads=8,"
      "log_file=/tmp/log,log_level=debug,locks=local",
      &settings);
  ASSERT_TRUE(status.ok()) << status;
  using std::chrono::milliseconds;
  EXPECT_EQ(settings.mount.vfs.io_timeout, milliseconds(90'000));
  EXPECT_EQ(settings.mount.timeouts.attributes, milliseconds(1500));
  EXPECT_EQ(settings.mount.timeouts.entries, milliseconds(250));
  EXPECT_EQ(settings.mount.timeouts.missing_entries, milliseconds(0));
  EXPECT_EQ(settings.mount.vfs.write_buffer_bytes, uint64_t{1} << 30);
  EXPECT_EQ(settings.mount.vfs.read_ahead_bytes, 0u);
  EXPECT_EQ(settings.mount.session.kernel_read_ahead_bytes, uint64_t{1} << 20);
  EXPECT_EQ(settings.mount.session.max_threads, 8u);
  EXPECT_EQ(settings.mount.locks, fuse::LockScope::kLocal);
  EXPECT_EQ(settings.log.file, "/tmp/log");
  EXPECT_EQ(settings.log.level, "debug");
}

TEST(MountOptionsTest, MistakesAreNamed) {
  for (const auto& [text, named] :
       std::vector<std::pair<const char*, const char*>>{{"ro,no_such_option", "no_such_option"},
                                                        {"io_timeout", "io_timeout"},
                                                        {"io_timeout=", "io_timeout"},
                                                        {"io_timeout=soon", "soon"},
                                                        {"attr_timeout=-1", "-1"},
                                                        {"attr_timeout=nan", "nan"},
                                                        {"attr_timeout=1e30", "1e30"},
                                                        {"write_buffer=64MB", "64MB"},
                                                        {"kernel_read_ahead=2GiB", "1GiB"},
                                                        {"fuse_threads=0", "fuse_threads"},
                                                        {"locks=none", "cluster or local"},
                                                        {"fuse_threads=5000", "1024"},
                                                        {"remount", "remount"},
                                                        {"ro=1", "ro=1"}}) {
    MountSettings settings;
    const absl::Status status = Read(text, &settings);
    EXPECT_EQ(ErrnoOf(status), EINVAL) << text;
    EXPECT_THAT(MessageOf(status), HasSubstr(named)) << text;
  }
}

TEST(MountOptionsTest, SloppyIgnoresWhatIsUnknownOnly) {
  MountSettings settings;
  EXPECT_TRUE(ReadMountOptions({"foreign=1", "ro"}, UnknownOptions::kIgnore, &settings).ok());
  EXPECT_THAT(settings.mount.session.mount_flags, ElementsAre("ro"));
  EXPECT_FALSE(ReadMountOptions({"io_timeout=x"}, UnknownOptions::kIgnore, &settings).ok());
}

TEST(MountOptionsTest, Splits) {
  EXPECT_THAT(SplitOptions(""), IsEmpty());
  EXPECT_THAT(SplitOptions("a"), ElementsAre("a"));
  EXPECT_THAT(SplitOptions("a,b=c,,d,"), ElementsAre("a", "b=c", "", "d"));
}

TEST(MountOptionsTest, HelpNamesEveryOption) {
  EXPECT_THAT(MountOptionsHelp(), HasSubstr("io_timeout=         how long"));
  EXPECT_THAT(MountOptionsHelp(), HasSubstr("[1m]"));
}

}  // namespace
}  // namespace weft::cli
