#include "gen/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "gen/taken_names.hpp"

namespace shmbus::gen {
namespace {

constexpr std::array keywords{"alignas",       "alignof",     "and",
                              "and_eq",        "asm",         "auto",
                              "bitand",        "bitor",       "bool",
                              "break",         "case",        "catch",
                              "char",          "char16_t",    "char32_t",
                              "char8_t",       "class",       "co_await",
                              "co_return",     "co_yield",    "compl",
                              "concept",       "const",       "const_cast",
                              "consteval",     "constexpr",   "constinit",
                              "continue",      "decltype",    "default",
                              "delete",        "do",          "double",
                              "dynamic_cast",  "else",        "enum",
                              "explicit",      "export",      "extern",
                              "false",         "float",       "for",
                              "friend",        "goto",        "if",
                              "inline",        "int",         "long",
                              "mutable",       "namespace",   "new",
                              "noexcept",      "not",         "not_eq",
                              "nullptr",       "operator",    "or",
                              "or_eq",         "private",     "protected",
                              "public",        "register",    "reinterpret_cast",
                              "requires",      "return",      "short",
                              "signed",        "sizeof",      "static",
                              "static_assert", "static_cast", "struct",
                              "switch",        "template",    "this",
                              "thread_local",  "throw",       "true",
                              "try",           "typedef",     "typeid",
                              "typename",      "union",       "unsigned",
                              "using",         "virtual",     "void",
                              "volatile",      "wchar_t",     "while",
                              "xor",           "xor_eq",      "typeof",
                              "typeof_unqual"};

constexpr std::size_t name_bytes_max = 100;  // of what one name of the document adds

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

/// Letters, digits and single underscores, a letter in front: the form, whatever it means.
bool is_well_formed(std::string_view name) {
  return !name.empty() && is_letter(name.front()) && name.find("__") == std::string_view::npos &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

bool is_keyword(std::string_view name) {
  return std::find(keywords.begin(), keywords.end(), name) != keywords.end();
}

/// Symbols that make a name of their own when they stand in front or alone.
std::string_view symbol_word(char c) {
  switch (c) {
    case '+':
      return "plus";
    case '-':
      return "minus";
    case '<':
      return "less";
    case '>':
      return "greater";
    case '=':
      return "equal";
    case '!':
      return "not";
    case '*':
      return "star";
    case '%':
      return "percent";
    default:
      return {};
  }
}

bool has_letter_or_digit(std::string_view name) {
  return std::any_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

void append_word(std::string& out, std::string_view word) {
  if (!out.empty() && out.back() != '_') out += '_';
  out += word;
}

/// One code point from the front; a byte that begins none stands for itself, as invalid.
struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
  bool valid = false;
};
CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {lead, 1, false};
  auto value = static_cast<char32_t>(lead & (0xFFU >> (bytes + 1)));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {lead, 1, false};
    value = (value << 6U) | (byte(i) & 0x3FU);
  }
  const bool too_long = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  return {value, bytes, !too_long && !surrogate && value <= 0x10FFFF};
}

/// Turns text around, hides it or breaks the line, on a terminal and in an editor.
bool is_hostile(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x61C || c == 0xAD || c == 0xFEFF ||
         (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || (c >= 0xFFF9 && c <= 0xFFFB) || c >= 0xE0000;
}

}  // namespace

bool is_identifier(std::string_view name) {
  return is_well_formed(name) && !is_keyword(name) && !is_macro(name);
}

std::string why_no_namespace(std::string_view name) {
  std::string_view rest = name;
  for (bool outermost = true;; outermost = false) {
    const auto colons = rest.find("::");
    const auto part = rest.substr(0, colons);
    if (!is_identifier(part)) return fmt::format("'{}' is no name in C++", printable(part));
    if (outermost && (part == "std" || part == "posix" || part.starts_with("shmbus"))) {
      return fmt::format("the namespace '{}' is taken", part);
    }
    if (outermost && is_global(part)) {
      return fmt::format("'{}' is a name of the C library", part);
    }
    if (colons == std::string_view::npos) return {};
    rest.remove_prefix(colons + 2);
  }
}

std::string identifier(std::string_view name) {
  name = name.substr(0, name_bytes_max);
  std::string out;
  const bool spelled_out = !has_letter_or_digit(name);
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const auto word = symbol_word(c);
    if (is_letter(c) || is_digit(c)) {
      out += c;
    } else if (!word.empty() && (spelled_out || (i == 0 && name.size() > 1 && is_digit(name[1])))) {
      append_word(out, word);
      if (!spelled_out) out += '_';
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (out.ends_with('_') && !name.ends_with('_')) out.pop_back();
  if (out.empty()) return "value";
  if (!is_letter(out.front())) out.insert(0, "x");
  if (is_keyword(out) || is_macro(out)) out += '_';
  return out;
}

std::string pascal_case(std::string_view name) {
  name = name.substr(0, name_bytes_max);
  std::string out;
  bool first = true;
  for (const char c : name) {
    if (!is_letter(c) && !is_digit(c)) {
      first = true;
      continue;
    }
    out += first ? upper(c) : c;
    first = false;
  }
  if (out.empty()) return "X";
  if (is_digit(out.front())) out.insert(0, "X");
  if (is_macro(out)) out += '_';
  return out;
}

std::string Scope::claim(const std::string& wanted, const std::string& suffix) {
  if (taken_.insert(wanted).second) return wanted;
  auto name = wanted + suffix;
  if (!suffix.empty() && taken_.insert(name).second) return name;
  auto& number = last_[name];
  if (number == 0) number = 1;
  for (;;) {
    auto numbered = fmt::format("{}{}{}", name, name.ends_with('_') ? "" : "_", ++number);
    if (taken_.insert(numbered).second) return numbered;
  }
}

std::string Scope::unused(const std::string& wanted) const {
  if (!taken_.contains(wanted)) return wanted;
  for (unsigned number = 2;; ++number) {
    auto numbered = fmt::format("{}_{}", wanted, number);
    if (!taken_.contains(numbered)) return numbered;
  }
}

std::string literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\' || c == '?') {  // ?: no trigraphs
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7F) {
      out += fmt::format("\\{:03o}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto c = first_code_point(text);
    if (!c.valid) {
      out += fmt::format("\\x{:02X}", static_cast<unsigned>(c.value));
    } else if (is_hostile(c.value)) {
      out += fmt::format("U+{:04X}", static_cast<std::uint32_t>(c.value));
    } else {
      out += text.substr(0, c.bytes);
    }
    text.remove_prefix(c.bytes);
  }
  return out;
}

std::string one_line(std::string_view text) {
  std::string spaced;
  for (const char c : text) {
    const bool space = static_cast<unsigned char>(c) <= ' ' && c != '\0' && c != '\x1b';
    if (space && (spaced.empty() || spaced.back() == ' ')) continue;
    spaced += space ? ' ' : c;
  }
  auto out = printable(spaced);
  for (std::size_t at = 0; (at = out.find("?\?/", at)) != std::string::npos;)
    out.insert(at + 1, " ");
  // A backslash at the end would take the next line into the comment.
  while (!out.empty() && (out.back() == ' ' || out.back() == '\\')) out.pop_back();
  return out;
}

}  // namespace shmbus::gen
