// What may cross the border of a bus: allow lists of names, and the label of servers that offer the
// names of other buses.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace shmbus {

/// Prefix of the labels of servers that offer names of another bus. Such names are never exported:
/// a command crosses at most one border, so no call can return to the bus it came from.
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
