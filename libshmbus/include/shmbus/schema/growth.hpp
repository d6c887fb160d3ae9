// How a type may grow. Optional members may be added at its end: a peer that was built before sends
// fewer bytes, and what it left out is absent. Optional<T> is aligned to 8 bytes, so the sizes of
// the versions before are known: each ends where one of these members begins.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "shmbus/schema/kinds.hpp"

namespace shmbus::detail {

template <class T>
constexpr bool has_tail() noexcept;

template <class T, std::size_t... I>
constexpr bool any_member_has_tail(std::index_sequence<I...>) noexcept {
  return (has_tail<Member<T, I>>() || ...);
}

/// Some of it lies behind it, in the same message.
template <class T>
constexpr bool has_tail() noexcept {
  if constexpr (std::is_same_v<T, Text> || Holds<T>::in_message) {
    return true;
  } else if constexpr (requires { typename Holds<T>::Item; }) {
    return has_tail<typename Holds<T>::Item>();
  } else if constexpr (word_of<T>.empty() && described<T>) {
    return any_member_has_tail<T>(std::make_index_sequence<member_count<T>>());
  } else {
    return false;
  }
}

template <class T, std::size_t... I>
constexpr std::size_t count_optionals_at_end(std::index_sequence<I...>) noexcept {
  std::size_t in_a_row = 0;
  ((in_a_row = Holds<Member<T, I>>::optional ? in_a_row + 1 : 0), ...);
  return in_a_row;
}

/// Optional members at the end of T, all of which may be missing. The first member never counts: a
/// type has at least one that was always there. None when part of T lies behind it, since then its
/// size does not say where it ends.
template <class T>
constexpr std::size_t optionals_at_end() noexcept {
  if constexpr (described<T> && !has_tail<T>()) {
    constexpr std::size_t members = member_count<T>;
    return std::min(count_optionals_at_end<T>(std::make_index_sequence<members>()), members - 1);
  } else {
    return 0;
  }
}

template <class T>
inline constexpr bool grows = optionals_at_end<T>() != 0;

/// sizeof the versions of T without the last 1, 2, ... of its optional members.
template <class T, std::size_t... I>
consteval auto sizes_before(std::index_sequence<I...>) noexcept {
  constexpr std::size_t members = sizeof...(I);
  constexpr std::array<std::size_t, members> align{alignof(Member<T, I>)...};
  constexpr std::array<std::size_t, members> bytes{sizeof(Member<T, I>)...};
  std::array<std::size_t, optionals_at_end<T>()> sizes{};
  for (std::size_t missing = 1; missing <= sizes.size(); ++missing) {
    const std::size_t last = members - missing - 1;
    const std::size_t unit = *std::max_element(align.begin(), align.begin() + last + 1);
    sizes[missing - 1] = aligned_up(member_offsets<T>[last] + bytes[last], unit);
  }
  return sizes;
}

/// Is this the size of an earlier version of T?
template <class T>
constexpr bool is_earlier_size([[maybe_unused]] std::size_t bytes) noexcept {
  if constexpr (grows<T>) {
    constexpr auto sizes = sizes_before<T>(std::make_index_sequence<member_count<T>>());
    return std::find(sizes.begin(), sizes.end(), bytes) != sizes.end();
  } else {
    return false;
  }
}

/// A later version ends with an Optional, so its size is a multiple of 8 and at least 8 larger.
template <class T>
constexpr bool may_be_later_size(std::size_t bytes) noexcept {
  return described<T> && bytes % 8 == 0 && bytes >= aligned_up(sizeof(T), 8) + 8;
}

/// Can a T be had from a message of so many bytes?
template <class T>
constexpr bool fits_message(std::size_t bytes) noexcept {
  if constexpr (has_tail<T>()) {
    return bytes >= sizeof(T);
  } else {
    return bytes == sizeof(T) || is_earlier_size<T>(bytes) || may_be_later_size<T>(bytes);
  }
}

}  // namespace shmbus::detail
