// One map of a YAML document, read key by key. What is wrong is noted with its line; a key that
// nobody asked for is wrong too.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config.hpp"

namespace shmbus::gateway {

class YamlSection {
 public:
  YamlSection(const YAML::Node& node, std::string source, ConfigProblems& problems);

  [[nodiscard]] bool is_map() const { return node_.IsMap(); }
  void text(const char* key, std::string& target);
  void flag(const char* key, bool& target);
  void number(const char* key, std::uint64_t least, std::uint64_t most, std::uint64_t& target);
  template <class T>
  void number(const char* key, std::uint64_t least, std::uint64_t most, T& target) {
    auto value = static_cast<std::uint64_t>(target);
    number(key, least, most, value);
    target = static_cast<T>(value);
  }
  void decimal(const char* key, double most, double& target);
  void bytes(const char* key, std::uint64_t most, std::size_t& target);
  /// From 1 ms to a day.
  std::optional<Duration> duration(const char* key);
  void duration(const char* key, Time& target);
  /// A list of scalars, or one scalar.
  struct Item {
    std::string text;
    YAML::Node node;
  };
  std::vector<Item> list(const char* key);
  YAML::Node child(const char* key);

  void refuse(const YAML::Node& at, const std::string& why);
  void refuse_here(const std::string& why) { refuse(node_, why); }
  /// Notes the keys that were not read.
  void finish();
  [[nodiscard]] const std::string& source() const noexcept { return source_; }
  [[nodiscard]] ConfigProblems& problems() noexcept { return problems_; }

 private:
  std::optional<std::string> scalar(const char* key, YAML::Node& at);

  YAML::Node node_;
  std::string source_;
  ConfigProblems& problems_;
  std::set<std::string> read_;
};

}  // namespace shmbus::gateway
