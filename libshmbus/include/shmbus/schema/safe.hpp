// May a type live in shared memory? Trivially copyable and without pointers, all the way down. When
// it may not, the compiler names the command, the member and its type.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shmbus/fixed_string.hpp"
#include "shmbus/schema/kinds.hpp"

namespace shmbus::detail {

// A text as a type, in the form in which each compiler prints it legibly.
#if defined(__clang__)
template <char... Text>
struct Label {};
template <const std::string_view& Text, std::size_t... I>
Label<Text[I]...> label_of(std::index_sequence<I...>);
#else
template <FixedString Text>
struct Label {};
template <std::size_t Bytes>
consteval FixedString<Bytes> fixed_text(std::string_view text) noexcept {
  char copy[Bytes]{};  // NOLINT: what a literal is
  for (std::size_t i = 0; i < text.size(); ++i) copy[i] = text[i];
  return FixedString<Bytes>(copy);
}
template <const std::string_view& Text, std::size_t... I>
Label<fixed_text<sizeof...(I) + 1>(Text)> label_of(std::index_sequence<I...>);
#endif
template <const std::string_view& Text>
using LabelOf = decltype(label_of<Text>(std::make_index_sequence<Text.size()>()));

template <class T>
constexpr bool is_safe() noexcept;

template <class T, std::size_t... I>
constexpr bool are_members_safe(std::index_sequence<I...>) noexcept {
  return (is_safe<Member<T, I>>() && ...);
}

template <class T>
constexpr bool is_safe() noexcept {
  if constexpr (std::is_pointer_v<T> || std::is_reference_v<T> || std::is_member_pointer_v<T> ||
                std::is_null_pointer_v<T>) {
    return false;
  } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || !word_of<T>.empty()) {
    return true;
  } else if constexpr (requires { typename Holds<T>::Item; }) {
    return is_safe<typename Holds<T>::Item>();
  } else if constexpr (member_count<T> != 0) {
    return are_members_safe<T>(std::make_index_sequence<member_count<T>>());
  } else if constexpr (requires { typename T::pointer; }) {
    return false;  // string_view, span, iterators: trivially copyable, and yet they point
  } else {
    return std::is_trivially_copyable_v<T>;
  }
}

/// One member that is not safe stops the compiler here, with all names in its message.
template <class CommandName, class Struct, class MemberName, class Type, bool Safe>
struct SafeInSharedMemory {
  static_assert(Safe,
                "this member cannot live in shared memory: it has or is a pointer, or is not "
                "trivially copyable; use shmbus::String<N>, Vector<T, N>, Optional<T>, or Text and "
                "Array<T> for lengths known at run time (the command, the struct, the member and "
                "its type stand in the name of this template)");
  static constexpr bool value = Safe;
};

template <class CommandName, class T>
constexpr bool require_safe() noexcept;

template <class CommandName, class T, std::size_t I>
constexpr bool require_safe_member() noexcept {
  using M = Member<T, I>;
  if constexpr (member_count<M> != 0 && word_of<M>.empty() &&
                !requires { typename Holds<M>::Item; }) {
    return require_safe<CommandName, M>();  // the member of the member is the one to name
  } else {
    return SafeInSharedMemory<CommandName, T, LabelOf<member_name<T, I>>, M, is_safe<M>()>::value;
  }
}

template <class CommandName, class T, std::size_t... I>
constexpr bool require_safe_members(std::index_sequence<I...>) noexcept {
  return (require_safe_member<CommandName, T, I>() && ...);
}

template <class CommandName, class T>
constexpr bool require_safe() noexcept {
  if constexpr (is_safe<T>()) {
    return true;
  } else if constexpr (member_count<T> != 0) {
    return require_safe_members<CommandName, T>(std::make_index_sequence<member_count<T>>());
  } else {
    return SafeInSharedMemory<CommandName, T, void, T, false>::value;
  }
}

}  // namespace shmbus::detail
