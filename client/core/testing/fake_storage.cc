#include "client/core/testing/fake_storage.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <span>
#include <vector>

#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"

namespace weft::client {
namespace {

constexpr int kMaxListed = 3;  // few, so that lists come in pages

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// It stores holes, too.
size_t UsedBy(const std::string& bytes) {
  return (bytes.size() + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

}  // namespace

FakeStorage::FakeStorage(uint32_t target_id, std::string name)
    : target_id_(target_id), name_(std::move(name)) {}

FakeStorage::~FakeStorage() {
  SetFault(Fault::kNone);
  ReleaseWrite();
  Stop();
}

void FakeStorage::Start() {
  wire::ServerOptions options;
  options.listen_address = address();
  options.name = name_;
  auto server = wire::Server::Start(std::move(options), this);
  if (!server.ok()) {
    std::cerr << "fake storage-server: " << server.status() << "\n";
    std::abort();
  }
  server_ = *std::move(server);
  MutexLock lock(&mutex_);
  address_ = server_->address();
}

void FakeStorage::Stop() { server_.reset(); }

std::string FakeStorage::address() const {
  MutexLock lock(&mutex_);
  return address_;
}

void FakeStorage::SetFault(Fault fault) {
  MutexLock lock(&mutex_);
  fault_ = fault;
  fault_changed_.SignalAll();
}

void FakeStorage::RefuseChecksums(int count) {
  MutexLock lock(&mutex_);
  refuse_checksums_ = count;
}

void FakeStorage::HoldNextWrite() {
  MutexLock lock(&mutex_);
  held_ = Held::kNext;
}

void FakeStorage::ReleaseWrite() {
  MutexLock lock(&mutex_);
  held_ = Held::kNone;
  fault_changed_.SignalAll();
}

bool FakeStorage::holds_write() const {
  MutexLock lock(&mutex_);
  return held_ == Held::kNow;
}

void FakeStorage::RefuseGenerations(int count) {
  MutexLock lock(&mutex_);
  refuse_generations_ = count;
}

uint64_t FakeStorage::generation() const {
  MutexLock lock(&mutex_);
  uint64_t highest = 0;
  for (const auto& [session, generation] : generations_) highest = std::max(highest, generation);
  return highest;
}

template <typename Request>
absl::Status FakeStorage::CheckChange(const Request& request) {
  uint64_t& highest = generations_[request.session_id()];
  if (request.generation() < highest || refuse_generations_ > 0) {
    refuse_generations_ = std::max(0, refuse_generations_ - 1);
    return PosixError(ECANCELED, "a newer generation is here");
  }
  highest = request.generation();
  const auto chunk = chunks_.find({request.content_id(), request.chunk()});
  const uint32_t cut = chunk != chunks_.end() ? chunk->second.cut : cuts_[request.content_id()];
  if (removed_.contains(request.content_id()) || request.cut() < cut) {
    return PosixError(ESTALE, "cut meanwhile");
  }
  return absl::OkStatus();
}

void FakeStorage::SetMapEpoch(uint64_t epoch) {
  MutexLock lock(&mutex_);
  map_epoch_ = epoch;
}

absl::Status FakeStorage::Check(const proto::Route& route) const {
  if (route.target_id() != target_id_) return PosixError(ENXIO, "another target");
  if (route.map_epoch() < map_epoch_) return PosixError(ESTALE, "the map is old");
  return absl::OkStatus();
}

void FakeStorage::SetDurabilityId(std::string id) {
  MutexLock lock(&mutex_);
  durability_id_ = std::move(id);
}

void FakeStorage::Cut(uint64_t content, uint64_t size_bytes, uint32_t chunk_bytes_log2,
                      uint32_t cut) {
  MutexLock lock(&mutex_);
  cuts_[content] = std::max(cuts_[content], cut);
  for (auto& [key, chunk] : chunks_) {
    if (key.first != content || chunk.cut >= cut) continue;
    const uint64_t start = uint64_t{key.second} << chunk_bytes_log2;
    const uint64_t kept = size_bytes > start ? size_bytes - start : 0;
    if (chunk.bytes.size() > kept) chunk.bytes.resize(kept);
    chunk.cut = cut;
  }
}

void FakeStorage::Remove(uint64_t content) {
  MutexLock lock(&mutex_);
  removed_.insert(content);
  std::erase_if(chunks_, [content](const auto& entry) { return entry.first.first == content; });
}

size_t FakeStorage::chunk_count() const {
  MutexLock lock(&mutex_);
  return chunks_.size();
}

uint64_t FakeStorage::calls(proto::StorageMethod method) const {
  MutexLock lock(&mutex_);
  const auto it = calls_.find(method);
  return it != calls_.end() ? it->second : 0;
}

uint64_t FakeStorage::bytes_written() const {
  MutexLock lock(&mutex_);
  return bytes_written_;
}

void FakeStorage::SetPeers(Peers peers) {
  MutexLock lock(&mutex_);
  peers_ = std::move(peers);
}

std::string FakeStorage::Peek(uint64_t content, uint32_t chunk, uint32_t offset,
                              uint32_t length) const {
  MutexLock lock(&mutex_);
  const auto it = chunks_.find({content, chunk});
  if (it == chunks_.end() || offset >= it->second.bytes.size()) return "";
  return it->second.bytes.substr(offset, length);
}

void FakeStorage::Handle(const wire::Request& request, wire::Responder& responder) {
  // Two servers may copy from each other: the lock is not held meanwhile.
  if (request.method == proto::COPY_CHUNK) return Copy(request, responder);
  MutexLock lock(&mutex_);
  ++calls_[request.method];
  if (request.method == proto::WRITE_CHUNK && held_ == Held::kNext) {
    held_ = Held::kNow;
    while (held_ == Held::kNow) fault_changed_.Wait(&mutex_);
  }
  if (Fail(request, responder)) return;
  switch (request.method) {
    case proto::READ_CHUNK:
      return Read(request, responder);
    case proto::WRITE_CHUNK:
      return Write(request, responder);
    case proto::PUNCH_CHUNK:
      return Punch(request, responder);
    case proto::STAT_CHUNK:
      return Stat(request, responder);
    case proto::LIST_CHUNKS:
      return List(request, responder);
    case proto::SYNC_TARGET:
      return Sync(responder);
    default:
      responder.Error(PosixError(EOPNOTSUPP, "not in this fake"));
  }
}

bool FakeStorage::Fail(const wire::Request& request, wire::Responder& responder) {
  while (fault_ == Fault::kHang) fault_changed_.Wait(&mutex_);
  switch (fault_) {
    case Fault::kNoSpace:
      if (request.method != proto::WRITE_CHUNK && request.method != proto::COPY_CHUNK) return false;
      responder.Error(PosixError(ENOSPC, "the target is full"));
      return true;
    case Fault::kIoError:
      responder.Error(PosixError(EIO, "the disk is broken"));
      return true;
    case Fault::kBusy:
      responder.Error(PosixError(EAGAIN, "busy"));
      return true;
    default:
      return false;
  }
}

void FakeStorage::Read(const wire::Request& wire_request, wire::Responder& responder) {
  proto::ReadChunkRequest request;
  if (const auto status = wire::ParseMessage(wire_request, &request); !status.ok()) {
    return responder.Error(status);
  }
  if (const auto status = Check(request.route()); !status.ok()) return responder.Error(status);
  proto::ReadChunkReply reply;
  const uint64_t begin = request.offset_bytes() / kBlockBytes * kBlockBytes;
  const uint64_t end =
      (uint64_t{request.offset_bytes()} + request.length_bytes() + kBlockBytes - 1) / kBlockBytes *
      kBlockBytes;
  reply.set_data_offset_bytes(static_cast<uint32_t>(begin));
  std::string data;
  const auto it = chunks_.find({request.content_id(), request.chunk()});
  if (it != chunks_.end()) {
    const std::string& bytes = it->second.bytes;
    if (begin < bytes.size()) data = bytes.substr(begin, end - begin);
    reply.set_version(it->second.version);
    reply.set_chunk_length_bytes(static_cast<uint32_t>(bytes.size()));
  }
  for (const uint32_t crc : Crc32cOfPieces(0, AsBytes(data))) reply.add_block_crc32c(crc);
  const bool damage =
      fault_ == Fault::kCorruptAlways || (fault_ == Fault::kCorruptOnce && !request.by_copy());
  if (damage && !data.empty()) data[data.size() / 2] ^= 1;
  const iovec payload{data.data(), data.size()};
  responder.Ok(reply, {&payload, 1});
}

void FakeStorage::Write(const wire::Request& wire_request, wire::Responder& responder) {
  proto::WriteChunkRequest request;
  if (const auto status = wire::ParseMessage(wire_request, &request); !status.ok()) {
    return responder.Error(status);
  }
  if (const auto status = Check(request.route()); !status.ok()) return responder.Error(status);
  const std::span<const std::byte> data = wire_request.payload;
  const auto crcs = Crc32cOfPieces(request.offset_bytes(), data);
  const bool matches = std::equal(crcs.begin(), crcs.end(), request.piece_crc32c().begin(),
                                  request.piece_crc32c().end());
  if (!matches || refuse_checksums_ > 0) {
    if (refuse_checksums_ > 0) --refuse_checksums_;
    return responder.Error(PosixError(EBADMSG, "the payload does not match its checksums"));
  }
  Store(request, {reinterpret_cast<const char*>(data.data()), data.size()}, responder);
}

template <typename Request>
void FakeStorage::Store(const Request& request, std::string_view data, wire::Responder& responder) {
  const uint64_t end = uint64_t{request.offset_bytes()} + data.size();
  if (data.empty() || end > uint64_t{1} << request.chunk_bytes_log2()) {
    return responder.Error(PosixError(EINVAL, "beyond the end of the chunk, or empty"));
  }
  if (const auto status = CheckChange(request); !status.ok()) return responder.Error(status);
  Chunk& chunk = chunks_[{request.content_id(), request.chunk()}];
  const size_t used_before = UsedBy(chunk.bytes);
  if (chunk.bytes.size() < end) chunk.bytes.resize(end);
  std::copy(data.begin(), data.end(), chunk.bytes.begin() + request.offset_bytes());
  chunk.cut = request.cut();
  bytes_written_ += data.size();
  proto::WriteChunkReply reply;
  reply.set_version(++chunk.version);
  reply.set_chunk_length_bytes(static_cast<uint32_t>(chunk.bytes.size()));
  reply.set_durability_id(durability_id_);
  reply.set_used_bytes_added(static_cast<uint32_t>(UsedBy(chunk.bytes) - used_before));
  responder.Ok(reply);
}

void FakeStorage::Punch(const wire::Request& wire_request, wire::Responder& responder) {
  proto::PunchChunkRequest request;
  if (const auto status = wire::ParseMessage(wire_request, &request); !status.ok()) {
    return responder.Error(status);
  }
  if (const auto status = CheckChange(request); !status.ok()) return responder.Error(status);
  const auto it = chunks_.find({request.content_id(), request.chunk()});
  if (it == chunks_.end()) return responder.Ok(proto::PunchChunkReply());  // a hole already
  Chunk& chunk = it->second;
  const size_t begin = std::min<size_t>(request.offset_bytes(), chunk.bytes.size());
  const size_t end =
      std::min<size_t>(size_t{request.offset_bytes()} + request.length_bytes(), chunk.bytes.size());
  std::fill(chunk.bytes.begin() + static_cast<ptrdiff_t>(begin),
            chunk.bytes.begin() + static_cast<ptrdiff_t>(end), '\0');
  proto::PunchChunkReply reply;
  reply.set_version(++chunk.version);
  responder.Ok(reply);
}

void FakeStorage::Stat(const wire::Request& wire_request, wire::Responder& responder) {
  proto::StatChunkRequest request;
  if (const auto status = wire::ParseMessage(wire_request, &request); !status.ok()) {
    return responder.Error(status);
  }
  proto::StatChunkReply reply;
  const auto it = chunks_.find({request.content_id(), request.chunk()});
  reply.set_exists(it != chunks_.end());
  if (it != chunks_.end()) {
    reply.set_version(it->second.version);
    reply.set_length_bytes(static_cast<uint32_t>(it->second.bytes.size()));
  }
  responder.Ok(reply);
}

// Blocks of zeros are holes.
void FakeStorage::List(const wire::Request& wire_request, wire::Responder& responder) {
  proto::ListChunksRequest request;
  if (const auto status = wire::ParseMessage(wire_request, &request); !status.ok()) {
    return responder.Error(status);
  }
  proto::ListChunksReply reply;
  reply.set_at_end(true);
  for (auto it = chunks_.lower_bound({request.content_id(), request.first_chunk()});
       it != chunks_.end() && it->first.first == request.content_id(); ++it) {
    if (reply.chunks_size() == kMaxListed) {
      reply.set_at_end(false);
      break;
    }
    const std::string& bytes = it->second.bytes;
    proto::ChunkExtent* const extent = reply.add_chunks();
    extent->set_chunk(it->first.second);
    extent->set_length_bytes(static_cast<uint32_t>(bytes.size()));
    for (size_t at = 0; at < bytes.size(); at += kBlockBytes) {
      const size_t length = std::min<size_t>(kBlockBytes, bytes.size() - at);
      if (bytes.find_first_not_of('\0', at) >= at + length) continue;
      extent->add_begin_bytes(static_cast<uint32_t>(at));
      extent->add_end_bytes(static_cast<uint32_t>(at + length));
    }
  }
  responder.Ok(reply);
}

void FakeStorage::Copy(const wire::Request& wire_request, wire::Responder& responder) {
  proto::CopyChunkRequest request;
  if (const auto status = wire::ParseMessage(wire_request, &request); !status.ok()) {
    return responder.Error(status);
  }
  Peers peers;
  {
    MutexLock lock(&mutex_);
    peers = peers_;
  }
  std::string data =
      peers(request.source_route().target_id(), request.source_content_id(), request.source_chunk(),
            request.source_offset_bytes(), request.length_bytes());
  data.resize(request.length_bytes());
  MutexLock lock(&mutex_);
  ++calls_[proto::COPY_CHUNK];
  if (Fail(wire_request, responder)) return;
  if (const auto status = Check(request.route()); !status.ok()) return responder.Error(status);
  Store(request, data, responder);
}

void FakeStorage::Sync(wire::Responder& responder) {
  proto::SyncTargetReply reply;
  reply.set_durability_id(durability_id_);
  responder.Ok(reply);
}

}  // namespace weft::client
