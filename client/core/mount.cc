// Starting and ending a mount.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "client/core/mounted_vfs.h"
#include "common/status.h"
#include "common/uuid.h"

namespace weft::client {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMapTimeout{3'000};

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Vfs>> Vfs::Mount(VfsOptions options) {
  auto vfs = std::make_unique<MountedVfs>(std::move(options));
  WEFT_RETURN_IF_ERROR(vfs->Start());
  return vfs;
}

MountedVfs::MountedVfs(VfsOptions options)
    : options_(std::move(options)),
      uuid_(NewUuid()),
      timeout_(options_.io_timeout),
      write_budget_(options_.write_buffer_bytes),
      read_budget_(std::make_shared<MemoryBudget>(options_.read_cache_bytes)),
      metadata_channel_(wire::Channel::Make({options_.server, MakeIdentity()})),
      storage_channels_(MakeIdentity()),
      metadata_(metadata_channel_.get(), &timeout_),
      maps_([this](MapEpoch known) { return metadata_.GetClusterMap(known, kMapTimeout); }),
      calls_(&maps_, &storage_channels_, &timeout_),
      chunk_io_(&calls_, [this] { return metadata_.session(); }),
      files_(&file_mount_),
      locks_(&metadata_,
             [this](HandleId handle, LockDone done) { LockTaken(handle, std::move(done)); }),
      pool_(std::make_unique<IoPool>(options_.io_threads)),
      flusher_(std::make_unique<Flusher>()) {
  file_mount_.metadata = &metadata_;
  file_mount_.io = &chunk_io_;
  file_mount_.timeout = &timeout_;
  file_mount_.pool = pool_.get();
  file_mount_.durability = &durability_;
  file_mount_.buffers = {&chunk_io_,
                         pool_.get(),
                         &write_budget_,
                         options_.file_write_buffer_bytes,
                         [this] { flusher_->Press(); },
                         &timeout_};
  file_mount_.read_budget = read_budget_;
  file_mount_.read_ahead_bytes = options_.read_ahead_bytes;
  file_mount_.watch = [this](std::shared_ptr<File> file) { flusher_->Watch(std::move(file)); };
  file_mount_.invalidate = [this](InodeId inode) { invalidator_.Add(inode); };
  file_mount_.gone = [this](InodeId inode) { files_.Forget(inode); };
}

wire::Identity MountedVfs::MakeIdentity() {
  return {uuid_, "client " + HostName() + ":" + options_.mount_point,
          [this] { return cluster_id(); }};
}

std::string MountedVfs::cluster_id() const {
  MutexLock lock(&mutex_);
  return cluster_id_;
}

absl::Status MountedVfs::Start() {
  Session::Options options;
  options.server = {options_.server, MakeIdentity()};
  options.mount_point = options_.mount_point;
  options.read_only = options_.read_only;
  options.connect_timeout = options_.connect_timeout;
  WEFT_ASSIGN_OR_RETURN(session_, Session::Open(std::move(options), &metadata_, &timeout_));
  {
    MutexLock lock(&mutex_);
    cluster_id_ = session_->cluster_id();
    directories_id_ = session_->durability_id();
  }
  durability_.Set(session_->durability_id());
  metadata_.OnSessionLost([this](SessionId stale) { return session_->Renew(stale); });
  const absl::Status map = maps_.Refresh();
  if (!map.ok()) return Annotate(map, "cluster map from metadata-server " + options_.server);
  session_->Start(MakeHooks());
  return absl::OkStatus();
}

Session::Hooks MountedVfs::MakeHooks() {
  Session::Hooks hooks;
  hooks.map_epoch = [this](MapEpoch epoch) { WantMap(epoch); };
  hooks.locks = [this](uint64_t server_start) { return locks_.held().Report(server_start); };
  hooks.lock_granted = [this](const proto::LockGrantedRequest& request) {
    locks_.OnGranted(request);
  };
  hooks.locks_lost = [this](const std::vector<proto::FileLock>& locks) {
    LocksLost(locks_.held().Lost(locks));
  };
  hooks.lost = [this] {
    LocksLost(locks_.held().SessionLost(metadata_.session()));
    for (const auto& file : files_.All()) file->SessionLost();
  };
  hooks.inodes_lost = [this](const std::vector<uint64_t>& inodes) {
    for (const uint64_t inode : inodes) {
      spdlog::error("inode {} is gone although it is open here", inode);
      if (const auto file = files_.Find(InodeId(inode))) file->SetLost();
    }
  };
  return hooks;
}

void MountedVfs::WantMap(MapEpoch epoch) {
  const auto map = maps_.Current();
  if (map != nullptr && map->epoch() >= epoch) return;
  pool_->Submit(IoPool::kMetadataLane, [this, epoch] {
    const absl::Status status = maps_.RefreshTo(epoch);
    if (!status.ok()) spdlog::warn("cluster map: {}", MessageOf(status));
  });
}

MountedVfs::~MountedVfs() {
  if (!closed_) static_cast<void>(Close());  // it has logged what was lost
}

absl::Status MountedVfs::Close() {
  closed_ = true;
  timeout_.BeginShutdown();
  std::vector<std::shared_ptr<Handle>> handles;
  {
    MutexLock lock(&mutex_);
    for (auto& [id, handle] : handles_) handles.push_back(std::move(handle));
    handles_.clear();
  }
  absl::Status result;
  for (const auto& handle : handles) {
    if (!handle->flags.write) continue;
    const absl::Status status = Told(*handle, handle->file->Flush());
    if (status.ok()) continue;
    const std::string what = "inode " + std::to_string(handle->file->inode().value());
    spdlog::error("{}: data is lost: {}", what, MessageOf(status));
    if (result.ok()) result = Annotate(status, what);
    handle->file->GiveUp();
  }
  handles.clear();
  locks_.Stop();
  flusher_->Stop();
  if (session_ != nullptr) session_->Stop();  // it submits to the pool
  pool_.reset();                              // what is left in it uses the session
  session_.reset();                           // ends the opens, too
  return result;
}

}  // namespace weft::client
