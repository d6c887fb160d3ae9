// String<N>: bounded text that is safe in shared memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace shmbus {

/// Text of at most N bytes; longer text is refused by assign() and cut by the constructor. Whoever
/// reads one that a peer wrote gets at most N bytes, whatever its size field says.
template <std::size_t N>
class String {
 public:
  constexpr String() noexcept = default;
  template <class T>
  requires std::is_convertible_v<const T&, std::string_view>
  constexpr String(const T& text) noexcept {  // NOLINT: implicit on purpose, a text is a text
    (void)assign(std::string_view(text).substr(0, N));
  }

  /// False, and unchanged, when the text does not fit.
  [[nodiscard]] constexpr bool assign(std::string_view text) noexcept {
    if (text.size() > N) return false;
    std::copy(text.begin(), text.end(), bytes_.begin());
    size_ = static_cast<std::uint32_t>(text.size());
    return true;
  }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {bytes_.data(), size()}; }
  [[nodiscard]] constexpr std::size_t size() const noexcept {
    return std::min<std::size_t>(size_, N);
  }
  [[nodiscard]] static constexpr std::size_t capacity() noexcept { return N; }
  friend constexpr bool operator==(const String& a, std::string_view b) noexcept {
    return a.view() == b;
  }

 private:
  std::uint32_t size_ = 0;
  std::array<char, N> bytes_{};
};

}  // namespace shmbus
