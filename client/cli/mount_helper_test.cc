#include "client/cli/mount_helper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "common/status.h"

namespace weft::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Words {
 public:
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
  }
  [[nodiscard]] int argc() const { return static_cast<int>(words_.size()); }
  char** argv() { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

absl::StatusOr<HelperArguments> Parse(std::vector<std::string> words) {
  words.insert(words.begin(), "mount.weft");
  Words call(std::move(words));
  return ParseHelperArguments(call.argc(), call.argv());
}

TEST(MountHelperTest, KnowsItsName) {
  EXPECT_TRUE(IsMountHelper("mount.weft"));
  EXPECT_TRUE(IsMountHelper("/sbin/mount.weft"));
  EXPECT_FALSE(IsMountHelper("/usr/bin/weft"));
  EXPECT_FALSE(IsMountHelper("xmount.weft"));
}

TEST(MountHelperTest, TakesWhatMountGives) {
  const auto parsed =
      Parse({"meta:7400", "/mnt", "-n", "-s", "-v", "-o", "rw,_netdev", "-o", "io_timeout=1s"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->server, "meta:7400");
  EXPECT_EQ(parsed->mount_point, "/mnt");
  EXPECT_THAT(parsed->options, ElementsAre("rw", "_netdev", "io_timeout=1s"));
  EXPECT_TRUE(parsed->sloppy);
  EXPECT_FALSE(parsed->fake);
}

TEST(MountHelperTest, TakesOptionsFirst) {
  const auto parsed = Parse({"-f", "-t", "fuse.weft", "-o", "ro", "meta:7400", "/mnt"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->mount_point, "/mnt");
  EXPECT_TRUE(parsed->fake);
}

TEST(MountHelperTest, RefusesOtherCalls) {
  EXPECT_FALSE(Parse({}).ok());
  EXPECT_FALSE(Parse({"meta:7400"}).ok());
  EXPECT_FALSE(Parse({"meta:7400", "/mnt", "/more"}).ok());
  EXPECT_THAT(MessageOf(Parse({"-x", "meta:7400", "/mnt"}).status()), HasSubstr("-x"));
  EXPECT_FALSE(Parse({"meta:7400", "/mnt", "-o"}).ok());
}

int Main(std::vector<std::string> words, std::string* error) {
  words.insert(words.begin(), "mount.weft");
  Words call(std::move(words));
  std::ostringstream err;
  const int code = MountHelperMain(call.argc(), call.argv(), err);
  *error = err.str();
  return code;
}

TEST(MountHelperTest, ExitCodesAreThoseOfMount) {
  std::string error;
  EXPECT_EQ(Main({"meta:7400"}, &error), 1);
  EXPECT_EQ(Main({"meta:7400", "/mnt", "-o", "what"}, &error), 1);
  EXPECT_THAT(error, HasSubstr("what"));
  EXPECT_EQ(Main({"meta:7400", "/no/such/place"}, &error), 32);
  EXPECT_THAT(error, HasSubstr("/no/such/place"));
  EXPECT_EQ(Main({"meta:7400", "/no/such/place", "-f"}, &error), 0);
  EXPECT_EQ(Main({"meta:7400", "/no/such/place", "-f", "-s", "-o", "what"}, &error), 0);
}

}  // namespace
}  // namespace weft::cli
