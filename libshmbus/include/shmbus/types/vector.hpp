// Vector<T, N>: a bounded sequence that is safe in shared memory.
#pragma once

#include "shmbus/cxx20.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace shmbus {

/// At most N elements. A reader of one that a peer wrote sees at most N, whatever its size field
/// says.
template <class T, std::size_t N>
class Vector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  /// False, and unchanged, when it is full.
  [[nodiscard]] constexpr bool push_back(const T& value) noexcept {
    if (size() == N) return false;
    items_[size()] = value;
    size_ = static_cast<std::uint32_t>(size() + 1);
    return true;
  }
  constexpr void clear() noexcept { size_ = 0; }
  [[nodiscard]] constexpr std::size_t size() const noexcept {
    return std::min<std::size_t>(size_, N);
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] static constexpr std::size_t capacity() noexcept { return N; }
  [[nodiscard]] constexpr std::span<const T> view() const noexcept {
    return {items_.data(), size()};
  }
  [[nodiscard]] constexpr std::span<T> view() noexcept { return {items_.data(), size()}; }

 private:
  std::uint32_t size_ = 0;
  std::array<T, N> items_{};
};

}  // namespace shmbus
