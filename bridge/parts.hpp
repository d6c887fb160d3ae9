// Payloads that are larger than a message of the engine: cut into parts, put together again.
//
// A request's first part goes to the name like any call, with the size of the whole. The bridge
// that receives it answers with a subject of its own for the other parts, so the parts of one call
// cannot go to different members of a group. A reply's parts go to the caller one after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "bridge/message.hpp"

namespace shmbus::bridge {

/// A payload that comes in parts, each once and in order.
class Assembly {
 public:
  explicit Assembly(std::size_t size = 0) : size_(size) {}
  /// False when it does not begin where the last part ended: a part was lost.
  bool add(std::uint64_t at, std::span<const std::byte> part) {
    if (at != bytes_.size() || part.size() > size_ - bytes_.size()) return false;
    bytes_.insert(bytes_.end(), part.begin(), part.end());
    return true;
  }
  [[nodiscard]] bool complete() const noexcept { return bytes_.size() == size_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const std::vector<std::byte>& bytes() const noexcept { return bytes_; }

 private:
  std::size_t size_;
  std::vector<std::byte> bytes_;
};

/// Calls `send(at, part)` for each part of `all` from `at` on, until one returns false.
template <class F>
bool each_part(std::span<const std::byte> all, std::size_t at, std::size_t part_max, F&& send) {
  while (at < all.size()) {
    const auto part = all.subspan(at, std::min(part_max, all.size() - at));
    if (!send(at, part)) return false;
    at += part.size();
  }
  return true;
}

}  // namespace shmbus::bridge
