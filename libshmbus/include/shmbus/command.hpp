// Command binds a name to its types, once, for both sides.
//
//   struct CreateUser { std::uint64_t id; shmbus::String<64> email; };
//   struct UserCreated { std::uint64_t row; };
//   using UserCreate = shmbus::Command<"user.create", CreateUser, UserCreated>;
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "shmbus/fixed_string.hpp"
#include "shmbus/name.hpp"
#include "shmbus/schema/safe.hpp"
#include "shmbus/stream_of.hpp"

namespace shmbus {

/// "No data": the request or the reply of a command that needs none.
struct Nothing {};

namespace detail {

/// Stands where a member is not needed.
struct Unused {};

/// FNV-1a, 64 bit (Fowler, Noll, Vo), finished with the mixer of splitmix64 so that the upper half
/// is as good as the lower. Part of the format: both sides must agree.
constexpr std::uint64_t hash_name(std::string_view name) noexcept {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  }
  hash = (hash ^ (hash >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  hash = (hash ^ (hash >> 27U)) * 0x94D049BB133111EBULL;
  return hash ^ (hash >> 31U);
}

/// Bytes a T takes on the bus: an empty type takes none.
template <class T>
inline constexpr std::size_t wire_bytes = std::is_empty_v<T> ? 0 : sizeof(T);

template <class T>
std::span<const std::byte> bytes_of(const T& value) noexcept {
  return {reinterpret_cast<const std::byte*>(&value), wire_bytes<T>};
}
template <class T>
std::span<std::byte> writable_bytes_of(T& value) noexcept {
  return {reinterpret_cast<std::byte*>(&value), wire_bytes<T>};
}

}  // namespace detail

/// A name and its hash; from a literal both are computed at compile time.
struct CommandName {
  std::string_view text;
  std::uint64_t hash;

  template <class T>
  requires std::is_convertible_v<const T&, std::string_view>
  constexpr CommandName(const T& name) noexcept  // NOLINT: implicit on purpose, a name is a text
      : text(name), hash(detail::hash_name(text)) {}
};

/// A trait of a Command: to run it twice does no more than to run it once. RetryPolicy then repeats
/// it also when it may have been started.
struct Idempotent {};

template <FixedString Name, class RequestType, class ReplyType = Nothing, class... Traits>
struct Command {
  using Request = RequestType;
  using Reply = ReplyType;

  static_assert((std::is_same_v<Traits, Idempotent> && ...), "the only trait is Idempotent");
  static constexpr bool idempotent = sizeof...(Traits) > 0;

  /// The name as a type, for messages of the compiler.
  static constexpr std::string_view text = Name.view();
  using Label = detail::LabelOf<text>;

  static_assert(detail::require_safe<Label, detail::ItemOf<Request>>(),
                "see the member that is named above");
  static_assert(detail::require_safe<Label, detail::ItemOf<Reply>>(),
                "see the member that is named above");
  static_assert(std::is_default_constructible_v<Reply>);
  static_assert(alignof(detail::ItemOf<Request>) <= 8 && alignof(detail::ItemOf<Reply>) <= 8,
                "bus memory handed to handlers is aligned to 8 bytes");
  static_assert(!Name.view().empty() && Name.view().size() <= name_bytes_max,
                "a command name has 1 to 128 bytes");
  static_assert(is_valid_name(Name.view()),
                "a command name is UTF-8 text without control and format characters: name.hpp");

  static constexpr CommandName name{text};
};

}  // namespace shmbus
