// Names of one bus that are offered on another: how such servers are known, and allow lists.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace shmbus {

/// Labels of servers that serve names for handlers elsewhere. Such names are not passed on: a name
/// crosses one border, so no call can come back to where it began.
inline constexpr std::string_view bridge_label = "bridge:";
inline bool is_carrier(std::string_view owner) noexcept { return owner.starts_with(bridge_label); }

/// A pattern of an allow list: '*' stands for any characters, also none.
inline bool name_matches(std::string_view pattern, std::string_view name) noexcept {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t from = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

inline bool any_matches(const std::vector<std::string>& patterns, std::string_view name) noexcept {
  return std::any_of(patterns.begin(), patterns.end(),
                     [name](const std::string& one) { return name_matches(one, name); });
}

}  // namespace shmbus
