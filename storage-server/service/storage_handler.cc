#include "storage-server/service/storage_handler.h"

#include <absl/strings/str_cat.h>
#include <spdlog/spdlog.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"
#include "common/version.h"
#include "common/wire/buffer.h"
#include "storage-server/service/bounds.h"

namespace weft::storage {
namespace {

constexpr uint32_t kMaxListedChunks = 8192;  // in one answer

// Errors that say something of this machine, not of the request.
bool IsOurs(int error) { return error == EIO || error == EROFS || error == EUCLEAN; }

void LogFailure(const wire::Request& request, const absl::Status& status) {
  const auto level = IsOurs(ErrnoOf(status)) ? spdlog::level::warn : spdlog::level::debug;
  if (!spdlog::should_log(level)) return;
  std::string method = proto::StorageMethod_Name(static_cast<int>(request.method));
  if (method.empty()) method = absl::StrCat("method ", request.method);
  spdlog::log(level, "req={} {} from {}: {}", request.request_id, method,
              request.peer == nullptr ? "?" : request.peer->name, MessageOf(status));
}

std::vector<wire::FileRange> ToWire(const std::vector<ChunkRead::Range>& ranges) {
  std::vector<wire::FileRange> files;
  files.reserve(ranges.size());
  for (const ChunkRead::Range& range : ranges) {
    files.push_back({range.fd, range.offset_bytes, range.length_bytes});
  }
  return files;
}

proto::WriteChunkReply WrittenReply(const ChunkStore& store, const ChunkInfo& info) {
  proto::WriteChunkReply reply;
  reply.set_version(info.version);
  reply.set_chunk_length_bytes(info.length_bytes);
  reply.set_durability_id(store.durability_id());
  reply.set_used_bytes_added(info.used_bytes - std::min(info.used_bytes, info.used_bytes_before));
  return reply;
}

}  // namespace

StorageHandler::StorageHandler(std::string node_name, const LocalTargets* targets,
                               const ClusterView* view, ChunkSource* source)
    : node_name_(std::move(node_name)), targets_(targets), view_(view), source_(source) {}

void StorageHandler::Handle(const wire::Request& request, wire::Responder& responder) {
  const absl::Status status = Dispatch(request, responder);
  if (status.ok()) return;
  LogFailure(request, status);
  responder.Error(status);
}

absl::Status StorageHandler::Dispatch(const wire::Request& request, wire::Responder& responder) {
  switch (request.method) {
    case proto::READ_CHUNK:
      return ReadChunk(request, responder);
    case proto::WRITE_CHUNK:
      return WriteChunk(request, responder);
    case proto::SYNC_TARGET:
      return SyncTarget(request, responder);
    case proto::TRUNCATE_CONTENT:
      return TruncateContent(request, responder);
    case proto::REMOVE_CONTENT:
      return RemoveContent(request, responder);
    case proto::CONTENT_END:
      return FindContentEnd(request, responder);
    case proto::PUNCH_CHUNK:
      return PunchChunk(request, responder);
    case proto::STAT_CHUNK:
      return StatChunk(request, responder);
    case proto::LIST_CHUNKS:
      return ListChunks(request, responder);
    case proto::COPY_CHUNK:
      return CopyChunk(request, responder);
    case proto::PING:
      return Ping(request, responder);
    default:
      return PosixError(EOPNOTSUPP,
                        absl::StrCat("a storage-server has no method ", request.method));
  }
}

absl::StatusOr<ChunkStore*> StorageHandler::StoreFor(const proto::Route& route) const {
  WEFT_RETURN_IF_ERROR(view_->CheckServing());
  ChunkStore* const store = targets_->Find(TargetId(route.target_id()));
  if (store == nullptr) {
    return PosixError(ENXIO, absl::StrCat("target ", route.target_id(), " is not on ", node_name_));
  }
  WEFT_RETURN_IF_ERROR(view_->CheckRoute(route));
  return store;
}

absl::Status StorageHandler::ReadChunk(const wire::Request& request,
                                       wire::Responder& responder) const {
  proto::ReadChunkRequest read;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &read));
  WEFT_ASSIGN_OR_RETURN(ChunkStore* const store, StoreFor(read.route()));
  WEFT_RETURN_IF_ERROR(CheckContentId(read.content_id()));
  WEFT_RETURN_IF_ERROR(CheckRange(read.offset_bytes(), read.length_bytes(), kMaxChunkBytes));

  const ChunkId chunk{ContentId(read.content_id()), read.chunk()};
  // The pin in here keeps the blocks from reuse until the reply is in the socket.
  WEFT_ASSIGN_OR_RETURN(const ChunkRead stored,
                        store->Read(chunk, read.offset_bytes(), read.length_bytes()));
  proto::ReadChunkReply reply;
  reply.set_data_offset_bytes(stored.data_offset_bytes);
  reply.mutable_block_crc32c()->Add(stored.block_crc32c.begin(), stored.block_crc32c.end());
  reply.set_version(stored.info.version);
  reply.set_chunk_length_bytes(stored.info.length_bytes);
  if (!read.by_copy()) {
    responder.OkFromFile(reply, ToWire(stored.ranges));
    return absl::OkStatus();
  }
  const wire::Buffer copy(stored.data_bytes);
  WEFT_RETURN_IF_ERROR(store->Copy(stored, copy.bytes()));
  const iovec payload{copy.data(), copy.size()};
  responder.Ok(reply, {&payload, 1});
  return absl::OkStatus();
}

template <typename Request>
absl::StatusOr<MayChange> StorageHandler::Admit(const Request& request) {
  const SessionId session(request.session_id());
  WEFT_RETURN_IF_ERROR(view_->CheckSession(session));
  return [view = view_, session,
          arrival = generations_.Arrive(session, TargetId(request.route().target_id()),
                                        request.generation())]() -> absl::Status {
    WEFT_RETURN_IF_ERROR(view->CheckSession(session));
    return arrival.Check();
  };
}

absl::Status StorageHandler::WriteChunk(const wire::Request& request, wire::Responder& responder) {
  proto::WriteChunkRequest write;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &write));
  WEFT_ASSIGN_OR_RETURN(ChunkStore* const store, StoreFor(write.route()));
  ChunkWrite change;
  WEFT_ASSIGN_OR_RETURN(change.may_change, Admit(write));
  WEFT_RETURN_IF_ERROR(CheckContentId(write.content_id()));
  WEFT_RETURN_IF_ERROR(CheckChunkBytesLog2(write.chunk_bytes_log2()));
  WEFT_RETURN_IF_ERROR(CheckRange(write.offset_bytes(), request.payload.size(),
                                  uint64_t{1} << write.chunk_bytes_log2()));
  WEFT_RETURN_IF_ERROR(CheckPieceCount(static_cast<uint64_t>(write.piece_crc32c_size()),
                                       write.offset_bytes(), request.payload.size()));

  change.chunk = {ContentId(write.content_id()), write.chunk()};
  change.offset_bytes = write.offset_bytes();
  change.data = request.payload;
  change.piece_crc32c = {write.piece_crc32c().data(),
                         static_cast<size_t>(write.piece_crc32c_size())};
  change.cut = write.cut();
  change.chunk_bytes_log2 = write.chunk_bytes_log2();
  WEFT_ASSIGN_OR_RETURN(const ChunkInfo info, store->Write(change));
  responder.Ok(WrittenReply(*store, info));
  return absl::OkStatus();
}

absl::Status StorageHandler::CopyChunk(const wire::Request& request, wire::Responder& responder) {
  proto::CopyChunkRequest copy;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &copy));
  WEFT_ASSIGN_OR_RETURN(ChunkStore* const store, StoreFor(copy.route()));
  ChunkWrite change;
  WEFT_ASSIGN_OR_RETURN(change.may_change, Admit(copy));
  WEFT_RETURN_IF_ERROR(CheckContentId(copy.content_id()));
  WEFT_RETURN_IF_ERROR(CheckContentId(copy.source_content_id()));
  WEFT_RETURN_IF_ERROR(CheckChunkBytesLog2(copy.chunk_bytes_log2()));
  WEFT_RETURN_IF_ERROR(
      CheckRange(copy.offset_bytes(), copy.length_bytes(), uint64_t{1} << copy.chunk_bytes_log2()));
  WEFT_RETURN_IF_ERROR(CheckRange(copy.source_offset_bytes(), copy.length_bytes(), kMaxChunkBytes));

  WEFT_ASSIGN_OR_RETURN(const ChunkSource::Admission admission, source_->Admit());
  WEFT_ASSIGN_OR_RETURN(const wire::Buffer bytes, source_->Read(copy));
  const std::vector<uint32_t> crcs = Crc32cOfPieces(copy.offset_bytes(), bytes.bytes());
  change.chunk = {ContentId(copy.content_id()), copy.chunk()};
  change.offset_bytes = copy.offset_bytes();
  change.data = bytes.bytes();
  change.piece_crc32c = crcs;
  change.cut = copy.cut();
  change.chunk_bytes_log2 = copy.chunk_bytes_log2();
  WEFT_ASSIGN_OR_RETURN(const ChunkInfo info, store->Write(change));
  responder.Ok(WrittenReply(*store, info));
  return absl::OkStatus();
}

absl::Status StorageHandler::SyncTarget(const wire::Request& request,
                                        wire::Responder& responder) const {
  proto::SyncTargetRequest sync;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &sync));
  WEFT_ASSIGN_OR_RETURN(ChunkStore* const store, StoreFor(sync.route()));
  WEFT_RETURN_IF_ERROR(store->Sync());
  proto::SyncTargetReply reply;
  reply.set_durability_id(store->durability_id());
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status StorageHandler::TruncateContent(const wire::Request& request,
                                             wire::Responder& responder) const {
  proto::TruncateContentRequest truncate;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &truncate));
  WEFT_ASSIGN_OR_RETURN(ChunkStore* const store, StoreFor(truncate.route()));
  WEFT_RETURN_IF_ERROR(CheckContentId(truncate.content_id()));
  WEFT_RETURN_IF_ERROR(CheckChunkBytesLog2(truncate.chunk_bytes_log2()));
  WEFT_RETURN_IF_ERROR(CheckContentSize(truncate.size_bytes(), truncate.chunk_bytes_log2()));
  WEFT_ASSIGN_OR_RETURN(
      const uint32_t changed,
      store->TruncateContent(ContentId(truncate.content_id()), truncate.size_bytes(),
                             truncate.chunk_bytes_log2(), truncate.cut()));
  proto::TruncateContentReply reply;
  reply.set_chunks_changed(changed);
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status StorageHandler::RemoveContent(const wire::Request& request,
                                           wire::Responder& responder) const {
  proto::RemoveContentRequest remove;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &remove));
  WEFT_ASSIGN_OR_RETURN(ChunkStore* const store, StoreFor(remove.route()));
  WEFT_RETURN_IF_ERROR(CheckContentId(remove.content_id()));
  WEFT_ASSIGN_OR_RETURN(const uint64_t removed,
                        store->RemoveContent(ContentId(remove.content_id())));
  proto::RemoveContentReply reply;
  reply.set_chunks_removed(removed);
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status StorageHandler::FindContentEnd(const wire::Request& request,
                                            wire::Responder& responder) const {
  proto::ContentEndRequest end;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &end));
  WEFT_ASSIGN_OR_RETURN(ChunkStore* const store, StoreFor(end.route()));
  WEFT_RETURN_IF_ERROR(CheckContentId(end.content_id()));
  WEFT_ASSIGN_OR_RETURN(const ContentEnd found, store->End(ContentId(end.content_id())));
  proto::ContentEndReply reply;
  reply.set_has_chunks(found.has_chunks);
  reply.set_last_chunk(found.last_chunk);
  reply.set_last_chunk_length_bytes(found.last_chunk_length_bytes);
  reply.set_used_bytes(found.used_bytes);
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status StorageHandler::PunchChunk(const wire::Request& request, wire::Responder& responder) {
  proto::PunchChunkRequest punch;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &punch));
  WEFT_ASSIGN_OR_RETURN(ChunkStore* const store, StoreFor(punch.route()));
  ChunkPunch change;
  WEFT_ASSIGN_OR_RETURN(change.may_change, Admit(punch));
  WEFT_RETURN_IF_ERROR(CheckContentId(punch.content_id()));
  WEFT_RETURN_IF_ERROR(CheckRange(punch.offset_bytes(), punch.length_bytes(), kMaxChunkBytes));
  change.chunk = {ContentId(punch.content_id()), punch.chunk()};
  change.offset_bytes = punch.offset_bytes();
  change.length_bytes = punch.length_bytes();
  change.cut = punch.cut();
  WEFT_ASSIGN_OR_RETURN(const ChunkInfo info, store->Punch(change));
  proto::PunchChunkReply reply;
  reply.set_version(info.version);
  reply.set_used_bytes_freed(info.used_bytes_before -
                             std::min(info.used_bytes, info.used_bytes_before));
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status StorageHandler::StatChunk(const wire::Request& request,
                                       wire::Responder& responder) const {
  proto::StatChunkRequest stat;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &stat));
  WEFT_ASSIGN_OR_RETURN(ChunkStore* const store, StoreFor(stat.route()));
  WEFT_RETURN_IF_ERROR(CheckContentId(stat.content_id()));
  const absl::StatusOr<ChunkInfo> info = store->Stat({ContentId(stat.content_id()), stat.chunk()});
  proto::StatChunkReply reply;
  if (info.ok()) {
    reply.set_exists(true);
    reply.set_version(info->version);
    reply.set_length_bytes(info->length_bytes);
    reply.set_used_bytes(info->used_bytes);
    reply.set_extents(info->extents);
  } else if (ErrnoOf(info.status()) != ENOENT) {
    return info.status();
  }
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status StorageHandler::ListChunks(const wire::Request& request,
                                        wire::Responder& responder) const {
  proto::ListChunksRequest list;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &list));
  WEFT_ASSIGN_OR_RETURN(ChunkStore* const store, StoreFor(list.route()));
  WEFT_RETURN_IF_ERROR(CheckContentId(list.content_id()));
  WEFT_ASSIGN_OR_RETURN(const ContentPage page,
                        store->List(ContentId(list.content_id()), list.first_chunk(),
                                    std::clamp(list.max_chunks(), 1u, kMaxListedChunks)));
  proto::ListChunksReply reply;
  reply.set_at_end(page.at_end);
  for (const ChunkExtent& chunk : page.chunks) {
    proto::ChunkExtent* const extent = reply.add_chunks();
    extent->set_chunk(chunk.chunk);
    extent->set_length_bytes(chunk.length_bytes);
    for (const ChunkExtent::Range& range : chunk.stored) {
      extent->add_begin_bytes(range.begin_bytes);
      extent->add_end_bytes(range.end_bytes);
    }
  }
  responder.Ok(reply);
  return absl::OkStatus();
}

absl::Status StorageHandler::Ping(const wire::Request& request, wire::Responder& responder) const {
  proto::PingRequest ping;
  WEFT_RETURN_IF_ERROR(wire::ParseMessage(request, &ping));
  proto::PingReply reply;
  reply.set_node_name(node_name_);
  reply.set_version(kVersion);
  responder.Ok(reply);
  return absl::OkStatus();
}

}  // namespace weft::storage
