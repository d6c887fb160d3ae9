// What a command name is: 1 to 128 bytes of UTF-8 text without control and format characters. One
// definition for everybody who takes a name: handlers, callers, watches, policies, routes,
// plug-ins, the tool and the doctor.
//
// Not in a name: NUL and the other control characters (U+0000 to U+001F, U+007F to U+009F), line
// and paragraph separators, and the characters of the category "format", among them the
// bidirectional overrides, joiners and other invisible ones, by which one name would look like
// another. Spaces, quotes and '$' are allowed: code that shows a name escapes it for where it is
// shown.
#pragma once

#include "shmbus/cxx20.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shmbus {

inline constexpr std::size_t name_bytes_max = 128;

namespace detail {

struct CodePoints {
  std::uint32_t first;
  std::uint32_t last;
};

/// Categories Cc, Cf, Zl and Zp of Unicode 15.1, and what is reserved beside them.
inline constexpr CodePoints not_in_names[] = {
    // NOLINT: a table
    {0x0000, 0x001F},   {0x007F, 0x009F},   {0x00AD, 0x00AD},   {0x0600, 0x0605},
    {0x061C, 0x061C},   {0x06DD, 0x06DD},   {0x070F, 0x070F},   {0x0890, 0x0891},
    {0x08E2, 0x08E2},   {0x180E, 0x180E},   {0x200B, 0x200F},   {0x2028, 0x202E},
    {0x2060, 0x206F},   {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF},
    {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3},
    {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

inline constexpr std::uint32_t no_code_point = ~0U;

/// The character at `at`, which moves behind it. no_code_point for what is not UTF-8: also a longer
/// form than needed, a surrogate, and a number above U+10FFFF.
constexpr std::uint32_t next_code_point(std::string_view text, std::size_t& at) noexcept {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC2 || lead > 0xF4 || text.size() - at < more) return no_code_point;
  std::uint32_t value = lead & (0x3FU >> more);
  for (std::size_t i = 0; i < more; ++i) {
    const auto byte = static_cast<unsigned char>(text[at++]);
    if ((byte & 0xC0U) != 0x80U) return no_code_point;
    value = value << 6U | (byte & 0x3FU);
  }
  const std::uint32_t least = more == 3 ? 0x10000U : more == 2 ? 0x800U : 0x80U;
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  return value < least || value > 0x10FFFF || surrogate ? no_code_point : value;
}

}  // namespace detail

/// Why a text cannot be a command name, in words; empty when it can.
constexpr std::string_view why_no_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > name_bytes_max) return "a command name has 1 to 128 bytes";
  for (std::size_t at = 0; at < text.size();) {
    const std::uint32_t character = detail::next_code_point(text, at);
    if (character == detail::no_code_point) return "a command name is UTF-8 text";
    for (const auto& range : detail::not_in_names) {
      if (character < range.first || character > range.last) continue;
      return "a command name has no control characters and no invisible ones";
    }
  }
  return {};
}

constexpr bool is_valid_name(std::string_view text) noexcept { return why_no_name(text).empty(); }

}  // namespace shmbus
