// Reads JSON text (RFC 8259) piece by piece, in the order in which it stands, without building a
// tree. The text is anybody's: its depth is bounded, nothing recurses, strings must be UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shmbus::codec {

/// Values may stand in one another so deep.
inline constexpr unsigned json_depth_max = 64;

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) noexcept : text_(text) {}

  /// The character that the next value or mark begins with, past white space; 0 at the end.
  char peek() noexcept {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c != ' ' && c != '\n' && c != '\t' && c != '\r') return c;
      ++at_;
    }
    return 0;
  }
  /// Takes `mark` if it comes next.
  bool take(char mark) noexcept {
    if (peek() != mark) return false;
    ++at_;
    return true;
  }
  /// Takes "true", "false" or "null" if it comes next.
  bool take_word(std::string_view word) noexcept {
    if (peek() != word[0] || !text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  /// A string without its escapes; it lasts until the next one is read. False: broken(). Allocates
  /// only when there are escapes (std::bad_alloc).
  bool string(std::string_view& out);
  /// A number as it stands; `whole`: without fraction and exponent. False: broken().
  bool number(std::string_view& out, bool& whole) noexcept;
  /// Steps over a value of any kind. False: broken().
  bool skip() noexcept;
  /// Elements of the array whose '[' was taken last. Does not move. False: broken().
  bool count(std::size_t& elements) noexcept;
  /// True at the end of the text, else broken().
  bool ended() noexcept {
    return peek() == 0 && at_ == text_.size() ? true : refuse("more follows");
  }

  [[nodiscard]] std::size_t at() const noexcept { return at_; }
  [[nodiscard]] std::string_view from(std::size_t at) const noexcept {
    return text_.substr(at, at_ - at);
  }
  /// What is wrong with the text, and from 0 on where. Null while nothing is known to be wrong.
  [[nodiscard]] const char* broken() const noexcept { return broken_; }
  [[nodiscard]] std::size_t broken_at() const noexcept { return broken_at_; }
  bool refuse(const char* what) noexcept {
    if (broken_ == nullptr) {
      broken_ = what;
      broken_at_ = at_;
    }
    return false;
  }

 private:
  bool string_with_escapes(std::size_t first, std::string_view& out);
  bool escape(std::string& out);
  bool four_digits(unsigned& out) noexcept;
  bool skip_string() noexcept;
  bool skip_scalar() noexcept;
  bool skip_key() noexcept;
  std::size_t digits() noexcept;

  std::string_view text_;
  std::size_t at_ = 0;
  const char* broken_ = nullptr;
  std::size_t broken_at_ = 0;
  std::string unescaped_;
};

}  // namespace shmbus::codec
