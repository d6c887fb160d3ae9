// Optional<T>: a value or none, safe in shared memory. A field of this type at the end of a request
// or reply may be added later without breaking those who were built before it: see schema.hpp.
#pragma once

#include "shmbus/cxx20.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace shmbus {

/// Aligned to 8 bytes, so that one added at the end never falls into the padding of the struct that
/// others know: what an older peer leaves out is then certainly absent.
template <class T>
class alignas(8) Optional {
  static_assert(std::is_trivially_copyable_v<T>);
  static_assert(alignof(T) <= 8);

 public:
  constexpr Optional() noexcept = default;
  constexpr Optional(std::nullopt_t) noexcept {}                           // NOLINT: implicit
  constexpr Optional(const T& value) noexcept : value_(value), has_(1) {}  // NOLINT: implicit
  /// A literal, where a T may be made of one.
  template <std::size_t M>
  requires std::is_constructible_v<T, const char (&)[M]>
  consteval Optional(const char (&literal)[M]) noexcept  // NOLINT: implicit
      : value_(literal), has_(1) {}
  template <class U>
  requires(!std::is_array_v<U> && std::is_convertible_v<const U&, T> && !std::is_same_v<U, T> &&
           !std::is_same_v<U, Optional> &&
           !std::is_same_v<
               U, std::nullopt_t>) constexpr Optional(const U& value) noexcept  // NOLINT: implicit,
                                                                                // as a T is
      : value_(static_cast<T>(value)), has_(1) {}

  [[nodiscard]] constexpr bool has_value() const noexcept { return has_ != 0; }
  constexpr explicit operator bool() const noexcept { return has_value(); }
  /// A default T when there is none.
  [[nodiscard]] constexpr const T& operator*() const noexcept { return value_; }
  [[nodiscard]] constexpr const T* operator->() const noexcept { return &value_; }
  [[nodiscard]] constexpr T& emplace(const T& value = {}) noexcept {
    value_ = value;
    has_ = 1;
    return value_;
  }
  [[nodiscard]] constexpr T value_or(const T& other) const noexcept {
    return has_value() ? value_ : other;
  }
  constexpr void reset() noexcept { *this = {}; }

 private:
  T value_{};
  std::uint8_t has_ = 0;
};

}  // namespace shmbus
