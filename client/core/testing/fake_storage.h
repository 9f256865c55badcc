// A storage-server in memory, on a real wire server: one node with one target. For tests.
//
// It stores, cuts, punches, syncs and verifies as a real one does, and fails when it is told to.
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "common/mutex.h"
#include "common/wire/server.h"
#include "proto/storage.pb.h"

namespace weft::client {

class FakeStorage final : public wire::Handler {
 public:
  enum class Fault {
    kNone,
    kNoSpace,        // writes answer ENOSPC
    kIoError,        // everything answers EIO
    kHang,           // everything waits until the fault is changed
    kCorruptOnce,    // reads by sendfile are damaged, copies are not
    kCorruptAlways,  // all reads are damaged
    kBusy,           // everything answers EAGAIN
  };

  FakeStorage(uint32_t target_id, std::string name);
  ~FakeStorage() override;

  // Serves, from the second time on at the same address.
  void Start();
  // Ends; requests in progress are answered. What is stored stays.
  void Stop();
  [[nodiscard]] std::string address() const WEFT_EXCLUDES(mutex_);
  [[nodiscard]] uint32_t target_id() const { return target_id_; }

  void SetFault(Fault fault) WEFT_EXCLUDES(mutex_);
  // The next `count` writes answer EBADMSG.
  void RefuseChecksums(int count) WEFT_EXCLUDES(mutex_);
  // The next write waits, while others go on, until ReleaseWrite.
  void HoldNextWrite() WEFT_EXCLUDES(mutex_);
  void ReleaseWrite() WEFT_EXCLUDES(mutex_);
  [[nodiscard]] bool holds_write() const WEFT_EXCLUDES(mutex_);
  // The next `count` changes are found outdated.
  void RefuseGenerations(int count) WEFT_EXCLUDES(mutex_);
  // The highest that a change came with.
  [[nodiscard]] uint64_t generation() const WEFT_EXCLUDES(mutex_);
  // It knows the map of that epoch: requests by older ones answer ESTALE.
  void SetMapEpoch(uint64_t epoch) WEFT_EXCLUDES(mutex_);
  // As after the machine's restart.
  void SetDurabilityId(std::string id) WEFT_EXCLUDES(mutex_);

  // How copies read the other servers of the cluster: the bytes that are there of a range.
  using Peers = std::function<std::string(uint32_t target, uint64_t content, uint32_t chunk,
                                          uint32_t offset, uint32_t length)>;
  void SetPeers(Peers peers) WEFT_EXCLUDES(mutex_);
  [[nodiscard]] std::string Peek(uint64_t content, uint32_t chunk, uint32_t offset,
                                 uint32_t length) const WEFT_EXCLUDES(mutex_);

  // What the metadata-server does to a content.
  void Cut(uint64_t content, uint64_t size_bytes, uint32_t chunk_bytes_log2, uint32_t cut)
      WEFT_EXCLUDES(mutex_);
  void Remove(uint64_t content) WEFT_EXCLUDES(mutex_);

  [[nodiscard]] size_t chunk_count() const WEFT_EXCLUDES(mutex_);
  // Requests answered or begun, by method.
  [[nodiscard]] uint64_t calls(proto::StorageMethod method) const WEFT_EXCLUDES(mutex_);
  [[nodiscard]] uint64_t bytes_written() const WEFT_EXCLUDES(mutex_);

  void Handle(const wire::Request& request, wire::Responder& responder) override
      WEFT_EXCLUDES(mutex_);

 private:
  struct Chunk {
    std::string bytes;
    uint32_t cut = 0;
    uint64_t version = 0;
  };
  using Key = std::pair<uint64_t, uint32_t>;  // content, chunk

  // True where the fault has answered the request.
  bool Fail(const wire::Request& request, wire::Responder& responder) WEFT_REQUIRES(mutex_);
  // ESTALE or ENXIO where the request went astray.
  [[nodiscard]] absl::Status Check(const proto::Route& route) const WEFT_REQUIRES(mutex_);
  // ECANCELED where a change comes after one of a higher generation; there is one session in tests
  // that look at it. ESTALE where the content was cut or removed.
  template <typename Request>
  [[nodiscard]] absl::Status CheckChange(const Request& request) WEFT_REQUIRES(mutex_);
  void Read(const wire::Request& request, wire::Responder& responder) WEFT_REQUIRES(mutex_);
  void Write(const wire::Request& request, wire::Responder& responder) WEFT_REQUIRES(mutex_);
  void Punch(const wire::Request& request, wire::Responder& responder) WEFT_REQUIRES(mutex_);
  void Stat(const wire::Request& request, wire::Responder& responder) WEFT_REQUIRES(mutex_);
  void List(const wire::Request& request, wire::Responder& responder) WEFT_REQUIRES(mutex_);
  void Copy(const wire::Request& request, wire::Responder& responder) WEFT_EXCLUDES(mutex_);
  // Puts bytes into a chunk and answers.
  template <typename Request>
  void Store(const Request& request, std::string_view data, wire::Responder& responder)
      WEFT_REQUIRES(mutex_);
  void Sync(wire::Responder& responder) WEFT_REQUIRES(mutex_);

  const uint32_t target_id_;
  const std::string name_;
  std::unique_ptr<wire::Server> server_;  // started and stopped by the test's thread

  mutable Mutex mutex_;
  CondVar fault_changed_;
  std::string address_ WEFT_GUARDED_BY(mutex_) = "127.0.0.1:0";
  Fault fault_ WEFT_GUARDED_BY(mutex_) = Fault::kNone;
  int refuse_checksums_ WEFT_GUARDED_BY(mutex_) = 0;
  enum class Held { kNone, kNext, kNow };
  Held held_ WEFT_GUARDED_BY(mutex_) = Held::kNone;
  int refuse_generations_ WEFT_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, uint64_t> generations_ WEFT_GUARDED_BY(mutex_);  // by session
  std::map<uint64_t, uint32_t> cuts_ WEFT_GUARDED_BY(mutex_);         // by content
  std::set<uint64_t> removed_ WEFT_GUARDED_BY(mutex_);
  uint64_t map_epoch_ WEFT_GUARDED_BY(mutex_) = 0;
  std::string durability_id_ WEFT_GUARDED_BY(mutex_) = "first";
  std::map<Key, Chunk> chunks_ WEFT_GUARDED_BY(mutex_);
  std::map<int, uint64_t> calls_ WEFT_GUARDED_BY(mutex_);
  uint64_t bytes_written_ WEFT_GUARDED_BY(mutex_) = 0;
  Peers peers_ WEFT_GUARDED_BY(mutex_);
};

}  // namespace weft::client
