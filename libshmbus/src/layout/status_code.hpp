// What the code field of a reply's cell word says. Part of the format: numbers are stable.
#pragma once

#include <cstdint>

namespace shmbus {

enum class StatusCode : std::uint32_t {
  ok = 0,
  rejected = 1,          ///< detail: the handler's own code; body: its message
  handler_died = 2,      ///< after it had started this command
  expired = 3,           ///< the deadline came before the start
  cancelled = 4,         ///< before the start
  not_registered = 5,    ///< the owner of the endpoint does not serve this name (any more)
  reply_too_large = 6,   ///< detail: bytes needed
  abandoned = 7,         ///< the handler dropped it
  malformed = 8,         ///< the request cell made no sense to the owner
  rejected_because = 9,  ///< rejected; body: one byte, so many bytes of Causes, the message
  not_permitted = 10,    ///< these three: refused before the handler; detail and body as rejected
  overloaded = 11,
  invalid_argument = 12,
};

}  // namespace shmbus
