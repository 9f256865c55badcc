#include "storage-server/cluster/map_watch.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "common/cluster_map/cluster_map.h"
#include "common/status.h"
#include "storage-server/cluster/control_plane.h"

namespace weft::storage {
namespace {

// Between the end of a stream and the next try. Whoever opens streams for ever must do it slowly.
constexpr std::chrono::milliseconds kReopenPause{200};

}  // namespace

MapWatch::MapWatch(ClusterView* view) : view_(view), thread_([this] { Run(); }) {}

MapWatch::~MapWatch() { Stop(); }

void MapWatch::Use(std::shared_ptr<proto::ClusterService::Stub> stub) {
  MutexLock lock(&mutex_);
  stub_ = std::move(stub);
  if (context_ != nullptr) context_->TryCancel();
  changed_.SignalAll();
}

void MapWatch::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void MapWatch::Run() {
  MutexLock lock(&mutex_);
  while (true) {
    while (!stopping_ && stub_ == nullptr) changed_.Wait(&mutex_);
    if (stopping_) return;
    const std::shared_ptr<proto::ClusterService::Stub> stub = stub_;
    const auto context = std::make_shared<grpc::ClientContext>();
    context_ = context;
    lock.Unlock();
    ReadStream(*stub, context.get());
    lock.Lock();
    context_ = nullptr;
    const auto reopen_at = std::chrono::steady_clock::now() + kReopenPause;
    while (!stopping_ && stub_ == stub && changed_.WaitUntil(&mutex_, reopen_at)) {
    }
  }
}

void MapWatch::ReadStream(proto::ClusterService::Stub& stub, grpc::ClientContext* context) {
  proto::WatchMapRequest request;
  request.set_known_epoch(view_->epoch().value());
  const auto reader = stub.WatchMap(context, request);
  proto::ClusterMap message;
  while (reader->Read(&message)) {
    auto map = ClusterMap::Make(std::move(message));
    message.Clear();
    if (!map.ok()) {
      spdlog::error("the metadata-server sent a bad cluster map: {}", MessageOf(map.status()));
      continue;
    }
    if (view_->Update(*map)) spdlog::info("cluster map of epoch {}", (*map)->epoch().value());
  }
  spdlog::debug("the map stream ended: {}", MessageOf(FromGrpc(reader->Finish())));
}

}  // namespace weft::storage
