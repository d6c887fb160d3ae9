#include "cli/output.hpp"

#include "common/escape.hpp"
#include "common/utf8.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/escape.hpp"
#include "common/utf8.hpp"

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

std::string printable(std::string_view text) { return escape::terminal(text); }

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto character = first_character(bytes);
    const bool white = bytes[0] == '\n' || bytes[0] == '\t' || bytes[0] == '\r';
    if (!character.valid() || (is_deceptive(character.code) && !white)) return false;
    bytes.remove_prefix(character.bytes);
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

std::string json_text(const nlohmann::json& value, int indent) {
  return escape::json_document(
      value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string json_text(const nlohmann::ordered_json& value, int indent) {
  return escape::json_document(
      value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print_json(const nlohmann::json& value) { fmt::print("{}\n", json_text(value, 2)); }

}  // namespace shmbus::cli
