#include "spool/yaml_map.hpp"

#include <fmt/format.h>

#include "common/command_line.hpp"
#include "common/escape.hpp"
#include "common/units.hpp"
#include "shmbus/name.hpp"

namespace shmbus::spool {

void Problems::add(const YAML::Node& at, const std::string& why) const {
  lines.push_back(fmt::format("{}:{}: {}", escape::terminal(source), at.Mark().line + 1, why));
}

YamlMap::YamlMap(const YAML::Node& node, Problems& problems) : node_(node), problems_(problems) {
  if (!node_.IsMap()) problems_.add(node_, "a map of settings is expected here");
}

YamlMap::~YamlMap() {
  if (!node_.IsMap()) return;
  const std::vector<std::string> known(read_.begin(), read_.end());
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    const auto key = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
    const auto shown = escape::terminal(key);
    if (!seen.insert(key).second) {
      problems_.add(entry.first, fmt::format("'{}' stands here twice", shown));
    }
    if (read_.count(key) != 0) continue;
    const auto meant = closest(key, known);
    problems_.add(entry.first, fmt::format("there is no setting '{}' here{}", shown,
                                           meant.empty() ? "" : "; did you mean '" + meant + "'?"));
  }
}

YAML::Node YamlMap::child(const char* key) {
  read_.insert(key);
  return node_.IsMap() ? node_[key] : YAML::Node(YAML::NodeType::Undefined);
}

void YamlMap::refuse(const char* key, const std::string& why) {
  const YAML::Node at = child(key);
  problems_.add(at.IsDefined() ? at : node_, why);
}

std::optional<std::string> YamlMap::scalar(const char* key) {
  const YAML::Node found = child(key);
  if (!found.IsDefined()) return std::nullopt;
  if (found.IsScalar()) return found.Scalar();
  problems_.add(found, fmt::format("'{}' takes one value", key));
  return std::nullopt;
}

void YamlMap::text(const char* key, std::string& target) {
  const auto found = scalar(key);
  if (!found) return;
  if (found->empty() || found->find('\0') != std::string::npos) {
    refuse(key, fmt::format("'{}' takes a text that is not empty", key));
  } else {
    target = *found;
  }
}

void YamlMap::name(const char* key, std::string& target) {
  const auto found = scalar(key);
  if (!found) return;
  if (const auto why = why_no_name(*found); !why.empty()) {
    refuse(key, fmt::format("'{}' takes a name: {}", key, why));
  } else {
    target = *found;
  }
}

void YamlMap::flag(const char* key, bool& target) {
  const auto found = scalar(key);
  if (!found) return;
  if (*found != "true" && *found != "false") {
    refuse(key, fmt::format("'{}' takes true or false", key));
  }
  target = *found == "true";
}

std::optional<std::uint64_t> YamlMap::number(const char* key, std::uint64_t least,
                                             std::uint64_t most) {
  const auto found = scalar(key);
  if (!found) return std::nullopt;
  const auto value = parse_whole_number(*found, most);
  if (value && *value >= least) return value;
  refuse(key, fmt::format("'{}' takes a whole number from {} to {}", key, least, most));
  return std::nullopt;
}

void YamlMap::bytes(const char* key, std::uint64_t& target) {
  const auto found = scalar(key);
  if (!found) return;
  const auto value = parse_bytes(*found);
  if (value) {
    target = *value;
  } else {
    refuse(key, fmt::format("'{}' takes a size like 4096, 64K or 1M", key));
  }
}

void YamlMap::duration(const char* key, Duration& target) {
  const auto found = scalar(key);
  if (!found) return;
  const auto value = parse_duration(*found);
  if (value && *value >= std::chrono::milliseconds(1)) {
    target = *value;
  } else {
    refuse(key, fmt::format("'{}' takes a duration from 1ms, like 500ms, 10s or 168h", key));
  }
}

void YamlMap::map(const char* key, const std::function<void(YamlMap&)>& read) {
  const YAML::Node found = child(key);
  if (!found.IsDefined()) return;
  YamlMap inner(found, problems_);
  if (found.IsMap()) read(inner);
}

}  // namespace shmbus::spool
