#include "codec/json_writer.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "codec/message.hpp"

namespace shmbus::codec {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

bool is_plain(char c) noexcept {
  const auto code = static_cast<unsigned char>(c);
  return code >= 0x20 && code < 0x7F && c != '"' && c != '\\';
}

void append_code(std::string& out, unsigned code) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (unsigned shift = 16; shift > 0; shift -= 4) out += digits[code >> (shift - 4U) & 0xFU];
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view meanings = "\"\\\b\f\n\r\t";
  constexpr std::string_view letters = "\"\\bfnrt";
  const auto found = meanings.find(c);
  if (found == std::string_view::npos) return append_code(out, static_cast<unsigned char>(c));
  out += '\\';
  out += letters[found];
}

/// Those that steer have two bytes or three.
unsigned code_of(std::string_view character) noexcept {
  unsigned code = static_cast<unsigned char>(character[0]) & (character.size() == 2 ? 0x1FU : 0xFU);
  for (const char c : character.substr(1))
    code = code << 6U | (static_cast<unsigned char>(c) & 0x3FU);
  return code;
}

template <class T>
std::string_view print(std::array<char, 40>& room, T value) {
  const auto done = std::to_chars(room.data(), room.data() + room.size(), value);
  return {room.data(), static_cast<std::size_t>(done.ptr - room.data())};
}

template <class T>
void append_real(std::string& out, T value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 40> room{};
  const auto text = print(room, value);
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    std::size_t bytes = 1;
    if (static_cast<unsigned char>(text[0]) < 0x80) {
      append_escaped(out, text[0]);
    } else {
      bytes = character_bytes(text);
      const auto character = text.substr(0, bytes);
      if (bytes == 0) {
        out += replacement;
        bytes = 1;
      } else if (steers(character)) {
        append_code(out, code_of(character));
      } else {
        out += character;
      }
    }
    text.remove_prefix(bytes);
  }
  out += '"';
}

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 40> room{};
  out += print(room, value);
}
void append_number(std::string& out, std::int64_t value) {
  std::array<char, 40> room{};
  out += print(room, value);
}
void append_number(std::string& out, double value) { append_real(out, value); }
void append_number(std::string& out, float value) { append_real(out, value); }

}  // namespace shmbus::codec
