// The operations, one file each. What they do and which errors they give: namespace.h and
// proto/metadata.proto. Those with a Transaction end it when they return OK. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "metadata-server/namespace/change.h"
#include "metadata-server/namespace/core.h"
#include "proto/metadata.pb.h"

namespace weft::metadata::ops {

absl::StatusOr<proto::LookupReply> Lookup(Core& core, const proto::LookupRequest& request,
                                          std::string* payload);
absl::StatusOr<proto::GetAttrReply> GetAttr(Core& core, const proto::GetAttrRequest& request);
absl::StatusOr<proto::ReadLinkReply> ReadLink(Core& core, const proto::ReadLinkRequest& request);
absl::StatusOr<proto::ReadDirReply> ReadDir(Core& core, const proto::ReadDirRequest& request);
absl::StatusOr<proto::ReadInlineReply> ReadInline(Core& core,
                                                  const proto::ReadInlineRequest& request,
                                                  std::string* payload);
absl::StatusOr<proto::GetXattrReply> GetXattr(Core& core, const proto::GetXattrRequest& request);
absl::StatusOr<proto::ListXattrReply> ListXattr(Core& core, const proto::ListXattrRequest& request);
absl::StatusOr<proto::GetLayoutReply> GetLayout(Core& core, const proto::GetLayoutRequest& request);
absl::StatusOr<proto::GetPathReply> GetPath(Core& core, const proto::GetPathRequest& request);
absl::StatusOr<proto::GetQuotaReply> GetQuota(Core& core, const proto::GetQuotaRequest& request);
absl::StatusOr<proto::ListQuotasReply> ListQuotas(Core& core,
                                                  const proto::ListQuotasRequest& request);

absl::StatusOr<proto::SetAttrReply> SetAttr(Core& core, const proto::SetAttrRequest& request,
                                            Transaction& transaction);
absl::StatusOr<proto::MakeNodeReply> MakeNode(Core& core, const proto::MakeNodeRequest& request,
                                              Transaction& transaction);
absl::StatusOr<proto::LinkReply> Link(Core& core, const proto::LinkRequest& request,
                                      Transaction& transaction);
absl::StatusOr<proto::UnlinkReply> Unlink(Core& core, const proto::UnlinkRequest& request,
                                          Transaction& transaction);
absl::StatusOr<proto::RmdirReply> Rmdir(Core& core, const proto::RmdirRequest& request,
                                        Transaction& transaction);
absl::StatusOr<proto::RenameReply> Rename(Core& core, const proto::RenameRequest& request,
                                          Transaction& transaction);
absl::StatusOr<proto::CreateReply> Create(Core& core, const proto::CreateRequest& request,
                                          Transaction& transaction, std::string* payload);
absl::StatusOr<proto::OpenReply> Open(Core& core, const proto::OpenRequest& request,
                                      Transaction& transaction, std::string* payload);
absl::StatusOr<proto::CloseReply> Close(Core& core, const proto::CloseRequest& request,
                                        Transaction& transaction);
absl::StatusOr<proto::WriteInlineReply> WriteInline(Core& core,
                                                    const proto::WriteInlineRequest& request,
                                                    std::string_view data,
                                                    Transaction& transaction);
absl::StatusOr<proto::AppendReply> Append(Core& core, const proto::AppendRequest& request,
                                          std::string_view data, Transaction& transaction);
absl::StatusOr<proto::BeginMoveReply> BeginMove(Core& core, const proto::BeginMoveRequest& request,
                                                Transaction& transaction);
absl::StatusOr<proto::CommitWriteReply> CommitWrite(Core& core,
                                                    const proto::CommitWriteRequest& request,
                                                    Transaction& transaction);
absl::StatusOr<proto::SetXattrReply> SetXattr(Core& core, const proto::SetXattrRequest& request,
                                              Transaction& transaction);
absl::StatusOr<proto::RemoveXattrReply> RemoveXattr(Core& core,
                                                    const proto::RemoveXattrRequest& request,
                                                    Transaction& transaction);
absl::StatusOr<proto::SetLayoutReply> SetLayout(Core& core, const proto::SetLayoutRequest& request,
                                                Transaction& transaction);
absl::StatusOr<proto::SetQuotaReply> SetQuota(Core& core, const proto::SetQuotaRequest& request,
                                              Transaction& transaction);
absl::StatusOr<proto::RemoveQuotaReply> RemoveQuota(Core& core,
                                                    const proto::RemoveQuotaRequest& request,
                                                    Transaction& transaction);

}  // namespace weft::metadata::ops
