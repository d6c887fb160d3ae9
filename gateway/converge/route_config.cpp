#include "gateway/converge/route_config.hpp"

#include <algorithm>
#include <set>

namespace shmbus::gateway::converge {
namespace {

/// Takes the first segment off "/a/b".
std::string_view next_segment(std::string_view& path) noexcept {
  path.remove_prefix(1);
  const auto end = std::min(path.find('/'), path.size());
  const auto segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

bool is_parameter(std::string_view segment) noexcept {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

}  // namespace

bool path_fits(std::string_view pattern, std::string_view path, Parameters& out) {
  out.clear();
  while (pattern.starts_with('/') && path.starts_with('/')) {
    const auto wanted = next_segment(pattern);
    if (wanted == "*" && pattern.empty()) return true;
    const auto segment = next_segment(path);
    if (is_parameter(wanted)) {
      if (segment.empty()) return false;
      out.emplace_back(wanted.substr(1, wanted.size() - 2), segment);
    } else if (wanted != segment) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

std::string why_no_pattern(std::string_view pattern) {
  if (!pattern.starts_with('/')) return "a path begins with '/'";
  std::set<std::string_view> names;
  while (!pattern.empty()) {
    const auto segment = next_segment(pattern);
    if (is_parameter(segment) && !names.insert(segment).second) {
      return "a parameter stands in the path twice";
    }
    const bool braces = segment.find_first_of("{}") != std::string_view::npos;
    if (braces && !is_parameter(segment)) return "'{name}' stands for a whole segment of a path";
    if (segment.find('*') != std::string_view::npos && (segment != "*" || !pattern.empty())) {
      return "'*' stands for the rest of a path, behind its last '/'";
    }
  }
  return {};
}

std::string_view word_of(To to) noexcept {
  switch (to) {
    case To::upstream:
      return "upstream";
    case To::share:
      return "share";
    case To::header:
      return "header";
    case To::shadow:
      return "shadow";
    default:
      return "bus";
  }
}

}  // namespace shmbus::gateway::converge
