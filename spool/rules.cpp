#include "spool/rules.hpp"

#include <charconv>

#include "codec/json_reader.hpp"
#include "codec/values.hpp"

namespace shmbus::spool {
namespace {

std::optional<double> number_in(const std::string& text) {
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

bool holds(const Condition& condition, const std::string& value) {
  using Is = Condition::Is;
  const auto number = condition.number ? number_in(value) : std::nullopt;
  if (condition.is == Is::equal || condition.is == Is::not_equal) {
    const bool same = number ? *number == *condition.number : value == condition.text;
    return same == (condition.is == Is::equal);
  }
  if (!number) return false;
  switch (condition.is) {
    case Is::less:
      return *number < *condition.number;
    case Is::less_equal:
      return *number <= *condition.number;
    case Is::greater:
      return *number > *condition.number;
    default:
      return *number >= *condition.number;
  }
}

/// Steps into the object whose '{' is next, up to the value of `key`.
bool enter(codec::JsonReader& reader, std::string_view key) {
  if (!reader.take('{')) return false;
  if (reader.take('}')) return false;
  do {
    std::string_view found;
    if (!reader.string(found)) return false;
    const bool here = found == key;
    if (!reader.take(':')) return false;
    if (here) return true;
    if (!reader.skip()) return false;
  } while (reader.take(','));
  return false;
}

}  // namespace

std::optional<std::string> member_of(std::string_view json, std::string_view path) {
  codec::JsonReader reader(json);
  while (!path.empty()) {
    const auto dot = path.find('.');
    if (!enter(reader, path.substr(0, dot))) return std::nullopt;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  const char first = reader.peek();
  if (first == '"') {
    std::string_view text;
    if (!reader.string(text)) return std::nullopt;
    return std::string(text);
  }
  if (first == '{' || first == '[' || first == 0) return std::nullopt;
  const auto begin = reader.at();
  if (!reader.skip()) return std::nullopt;
  return std::string(reader.from(begin));
}

Verdict judge(const std::vector<Rule>& rules, std::string_view name,
              std::span<const std::byte> body, const codec::Type* request) {
  Verdict verdict;
  verdict.name = name;
  std::optional<std::string> json;
  for (const auto& rule : rules) {
    if (!matches(rule.name, name)) continue;
    if (!rule.members.empty() && !json && request != nullptr) {
      json.emplace();
      if (!codec::decode(*request, body, *json)) json->clear();
    }
    bool fits = true;
    for (const auto& condition : rule.members) {
      const auto value = json ? member_of(*json, condition.member) : std::nullopt;
      fits = fits && value && holds(condition, *value);
    }
    if (!fits) continue;
    if (!rule.call.empty()) verdict.calls.push_back(rule.call);
    if (!rule.event.empty()) verdict.events.push_back(rule.event);
    if (!rule.rename.empty()) verdict.name = rule.rename;
    verdict.drop = verdict.drop || rule.drop;
    verdict.keep_last = verdict.keep_last || rule.keep_last;
    if (!rule.go_on) break;
  }
  return verdict;
}

}  // namespace shmbus::spool
