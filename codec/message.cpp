#include "codec/message.hpp"

#include <cstring>

namespace shmbus::codec {
namespace {

constexpr std::size_t quoted_max = 60;

bool is_control(std::string_view character) noexcept {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return character.size() == 2 && first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

/// Letters and marks that change the direction of what stands around them.
bool changes_direction(std::string_view character) noexcept {
  const auto code = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() != 3 || code(0) != 0xE2) return false;
  if (code(1) == 0x80)
    return code(2) == 0x8E || code(2) == 0x8F || (code(2) >= 0xA8 && code(2) <= 0xAE);
  return code(1) == 0x81 && code(2) >= 0xA6 && code(2) <= 0xA9;
}

}  // namespace

bool steers(std::string_view character) noexcept {
  return is_control(character) || changes_direction(character);
}

std::size_t character_bytes(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return 0;
  if (at(0) < 0x80) return 1;
  const std::size_t bytes = at(0) >= 0xF0 ? 4 : at(0) >= 0xE0 ? 3 : 2;
  if (at(0) < 0xC2 || at(0) > 0xF4 || bytes > text.size()) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((at(i) & 0xC0U) != 0x80U) return 0;
  }
  const bool overlong = (at(0) == 0xE0 && at(1) < 0xA0) || (at(0) == 0xF0 && at(1) < 0x90);
  const bool surrogate = at(0) == 0xED && at(1) >= 0xA0;
  const bool beyond = at(0) == 0xF4 && at(1) >= 0x90;
  return overlong || surrogate || beyond ? 0 : bytes;
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    std::uint64_t eight = 0;
    if (text.size() >= sizeof eight) {
      std::memcpy(&eight, text.data(), sizeof eight);
      if ((eight & 0x8080808080808080ULL) == 0) {
        text.remove_prefix(sizeof eight);
        continue;
      }
    }
    const std::size_t bytes = character_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

Message& Message::foreign(std::string_view text) noexcept {
  constexpr std::string_view digits = "0123456789abcdef";
  while (!text.empty()) {
    std::size_t bytes = character_bytes(text);
    const auto character = text.substr(0, bytes);
    const bool plain = bytes != 0 && !steers(character);
    if (plain) {
      put(character);
    } else {
      if (bytes == 0) bytes = 1;
      for (const char c : text.substr(0, bytes)) {
        const auto value = static_cast<unsigned char>(c);
        put("\\x").put(digits.substr(value >> 4U, 1)).put(digits.substr(value & 0xFU, 1));
      }
    }
    text.remove_prefix(bytes);
  }
  return *this;
}

Message& Message::quoted(std::string_view text) noexcept {
  put("'").foreign(text.substr(0, quoted_max));
  return put(text.size() > quoted_max ? "...'" : "'");
}

tl::unexpected<Error> no_memory() noexcept {
  return Message(ErrorKind::limit_reached).put("there is no memory left for this value").fail();
}

}  // namespace shmbus::codec
