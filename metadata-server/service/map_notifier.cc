#include "metadata-server/service/map_notifier.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <string>

#include "common/status.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {
namespace {

constexpr std::chrono::milliseconds kCallTimeout{1'000};

}  // namespace

MapNotifier::MapNotifier(MapPublisher* publisher, wire::Server* server)
    : publisher_(publisher),
      server_(server),
      subscription_(publisher->Subscribe([this] {
        MutexLock lock(&mutex_);  // whoever waits has looked at the map under it
        changed_.SignalAll();
      })),
      thread_([this, told = publisher->Current()->epoch()] { Run(told); }) {}

MapNotifier::~MapNotifier() {
  publisher_->Unsubscribe(subscription_);
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

bool MapNotifier::WaitForNewer(MapEpoch told) {
  MutexLock lock(&mutex_);
  while (!stopping_ && publisher_->Current()->epoch() <= told) changed_.Wait(&mutex_);
  return !stopping_;
}

void MapNotifier::Run(MapEpoch told) {
  while (WaitForNewer(told)) {
    told = publisher_->Current()->epoch();
    proto::MapChangedRequest request;
    request.set_map_epoch(told.value());
    for (const std::string& peer : server_->CallbackPeers()) {
      proto::MapChangedReply reply;
      const absl::Status status =
          server_->CallPeer(peer, proto::MAP_CHANGED, request, &reply, kCallTimeout);
      if (!status.ok()) spdlog::debug("client {} was not told: {}", peer, MessageOf(status));
    }
  }
}

}  // namespace weft::metadata
