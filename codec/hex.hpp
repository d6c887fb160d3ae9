// Bytes as hexadecimal digits, and back.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shmbus::codec {

/// "00 ff", "00ff", "00:ff", "0x00ff". Nothing when it is none of these.
std::optional<std::vector<std::byte>> parse_hex(std::string_view text);
/// Lower case, without spaces.
std::string to_hex(std::span<const std::byte> bytes);
void append_hex(std::string& out, std::span<const std::byte> bytes);

}  // namespace shmbus::codec
