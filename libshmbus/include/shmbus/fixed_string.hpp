// FixedString: a literal as a template argument. FixedText: a short text that never allocates.
#pragma once

#include "shmbus/cxx20.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace shmbus {

/// Carries a string literal in a type: Command<"user.create", ...>.
template <std::size_t N>
struct FixedString {
  char text[N]{};  // NOLINT: a structural type needs a plain public array

  // NOLINTNEXTLINE: implicit on purpose, so that a literal is a template argument
  consteval FixedString(const char (&literal)[N]) noexcept { std::copy_n(literal, N, text); }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {text, N - 1}; }
};
template <std::size_t N>
FixedString(const char (&)[N]) -> FixedString<N>;  // NOLINT: what a literal is

/// At most N bytes of text, cut when longer; no allocation, trivially copyable.
template <std::size_t N>
class FixedText {
 public:
  constexpr FixedText() noexcept {}  // NOLINT: the bytes stay as they are until written
  // NOLINTNEXTLINE: implicit on purpose, a text is a text
  constexpr FixedText(std::string_view text) noexcept { append(text); }
  // NOLINTNEXTLINE
  constexpr FixedText(const char* text) noexcept { append(std::string_view{text}); }

  constexpr FixedText& append(std::string_view text) noexcept {
    const std::size_t n = std::min(text.size(), N - size_);
    std::copy_n(text.data(), n, bytes_.data() + size_);
    size_ += n;
    return *this;
  }
  constexpr FixedText& append(unsigned long long value) noexcept {
    std::array<char, 20> digits{};
    std::size_t n = 0;
    do {
      digits[digits.size() - ++n] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return append(std::string_view{digits.data() + digits.size() - n, n});
  }
  [[nodiscard]] constexpr std::string_view view() const noexcept {
    return {bytes_.data(), std::min(size_, N)};
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }

 private:
  std::size_t size_ = 0;
  std::array<char, N> bytes_;
};

}  // namespace shmbus
