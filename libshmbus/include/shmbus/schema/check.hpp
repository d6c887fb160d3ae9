// What a peer wrote may be no value of its type: a bool of 7, an enumerator that does not exist.
// Types with such members are checked before a handler or a caller sees them; others cost nothing.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shmbus/schema/kinds.hpp"

namespace shmbus::detail {

template <class T>
constexpr bool is_checkable() noexcept;

template <class T, std::size_t... I>
constexpr bool any_checkable(std::index_sequence<I...>) noexcept {
  return (is_checkable<Member<T, I>>() || ...);
}

template <class T>
constexpr bool is_checkable() noexcept {
  if constexpr (std::is_same_v<T, bool> || is_named_enum<T>()) {
    return true;
  } else if constexpr (Holds<T>::in_message || !word_of<T>.empty()) {
    return false;
  } else if constexpr (requires { typename Holds<T>::Item; }) {
    return is_checkable<typename Holds<T>::Item>();
  } else if constexpr (described<T>) {
    return any_checkable<T>(std::make_index_sequence<member_count<T>>());
  } else {
    return false;
  }
}

template <class T>
std::string_view first_bad(const T& value) noexcept;

template <class T>
std::string_view first_bad_member(const T& value) noexcept {
  return with_members<member_count<T>>(value, [](const auto&... member) {
    std::string_view bad;
    std::size_t index = 0;
    std::size_t at = 0;
    const auto look = [&](const auto& one) {
      if (bad.empty() && !(bad = first_bad(one)).empty()) at = index;
      ++index;
    };
    (look(member), ...);
    if (bad != "value") return bad;
    // A plain member has no name of its own: it is ours.
    return []<std::size_t... I>(std::index_sequence<I...>, std::size_t which) {
      std::string_view name;
      ((I == which ? void(name = member_name<T, I>) : void()), ...);
      return name;
    }
    (std::make_index_sequence<member_count<T>>(), at);
  });
}

/// The name of the first member, however deep, that holds no value of its type; empty when all do.
template <class T>
std::string_view first_bad(const T& value) noexcept {
  if constexpr (!is_checkable<T>()) {
    return {};
  } else if constexpr (std::is_same_v<T, bool>) {
    unsigned char byte = 0;
    std::memcpy(&byte, &value, 1);
    return byte > 1 ? "value" : std::string_view{};
  } else if constexpr (is_named_enum<T>()) {
    for (const Enumerator& known : enumerators<T>) {
      if (static_cast<std::int64_t>(value) == known.value) return {};
    }
    return "value";
  } else if constexpr (Holds<T>::optional) {
    return value.has_value() ? first_bad(*value) : std::string_view{};
  } else if constexpr (Holds<T>::vector) {
    for (const auto& item : value.view()) {
      if (const auto bad = first_bad(item); !bad.empty()) return bad;
    }
    return {};
  } else if constexpr (Holds<T>::array) {
    for (const auto& item : value) {
      if (const auto bad = first_bad(item); !bad.empty()) return bad;
    }
    return {};
  } else {
    return first_bad_member(value);
  }
}

}  // namespace shmbus::detail
