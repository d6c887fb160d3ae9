// Email: an address of at most 254 bytes (RFC 5321), checked for its shape.
#pragma once

#include <cstddef>
#include <string_view>

#include "shmbus/types/string.hpp"

namespace shmbus {

class Email {
 public:
  constexpr Email() noexcept = default;

  /// One '@' with something before it, a host name after it, no spaces or control characters. That
  /// somebody reads it there only a message can tell.
  [[nodiscard]] static constexpr bool plausible(std::string_view text) noexcept {
    const std::size_t at = text.find('@');
    if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) return false;
    if (text.find('@', at + 1) != std::string_view::npos) return false;
    if (text[at + 1] == '.' || text.back() == '.') return false;
    for (const char c : text) {
      if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) return false;
    }
    return text.size() <= String<254>::capacity();
  }
  /// False, and unchanged, when it is no address.
  [[nodiscard]] constexpr bool assign(std::string_view text) noexcept {
    return plausible(text) && text_.assign(text);
  }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return text_.view(); }
  /// What a peer wrote may be anything.
  [[nodiscard]] constexpr bool valid() const noexcept { return plausible(view()); }
  friend constexpr bool operator==(const Email& a, std::string_view b) noexcept {
    return a.view() == b;
  }

 private:
  String<254> text_;
};

}  // namespace shmbus
