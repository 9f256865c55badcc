// What tests of permissions share: three callers, and requests in one line each.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "metadata-server/namespace/acl.h"
#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {

inline constexpr uint32_t kStranger = 2000;
inline constexpr uint32_t kStrangersGroup = 200;
inline constexpr uint32_t kSharedGroup = 300;  // supplementary, of both

class PermissionsFixture : public testing::Test {
 protected:
  using Change = std::function<void(proto::SetAttrRequest*)>;

  void SetUp() override { Be(owner_); }

  void Be(const proto::Credentials& who) { ns_.caller = who; }
  int Set(InodeId inode, const Change& change) {
    auto request = ns_.Next<proto::SetAttrRequest>();
    request.set_inode_id(inode.value());
    change(&request);
    return ErrnoOf(ns_->SetAttr(request));
  }
  int Chmod(InodeId inode, uint32_t permissions) {
    return Set(inode, [=](auto* request) { request->set_permissions(permissions); });
  }
  int Chown(InodeId inode, uint32_t uid, uint32_t gid) {
    return Set(inode, [=](auto* request) {
      if (uid != kUnset) request->set_uid(uid);
      if (gid != kUnset) request->set_gid(gid);
    });
  }
  int ReadDir(InodeId directory) {
    proto::ReadDirRequest request;
    request.set_inode_id(directory.value());
    *request.mutable_credentials() = ns_.caller;
    return ErrnoOf(ns_->ReadDir(request));
  }
  int OpenWith(InodeId inode, uint32_t access, bool for_writing = false) {
    auto request = ns_.Next<proto::OpenRequest>();
    request.set_inode_id(inode.value());
    request.set_access(access);
    request.set_for_writing(for_writing);
    return ErrnoOf(ns_->Open(request, nullptr));
  }
  int GetXattr(InodeId inode, std::string_view name, std::string* value = nullptr) {
    proto::GetXattrRequest request;
    request.set_inode_id(inode.value());
    request.set_name(std::string(name));
    *request.mutable_credentials() = ns_.caller;
    const auto reply = ns_->GetXattr(request);
    if (reply.ok() && value != nullptr) *value = reply->value();
    return ErrnoOf(reply);
  }
  int RemoveXattr(InodeId inode, std::string_view name) {
    auto request = ns_.Next<proto::RemoveXattrRequest>();
    request.set_inode_id(inode.value());
    request.set_name(std::string(name));
    return ErrnoOf(ns_->RemoveXattr(request));
  }
  std::vector<std::string> ListXattr(InodeId inode) {
    proto::ListXattrRequest request;
    request.set_inode_id(inode.value());
    *request.mutable_credentials() = ns_.caller;
    const auto reply = ns_->ListXattr(request);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return {reply->names().begin(), reply->names().end()};
  }
  uint32_t PermissionsOfInode(InodeId inode) { return ns_.Get(inode).permissions(); }
  // An ACL of owner rwx, named user 7, group `group`, mask, other 0.
  static std::string AclBytes(uint32_t user, uint16_t group, uint16_t mask) {
    return FormatAcl({{AclTag::kOwner, 7},
                      {AclTag::kUser, 7, user},
                      {AclTag::kOwningGroup, group},
                      {AclTag::kMask, mask},
                      {AclTag::kOther, 0}});
  }

  static constexpr uint32_t kUnset = UINT32_MAX;
  const proto::Credentials owner_ = CallerOf(kUser, {kGroup, kSharedGroup});
  const proto::Credentials stranger_ = CallerOf(kStranger, {kStrangersGroup, kSharedGroup});
  const proto::Credentials root_ = CallerOf(0, {0});
  TestNamespace ns_;
};

}  // namespace weft::metadata
