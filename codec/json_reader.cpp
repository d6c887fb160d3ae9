#include "codec/json_reader.hpp"

#include <cstdint>

#include "codec/message.hpp"

namespace shmbus::codec {
namespace {

constexpr const char* no_end = "a string has no end";
constexpr const char* control = "a control character stands in a string";

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0U | code >> 6U);
  } else {
    if (code < 0x10000) {
      put(0xE0U | code >> 12U);
    } else {
      put(0xF0U | code >> 18U);
      put(0x80U | (code >> 12U & 0x3FU));
    }
    put(0x80U | (code >> 6U & 0x3FU));
  }
  put(0x80U | (code & 0x3FU));
}

}  // namespace

bool JsonReader::string(std::string_view& out) {
  if (peek() != '"') return refuse("a string is expected");
  const std::size_t first = ++at_;
  for (; at_ < text_.size(); ++at_) {
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c == '"') {
      out = text_.substr(first, at_ - first);
      if (!is_utf8(out)) return refuse("a string is not UTF-8");
      ++at_;
      return true;
    }
    if (c == '\\') return string_with_escapes(first, out);
    if (c < 0x20) return refuse(control);
  }
  return refuse(no_end);
}

bool JsonReader::string_with_escapes(std::size_t first, std::string_view& out) {
  unescaped_.assign(text_.substr(first, at_ - first));
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == '"') {
      out = unescaped_;
      return is_utf8(out) || refuse("a string is not UTF-8");
    }
    if (static_cast<unsigned char>(c) < 0x20) return refuse(control);
    if (c != '\\') {
      unescaped_ += c;
    } else if (!escape(unescaped_)) {
      return false;
    }
  }
  return refuse(no_end);
}

bool JsonReader::escape(std::string& out) {
  constexpr std::string_view letters = "\"\\/bfnrt";
  constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
  const char c = at_ < text_.size() ? text_[at_] : '\0';
  if (const auto found = letters.find(c); found != std::string_view::npos) {
    ++at_;
    out += meanings[found];
    return true;
  }
  unsigned code = 0;
  if (c != 'u') return refuse("there is no such escape");
  ++at_;
  if (!four_digits(code)) return false;
  if (code >= 0xD800 && code < 0xE000) {
    unsigned low = 0;
    const bool pair = code < 0xDC00 && text_.substr(at_).starts_with("\\u");
    if (!pair) return refuse("half of a surrogate pair");
    at_ += 2;
    if (!four_digits(low)) return false;
    if (low < 0xDC00 || low >= 0xE000) return refuse("half of a surrogate pair");
    code = 0x10000U + ((code - 0xD800U) << 10U) + (low - 0xDC00U);
  }
  append_utf8(out, code);
  return true;
}

bool JsonReader::four_digits(unsigned& out) noexcept {
  out = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    const char lower = static_cast<char>(c | 0x20);
    if (!is_digit(c) && (lower < 'a' || lower > 'f')) return refuse("\\u takes four digits");
    out = out * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : lower - 'a' + 10);
    ++at_;
  }
  return true;
}

std::size_t JsonReader::digits() noexcept {
  const std::size_t first = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ - first;
}

bool JsonReader::number(std::string_view& out, bool& whole) noexcept {
  (void)peek();
  const std::size_t first = at_;
  const auto next_is = [this](char c) { return at_ < text_.size() && text_[at_] == c; };
  whole = true;
  if (next_is('-')) ++at_;
  const bool zero = next_is('0');
  const std::size_t length = digits();
  if (length == 0) return refuse("a value is expected");
  if (zero && length > 1) return refuse("a number begins with 0");
  if (next_is('.')) {
    whole = false;
    ++at_;
    if (digits() == 0) return refuse("a digit is expected");
  }
  if (next_is('e') || next_is('E')) {
    whole = false;
    ++at_;
    if (next_is('+') || next_is('-')) ++at_;
    if (digits() == 0) return refuse("a digit is expected");
  }
  out = text_.substr(first, at_ - first);
  return true;
}

bool JsonReader::skip_string() noexcept {
  if (peek() != '"') return refuse("a string is expected");
  for (++at_; at_ < text_.size(); ++at_) {
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c == '"') {
      ++at_;
      return true;
    }
    if (c < 0x20) return refuse(control);
    if (c == '\\') ++at_;
  }
  at_ = text_.size();
  return refuse(no_end);
}

bool JsonReader::skip_scalar() noexcept {
  if (peek() == '"') return skip_string();
  if (take_word("true") || take_word("false") || take_word("null")) return true;
  std::string_view ignored;
  bool whole = false;
  return number(ignored, whole);
}

bool JsonReader::skip_key() noexcept {
  return skip_string() && (take(':') || refuse("':' is expected"));
}

bool JsonReader::skip() noexcept {
  std::uint64_t objects = 0;  // a bit for each level: an object, or an array
  unsigned depth = 0;
  for (;;) {
    const char next = peek();
    if (next == '{' || next == '[') {
      if (depth == json_depth_max) return refuse("nested deeper than 64");
      objects = objects << 1U | (next == '{' ? 1U : 0U);
      ++depth;
      ++at_;
      if (peek() != (next == '{' ? '}' : ']')) {
        if (next == '{' && !skip_key()) return false;
        continue;
      }
    } else if (!skip_scalar()) {
      return false;
    }
    // A value has ended, or an empty one was opened: close what closes, and go on behind a comma.
    for (;;) {
      if (depth == 0) return true;
      const bool object = (objects & 1U) != 0;
      if (take(',')) {
        if (object && !skip_key()) return false;
        break;
      }
      if (!take(object ? '}' : ']'))
        return refuse(object ? "',' or '}' is expected" : "',' or ']' is expected");
      objects >>= 1U;
      --depth;
    }
  }
}

bool JsonReader::count(std::size_t& elements) noexcept {
  const std::size_t first = at_;
  elements = 0;
  if (peek() != ']') {
    do {
      if (!skip()) return false;
      ++elements;
    } while (take(','));
    if (peek() != ']') return refuse("',' or ']' is expected");
  }
  at_ = first;
  return true;
}

}  // namespace shmbus::codec
