#include "common/escape.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/utf8.hpp"

namespace shmbus::escape {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// At least `digits` digits.
std::string hexadecimal(std::uint32_t value, std::size_t digits) {
  constexpr std::string_view all = "0123456789abcdef";
  std::string out;
  for (; value != 0; value >>= 4U) out.insert(out.begin(), all[value & 15U]);
  if (out.size() < digits) out.insert(0, digits - out.size(), '0');
  return out;
}

std::string byte_text(char c) { return "\\x" + hexadecimal(static_cast<unsigned char>(c), 2); }

/// "\uNNNN", as JSON has it: two of them beyond the basic plane.
std::string utf16_text(char32_t code) {
  if (code < 0x10000) return "\\u" + hexadecimal(code, 4);
  const char32_t above = code - 0x10000;
  return "\\u" + hexadecimal(0xD800 + (above >> 10U), 4) + "\\u" +
         hexadecimal(0xDC00 + (above & 0x3FFU), 4);
}

/// Hands on each character with its bytes, or one byte with an invalid character.
template <class Put>
void each_character(std::string_view text, Put put) {
  while (!text.empty()) {
    const auto character = first_character(text);
    const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
    put(character, text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
}

void append_visible(std::string& out, Utf8Character character, std::string_view bytes) {
  if (character.valid() && !is_deceptive(character.code)) {
    out += bytes;
  } else {
    for (const char c : bytes) out += byte_text(c);
  }
}

bool is_unquoted_in_shells(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("_@%+:,./-").find(c) != std::string_view::npos;
}

/// Documents of HTML and XML take no other controls, not even as references.
bool is_allowed_in_markup(char32_t code) noexcept {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  return (code < 0x7F || code > 0x9F) && (code & 0xFFFEU) != 0xFFFE &&
         !(code >= 0xFDD0 && code <= 0xFDEF);
}

std::string markup(std::string_view text) {
  std::string out;
  each_character(text, [&](Utf8Character character, std::string_view bytes) {
    const bool refused = !character.valid() || !is_allowed_in_markup(character.code);
    const bool special =
        bytes.size() == 1 && std::string_view("&<>\"'").find(bytes[0]) != std::string_view::npos;
    if (refused) {
      out += replacement;
    } else if (special || is_deceptive(character.code)) {
      out += "&#" + std::to_string(static_cast<std::uint32_t>(character.code)) + ";";
    } else {
      out += bytes;
    }
  });
  return out;
}

}  // namespace

std::string terminal(std::string_view text) {
  std::string out;
  each_character(text, [&](Utf8Character character, std::string_view bytes) {
    append_visible(out, character, bytes);
  });
  return out;
}

std::string shell(std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), is_unquoted_in_shells);
  if (plain) return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c == '\0' ? '?' : c;
    }
  }
  return out + "'";
}

std::string json(std::string_view text) {
  std::string out = "\"";
  each_character(text, [&](Utf8Character character, std::string_view bytes) {
    if (!character.valid()) {
      out += replacement;
    } else if (is_deceptive(character.code)) {
      out += utf16_text(character.code);
    } else {
      if (bytes == "\"" || bytes == "\\") out += '\\';
      out += bytes;
    }
  });
  return out + "\"";
}

std::string json_document(std::string_view document) {
  const auto plain = [](char c) { return (c >= ' ' && c < '\x7F') || c == '\n'; };
  // `shmbus tap` writes many lines, and nearly all are like this.
  if (std::all_of(document.begin(), document.end(), plain)) return std::string(document);
  std::string out;
  out.reserve(document.size());
  each_character(document, [&](Utf8Character character, std::string_view bytes) {
    const bool white = bytes == "\n" || bytes == "\t" || bytes == "\r";
    if (character.valid() && is_deceptive(character.code) && !white) {
      out += utf16_text(character.code);
    } else {
      out += bytes;
    }
  });
  return out;
}

std::string prometheus(std::string_view text) {
  std::string value;
  each_character(text, [&](Utf8Character character, std::string_view bytes) {
    if (bytes == "\\") value += '\\';
    append_visible(value, character, bytes);
  });
  std::string out;
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string bpftrace(std::string_view text, std::size_t bytes_max) {
  std::string out = "\"";
  for (const char c : text.substr(0, bytes_max)) {
    const bool plain = c >= ' ' && c < '\x7F' && c != '"' && c != '\\';
    out += plain ? c : '?';
  }
  return out + "\"";
}

bool bpftrace_takes_path(std::string_view path) noexcept {
  // Beside what would end the text: wildcards, and parameters of the script.
  constexpr std::string_view special = "\"\\*?[]{}$";
  return std::all_of(path.begin(), path.end(), [&](char c) {
    const bool control = static_cast<unsigned char>(c) < ' ' || c == '\x7F';
    return !control && special.find(c) == std::string_view::npos;
  });
}

std::string cpp_string(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\' || c == '?') {  // "??/" is a backslash to some compilers
      out += '\\';
      out += c;
    } else if (byte >= 0x20 && byte < 0x7F) {
      out += c;
    } else {
      // Three digits always: one that follows is not taken for a part of it.
      const auto digit = [byte](unsigned shift) {
        return static_cast<char>('0' + ((byte >> shift) & 7U));
      };
      out += {'\\', digit(6), digit(3), digit(0)};
    }
  }
  return out;
}

std::string cpp_comment(std::string_view text) {
  std::string out;
  for (const char c : terminal(text)) {
    if (c == '/' && !out.empty() && (out.back() == '*' || out.back() == '/')) out += ' ';
    if (c == '*' && !out.empty() && out.back() == '/') out += ' ';
    out += c;
  }
  // A backslash, or "??/", at the end of a line takes the next line into the comment.
  if (out.ends_with('\\') || out.ends_with('/')) out += " .";
  return out;
}

std::string yaml(std::string_view text) {
  std::string out = "\"";
  each_character(text, [&](Utf8Character character, std::string_view bytes) {
    if (!character.valid()) {
      out += replacement;
    } else if (bytes == "\"" || bytes == "\\") {
      out.append("\\").append(bytes);
    } else if (!is_deceptive(character.code)) {
      out += bytes;
    } else if (character.code < 0x100) {
      out += "\\x" + hexadecimal(character.code, 2);
    } else if (character.code < 0x10000) {
      out += "\\u" + hexadecimal(character.code, 4);
    } else {
      out += "\\U" + hexadecimal(character.code, 8);
    }
  });
  return out + "\"";
}

std::string html(std::string_view text) { return markup(text); }

std::string svg(std::string_view text) { return markup(text); }

}  // namespace shmbus::escape
