// Short texts in the segment, stored as words so that reading one while it changes is no data race.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "layout/lane.hpp"

namespace shmbus::layout {

template <std::size_t Words>
using TextBuffer = std::array<char, Words * 8>;

template <std::size_t Words>
void store_text(std::array<Word64, Words>& target, std::string_view text) noexcept {
  TextBuffer<Words> bytes{};
  std::memcpy(bytes.data(), text.data(), std::min(text.size(), bytes.size() - 1));
  for (std::size_t i = 0; i < Words; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i * 8, 8);
    target[i].store(word, std::memory_order_relaxed);
  }
}

/// Copies the whole field once; the view ends at the first NUL or at the field's end.
template <std::size_t Words>
std::string_view load_text(const std::array<Word64, Words>& source,
                           TextBuffer<Words>& buffer) noexcept {
  for (std::size_t i = 0; i < Words; ++i) {
    const std::uint64_t word = source[i].load(std::memory_order_relaxed);
    std::memcpy(buffer.data() + i * 8, &word, 8);
  }
  return {buffer.data(), ::strnlen(buffer.data(), buffer.size())};
}

}  // namespace shmbus::layout
