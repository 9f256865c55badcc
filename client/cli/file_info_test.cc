#include "client/cli/file_info.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "client/fuse/testing/memory_vfs.h"
#include "client/fuse/virtual_xattrs.h"
#include "common/status.h"

namespace weft::cli {
namespace {

class FileInfoTest : public ::testing::Test {
 protected:
  FileInfoTest() { vfs_.SetChunks(UINT32_MAX); }

  // What a mount answers, without the kernel between.
  XattrReader Reader() {
    return [this](const std::string& name) -> absl::StatusOr<Json> {
      ++calls_;
      WEFT_ASSIGN_OR_RETURN(const std::string text,
                            fuse::GetVirtualXattr(vfs_, kRootInode, name, "{}"));
      return Json::parse(text);
    };
  }

  fuse::MemoryVfs vfs_;
  int calls_ = 0;
};

TEST_F(FileInfoTest, CountsChunksByNode) {
  const auto summary = SummarizeChunks(Reader(), 600, 4);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->examined, 600u);
  EXPECT_EQ(summary->holes, 200u);
  EXPECT_EQ(summary->nodes.at("n1").chunks, 200u);
  EXPECT_EQ(summary->nodes.at("n2").used_bytes, 200u * 4096);
  ASSERT_EQ(summary->rows.size(), 4u);
  EXPECT_EQ(summary->rows[3].chunk, 3u);
  EXPECT_EQ(summary->rows[3].node, "n2");
  EXPECT_FALSE(summary->rows[2].exists);
  EXPECT_EQ(calls_, 3);
}

TEST_F(FileInfoTest, LooksAtABoundedNumberOfChunks) {
  const auto summary = SummarizeChunks(Reader(), uint64_t{1} << 32, 0);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->examined, kMaxChunksExamined);
  EXPECT_TRUE(summary->rows.empty());
}

TEST_F(FileInfoTest, NoChunksNeedNoCall) {
  ASSERT_TRUE(SummarizeChunks(Reader(), 0, 10).ok());
  EXPECT_EQ(calls_, 0);
}

TEST_F(FileInfoTest, AnswersThatMakeNoSenseAreRefused) {
  for (const char* answer :
       {R"({"nodes":[],"chunks":[[0,0,1,0,1,1,1,1]]})", R"({"nodes":["n"],"chunks":[[0]]})",
        R"({"nodes":["n"],"chunks":["x"]})", R"({"nodes":["n"],"chunks":[[0,0,1,0,-1,1,1,1]]})",
        R"({"nodes":[5],"chunks":[[0,0,1,0,1,1,1,1]]})"}) {
    const auto summary = SummarizeChunks(
        [&](const std::string&) -> absl::StatusOr<Json> { return Json::parse(answer); }, 1, 1);
    EXPECT_EQ(ErrnoOf(summary.status()), EPROTO) << answer;
  }
}

TEST_F(FileInfoTest, ErrorsOfTheMountArePassedOn) {
  const auto summary = SummarizeChunks(
      [](const std::string&) -> absl::StatusOr<Json> { return PosixError(EACCES, "no"); }, 1, 1);
  EXPECT_EQ(ErrnoOf(summary.status()), EACCES);
}

}  // namespace
}  // namespace weft::cli
