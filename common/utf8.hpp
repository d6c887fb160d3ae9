// UTF-8 as it is found in text that others wrote: read a character at a time, never beyond the end,
// with a verdict on each: valid or not, harmless on a terminal or not.
#pragma once

#include <cstddef>
#include <string_view>

namespace shmbus {

struct Utf8Character {
  std::size_t bytes = 0;  ///< of its encoding; 0: no valid character starts here
  char32_t code = 0;
  [[nodiscard]] bool valid() const noexcept { return bytes != 0; }
};

/// The character at the start of `text`. Overlong forms, surrogates and what lies beyond U+10FFFF
/// are not valid. REQUIRES: `text` is not empty.
[[nodiscard]] Utf8Character first_character(std::string_view text) noexcept;

/// Characters that a reader does not see as they are: controls (C0, DEL, C1), directions and
/// overrides of bidirectional text, invisible and other format characters, line and paragraph
/// separators, noncharacters. They can steer a terminal, reorder a line or make two texts look the
/// same.
[[nodiscard]] bool is_deceptive(char32_t code) noexcept;

/// Valid UTF-8 without a deceptive character.
[[nodiscard]] bool is_plain_text(std::string_view text) noexcept;

}  // namespace shmbus
