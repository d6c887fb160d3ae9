#include "bridge/subjects.hpp"

namespace shmbus::bridge {

std::string subject_of(std::string_view name) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool inside = i != 0 && i + 1 != name.size() && name[i - 1] != '.';
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '_' || c == ':' || c == '/' || (c == '.' && inside);
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return out;
}

bool is_plain_subject(std::string_view subject) noexcept {
  char last = '.';
  for (const char c : subject) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '_';
    if (!plain && (c != '.' || last == '.')) return false;
    last = c;
  }
  return last != '.';
}

}  // namespace shmbus::bridge
