// The schemas of a document: each becomes a type of C++.
#pragma once

#include <yaml-cpp/yaml.h>

#include <set>
#include <string>
#include <string_view>

#include "cli/exit_codes.hpp"
#include "cli/gen/model.hpp"

namespace shmbus::cli::gen {

class SchemaReader {
 public:
  SchemaReader(const YAML::Node& root, Model& model) : root_(root), model_(model) {}

  /// All of components/schemas, also those that no operation names.
  void read_components();
  /// The C++ type of a schema; structs and enums in it are called after `name`.
  std::string type_of(const YAML::Node& schema, const std::string& name);
  /// `wanted`, with the suffix when a type has that name.
  std::string unused_name(const std::string& wanted, const std::string& suffix);

  [[noreturn]] void fail(const YAML::Node& at, const std::string& why) const;

 private:
  std::string reference(const YAML::Node& ref);
  void read_component(const std::string& name, const YAML::Node& schema);
  std::string integer(const YAML::Node& schema);
  std::string number(const YAML::Node& schema);
  std::string string(const YAML::Node& schema, const std::string& name);
  std::string enumeration(const YAML::Node& schema, const std::string& name);
  std::string array(const YAML::Node& schema, const std::string& name);
  std::string object(const YAML::Node& schema, const std::string& name);
  Member member(const YAML::Node& key, const YAML::Node& schema, const std::string& owner,
                bool required);
  void claim(const YAML::Node& at, const std::string& name);
  void check_keywords(const YAML::Node& schema) const;
  [[nodiscard]] std::string text(const YAML::Node& schema, const char* key) const;
  [[nodiscard]] std::uint64_t count(const YAML::Node& node) const;

  YAML::Node root_;
  Model& model_;
  std::set<std::string> taken_;  ///< names of types
  std::set<std::string> done_;   ///< components
  std::set<std::string>
      reading_;  ///< components that are being read: one that names these contains itself
};

}  // namespace shmbus::cli::gen
