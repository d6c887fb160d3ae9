// A type as text: the compact form in which a registration carries it in the segment, and its hash.
// Both are made when compiling. Two processes may exchange a type exactly when its texts are equal,
// but for optional members that one of them has more at the end (see schema.hpp).
//
//   schema  = side "->" side                            request, reply
//   side    = type | "stream<" type ">"                 one, or many
//   type    = "none"                                    takes no bytes
//           | "bool" | "char" | "i8" .. "u64" | "f32" | "f64" | "uuid" | "time" | "email" | "text"
//           | "str" N                                   String<N>
//           | "vec" N "<" type ">" | "arr" N "<" type ">" | "opt<" type ">" | "list<" type ">"
//           | "enum<" type "(" name "=" value {"," name "=" value} ")>"
//           | "{" field {"," field} "}" SIZE "/" ALIGNMENT
//           | "raw" SIZE "/" ALIGNMENT                  cannot be taken apart
//   field   = name ":" type "@" OFFSET                  sizes and offsets in bytes
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shmbus/schema/kinds.hpp"
#include "shmbus/stream_of.hpp"

namespace shmbus::detail {

/// Appends to memory, or only counts when there is none.
class TextSink {
 public:
  constexpr TextSink() noexcept = default;
  constexpr explicit TextSink(char* out) noexcept : out_(out) {}

  constexpr TextSink& put(std::string_view text) noexcept {
    for (const char c : text) {
      if (out_ != nullptr) out_[size_] = c;
      ++size_;
    }
    return *this;
  }
  constexpr TextSink& put(std::uint64_t number) noexcept {
    if (number >= 10) put(number / 10);
    const char digit = static_cast<char>('0' + number % 10);
    return put(std::string_view(&digit, 1));
  }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }

 private:
  char* out_ = nullptr;
  std::size_t size_ = 0;
};

template <class T>
constexpr void write_type(TextSink& out) noexcept;

template <class E>
constexpr void write_enum(TextSink& out) noexcept {
  out.put("enum<").put(integer_word<std::underlying_type_t<E>>()).put("(");
  bool first = true;
  for (const Enumerator& one : enumerators<E>) {
    if (!first) out.put(",");
    first = false;
    out.put(one.name).put("=").put(static_cast<std::uint64_t>(one.value));
  }
  out.put(")>");
}

template <class T, std::size_t... I>
constexpr void write_members(TextSink& out, std::index_sequence<I...>) noexcept {
  const auto one = [&]<std::size_t At>(std::integral_constant<std::size_t, At>) {
    if (At != 0) out.put(",");
    out.put(member_name<T, At>).put(":");
    write_type<Member<T, At>>(out);
    out.put("@").put(member_offsets<T>[At]);
  };
  (one(std::integral_constant<std::size_t, I>()), ...);
}

template <class T>
constexpr void write_holder(TextSink& out) noexcept {
  using Kind = Holds<T>;
  if constexpr (Kind::vector) {
    out.put("vec").put(Kind::count);
  } else if constexpr (Kind::array) {
    out.put("arr").put(Kind::count);
  } else {
    out.put(Kind::optional ? "opt" : "list");
  }
  out.put("<");
  write_type<typename Kind::Item>(out);
  out.put(">");
}

template <class T>
constexpr void write_type(TextSink& out) noexcept {
  if constexpr (!word_of<T>.empty()) {
    out.put(word_of<T>);
  } else if constexpr (std::is_empty_v<T>) {
    out.put("none");
  } else if constexpr (std::is_integral_v<T>) {
    out.put(integer_word<T>());
  } else if constexpr (is_named_enum<T>()) {
    write_enum<T>(out);
  } else if constexpr (std::is_enum_v<T>) {
    write_type<std::underlying_type_t<T>>(out);
  } else if constexpr (BoundedText<T>::is) {
    out.put("str").put(BoundedText<T>::capacity);
  } else if constexpr (requires { typename Holds<T>::Item; }) {
    write_holder<T>(out);
  } else if constexpr (described<T>) {
    out.put("{");
    write_members<T>(out, std::make_index_sequence<member_count<T>>());
    out.put("}").put(sizeof(T)).put("/").put(alignof(T));
  } else {
    out.put("raw").put(sizeof(T)).put("/").put(alignof(T));
  }
}

template <class T>
constexpr void write_side(TextSink& out) noexcept {
  if constexpr (is_stream<T>) {
    out.put("stream<");
    write_type<ItemOf<T>>(out);
    out.put(">");
  } else {
    write_type<T>(out);
  }
}

template <class Request, class Reply>
constexpr void write_schema(TextSink& out) noexcept {
  write_side<Request>(out);
  out.put("->");
  write_side<Reply>(out);
}

template <class Request, class Reply>
constexpr std::size_t schema_size() noexcept {
  TextSink counting;
  write_schema<Request, Reply>(counting);
  return counting.size();
}

template <class Request, class Reply>
inline constexpr auto schema_chars = [] {
  std::array<char, schema_size<Request, Reply>()> chars{};
  TextSink out(chars.data());
  write_schema<Request, Reply>(out);
  return chars;
}();

}  // namespace shmbus::detail
