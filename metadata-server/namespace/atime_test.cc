#include "metadata-server/namespace/atime.h"

#include <gtest/gtest.h>

#include <chrono>

#include "common/access_time.h"
#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr int64_t kDayNs = kAccessTimeDayNs;

TEST(AtimeTest, WhenItIsDue) {
  const struct {
    int64_t atime, mtime, ctime, now;
    bool due;
  } cases[] = {{10, 5, 5, 20, false},        {5, 5, 1, 20, true}, {5, 1, 5, 20, true},
               {5, 9, 1, 20, true},          {5, 1, 9, 20, true}, {10, 5, 5, 10 + kDayNs, true},
               {10, 5, 5, 9 + kDayNs, false}};
  for (const auto& c : cases) {
    proto::Attr attr;
    attr.set_atime_ns(c.atime);
    attr.set_mtime_ns(c.mtime);
    attr.set_ctime_ns(c.ctime);
    EXPECT_EQ(IsAtimeDue(proto::RELATIVE_ATIME, attr, c.now), c.due) << c.atime << " " << c.now;
    EXPECT_TRUE(IsAtimeDue(proto::STRICT_ATIME, attr, c.now));
    EXPECT_FALSE(IsAtimeDue(proto::NO_ATIME, attr, c.now));
  }
}

class AtimesTest : public testing::Test {
 protected:
  void ReadDir(InodeId directory, proto::AtimePolicy policy, std::string_view after = {}) {
    proto::ReadDirRequest request;
    request.set_inode_id(directory.value());
    request.set_atime(policy);
    request.set_after_name(std::string(after));
    EXPECT_TRUE(ns_->ReadDir(request).ok());
  }
  void CloseRead(InodeId file, int64_t atime_ns) {
    auto request = ns_.Next<proto::CloseRequest>();
    request.set_inode_id(file.value());
    request.set_atime_ns(atime_ns);
    EXPECT_TRUE(ns_->Close(request).ok());
  }

  TestNamespace ns_;
};

TEST_F(AtimesTest, ReadingADirectory) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  const proto::Attr before = ns_.Get(d);
  ns_.clock.Advance(seconds(1));
  ReadDir(d, proto::NO_ATIME);
  ReadDir(d, proto::RELATIVE_ATIME, "not the first page");
  EXPECT_EQ(ns_.Get(d).atime_ns(), before.atime_ns());
  ReadDir(d, proto::RELATIVE_ATIME);
  const proto::Attr after = ns_.Get(d);
  EXPECT_EQ(after.atime_ns(), ns_.clock.WallNs());
  EXPECT_EQ(after.ctime_ns(), before.ctime_ns());
  EXPECT_EQ(after.change(), before.change());
  ns_.clock.Advance(hours(23));
  ReadDir(d, proto::RELATIVE_ATIME);
  EXPECT_EQ(ns_.Get(d).atime_ns(), after.atime_ns());
  ns_.clock.Advance(hours(1));
  ReadDir(d, proto::RELATIVE_ATIME);
  EXPECT_EQ(ns_.Get(d).atime_ns(), ns_.clock.WallNs());
}

TEST_F(AtimesTest, ReadingASymbolicLink) {
  const InodeId l = InodeId(ns_.Make(kRootInode, "l", proto::SYMLINK, "target")->inode_id());
  ns_.clock.Advance(seconds(1));
  proto::ReadLinkRequest request;
  request.set_inode_id(l.value());
  request.set_atime(proto::STRICT_ATIME);
  EXPECT_EQ(ns_->ReadLink(request)->target(), "target");
  EXPECT_EQ(ns_.Get(l).atime_ns(), ns_.clock.WallNs());
}

TEST_F(AtimesTest, ClosingAFileThatWasRead) {
  const InodeId f = ns_.MakeFile(kRootInode, "f");
  const proto::Attr before = ns_.Get(f);
  ns_.clock.Advance(seconds(5));
  const int64_t now = ns_.clock.WallNs();
  CloseRead(f, now);
  EXPECT_EQ(ns_.Get(f).atime_ns(), before.atime_ns()) << "it was not open";
  ASSERT_EQ(ns_.Open(f), 0);
  CloseRead(f, 0);
  EXPECT_EQ(ns_.Get(f).atime_ns(), before.atime_ns());
  ASSERT_EQ(ns_.Open(f), 0);
  CloseRead(f, now + 1'000'000'000);
  EXPECT_EQ(ns_.Get(f).atime_ns(), now) << "not in the future";
  EXPECT_EQ(ns_.Get(f).change(), before.change());
  ASSERT_EQ(ns_.Open(f), 0);
  CloseRead(f, now - 1);
  EXPECT_EQ(ns_.Get(f).atime_ns(), now) << "never back";
}

}  // namespace
}  // namespace weft::metadata
