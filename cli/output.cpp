#include "cli/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace shmbus::cli {
namespace {

std::string_view code_of(Style style) noexcept {
  switch (style) {
    case Style::plain:
      return "";
    case Style::bold:
      return "\x1b[1m";
    case Style::dim:
      return "\x1b[2m";
    case Style::good:
      return "\x1b[32m";
    case Style::warn:
      return "\x1b[33m";
    case Style::bad:
      return "\x1b[31m";
  }
  return "";
}

/// Bytes of the UTF-8 character that starts the text; 0 when none does.
std::size_t character_bytes(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
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

bool is_control(std::string_view character) noexcept {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return character.size() == 2 && first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

}  // namespace

bool on_terminal() {
  static const bool yes = ::isatty(STDOUT_FILENO) == 1;
  return yes;
}

bool colours() {
  static const bool yes = [] {
    const char* const refused = std::getenv("NO_COLOR");
    const char* const terminal = std::getenv("TERM");
    return on_terminal() && (refused == nullptr || *refused == '\0') &&
           (terminal == nullptr || std::string_view{terminal} != "dumb");
  }();
  return yes;
}

std::string styled(std::string_view text, Style style) {
  if (style == Style::plain || !colours()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", code_of(style), text);
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (bytes == 0 || is_control(text.substr(0, bytes))) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
    } else {
      out += text.substr(0, bytes);
      text.remove_prefix(bytes);
    }
  }
  return out;
}

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t n = character_bytes(bytes);
    const bool white = bytes[0] == '\n' || bytes[0] == '\t' || bytes[0] == '\r';
    if (n == 0 || (is_control(bytes.substr(0, n)) && !white)) return false;
    bytes.remove_prefix(n);
  }
  return true;
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = columns_[i].title.size();
    for (const auto& row : rows_) width = std::max(width, width_of(row[i].text));
    widths.push_back(width);
  }
  std::string out;
  const auto put = [&](std::size_t i, std::string_view text, Style style) {
    const std::string padding(widths[i] - width_of(text), ' ');
    const bool last = i + 1 == columns_.size();
    if (i != 0) out += "  ";
    if (columns_[i].align == Align::right) out += padding;
    out += styled(text, style);
    if (columns_[i].align == Align::left && !last) out += padding;
  };
  for (std::size_t i = 0; i < columns_.size(); ++i) put(i, columns_[i].title, Style::bold);
  out += '\n';
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < columns_.size(); ++i) put(i, row[i].text, row[i].style);
    out += '\n';
  }
  return out;
}

void print_json(const nlohmann::json& value) {
  fmt::print("{}\n", value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace shmbus::cli
