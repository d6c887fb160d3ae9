// String<N>: bounded text that is safe in shared memory.
#pragma once

#include "shmbus/cxx20.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shmbus/error.hpp"

namespace shmbus {

/// Text of at most N bytes, made in one of four ways, none of which loses any of it silently:
///
///   String<32> name = "Ada";                  a literal: one that is too long does not compile
///   auto made = String<32>::make(text);       Result: too_large when it does not fit
///   bool fits = name.assign(text);            false, and unchanged, when it does not fit
///   name = String<32>::truncate(text);        cut on purpose, never within a character of UTF-8
///
/// A reader of one that a peer wrote gets at most N bytes, whatever its size field says.
template <std::size_t N>
class String {
 public:
  constexpr String() noexcept = default;
  /// Up to the first NUL. Text that is known at run time only: make(), assign() or truncate().
  template <std::size_t M>
  consteval String(const char (&literal)[M]) noexcept {  // NOLINT: implicit, a text is a text
    static_assert(M <= N + 1, "this literal is longer than the String<N> that it is given to");
    while (size_ + 1 < M && literal[size_] != '\0') {
      bytes_[size_] = literal[size_];
      ++size_;
    }
  }

  /// What fits a shorter one fits.
  template <std::size_t M>
  requires(M < N) constexpr String(const String<M>& shorter) noexcept {  // NOLINT: implicit
    (void)assign(shorter.view());
  }

  /// too_large when the text does not fit: `needed` says how many bytes it has.
  [[nodiscard]] static Result<String> make(std::string_view text) noexcept {
    String made;
    if (made.assign(text)) return made;
    return too_long(text.size());
  }
  /// As much of the text as fits.
  [[nodiscard]] static constexpr String truncate(std::string_view text) noexcept {
    std::size_t size = std::min(text.size(), N);
    // Back to where a character begins; what is no UTF-8 is cut anywhere.
    const auto continues = [&](std::size_t at) {
      return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
    };
    std::size_t begin = size;
    while (begin > 0 && size - begin < 4 && continues(begin)) --begin;
    if (!continues(begin)) size = begin;
    String made;
    (void)made.assign(text.substr(0, size));
    return made;
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
  [[gnu::cold]] static tl::unexpected<Error> too_long(std::size_t size) noexcept {
    Error error{ErrorKind::too_large, 0, size, "a text of "};
    error.message.append(size).append(" bytes does not fit String<").append(N);
    error.message.append(">: shorten it, or cut it by String::truncate()");
    return tl::unexpected<Error>(error);
  }

  std::uint32_t size_ = 0;
  std::array<char, N> bytes_{};
};

}  // namespace shmbus
