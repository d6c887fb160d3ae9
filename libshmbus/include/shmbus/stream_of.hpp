// Stream<T> stands in a Command where many T go instead of one: see typed_stream.hpp.
#pragma once

#include <type_traits>

namespace shmbus {

template <class T>
struct Stream {
  using Item = T;
};

namespace detail {

template <class T>
struct StreamTraits {
  static constexpr bool is = false;
  using Item = T;
};
template <class T>
struct StreamTraits<Stream<T>> {
  static constexpr bool is = true;
  using Item = T;
};

template <class T>
inline constexpr bool is_stream = StreamTraits<T>::is;
/// What is sent: the item of a stream, or the type itself.
template <class T>
using ItemOf = typename StreamTraits<T>::Item;

/// A Command with a stream in it.
template <class C>
concept Streaming = is_stream<typename C::Request> || is_stream<typename C::Reply>;

}  // namespace detail
}  // namespace shmbus
