// Pieces of JSON text. Each appends to `out`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shmbus::codec {

/// Between quotes. What is no UTF-8 becomes U+FFFD; characters that steer a terminal are escaped.
void append_string(std::string& out, std::string_view text);
void append_number(std::string& out, std::uint64_t value);
void append_number(std::string& out, std::int64_t value);
/// The shortest text that reads back the same, with a point or an exponent; null when it is no
/// number (NaN, infinite).
void append_number(std::string& out, double value);
void append_number(std::string& out, float value);

}  // namespace shmbus::codec
