// What an aggregate is made of: how many members it has, their types, names and places. All of it
// is found out when compiling; nothing has to be written beside the struct.
//
// A type that cannot be taken apart this way (a class with private members or base classes, more
// than 32 members, bit-fields) may still be sent: it is then one opaque piece of so many bytes. Say
// so for a type that the compiler stumbles over:
//   template <> inline constexpr bool shmbus::opaque<Flags> = true;
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "shmbus/schema/bindings.hpp"

namespace shmbus {

template <class T>
inline constexpr bool opaque = false;

namespace detail {

// What is only asked about is never defined.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#pragma clang diagnostic ignored "-Wundefined-func-template"
#endif

// --- how many ----------------------------------------------------------------------------------

/// Turns into any member, but for the aggregate itself; only as a temporary, so that a constructor
/// of the member that takes whatever is convertible to something does not compete.
template <class Owner>
struct AnyMember {
  template <class T>
  requires(!std::is_same_v<std::remove_cv_t<T>, Owner>) constexpr operator T() && noexcept;
};

template <class Owner>
struct AnyBase {
  template <class T>
  requires(std::is_base_of_v<T, Owner> && !std::is_same_v<T, Owner>) constexpr
  operator T() && noexcept;
};

template <class Owner, std::size_t>
using AnyMemberAt = AnyMember<Owner>;

template <class T, std::size_t... Before, std::size_t... Inside, std::size_t... After>
constexpr bool takes(std::index_sequence<Before...>, std::index_sequence<Inside...>,
                     std::index_sequence<After...>) noexcept {
  if constexpr (sizeof...(Inside) == 0) {
    return requires { T{AnyMemberAt<T, Before>()..., AnyMemberAt<T, After>()...}; };
  } else {
    return requires {
      T{AnyMemberAt<T, Before>()..., {AnyMemberAt<T, Inside>()...}, AnyMemberAt<T, After>()...};
    };
  }
}

/// T{any x Before, {any x Inside}, any x After} compiles; without the braces when Inside is 0.
template <class T, std::size_t Before, std::size_t Inside = 0, std::size_t After = 0>
inline constexpr bool takes_values = takes<T>(std::make_index_sequence<Before>(),
                                              std::make_index_sequence<Inside>(),
                                              std::make_index_sequence<After>());

inline constexpr std::size_t values_max = 2 * members_max;

/// How many values T takes when the braces of arrays inside it are left out; 0 when too many.
template <class T, std::size_t N = values_max>
constexpr std::size_t count_values() noexcept {
  if constexpr (N == 0) {
    return 0;
  } else if constexpr (takes_values<T, N>) {
    return N;
  } else {
    return count_values<T, N - 1>();
  }
}

/// How many of these values the member takes that begins at value At: more than one only for an
/// array of C, the one kind of member that cannot be made from a single value.
template <class T, std::size_t Values, std::size_t At, std::size_t Inside>
constexpr std::size_t values_of_member() noexcept {
  if constexpr (Inside < 2) {
    return 1;
  } else if constexpr (takes_values<T, At, Inside, Values - At - Inside> &&
                       !takes_values<T, At, Inside, Values - At - Inside + 1>) {
    return Inside;
  } else {
    return values_of_member<T, Values, At, Inside - 1>();
  }
}

template <class T, std::size_t Values, std::size_t At = 0>
constexpr std::size_t count_members_from() noexcept {
  if constexpr (At >= Values) {
    return 0;
  } else {
    return 1 + count_members_from<T, Values, At + values_of_member<T, Values, At, Values - At>()>();
  }
}

/// Members of T; 0 when it has none or cannot be taken apart.
template <class T>
constexpr std::size_t count_members() noexcept {
  if constexpr (opaque<T> || !std::is_class_v<T> || !std::is_aggregate_v<T> || std::is_empty_v<T>) {
    return 0;
  } else if constexpr (requires { T{AnyBase<T>()}; } || takes_values<T, values_max + 1>) {
    return 0;
  } else {
    constexpr std::size_t members = count_members_from<T, count_values<T>()>();
    return members <= members_max ? members : 0;
  }
}

template <class T>
inline constexpr std::size_t member_count = count_members<T>();

// --- which -------------------------------------------------------------------------------------

/// An object that exists only for its members' addresses to be named, and is never defined.
template <class T>
struct Imagined {
  T value;
};
template <class T>
extern const Imagined<T> imagined;

template <class T>
consteval auto member_addresses() noexcept {
  return with_members<member_count<T>>(imagined<T>.value, [](const auto&... members) {
    return std::tuple<decltype(&members)...>(&members...);
  });
}

template <class T, std::size_t I>
consteval auto member_address() noexcept {
  return std::get<I>(member_addresses<T>());
}

template <class T, std::size_t I>
using Member = std::remove_cvref_t<decltype(*member_address<T, I>())>;

// --- called what -------------------------------------------------------------------------------

template <class Pointer>
struct Address {
  Pointer pointer;
};
template <class Pointer>
Address(Pointer) -> Address<Pointer>;

template <auto Named>
consteval auto name_in_signature() noexcept {  // "auto": a named type would be in it too
  constexpr std::string_view signature = __PRETTY_FUNCTION__;
  return signature;
}

constexpr bool in_identifier(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// "...{&imagined.value.email}]" (Clang), "...value.User::email)}]" (GCC): the last identifier.
constexpr std::string_view last_identifier(std::string_view text) noexcept {
  while (!text.empty() && !in_identifier(text.back())) text.remove_suffix(1);
  std::size_t from = text.size();
  while (from > 0 && in_identifier(text[from - 1])) --from;
  return text.substr(from);
}

template <class T, std::size_t I>
inline constexpr std::string_view member_name =
    last_identifier(name_in_signature<Address{member_address<T, I>()}>());

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

// --- where -------------------------------------------------------------------------------------

constexpr std::size_t aligned_up(std::size_t value, std::size_t unit) noexcept {
  return (value + unit - 1) / unit * unit;
}

/// Where the members of T begin, by the rule of the ABI; one more entry for where the last one
/// ends.
template <class T, std::size_t... I>
consteval std::array<std::size_t, sizeof...(I) + 1> offsets_of(std::index_sequence<I...>) noexcept {
  std::array<std::size_t, sizeof...(I) + 1> at{};
  std::size_t end = 0;
  ((at[I] = aligned_up(end, alignof(Member<T, I>)), end = at[I] + sizeof(Member<T, I>)), ...);
  at[sizeof...(I)] = end;
  return at;
}

template <class T>
inline constexpr auto member_offsets = offsets_of<T>(std::make_index_sequence<member_count<T>>());

/// T can be taken apart and its members lie where they must; not so with members that ask for an
/// alignment or overlap.
template <class T>
constexpr bool is_described() noexcept {
  if constexpr (member_count<T> == 0) {
    return false;
  } else {
    return aligned_up(member_offsets<T>.back(), alignof(T)) == sizeof(T);
  }
}

template <class T>
inline constexpr bool described = is_described<T>();

}  // namespace detail
}  // namespace shmbus
