#include "client/core/chunk_io.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <set>
#include <utility>

#include "client/core/one_chunk_call.h"
#include "common/crc32c.h"
#include "common/limits.h"
#include "common/status.h"

namespace weft::client {
namespace {

// Times that a payload is sent again which arrived damaged.
constexpr int kMaxResends = 5;

class ReadCall final : public OneChunkCall {
 public:
  ReadCall(const proto::Content* content, const ChunkRead& read)
      : OneChunkCall(content, read.chunk),
        read_(read),
        receive_{read.into.data(), read.into.size()} {}

  wire::CallSpec Prepare(const Destination& destination) override {
    Address(destination, &request_);
    request_.set_offset_bytes(read_.offset_bytes);
    request_.set_length_bytes(static_cast<uint32_t>(read_.into.size()));
    request_.set_by_copy(by_copy_);
    reply_.Clear();
    wire::CallSpec spec;
    spec.method = proto::READ_CHUNK;
    spec.request = &request_;
    spec.reply = &reply_;
    spec.receive = {&receive_, 1};
    return spec;
  }

  Verdict Answered(size_t received) override {
    if (Matches(received)) {
      std::fill(read_.into.begin() + static_cast<ptrdiff_t>(received), read_.into.end(),
                std::byte{0});
      return Succeed();
    }
    return Damaged(PosixError(EIO, "the data does not match its checksums"));
  }

  Verdict Refused(const absl::Status& error) override {
    return ErrnoOf(error) == EBADMSG ? Damaged(error) : Fail(error);
  }

 private:
  // sendfile may have sent bytes of a block that was reused meanwhile: ask for a copy, once.
  Verdict Damaged(const absl::Status& error) {
    if (by_copy_) return Fail(PosixError(EIO, MessageOf(error)));
    by_copy_ = true;
    return Verdict::kRepeat;
  }

  bool Matches(size_t received) const {
    if (received > 0 && reply_.data_offset_bytes() != read_.offset_bytes) return false;
    return MatchesBlocks(
        read_.into.first(received),
        {reply_.block_crc32c().data(), static_cast<size_t>(reply_.block_crc32c_size())});
  }

  const ChunkRead read_;
  const iovec receive_;
  bool by_copy_ = false;
  proto::ReadChunkRequest request_;
  proto::ReadChunkReply reply_;
};

class WriteCall final : public ChangeCall {
 public:
  WriteCall(const proto::Content* content, SessionId session, ChangeGenerations* generations,
            ChunkWrite* write)
      : ChangeCall(content, write->chunk, session, generations),
        write_(write),
        payload_{const_cast<std::byte*>(write->data.data()), write->data.size()} {
    request_.set_offset_bytes(write->offset_bytes);
    request_.mutable_piece_crc32c()->Add(write->piece_crc32c.begin(), write->piece_crc32c.end());
    request_.set_chunk_bytes_log2(content->chunk_bytes_log2());
  }

  wire::CallSpec Prepare(const Destination& destination) override {
    AddressChange(destination, &request_);
    reply_.Clear();
    wire::CallSpec spec;
    spec.method = proto::WRITE_CHUNK;
    spec.request = &request_;
    spec.payload = {&payload_, 1};
    spec.reply = &reply_;
    return spec;
  }
  Verdict Answered(size_t /*received*/) override {
    write_->target = target().id;
    write_->durability_id = reply_.durability_id();
    write_->used_bytes_added = reply_.used_bytes_added();
    return Succeed();
  }
  Verdict Refused(const absl::Status& error) override {
    if (ErrnoOf(error) != EBADMSG) return Fail(error);
    if (resends_++ < kMaxResends) return Verdict::kRepeat;
    return Fail(PosixError(EIO, "damaged on its way: " + MessageOf(error)));
  }
  void StoreResult() { write_->status = result(); }

 private:
  ChunkWrite* const write_;
  const iovec payload_;
  int resends_ = 0;
  proto::WriteChunkRequest request_;
  proto::WriteChunkReply reply_;
};

class PunchCall final : public ChangeCall {
 public:
  PunchCall(const proto::Content* content, SessionId session, ChangeGenerations* generations,
            const ChunkHole& hole)
      : ChangeCall(content, hole.chunk, session, generations), hole_(hole) {}

  wire::CallSpec Prepare(const Destination& destination) override {
    AddressChange(destination, &request_);
    request_.set_offset_bytes(hole_.offset_bytes);
    request_.set_length_bytes(hole_.length_bytes);
    reply_.Clear();
    wire::CallSpec spec;
    spec.method = proto::PUNCH_CHUNK;
    spec.request = &request_;
    spec.reply = &reply_;
    return spec;
  }
  Verdict Answered(size_t /*received*/) override { return Succeed(); }
  [[nodiscard]] uint32_t used_bytes_freed() const { return reply_.used_bytes_freed(); }

 private:
  const ChunkHole hole_;
  proto::PunchChunkRequest request_;
  proto::PunchChunkReply reply_;
};

class StatCall final : public OneChunkCall {
 public:
  using OneChunkCall::OneChunkCall;

  wire::CallSpec Prepare(const Destination& destination) override {
    Address(destination, &request_);
    place_.chunk = chunk();
    place_.group = destination.route.group();
    place_.target = destination.target.id;
    place_.node_name = destination.target.node_name;
    wire::CallSpec spec;
    spec.method = proto::STAT_CHUNK;
    spec.request = &request_;
    spec.reply = &reply_;
    return spec;
  }
  Verdict Answered(size_t /*received*/) override {
    place_.exists = reply_.exists();
    place_.version = reply_.version();
    place_.length_bytes = reply_.length_bytes();
    place_.used_bytes = reply_.used_bytes();
    return Succeed();
  }
  Verdict Refused(const absl::Status& error) override {
    return ErrnoOf(error) == ENOENT ? Succeed() : Fail(error);
  }
  [[nodiscard]] const ChunkPlace& place() const { return place_; }

 private:
  ChunkPlace place_;
  proto::StatChunkRequest request_;
  proto::StatChunkReply reply_;
};

class SyncCall final : public ChunkCall {
 public:
  SyncCall(TargetId target, std::string expected)
      : target_id_(target), expected_(std::move(expected)) {}

  absl::StatusOr<Destination> Find(const ClusterMap& map) override {
    return DestinationOfTarget(map, target_id_);
  }
  wire::CallSpec Prepare(const Destination& destination) override {
    *request_.mutable_route() = destination.route;
    reply_.Clear();
    wire::CallSpec spec;
    spec.method = proto::SYNC_TARGET;
    spec.request = &request_;
    spec.reply = &reply_;
    return spec;
  }
  Verdict Answered(size_t /*received*/) override {
    if (expected_.empty() || reply_.durability_id() == expected_) return Succeed();
    return Fail(PosixError(EIO, "its machine restarted: writes may have been lost"));
  }
  std::string what() const override { return "sync"; }

 private:
  const TargetId target_id_;
  const std::string expected_;
  proto::SyncTargetRequest request_;
  proto::SyncTargetReply reply_;
};

}  // namespace

absl::Status ChunkIo::Read(const proto::Content& content, std::span<const ChunkRead> reads) {
  std::deque<ReadCall> calls;
  for (const ChunkRead& read : reads) calls.emplace_back(&content, read);
  return RunAll(runner_, &calls);
}

void ChunkIo::Write(const proto::Content& content, std::span<ChunkWrite> writes) {
  const SessionId session = session_();
  std::deque<WriteCall> calls;
  for (ChunkWrite& write : writes) {
    calls.emplace_back(&content, session, &generations_, &write);
  }
  // Each write has its own result; the first error of all says nothing more.
  static_cast<void>(RunAll(runner_, &calls));
  for (WriteCall& call : calls) call.StoreResult();
}

absl::Status ChunkIo::Sync(DurabilityIds targets) {
  std::deque<SyncCall> calls;
  for (auto& [target, id] : targets) calls.emplace_back(target, std::move(id));
  return RunAll(runner_, &calls);
}

absl::StatusOr<uint64_t> ChunkIo::Punch(const proto::Content& content,
                                        std::span<const ChunkHole> holes) {
  std::deque<PunchCall> calls;
  const SessionId session = session_();
  for (const ChunkHole& hole : holes) calls.emplace_back(&content, session, &generations_, hole);
  WEFT_RETURN_IF_ERROR(RunAll(runner_, &calls));
  uint64_t freed = 0;
  for (const PunchCall& call : calls) freed += call.used_bytes_freed();
  return freed;
}

absl::StatusOr<std::vector<ChunkPlace>> ChunkIo::Locate(const proto::Content& content,
                                                        uint32_t first, uint32_t count) {
  std::deque<StatCall> calls;
  for (uint32_t i = 0; i < count; ++i) calls.emplace_back(&content, first + i);
  WEFT_RETURN_IF_ERROR(RunAll(runner_, &calls));
  std::vector<ChunkPlace> places;
  places.reserve(count);
  for (const StatCall& call : calls) places.push_back(call.place());
  return places;
}

absl::StatusOr<std::vector<TargetId>> ChunkIo::TargetsOf(const proto::Content& content,
                                                         uint32_t count) const {
  auto map = runner_->maps().Current();
  if (map == nullptr || map->epoch().value() < content.map_epoch()) {
    WEFT_RETURN_IF_ERROR(runner_->maps().Refresh());
    map = runner_->maps().Current();
    if (map == nullptr) return PosixError(ENXIO, "there is no cluster map");
  }
  std::set<TargetId> targets;
  for (uint32_t chunk = 0; chunk < std::min(count, content.width()); ++chunk) {
    WEFT_ASSIGN_OR_RETURN(const ChunkRoute route, map->Locate(content, chunk));
    targets.insert(ServingTarget(route));
  }
  return std::vector<TargetId>(targets.begin(), targets.end());
}

NodeId ChunkIo::NodeOf(const proto::Content& content, uint32_t chunk) const {
  const auto map = runner_->maps().Current();
  if (map == nullptr) return NodeId();
  const auto route = map->Locate(content, chunk);
  const TargetInfo* target = route.ok() ? map->FindTarget(ServingTarget(*route)) : nullptr;
  return target != nullptr ? target->node : NodeId();
}

}  // namespace weft::client
