#include <charconv>
#include <map>

#include "codec/json_reader.hpp"
#include "gateway/converge/route_table.hpp"

namespace shmbus::gateway::converge {
namespace {

using codec::JsonReader;

/// The text of the value that comes next.
bool take_value(JsonReader& in, std::string_view& out) {
  (void)in.peek();
  const auto at = in.at();
  if (!in.skip()) return false;
  out = in.from(at);
  return true;
}

bool members_of(std::string_view text, std::map<std::string, std::string_view>& out) {
  JsonReader in(text);
  if (!in.take('{')) return false;
  while (in.peek() == '"') {
    std::string_view key;
    if (!in.string(key)) return false;
    auto& value = out[std::string(key)];
    if (!in.take(':') || !take_value(in, value)) return false;
    if (!in.take(',')) break;
  }
  return true;
}

bool same_numbers(std::string_view a, std::string_view b) {
  double x = 0;
  double y = 0;
  (void)std::from_chars(a.data(), a.data() + a.size(), x);
  (void)std::from_chars(b.data(), b.data() + b.size(), y);
  return x == y;
}

/// REQUIRES: both are valid, so that their depth is bounded.
bool same_values(std::string_view a, std::string_view b) {
  if (a == b) return true;
  if (a.empty() || b.empty()) return false;
  if (a[0] == '{' && b[0] == '{') {
    std::map<std::string, std::string_view> x;
    std::map<std::string, std::string_view> y;
    if (!members_of(a, x) || !members_of(b, y) || x.size() != y.size()) return false;
    for (auto i = x.begin(), j = y.begin(); i != x.end(); ++i, ++j) {
      if (i->first != j->first || !same_values(i->second, j->second)) return false;
    }
    return true;
  }
  if (a[0] == '[' && b[0] == '[') {
    JsonReader x(a);
    JsonReader y(b);
    bool more = x.take('[') && y.take('[');
    while (more && x.peek() != ']' && y.peek() != ']') {
      std::string_view one;
      std::string_view other;
      if (!take_value(x, one) || !take_value(y, other) || !same_values(one, other)) return false;
      more = x.take(',');
      if (more != y.take(',')) return false;
    }
    return x.peek() == y.peek();
  }
  if (a[0] == '"' && b[0] == '"') {
    JsonReader x(a);
    JsonReader y(b);
    std::string_view one;
    std::string_view other;
    return x.string(one) && y.string(other) && one == other;
  }
  const auto number = [](char c) { return c == '-' || (c >= '0' && c <= '9'); };
  return number(a[0]) && number(b[0]) && same_numbers(a, b);
}

}  // namespace

bool same_json(std::string_view a, std::string_view b) {
  JsonReader x(a);
  JsonReader y(b);
  std::string_view one;
  std::string_view other;
  return take_value(x, one) && x.ended() && take_value(y, other) && y.ended() &&
         same_values(one, other);
}

}  // namespace shmbus::gateway::converge
