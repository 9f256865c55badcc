#include "metadata-server/namespace/era.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "common/status.h"
#include "metadata-server/namespace/keys.h"

namespace weft::metadata {
namespace {

// A store whose durability id the test sets.
class StoreOfDurability final : public KvStore {
 public:
  absl::StatusOr<std::string> Get(Family family, std::string_view key) const override {
    return rows_->Get(family, key);
  }
  absl::Status Scan(
      Family family, std::string_view prefix, std::string_view first,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return rows_->Scan(family, prefix, first, visit);
  }
  absl::Status Commit(const Batch& batch) override { return rows_->Commit(batch); }
  absl::Status Sync() override {
    ++syncs;
    return rows_->Sync();
  }
  std::string fault() const override { return {}; }
  std::string durability_id() const override { return id; }

  std::string id = "first";
  int syncs = 0;

 private:
  const std::unique_ptr<KvStore> rows_ = NewMemoryKvStore();
};

uint64_t EraOf(KvStore* store) {
  const auto era = Era::Load(store);
  EXPECT_TRUE(era.ok()) << era.status();
  proto::GetAttrReply reply;
  if (era.ok()) era->Stamp(&reply);
  return reply.attr().era();
}

TEST(EraTest, ANewOneBeginsWhereAnswersMayBeLost) {
  StoreOfDurability store;
  EXPECT_EQ(EraOf(&store), 1u);
  EXPECT_EQ(EraOf(&store), 1u);
  store.id = "second";
  const int syncs = store.syncs;
  EXPECT_EQ(EraOf(&store), 2u);
  EXPECT_GT(store.syncs, syncs) << "it is never given to two";
  store.id = "first";
  EXPECT_EQ(EraOf(&store), 3u);
}

TEST(EraTest, ADamagedRowIsReported) {
  StoreOfDurability store;
  Batch batch;
  batch.Put(Family::kMeta, kEraKey, "short");
  ASSERT_TRUE(store.Commit(batch).ok());
  EXPECT_EQ(ErrnoOf(Era::Load(&store).status()), EIO);
}

TEST(EraTest, AllAttributesOfAReplyAreStamped) {
  StoreOfDurability store;
  const auto era = Era::Load(&store);
  ASSERT_TRUE(era.ok()) << era.status();
  proto::RenameReply renamed;
  era->Stamp(&renamed);
  EXPECT_EQ(renamed.moved().era(), 1u);
  EXPECT_FALSE(renamed.has_replaced());
  renamed.mutable_replaced();
  era->Stamp(&renamed);
  EXPECT_EQ(renamed.replaced().era(), 1u);
  proto::ReadDirReply page;
  page.add_entries();
  page.add_entries()->mutable_attr();
  era->Stamp(&page);
  EXPECT_FALSE(page.entries(0).has_attr());
  EXPECT_EQ(page.entries(1).attr().era(), 1u);
  proto::CloseReply none;
  era->Stamp(&none);
}

}  // namespace
}  // namespace weft::metadata
