#include "metadata-server/service/map_streams.h"

#include <memory>
#include <utility>

namespace weft::metadata {

// gRPC calls the On... methods, one at a time but for OnCancel, and OnDone after all of them.
class MapStreams::Stream final : public grpc::ServerWriteReactor<proto::ClusterMap> {
 public:
  Stream(MapStreams* streams, MapEpoch known) : streams_(streams), sent_(known) {}

  // Sends the map unless it is known there, now or after what is being sent.
  void Offer(std::shared_ptr<const ClusterMap> map) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    newest_ = std::move(map);
    if (!is_writing_) SendNewest();
  }

  void End(const grpc::Status& status) WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    if (is_ending_) return;
    is_ending_ = true;
    status_ = status;
    if (!is_writing_) Finish(status_);
  }

  void OnWriteDone(bool ok) override WEFT_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    is_writing_ = false;
    if (!ok && !is_ending_) {
      is_ending_ = true;
      status_ = grpc::Status::CANCELLED;
    }
    if (is_ending_) {
      Finish(status_);
    } else {
      SendNewest();
    }
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnDone() override {
    streams_->Remove(this);
    delete this;  // gRPC's way: the reactor owns itself
  }

 private:
  void SendNewest() WEFT_REQUIRES(mutex_) {
    if (is_ending_ || newest_->epoch() <= sent_) return;
    writing_ = newest_;
    sent_ = writing_->epoch();
    is_writing_ = true;
    StartWrite(&writing_->message());
  }

  MapStreams* const streams_;
  Mutex mutex_;
  std::shared_ptr<const ClusterMap> newest_ WEFT_GUARDED_BY(mutex_);
  std::shared_ptr<const ClusterMap> writing_ WEFT_GUARDED_BY(mutex_);
  MapEpoch sent_ WEFT_GUARDED_BY(mutex_);
  bool is_writing_ WEFT_GUARDED_BY(mutex_) = false;
  bool is_ending_ WEFT_GUARDED_BY(mutex_) = false;  // no further write; Finish comes or came
  grpc::Status status_ WEFT_GUARDED_BY(mutex_);
};

MapStreams::MapStreams(MapPublisher* publisher)
    : publisher_(publisher), subscription_(publisher->Subscribe([this] { Offer(); })) {}

MapStreams::~MapStreams() { publisher_->Unsubscribe(subscription_); }

grpc::ServerWriteReactor<proto::ClusterMap>* MapStreams::Open(MapEpoch known) {
  auto* stream = new Stream(this, known);
  MutexLock lock(&mutex_);
  if (stopping_) {
    stream->End({grpc::StatusCode::UNAVAILABLE, "the metadata-server stops"});
  } else if (streams_.size() >= kMaxMapStreams) {
    stream->End({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many map streams"});
  } else {
    stream->Offer(publisher_->Current());
  }
  streams_.insert(stream);
  return stream;
}

void MapStreams::Offer() {
  const std::shared_ptr<const ClusterMap> map = publisher_->Current();
  MutexLock lock(&mutex_);
  for (Stream* stream : streams_) stream->Offer(map);
}

void MapStreams::Stop() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  for (Stream* stream : streams_) {
    stream->End({grpc::StatusCode::UNAVAILABLE, "the metadata-server stops"});
  }
}

void MapStreams::Remove(Stream* stream) {
  MutexLock lock(&mutex_);
  streams_.erase(stream);
}

}  // namespace weft::metadata
