// The kinds of types that a schema knows, and the names of enumerators.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shmbus/schema/members.hpp"
#include "shmbus/types.hpp"

namespace shmbus {

/// Enumerators are looked for from 0 up to this value. For an enum with larger ones:
///   template <> inline constexpr int shmbus::enum_max<Color> = 300;
template <class E>
inline constexpr int enum_max = 63;

namespace detail {

template <class T>
struct BoundedText {
  static constexpr bool is = false;
};
template <std::size_t N>
struct BoundedText<String<N>> {
  static constexpr bool is = true;
  static constexpr std::size_t capacity = N;
};

/// Types that hold others: what, and at most how many.
template <class T>
struct Holds {
  static constexpr bool vector = false;
  static constexpr bool array = false;
  static constexpr bool optional = false;
  static constexpr bool in_message = false;
};
template <class T, std::size_t N>
struct Holds<Vector<T, N>> : Holds<void> {
  using Item = T;
  static constexpr bool vector = true;
  static constexpr std::size_t count = N;
};
template <class T, std::size_t N>
struct Holds<std::array<T, N>> : Holds<void> {
  using Item = T;
  static constexpr bool array = true;
  static constexpr std::size_t count = N;
};
template <class T, std::size_t N>
struct Holds<T[N]> : Holds<void> {  // NOLINT: C arrays are what this is about
  using Item = T;
  static constexpr bool array = true;
  static constexpr std::size_t count = N;
};
template <class T>
struct Holds<Optional<T>> : Holds<void> {
  using Item = T;
  static constexpr bool optional = true;
};
template <class T>
struct Holds<Array<T>> : Holds<void> {
  using Item = T;
  static constexpr bool in_message = true;
};

/// Types with a word of their own in a schema.
template <class T>
inline constexpr std::string_view word_of = {};
template <>
inline constexpr std::string_view word_of<bool> = "bool";
template <>
inline constexpr std::string_view word_of<char> = "char";
template <>
inline constexpr std::string_view word_of<std::byte> = "u8";
template <>
inline constexpr std::string_view word_of<float> = "f32";
template <>
inline constexpr std::string_view word_of<double> = "f64";
template <>
inline constexpr std::string_view word_of<Uuid> = "uuid";
template <>
inline constexpr std::string_view word_of<Timestamp> = "time";
template <>
inline constexpr std::string_view word_of<Email> = "email";
template <>
inline constexpr std::string_view word_of<Text> = "text";

/// By width, so that `long` and `long long` are the same.
template <class T>
constexpr std::string_view integer_word() noexcept {
  constexpr bool is_signed = std::is_signed_v<T>;
  switch (sizeof(T)) {
    case 1:
      return is_signed ? "i8" : "u8";
    case 2:
      return is_signed ? "i16" : "u16";
    case 4:
      return is_signed ? "i32" : "u32";
    default:
      return is_signed ? "i64" : "u64";
  }
}

// --- enumerators -------------------------------------------------------------------------------

struct Enumerator {
  std::string_view name;
  std::int64_t value = 0;
};

template <class E, int Value>
constexpr Enumerator enumerator_at() noexcept {
  // "[with auto = Color::green]" or "[with auto = (Color)2]" when nothing has that value.
  const auto name = last_identifier(name_in_signature<static_cast<E>(Value)>());
  const bool named = !name.empty() && (name[0] < '0' || name[0] > '9');
  return {named ? name : std::string_view{}, Value};
}

template <class E, int... Value>
constexpr auto enumerators_from(std::integer_sequence<int, Value...>) noexcept {
  constexpr std::size_t count = (std::size_t{0} + ... + !enumerator_at<E, Value>().name.empty());
  std::array<Enumerator, count> found{};
  std::size_t at = 0;
  for (const Enumerator& one : {enumerator_at<E, Value>()...}) {
    if (!one.name.empty()) found[at++] = one;
  }
  return found;
}

/// An unscoped enum without a fixed type holds only so many bits: asking further is ill-formed.
template <class E>
concept FixedEnum = std::is_enum_v<E> && !std::is_same_v<E, std::byte> && requires {
  E{0};
};

template <class E>
inline constexpr auto enumerators =
    enumerators_from<E>(std::make_integer_sequence<int, enum_max<E> + 1>());

/// An enum whose values are known; any other is an integer.
template <class E>
constexpr bool is_named_enum() noexcept {
  if constexpr (FixedEnum<E>) {
    return !enumerators<E>.empty();
  } else {
    return false;
  }
}

}  // namespace detail
}  // namespace shmbus
