#include "gateway/target.hpp"

#include <algorithm>

#include "codec/message.hpp"

namespace shmbus::gateway {
namespace {

constexpr std::size_t target_bytes_max = 2048;

int digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> undo_percent(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = text.size() - i > 2 ? digit(text[i + 1]) : -1;
      const int low = text.size() - i > 2 ? digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return std::nullopt;
    out += c;
  }
  if (!codec::is_utf8(out)) return std::nullopt;
  return out;
}

bool has_dot_segment(std::string_view path) noexcept {
  while (!path.empty()) {
    const auto end = std::min(path.find_first_of("/\\"), path.size());
    const auto whole = path.substr(0, end);
    const auto segment = whole.substr(0, whole.find(';'));
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

std::optional<Target> parse_target(std::string_view target) {
  if (target.size() > target_bytes_max) return std::nullopt;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const auto slash = target.find('/', scheme.size());
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  if (!target.starts_with('/')) return std::nullopt;
  target = target.substr(0, target.find('#'));
  const auto mark = std::min(target.find('?'), target.size());
  auto path = undo_percent(target.substr(0, mark));
  if (!path) return std::nullopt;
  Target out;
  out.sent = target;
  out.query = target.substr(std::min(mark + 1, target.size()));
  const auto slash = path->find('/', 1);
  out.prefix = path->substr(0, slash);
  if (slash != std::string::npos) out.name = path->substr(slash + 1);
  out.path = std::move(*path);
  return out;
}

}  // namespace shmbus::gateway
