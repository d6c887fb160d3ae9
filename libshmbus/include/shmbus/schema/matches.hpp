// Holds a hand-written struct against another, member by member, when compiling. The headers that
// `shmbus gen --check` makes are lists of these questions.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "shmbus/schema/text.hpp"

namespace shmbus {

namespace detail {
template <class T>
constexpr std::size_t type_text_size() noexcept {
  TextSink counting;
  write_type<T>(counting);
  return counting.size();
}
template <class T>
inline constexpr auto type_chars = [] {
  std::array<char, type_text_size<T>()> chars{};
  TextSink out(chars.data());
  write_type<T>(out);
  return chars;
}();
}  // namespace detail

/// Member I of both has the same name, type and place.
template <class T, class Wanted, std::size_t I>
consteval bool member_matches() noexcept {
  if constexpr (I >= detail::member_count<T>) {
    return false;
  } else {
    constexpr auto& mine = detail::type_chars<detail::Member<T, I>>;
    constexpr auto& wanted = detail::type_chars<detail::Member<Wanted, I>>;
    return detail::member_name<T, I> == detail::member_name<Wanted, I> &&
           std::string_view(mine.data(), mine.size()) ==
               std::string_view(wanted.data(), wanted.size()) &&
           detail::member_offsets<T>[I] == detail::member_offsets<Wanted>[I];
  }
}

template <class T, class Wanted>
consteval bool has_no_more_members() noexcept {
  return detail::member_count<T> <= detail::member_count<Wanted>;
}

}  // namespace shmbus
