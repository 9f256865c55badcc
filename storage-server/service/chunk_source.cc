#include "storage-server/service/chunk_source.h"

#include <absl/strings/str_cat.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"

namespace weft::storage {
namespace {

constexpr std::chrono::milliseconds kReadTimeout{5'000};

// What the sender of the copy can hope to be better the next time: no answer, another map, a server
// that does not serve now.
bool IsPassing(const absl::Status& status) {
  const int error = ErrnoOf(status);
  return IsTransport(status) || error == EAGAIN || error == ESTALE || error == ENXIO;
}

}  // namespace

absl::StatusOr<ChunkSource::Admission> ChunkSource::Admit() {
  if (max_copies_ == 0) {
    return PosixError(EOPNOTSUPP, "copies need a storage-server with --max-workers of at least 2");
  }
  if (++copies_ > max_copies_) {
    --copies_;
    return PosixError(EAGAIN, "too many copies are under way");
  }
  return Admission(this);
}

absl::StatusOr<wire::Buffer> ChunkSource::Read(const proto::CopyChunkRequest& copy) {
  absl::StatusOr<wire::Buffer> bytes = ReadOnce(copy, /*by_copy=*/false);
  // sendfile may have sent bytes of a block that was reused meanwhile: ask for a copy, once.
  if (ErrnoOf(bytes.status()) == EBADMSG) bytes = ReadOnce(copy, /*by_copy=*/true);
  if (bytes.ok()) return bytes;
  const std::string where =
      absl::StrCat("chunk ", copy.source_chunk(), " of content ", copy.source_content_id(),
                   " on target ", copy.source_route().target_id());
  const int error = IsPassing(bytes.status()) ? EAGAIN : EIO;
  return PosixError(error, absl::StrCat("reading ", where, ": ", MessageOf(bytes.status())));
}

absl::StatusOr<wire::Buffer> ChunkSource::ReadOnce(const proto::CopyChunkRequest& copy,
                                                   bool by_copy) {
  const auto map = view_->map();
  const TargetInfo* const target =
      map == nullptr ? nullptr : map->FindTarget(TargetId(copy.source_route().target_id()));
  if (target == nullptr) return PosixError(ENXIO, "the cluster map does not have the target");

  const uint32_t begin = copy.source_offset_bytes() / kBlockBytes * kBlockBytes;
  const uint32_t skip = copy.source_offset_bytes() - begin;
  const uint32_t blocks = (skip + copy.length_bytes() + kBlockBytes - 1) / kBlockBytes;
  wire::Buffer buffer(size_t{blocks} * kBlockBytes);
  const iovec receive{buffer.data(), buffer.size()};
  proto::ReadChunkRequest request;
  *request.mutable_route() = copy.source_route();
  request.set_content_id(copy.source_content_id());
  request.set_chunk(copy.source_chunk());
  request.set_offset_bytes(begin);
  request.set_length_bytes(skip + copy.length_bytes());
  request.set_by_copy(by_copy);
  proto::ReadChunkReply reply;
  WEFT_ASSIGN_OR_RETURN(const size_t received, channels_.Get(target->address)
                                                   .Call({.method = proto::READ_CHUNK,
                                                          .request = &request,
                                                          .reply = &reply,
                                                          .receive = {&receive, 1},
                                                          .timeout = kReadTimeout}));
  const bool is_whole =
      (received == 0 || reply.data_offset_bytes() == begin) &&
      MatchesBlocks(buffer.bytes().first(received),
                    {reply.block_crc32c().data(), static_cast<size_t>(reply.block_crc32c_size())});
  if (!is_whole) return PosixError(EBADMSG, "the data does not match its checksums");
  std::memset(buffer.data() + received, 0, buffer.size() - received);
  if (skip > 0) std::memmove(buffer.data(), buffer.data() + skip, copy.length_bytes());
  buffer.Resize(copy.length_bytes());
  return buffer;
}

}  // namespace weft::storage
