#include "client/cli/output.h"

#include <gtest/gtest.h>

#include <sstream>

namespace weft::cli {
namespace {

TEST(OutputTest, TablesLineUp) {
  Table table({"A", "LONG HEAD", "C"});
  table.AddRow({"long cell", "x", "last"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "A          LONG HEAD  C\n"
            "long cell  x          last\n");
}

TEST(OutputTest, Bytes) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1024), "1.0 KiB");
  EXPECT_EQ(HumanBytes(1536 << 10), "1.5 MiB");
  EXPECT_EQ(HumanBytes(UINT64_MAX), "16.0 EiB");
}

TEST(OutputTest, Times) {
  EXPECT_EQ(HumanTime(0), "0 ms");
  EXPECT_EQ(HumanTime(59'999), "59 s");
  EXPECT_EQ(HumanTime(61'000), "1 min 1 s");
  EXPECT_EQ(HumanTime(3'660'000), "1 h 1 min");
  EXPECT_EQ(HumanTime(90'000'000), "1 d 1 h");
}

TEST(OutputTest, Percents) {
  EXPECT_EQ(UsedPercent(0, 0), "-");
  EXPECT_EQ(UsedPercent(100, 63), "37%");
  EXPECT_EQ(UsedPercent(3, 0), "100%");
  EXPECT_EQ(UsedPercent(UINT64_MAX, UINT64_MAX), "0%");
}

TEST(OutputTest, Counts) {
  EXPECT_EQ(Count(1, "chunk"), "1 chunk");
  EXPECT_EQ(Count(0, "chunk"), "0 chunks");
}

TEST(OutputTest, JsonOfBytesThatAreNoText) {
  std::ostringstream out;
  PrintJson({{"name", "a\xff"}}, out);
  EXPECT_TRUE(Json::accept(out.str()));
}

}  // namespace
}  // namespace weft::cli
