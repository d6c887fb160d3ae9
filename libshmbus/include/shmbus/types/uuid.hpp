// Uuid: 16 bytes, in the order in which they are written (RFC 9562).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shmbus/fixed_string.hpp"

namespace shmbus {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  /// "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", either case; nothing when it is not that.
  [[nodiscard]] static constexpr std::optional<Uuid> parse(std::string_view text) noexcept {
    if (text.size() != 36) return std::nullopt;
    Uuid out;
    std::size_t at = 0;
    for (std::size_t i = 0; i < out.bytes.size(); ++i) {
      if (dash_before(i) && text[at++] != '-') return std::nullopt;
      const int high = digit(text[at]);
      const int low = digit(text[at + 1]);
      if (high < 0 || low < 0) return std::nullopt;
      out.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
      at += 2;
    }
    return out;
  }
  [[nodiscard]] constexpr FixedText<36> text() const noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    FixedText<36> out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (dash_before(i)) out.append("-");
      out.append(digits.substr(bytes[i] >> 4U, 1)).append(digits.substr(bytes[i] & 0xFU, 1));
    }
    return out;
  }
  friend constexpr bool operator==(const Uuid&, const Uuid&) noexcept = default;

 private:
  static constexpr bool dash_before(std::size_t byte) noexcept {
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
  }
  static constexpr int digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }
};

}  // namespace shmbus
