// What a command looks like: its members' names and types, as text and as a hash, both made when
// compiling from the structs themselves.
//
// A registration carries them. A caller's handle is compared with them once, when it is made, and
// again when its name has a new owner: type_mismatch shows what differs. Equal are two commands
// whose members have the same names, types and places, in the same order. One side may have more at
// the end of its request or reply, if all that it has more is Optional: a handler sees as absent
// what an older caller does not know, and never sees what only a newer caller knows.
//
// A command of bytes (Server::on(name, ...), Bus::caller(name)) has no schema and fits every other.
#pragma once

#include <cstdint>
#include <string_view>

#include "shmbus/command.hpp"
#include "shmbus/fixed_string.hpp"
#include "shmbus/schema/text.hpp"

namespace shmbus {

struct Schema {
  std::string_view text;   ///< see schema/text.hpp; empty when nothing is known
  std::uint64_t hash = 0;  ///< of the text; 0 when it is empty
  std::uint32_t request_bytes = 0;
  std::uint32_t reply_bytes = 0;
};

/// What a name was registered with, copied out of the bus.
struct RegisteredTypes {
  FixedText<1984> text;    ///< empty: bytes, or too long for the bus
  std::uint64_t hash = 0;  ///< 0: bytes
  std::uint32_t request_bytes = 0;
  std::uint32_t reply_bytes = 0;
};

namespace detail {
template <class Request, class Reply>
constexpr Schema make_schema() noexcept {
  const std::string_view text{schema_chars<Request, Reply>.data(),
                              schema_chars<Request, Reply>.size()};
  return {text, hash_name(text), static_cast<std::uint32_t>(wire_bytes<Request>),
          static_cast<std::uint32_t>(wire_bytes<Reply>)};
}
}  // namespace detail

/// Of a Command.
template <class C>
inline constexpr Schema schema_of = detail::make_schema<typename C::Request, typename C::Reply>();

}  // namespace shmbus
