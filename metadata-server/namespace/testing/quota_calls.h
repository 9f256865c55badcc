// Short ways to say requests about quotas, as root.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

#include "metadata-server/namespace/testing/test_namespace.h"

namespace weft::metadata {

struct QuotaLimits {
  std::optional<uint64_t> bytes;
  std::optional<uint64_t> inodes;
};

inline int SetQuota(TestNamespace& ns, InodeId directory, QuotaLimits limits, uint32_t uid = 0) {
  auto request = ns.Next<proto::SetQuotaRequest>();
  request.mutable_mutation()->mutable_credentials()->set_uid(uid);
  request.set_inode_id(directory.value());
  if (limits.bytes) request.set_limit_bytes(*limits.bytes);
  if (limits.inodes) request.set_limit_inodes(*limits.inodes);
  return ErrnoOf(ns->SetQuota(request));
}

inline int RemoveQuota(TestNamespace& ns, InodeId directory, uint32_t uid = 0) {
  auto request = ns.Next<proto::RemoveQuotaRequest>();
  request.mutable_mutation()->mutable_credentials()->set_uid(uid);
  request.set_inode_id(directory.value());
  return ErrnoOf(ns->RemoveQuota(request));
}

// Those that an inode counts in, nearest first.
inline std::vector<proto::Quota> QuotasOf(TestNamespace& ns, InodeId inode) {
  proto::GetQuotaRequest request;
  request.set_inode_id(inode.value());
  const auto reply = ns->GetQuota(request);
  EXPECT_TRUE(reply.ok()) << reply.status();
  if (!reply.ok()) return {};
  return {reply->quotas().begin(), reply->quotas().end()};
}

// The nearest; an empty one where there is none.
inline proto::Quota QuotaOf(TestNamespace& ns, InodeId inode) {
  const std::vector<proto::Quota> quotas = QuotasOf(ns, inode);
  return quotas.empty() ? proto::Quota() : quotas.front();
}

// Until there is nothing to do any more.
inline void FinishWalks(TestNamespace& ns, size_t max_names = 1000) {
  for (int i = 0; i < 100'000; ++i) {
    const auto more = ns->WalkQuotas(max_names);
    ASSERT_TRUE(more.ok()) << more.status();
    if (!*more) return;
  }
  FAIL() << "the walks do not end";
}

}  // namespace weft::metadata
