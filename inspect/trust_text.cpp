#include "inspect/trust_text.hpp"

#include <pwd.h>

#include <charconv>

#include "shmbus/options.hpp"

namespace shmbus::inspect {

std::optional<std::int64_t> trust_from(const std::string& text) {
  if (text == "own") return trust_own_and_root;
  if (text == "anybody") return trust_anybody;
  constexpr std::uint32_t uid_max = 0xFFFF'FFFE;
  std::uint32_t uid = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, uid);
  if (parsed.ec == std::errc{} && parsed.ptr == end) {
    if (uid > uid_max) return std::nullopt;
    return std::int64_t{uid};
  }
  if (const ::passwd* user = ::getpwnam(text.c_str())) return std::int64_t{user->pw_uid};
  return std::nullopt;
}

}  // namespace shmbus::inspect
