// The era of the attributes that this server sends (see proto Attr.era): a number that rises with
// each start after which answered changes may be missing. Thread-safe once loaded.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>

#include "metadata-server/store/kv_store.h"
#include "proto/metadata.pb.h"

namespace weft::metadata {

class Era {
 public:
  // The era of this start. Where the store's durability id is another one than at the last start, a
  // new one begins: durable when this returns.
  [[nodiscard]] static absl::StatusOr<Era> Load(KvStore* store);

  // Sets it in all attributes of the reply.
  template <typename Reply>
  void Stamp(Reply* reply) const {
    if constexpr (requires { reply->mutable_attr(); }) Stamp(reply->mutable_attr());
  }
  void Stamp(proto::Attr* attr) const { attr->set_era(number_); }
  void Stamp(proto::RenameReply* reply) const {
    Stamp(reply->mutable_moved());
    if (reply->has_replaced()) Stamp(reply->mutable_replaced());
  }
  void Stamp(proto::ReadDirReply* reply) const {
    for (proto::DirEntry& entry : *reply->mutable_entries()) {
      if (entry.has_attr()) Stamp(entry.mutable_attr());
    }
  }

 private:
  explicit Era(uint64_t number) : number_(number) {}
  uint64_t number_;
};

}  // namespace weft::metadata
