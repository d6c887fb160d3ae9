#include "gateway/yaml_section.hpp"

#include <fmt/format.h>

#include "common/command_line.hpp"
#include "common/escape.hpp"
#include "common/units.hpp"

namespace shmbus::gateway {

YamlSection::YamlSection(const YAML::Node& node, std::string source, ConfigProblems& problems)
    : node_(node), source_(std::move(source)), problems_(problems) {
  if (!node_.IsMap()) refuse_here("a map of settings is expected here");
}

void YamlSection::refuse(const YAML::Node& at, const std::string& why) {
  problems_.lines.push_back(
      fmt::format("{}:{}: {}", escape::terminal(source_), at.Mark().line + 1, why));
}

YAML::Node YamlSection::child(const char* key) {
  read_.insert(key);
  return node_.IsMap() ? node_[key] : YAML::Node(YAML::NodeType::Undefined);
}

std::optional<std::string> YamlSection::scalar(const char* key, YAML::Node& at) {
  const YAML::Node found = child(key);
  if (!found.IsDefined()) return std::nullopt;
  at.reset(found);
  if (found.IsScalar()) return found.Scalar();
  refuse(found, fmt::format("'{}' takes one value", key));
  return std::nullopt;
}

void YamlSection::text(const char* key, std::string& target) {
  YAML::Node at;
  const auto found = scalar(key, at);
  if (!found) return;
  if (found->empty() || found->find('\0') != std::string::npos) {
    refuse(at, fmt::format("'{}' takes a text that is not empty", key));
  } else {
    target = *found;
  }
}

void YamlSection::flag(const char* key, bool& target) {
  YAML::Node at;
  const auto found = scalar(key, at);
  if (!found) return;
  if (*found != "true" && *found != "false") {
    refuse(at, fmt::format("'{}' takes true or false", key));
  }
  target = *found == "true";
}

void YamlSection::number(const char* key, std::uint64_t least, std::uint64_t most,
                         std::uint64_t& target) {
  YAML::Node at;
  const auto found = scalar(key, at);
  if (!found) return;
  const auto value = parse_whole_number(*found, most);
  if (value && *value >= least) {
    target = *value;
  } else {
    refuse(at, fmt::format("'{}' takes a whole number from {} to {}", key, least, most));
  }
}

void YamlSection::decimal(const char* key, double most, double& target) {
  YAML::Node at;
  const auto found = scalar(key, at);
  if (!found) return;
  const auto value = parse_decimal(*found);
  if (value && *value > 0 && *value <= most) {
    target = *value;
  } else {
    refuse(at, fmt::format("'{}' takes a number above 0, at most {}", key, most));
  }
}

void YamlSection::bytes(const char* key, std::uint64_t most, std::size_t& target) {
  YAML::Node at;
  const auto found = scalar(key, at);
  if (!found) return;
  const auto value = parse_bytes(*found);
  if (value && *value > 0 && *value <= most) {
    target = static_cast<std::size_t>(*value);
  } else {
    refuse(at, fmt::format("'{}' takes a size like 4096, 64K or 1M, at most {}", key, most));
  }
}

std::optional<Duration> YamlSection::duration(const char* key) {
  YAML::Node at;
  const auto found = scalar(key, at);
  if (!found) return std::nullopt;
  const auto value = parse_duration(*found);
  if (value && *value >= std::chrono::milliseconds(1) && *value <= std::chrono::hours(24)) {
    return value;
  }
  refuse(at, fmt::format("'{}' takes a duration from 1ms to 24h, like 500ms or 10s", key));
  return std::nullopt;
}

void YamlSection::duration(const char* key, Time& target) {
  if (const auto value = duration(key)) target = static_cast<Time>(value->count());
}

std::vector<YamlSection::Item> YamlSection::list(const char* key) {
  const YAML::Node found = child(key);
  if (!found.IsDefined()) return {};
  std::vector<Item> items;
  if (found.IsScalar()) items.push_back({found.Scalar(), found});
  bool good = found.IsScalar() || found.IsSequence();
  for (std::size_t i = 0; found.IsSequence() && i < found.size(); ++i) {
    const YAML::Node one = found[i];
    good = good && one.IsScalar();
    if (one.IsScalar()) items.push_back({one.Scalar(), one});
  }
  if (!good) refuse(found, fmt::format("'{}' takes a list of texts", key));
  return items;
}

void YamlSection::finish() {
  if (!node_.IsMap()) return;
  const std::vector<std::string> known(read_.begin(), read_.end());
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    const auto key = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
    if (!seen.insert(key).second) {
      refuse(entry.first, fmt::format("'{}' stands here twice", escape::terminal(key)));
    }
    if (read_.count(key) != 0) continue;
    const auto meant = closest(key, known);
    refuse(entry.first, fmt::format("there is no setting '{}' here{}", escape::terminal(key),
                                    meant.empty() ? "" : "; did you mean '" + meant + "'?"));
  }
}

}  // namespace shmbus::gateway
