#include "client/core/testing/fake_metadata.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>

#include "common/clock.h"
#include "common/ids.h"
#include "common/status.h"

namespace weft::client {

void FakeMetadata::Start() {
  wire::ServerOptions options;
  options.listen_address = address();
  options.name = "fake metadata-server";
  auto server = wire::Server::Start(std::move(options), this);
  if (!server.ok()) {
    std::cerr << "fake metadata-server: " << server.status() << "\n";
    std::abort();
  }
  server_ = *std::move(server);
  MutexLock lock(&mutex_);
  address_ = server_->address();
}

void FakeMetadata::Stop() { server_.reset(); }

std::string FakeMetadata::address() const {
  MutexLock lock(&mutex_);
  return address_;
}

void FakeMetadata::SetLayout(const proto::Layout& layout) {
  MutexLock lock(&mutex_);
  layout_ = layout;
}

void FakeMetadata::SetMap(const proto::ClusterMap& map) {
  MutexLock lock(&mutex_);
  map_ = map;
}

void FakeMetadata::SetTtl(uint32_t ttl_ms) {
  MutexLock lock(&mutex_);
  ttl_ms_ = ttl_ms;
}

void FakeMetadata::SetServerStart(uint64_t start) {
  MutexLock lock(&mutex_);
  server_start_ = start;
  reported_.clear();
  locks_.clear();
  reported_locks_ = 0;
}

void FakeMetadata::SetDurabilityId(std::string id) {
  MutexLock lock(&mutex_);
  durability_id_ = std::move(id);
  ++era_;
}

void FakeMetadata::PutBack(const proto::Attr& attr, std::string bytes) {
  MutexLock lock(&mutex_);
  Inode& inode = inodes_.at(attr.inode_id());
  inode.attr = attr;
  inode.bytes = std::move(bytes);
}

void FakeMetadata::SetCommitsFail(bool fail) {
  MutexLock lock(&mutex_);
  commits_fail_ = fail;
}

void FakeMetadata::ExpireSessions() {
  MutexLock lock(&mutex_);
  sessions_.clear();
  reported_.clear();
  locks_.clear();
  for (auto& [id, inode] : inodes_) {
    inode.opens = 0;
    inode.writers.clear();
  }
}

uint64_t FakeMetadata::calls(proto::MetadataMethod method) const {
  MutexLock lock(&mutex_);
  const auto it = calls_.find(method);
  return it != calls_.end() ? it->second : 0;
}

proto::Attr FakeMetadata::AttrOf(const std::string& name) const {
  MutexLock lock(&mutex_);
  const auto it = names_.find(name);
  return it != names_.end() ? inodes_.at(it->second).attr : proto::Attr();
}

int FakeMetadata::open_count() const {
  MutexLock lock(&mutex_);
  int opens = 0;
  for (const auto& [id, inode] : inodes_) opens += inode.opens;
  return opens;
}

size_t FakeMetadata::reported_opens() const {
  MutexLock lock(&mutex_);
  size_t opens = 0;
  for (const auto& [open, count] : reported_) opens += count;
  return opens;
}

int FakeMetadata::reported_locks() const {
  MutexLock lock(&mutex_);
  return reported_locks_;
}

size_t FakeMetadata::session_count() const {
  MutexLock lock(&mutex_);
  return sessions_.size();
}

void FakeMetadata::Handle(const wire::Request& request, wire::Responder& responder) {
  Answer answer;
  {
    MutexLock lock(&mutex_);
    ++calls_[request.method];
    answer = Execute(request);
  }
  if (!answer.status.ok()) return responder.Error(answer.status);
  const iovec payload{answer.payload.data(), answer.payload.size()};
  responder.Ok(*answer.message, {&payload, answer.payload.empty() ? size_t{0} : size_t{1}});
}

template <typename Request, typename Reply>
FakeMetadata::Answer FakeMetadata::Run(const wire::Request& wire_request,
                                       absl::Status (FakeMetadata::*method)(const Request&, Reply*,
                                                                            std::string*)) {
  Answer answer;
  Request request;
  answer.status = wire::ParseMessage(wire_request, &request);
  if (!answer.status.ok()) return answer;
  answer.payload.assign(reinterpret_cast<const char*>(wire_request.payload.data()),
                        wire_request.payload.size());
  auto reply = std::make_shared<Reply>();
  answer.status = (this->*method)(request, reply.get(), &answer.payload);
  if constexpr (requires { reply->mutable_attr(); }) reply->mutable_attr()->set_era(era_);
  answer.message = std::move(reply);
  return answer;
}

template <typename Request, typename Reply>
FakeMetadata::Answer FakeMetadata::Mutate(const wire::Request& wire_request,
                                          absl::Status (FakeMetadata::*method)(const Request&,
                                                                               Reply*,
                                                                               std::string*)) {
  Request request;
  Answer answer;
  answer.status = wire::ParseMessage(wire_request, &request);
  if (!answer.status.ok()) return answer;
  const proto::Mutation& mutation = request.mutation();
  if (!sessions_.contains(mutation.session_id())) {
    answer.status = PosixError(ESHUTDOWN, "session unknown or expired");
    return answer;
  }
  const std::pair key(mutation.session_id(), mutation.sequence());
  if (const auto it = kept_.find(key); it != kept_.end()) return it->second;
  if (mutation.sequence() <= mutation.acknowledged()) {
    answer.status = PosixError(EINVAL, "the client said that it has this answer");
    return answer;
  }
  kept_.erase(kept_.lower_bound({key.first, 0}),
              kept_.upper_bound({key.first, mutation.acknowledged()}));
  answer = Run(wire_request, method);
  kept_[key] = answer;
  return answer;
}

FakeMetadata::Answer FakeMetadata::Execute(const wire::Request& request) {
  switch (request.method) {
    case proto::OPEN_SESSION:
      return Run(request, &FakeMetadata::OpenSession);
    case proto::KEEP_ALIVE:
      return Run(request, &FakeMetadata::KeepAlive);
    case proto::CLOSE_SESSION:
      return Run(request, &FakeMetadata::CloseSession);
    case proto::GET_CLUSTER_MAP:
      return Run(request, &FakeMetadata::GetMap);
    case proto::LOOKUP:
      return Run(request, &FakeMetadata::Lookup);
    case proto::GET_ATTR:
      return Run(request, &FakeMetadata::GetAttr);
    case proto::SET_ATTR:
      return Mutate(request, &FakeMetadata::SetAttr);
    case proto::CREATE:
      return Mutate(request, &FakeMetadata::Create);
    case proto::UNLINK:
      return Mutate(request, &FakeMetadata::Unlink);
    case proto::READ_DIR:
      return Run(request, &FakeMetadata::ReadDir);
    case proto::OPEN:
      return Mutate(request, &FakeMetadata::Open);
    case proto::CLOSE:
      return Mutate(request, &FakeMetadata::Close);
    case proto::READ_INLINE:
      return Run(request, &FakeMetadata::ReadInline);
    case proto::APPEND:
      return Mutate(request, &FakeMetadata::Append);
    case proto::WRITE_INLINE:
      return Mutate(request, &FakeMetadata::WriteInline);
    case proto::BEGIN_MOVE:
      return Mutate(request, &FakeMetadata::BeginMove);
    case proto::COMMIT_WRITE:
      return Mutate(request, &FakeMetadata::CommitWrite);
    case proto::GET_LOCK:
      return Run(request, &FakeMetadata::GetLock);
    case proto::SET_LOCK:
      return Mutate(request, &FakeMetadata::SetLock);
    case proto::CANCEL_LOCK:
      return Mutate(request, &FakeMetadata::CancelLock);
    case proto::RELEASE_LOCKS:
      return Mutate(request, &FakeMetadata::ReleaseLocks);
    case proto::SYNC:
      return Run(request, &FakeMetadata::Sync);
    case proto::STAT_FS:
      return Run(request, &FakeMetadata::StatFs);
    default:
      return {PosixError(EOPNOTSUPP, "not in this fake"), nullptr, {}};
  }
}

void FakeMetadata::SetFreeBytes(uint64_t bytes) {
  MutexLock lock(&mutex_);
  free_bytes_ = bytes;
}

absl::Status FakeMetadata::StatFs(const proto::StatFsRequest& /*request*/,
                                  proto::StatFsReply* reply, std::string* /*payload*/) {
  reply->set_free_bytes(free_bytes_);
  return absl::OkStatus();
}

absl::Status FakeMetadata::OpenSession(const proto::OpenSessionRequest& /*request*/,
                                       proto::OpenSessionReply* reply, std::string* /*payload*/) {
  reply->set_session_id(++last_id_);
  reply->set_ttl_ms(ttl_ms_);
  reply->set_cluster_id(map_.cluster_id());
  reply->set_root_inode_id(kRootInode.value());
  reply->set_server_start(server_start_);
  reply->set_map_epoch(map_.epoch());
  reply->set_durability_id(durability_id_);
  sessions_.insert(reply->session_id());
  return absl::OkStatus();
}

absl::Status FakeMetadata::KeepAlive(const proto::KeepAliveRequest& request,
                                     proto::KeepAliveReply* reply, std::string* /*payload*/) {
  if (!sessions_.contains(request.session_id())) {
    return PosixError(ESHUTDOWN, "session unknown or expired");
  }
  reply->set_server_start(server_start_);
  reply->set_map_epoch(map_.epoch());
  for (const proto::OpenRecord& open : request.opens()) {
    reported_[{open.inode_id(), open.for_writing()}] = open.count();
    if (!inodes_.contains(open.inode_id())) reply->add_lost_inodes(open.inode_id());
  }
  reported_locks_ += request.lock_report().locks_size();
  return absl::OkStatus();
}

absl::Status FakeMetadata::CloseSession(const proto::CloseSessionRequest& request,
                                        proto::CloseSessionReply* /*reply*/,
                                        std::string* /*payload*/) {
  sessions_.erase(request.session_id());
  return absl::OkStatus();
}

absl::Status FakeMetadata::GetMap(const proto::GetClusterMapRequest& /*request*/,
                                  proto::ClusterMap* reply, std::string* /*payload*/) {
  *reply = map_;
  return absl::OkStatus();
}

absl::Status FakeMetadata::Sync(const proto::SyncRequest& /*request*/, proto::SyncReply* reply,
                                std::string* /*payload*/) {
  reply->set_durability_id(durability_id_);
  return absl::OkStatus();
}

}  // namespace weft::client
