#include "common/utf8.hpp"

#include <algorithm>
#include <array>

namespace shmbus {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Categories Cc, Cf, Zl and Zp of Unicode, the Hangul fillers, which have no width, and
// noncharacters of the basic plane.
constexpr std::array<Range, 31> deceptive{{
    {0x0000, 0x001F},   {0x007F, 0x009F},   {0x00AD, 0x00AD},     {0x034F, 0x034F},
    {0x0600, 0x0605},   {0x061C, 0x061C},   {0x06DD, 0x06DD},     {0x070F, 0x070F},
    {0x0890, 0x0891},   {0x08E2, 0x08E2},   {0x115F, 0x1160},     {0x17B4, 0x17B5},
    {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},     {0x2060, 0x206F},
    {0x3164, 0x3164},   {0xFDD0, 0xFDEF},   {0xFEFF, 0xFEFF},     {0xFFA0, 0xFFA0},
    {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF},   {0x110BD, 0x110BD},   {0x110CD, 0x110CD},
    {0x13430, 0x1345F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},   {0x1FFFE, 0x1FFFF},
    {0x2FFFE, 0x2FFFF}, {0xE0000, 0xE0FFF}, {0x10FFFE, 0x10FFFF},
}};

}  // namespace

Utf8Character first_character(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = at(0);
  if (first < 0x80) return {1, first};
  if (first < 0xC2 || first > 0xF4) return {};
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (bytes > text.size()) return {};
  char32_t code = first & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((at(i) & 0xC0U) != 0x80U) return {};
    code = (code << 6U) | (at(i) & 0x3FU);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (overlong || surrogate || code > 0x10FFFF) return {};
  return {bytes, code};
}

bool is_deceptive(char32_t code) noexcept {
  if (code < 0x80) return code < 0x20 || code == 0x7F;  // nearly all text
  return std::any_of(deceptive.begin(), deceptive.end(),
                     [code](const Range& r) { return code >= r.first && code <= r.last; });
}

bool is_plain_text(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto character = first_character(text);
    if (!character.valid() || is_deceptive(character.code)) return false;
    text.remove_prefix(character.bytes);
  }
  return true;
}

}  // namespace shmbus
