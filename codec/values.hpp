// Values: JSON text to the bytes of a type, and back.
//
//   type              JSON
//   bool              true, false
//   u8 .. u64, i8 .. i64   a whole number within the range; no fraction, no exponent
//   f32, f64          a number; of bytes that are none (NaN, infinite): null
//   char, str, text, email, uuid, time (RFC 3339)   a string
//   enum              the name of an enumerator; its number is taken too
//   opt               null, or left out: absent
//   vec, arr, list    an array
//   a struct          an object: all members but optional ones, no others, none twice; in any order
//   raw               a string of hexadecimal digits
//   none              null or {}; decoded: null
//
// What does not fit is said with its place: "request.email: 81 bytes, at most 64". Bytes come from
// a peer: what leads out of them is empty, and text that is no UTF-8 is replaced (U+FFFD).
//
// Errors    Values; nothing throws.
//   invalid_argument   the text is no JSON, or is no value of the type
//   type_mismatch      the bytes are too few for the type
//   too_large          more than `Budget` allows: `needed` says how much it would take, if that is
//                      known
//   limit_reached      there is no memory
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/type.hpp"
#include "shmbus/error.hpp"

namespace shmbus::codec {

/// What one value may take. JSON may be nested 64 deep (json_depth_max), types 16.
struct Budget {
  std::size_t json_bytes = std::size_t{64} << 20U;     ///< as JSON, read or written
  std::size_t message_bytes = std::size_t{64} << 20U;  ///< on the bus
  std::size_t values = 1'000'000;                      ///< that are decoded: parts may overlap
};

/// Writes the message into `out`, whose memory is used again. `root` is what messages call the
/// value. After an error `out` is of no use.
Result<void> encode(const Type& type, std::string_view json, std::vector<std::byte>& out,
                    const Budget& budget = {}, std::string_view root = "request") noexcept;

/// Appends the value to `out`, on one line. A message of an earlier version of the type, which
/// lacks optional members at its end, is taken. After an error `out` is as it was.
Result<void> decode(const Type& type, std::span<const std::byte> bytes, std::string& out,
                    const Budget& budget = {}, std::string_view root = "reply") noexcept;

}  // namespace shmbus::codec
