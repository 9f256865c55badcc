// The bytes of a file that lives in the metadata-server, as this mount sees them: what the server
// had when it was asked last, and over it what was written here and is not there yet. Not
// thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/core/intervals.h"

namespace weft::client {

class InlineContent {
 public:
  // A range of bytes for WriteInline.
  struct Part {
    uint64_t offset = 0;
    std::string bytes;
    bool has_others = false;  // bytes among them are the server's, of version()
  };

  // The server's bytes are known, and of this version.
  [[nodiscard]] bool known() const { return known_; }
  [[nodiscard]] uint64_t version() const { return version_; }
  void SetBase(std::string_view bytes, uint64_t version) {
    std::string fresh(bytes);
    for (const IntervalSet* set : {&sending_, &dirty_}) {
      for (const Interval& part : set->intervals()) {
        if (fresh.size() < part.end) fresh.resize(part.end);
        std::memcpy(fresh.data() + part.begin, bytes_.data() + part.begin, part.size());
      }
    }
    bytes_ = std::move(fresh);
    known_ = true;
    version_ = version;
  }
  // The server has other bytes now; what was written here stays.
  void Forget() { known_ = false; }
  // The server has taken what was written here, and nothing else, to get to this version.
  void SetVersion(uint64_t version) { version_ = version; }

  void Write(uint64_t offset, std::span<const std::byte> data) {
    if (bytes_.size() < offset + data.size()) bytes_.resize(offset + data.size());
    std::memcpy(bytes_.data() + offset, data.data(), data.size());
    dirty_.Add(offset, offset + data.size());
  }

  [[nodiscard]] bool has_dirty() const { return !dirty_.empty(); }
  [[nodiscard]] const IntervalSet& dirty() const { return dirty_; }
  // One past the last byte that the server does not have; 0 without any.
  [[nodiscard]] uint64_t dirty_end() const { return std::max(dirty_.end(), sending_.end()); }

  // What is dirty is on its way until Sent or BackToDirty. More than `most` ranges become one with
  // all that lies between them: the server's bytes must be known.
  [[nodiscard]] std::vector<Part> Take(size_t most) {
    std::vector<Part> parts;
    const std::vector<Interval>& ranges = dirty_.intervals();
    if (ranges.size() > most) {
      const uint64_t begin = ranges.front().begin;
      parts.push_back({begin, bytes_.substr(begin, dirty_.end() - begin), true});
    } else {
      for (const Interval& range : ranges) {
        parts.push_back({range.begin, bytes_.substr(range.begin, range.size()), false});
      }
    }
    sending_ = std::exchange(dirty_, {});
    return parts;
  }
  void Sent() { sending_.Clear(); }
  void BackToDirty() {
    for (const Interval& part : sending_.intervals()) dirty_.Add(part.begin, part.end);
    sending_.Clear();
  }
  void DropDirty() { dirty_.Clear(); }

  // Without what lies beyond: zeros up to the file's size.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
  bool known_ = false;
  uint64_t version_ = 0;
  IntervalSet dirty_;
  IntervalSet sending_;
};

}  // namespace weft::client
