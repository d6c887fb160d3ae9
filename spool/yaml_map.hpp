// One map of a YAML document, read key by key. What is wrong is noted with its line; so is a key
// that nobody asked for, and one that stands there twice.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shmbus/options.hpp"

namespace shmbus::spool {

struct Problems {
  std::string source;
  std::vector<std::string>& lines;
  void add(const YAML::Node& at, const std::string& why) const;
};

class YamlMap {
 public:
  YamlMap(const YAML::Node& node, Problems& problems);
  YamlMap(const YamlMap&) = delete;
  YamlMap& operator=(const YamlMap&) = delete;
  /// Notes the keys that nobody asked for.
  ~YamlMap();

  YAML::Node child(const char* key);
  std::optional<std::string> scalar(const char* key);
  void text(const char* key, std::string& target);
  /// A text that is the name of a command or event, or a pattern of names.
  void name(const char* key, std::string& target);
  void flag(const char* key, bool& target);
  void bytes(const char* key, std::uint64_t& target);
  void duration(const char* key, Duration& target);
  template <class T>
  void number(const char* key, std::uint64_t least, std::uint64_t most, T& target) {
    if (const auto value = number(key, least, most)) target = static_cast<T>(*value);
  }
  void map(const char* key, const std::function<void(YamlMap&)>& read);
  void refuse(const char* key, const std::string& why);
  [[nodiscard]] const YAML::Node& node() const noexcept { return node_; }
  [[nodiscard]] Problems& problems() noexcept { return problems_; }

 private:
  std::optional<std::uint64_t> number(const char* key, std::uint64_t least, std::uint64_t most);
  YAML::Node node_;
  Problems& problems_;
  std::set<std::string> read_;
};

}  // namespace shmbus::spool
