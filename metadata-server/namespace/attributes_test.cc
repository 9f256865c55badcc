// SetAttr but for sizes, xattrs and layouts.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {
namespace {

class AttributesTest : public testing::Test {
 protected:
  ~AttributesTest() override { ns_.ExpectInvariants(); }

  proto::Attr Set(InodeId inode, const std::function<void(proto::SetAttrRequest*)>& fill) {
    auto request = ns_.Next<proto::SetAttrRequest>();
    request.set_inode_id(inode.value());
    fill(&request);
    const auto reply = ns_->SetAttr(request);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? reply->attr() : proto::Attr();
  }

  absl::StatusOr<std::string> GetXattr(InodeId inode, const std::string& name) {
    proto::GetXattrRequest request;
    request.set_inode_id(inode.value());
    request.set_name(name);
    const auto reply = ns_->GetXattr(request);
    if (!reply.ok()) return reply.status();
    return reply->value();
  }
  int SetXattrWith(InodeId inode, const std::string& name, bool create_only, bool replace_only) {
    auto request = ns_.Next<proto::SetXattrRequest>();
    request.set_inode_id(inode.value());
    request.set_name(name);
    request.set_create_only(create_only);
    request.set_replace_only(replace_only);
    return ErrnoOf(ns_->SetXattr(request));
  }
  int RemoveXattr(InodeId inode, const std::string& name) {
    auto request = ns_.Next<proto::RemoveXattrRequest>();
    request.set_inode_id(inode.value());
    request.set_name(name);
    return ErrnoOf(ns_->RemoveXattr(request));
  }
  std::vector<std::string> ListXattr(InodeId inode) {
    proto::ListXattrRequest request;
    request.set_inode_id(inode.value());
    const auto reply = ns_->ListXattr(request);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return {reply->names().begin(), reply->names().end()};
  }
  int SetLayout(InodeId inode, uint32_t chunk_bytes_log2, uint32_t width,
                uint32_t inline_max_bytes) {
    auto request = ns_.Next<proto::SetLayoutRequest>();
    request.set_inode_id(inode.value());
    request.mutable_layout()->set_chunk_bytes_log2(chunk_bytes_log2);
    request.mutable_layout()->set_width(width);
    request.mutable_layout()->set_inline_max_bytes(inline_max_bytes);
    return ErrnoOf(ns_->SetLayout(request));
  }
  absl::StatusOr<proto::Layout> GetLayout(InodeId inode) {
    proto::GetLayoutRequest request;
    request.set_inode_id(inode.value());
    const auto reply = ns_->GetLayout(request);
    if (!reply.ok()) return reply.status();
    return reply->layout();
  }

  TestNamespace ns_;
  const InodeId f_ = ns_.MakeFile(kRootInode, "f");
};

TEST_F(AttributesTest, OwnerAndPermissions) {
  ns_.caller = CallerOf(0, {0});
  const uint64_t change = ns_.Get(f_).change();
  ns_.clock.Advance(std::chrono::seconds(1));
  const proto::Attr attr = Set(f_, [](proto::SetAttrRequest* request) {
    request->set_permissions(0104711);
    request->set_uid(5);
    request->set_gid(6);
  });
  EXPECT_EQ(attr.permissions(), 04711u);
  EXPECT_EQ(attr.uid(), 5u);
  EXPECT_EQ(attr.gid(), 6u);
  EXPECT_EQ(attr.ctime_ns(), ns_.clock.WallNs());
  EXPECT_LT(attr.mtime_ns(), ns_.clock.WallNs());
  EXPECT_GT(attr.change(), change);
  EXPECT_EQ(ns_.Get(f_).SerializeAsString(), attr.SerializeAsString());
}

TEST_F(AttributesTest, ClearSetId) {
  const struct {
    uint32_t before;
    uint32_t after;
  } cases[] = {{06755, 0755}, {04644, 0644}, {02644, 02644}, {02654, 0654}, {0755, 0755}};
  for (const auto& c : cases) {
    Set(f_, [&](proto::SetAttrRequest* request) { request->set_permissions(c.before); });
    const proto::Attr attr =
        Set(f_, [](proto::SetAttrRequest* request) { request->set_clear_set_id(true); });
    EXPECT_EQ(attr.permissions(), c.after) << std::oct << c.before;
  }
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  Set(d, [](proto::SetAttrRequest* request) { request->set_permissions(02755); });
  EXPECT_EQ(
      Set(d, [](proto::SetAttrRequest* request) { request->set_clear_set_id(true); }).permissions(),
      02755u)
      << "it means inheriting, on a directory";
}

TEST_F(AttributesTest, Times) {
  ns_.clock.Advance(std::chrono::seconds(1));
  proto::Attr attr = Set(f_, [](proto::SetAttrRequest* request) {
    request->set_atime_ns(-5);
    request->set_mtime_ns(7);
  });
  EXPECT_EQ(attr.atime_ns(), -5);
  EXPECT_EQ(attr.mtime_ns(), 7);
  EXPECT_EQ(attr.ctime_ns(), ns_.clock.WallNs());
  attr = Set(f_, [](proto::SetAttrRequest* request) {
    request->set_atime_ns(1);
    request->set_atime_now(true);
    request->set_mtime_now(true);
  });
  EXPECT_EQ(attr.atime_ns(), ns_.clock.WallNs());
  EXPECT_EQ(attr.mtime_ns(), ns_.clock.WallNs());
}

TEST_F(AttributesTest, OfNothing) {
  auto request = ns_.Next<proto::SetAttrRequest>();
  request.set_inode_id(4711);
  request.set_uid(1);
  EXPECT_EQ(ErrnoOf(ns_->SetAttr(request)), ESTALE);
}

TEST_F(AttributesTest, XattrsAreKept) {
  EXPECT_FALSE(ns_.Get(f_).has_xattrs());
  EXPECT_EQ(ErrnoOf(GetXattr(f_, "user.a")), ENODATA);
  EXPECT_TRUE(ListXattr(f_).empty());
  EXPECT_EQ(ns_.SetXattr(f_, "user.b", std::string("\0\xff", 2)), 0);
  EXPECT_EQ(ns_.SetXattr(f_, "user.a", ""), 0);
  EXPECT_TRUE(ns_.Get(f_).has_xattrs());
  EXPECT_EQ(*GetXattr(f_, "user.b"), std::string("\0\xff", 2));
  EXPECT_EQ(*GetXattr(f_, "user.a"), "");
  EXPECT_EQ(ErrnoOf(GetXattr(f_, "user.c")), ENODATA);
  EXPECT_EQ(ListXattr(f_), (std::vector<std::string>{"user.a", "user.b"}));
  EXPECT_EQ(RemoveXattr(f_, "user.a"), 0);
  EXPECT_TRUE(ns_.Get(f_).has_xattrs());
  EXPECT_EQ(RemoveXattr(f_, "user.a"), ENODATA);
  EXPECT_EQ(RemoveXattr(f_, "user.b"), 0);
  EXPECT_FALSE(ns_.Get(f_).has_xattrs());
}

TEST_F(AttributesTest, XattrFlags) {
  EXPECT_EQ(SetXattrWith(f_, "user.a", false, true), ENODATA);
  EXPECT_EQ(SetXattrWith(f_, "user.a", true, false), 0);
  EXPECT_EQ(SetXattrWith(f_, "user.a", true, false), EEXIST);
  EXPECT_EQ(SetXattrWith(f_, "user.a", false, true), 0);
  EXPECT_EQ(SetXattrWith(f_, "user.a", true, true), EINVAL);
}

TEST_F(AttributesTest, XattrLimits) {
  EXPECT_EQ(ns_.SetXattr(f_, "", "v"), ERANGE);
  EXPECT_EQ(ns_.SetXattr(f_, std::string(256, 'n'), "v"), ERANGE);
  EXPECT_EQ(ns_.SetXattr(f_, "user." + std::string(250, 'n'), "v"), 0);
  EXPECT_EQ(ns_.SetXattr(f_, "user.b", std::string(64 * 1024 - 256 - 6, 'v')), 0) << "all of it";
  EXPECT_EQ(ns_.SetXattr(f_, "user.c", ""), ENOSPC);
  EXPECT_EQ(ns_.SetXattr(f_, "user.b", std::string(64 * 1024 - 256 - 5, 'v')), ENOSPC);
  EXPECT_EQ(ns_.SetXattr(f_, "user.b", std::string(64 * 1024 + 1, 'v')), E2BIG);
  EXPECT_EQ(ns_.SetXattr(f_, "user.b", "v"), 0) << "the old value does not count";
  EXPECT_EQ(ns_.SetXattr(InodeId(4711), "user.a", "v"), ESTALE);
  EXPECT_EQ(ns_.SetXattr(f_, "user.", "v"), EINVAL);
  EXPECT_EQ(ns_.SetXattr(f_, "no_prefix", "v"), EOPNOTSUPP);
  EXPECT_EQ(ns_.SetXattr(f_, "system.other", "v"), EOPNOTSUPP);
}

TEST_F(AttributesTest, LayoutsAreInherited) {
  const InodeId d = ns_.MakeDir(kRootInode, "d");
  EXPECT_EQ(SetLayout(d, 22, 4, 0), 0);
  const InodeId e = ns_.MakeDir(d, "e");
  EXPECT_EQ(SetLayout(d, 20, 8, 100), 0);
  EXPECT_EQ(GetLayout(e)->chunk_bytes_log2(), 22u) << "what is made later inherits";
  const InodeId f = ns_.MakeFile(e, "f");
  EXPECT_EQ(ns_.Get(f).content().chunk_bytes_log2(), 22u);
  EXPECT_EQ(ns_.Get(f).content().width(), 4u);
  EXPECT_EQ(ns_.Get(f).content().inline_max_bytes(), 0u);
  EXPECT_EQ(GetLayout(f)->SerializeAsString(), GetLayout(e)->SerializeAsString());
}

TEST_F(AttributesTest, LayoutBounds) {
  const struct {
    uint32_t chunk_bytes_log2, width, inline_max_bytes;
    int error;
  } cases[] = {{16, 1, 0, 0},      {26, 1024, 65536, 0},  {15, 1, 0, EINVAL},    {27, 1, 0, EINVAL},
               {20, 0, 0, EINVAL}, {20, 1025, 0, EINVAL}, {20, 1, 65537, EINVAL}};
  for (const auto& c : cases) {
    EXPECT_EQ(SetLayout(kRootInode, c.chunk_bytes_log2, c.width, c.inline_max_bytes), c.error);
  }
  EXPECT_EQ(SetLayout(f_, 20, 1, 0), ENOTDIR);
  EXPECT_EQ(SetLayout(InodeId(4711), 20, 1, 0), ESTALE);
  const InodeId link = TestNamespace::Good(ns_.Make(kRootInode, "l", proto::SYMLINK, "t"));
  EXPECT_EQ(ErrnoOf(GetLayout(link)), EINVAL);
}

}  // namespace
}  // namespace weft::metadata
