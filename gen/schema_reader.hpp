// The schemas of a document: each becomes a type of C++, once, whatever refers to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "gen/reading.hpp"

namespace shmbus::gen {

class SchemaReader {
 public:
  /// Gives the components of the document their names, whether or not they are used.
  SchemaReader(const Node& root, Reading& reading);

  /// The type of a schema; structs and enums in it are called after `name`. Without a text when a
  /// problem was found.
  Type type_of(const Node& schema, const std::string& name);
  /// The struct that a component becomes; empty when there is no such component, or it is none.
  std::string component(const std::string& name);

  /// A struct of members whose types are known.
  Type add_struct(Struct type);
  /// A member, under a name that `names` has not given yet.
  Member make_member(Scope& names, const std::string& name, const Type& type,
                     std::string_view description, int line);
  /// False, with a problem, for a type that no bus could carry.
  bool fits(const Node& at, const Type& type);
  /// No fixed size holds this: JSON text if that is asked for, else a problem.
  Type open_type(const SchemaView& schema, const std::string& what);

 private:
  Type read(const Node& schema, const std::string& name);
  Type read_by_type(const SchemaView& schema, const std::string& name);
  Type read_array(const SchemaView& schema, const std::string& name);
  Type read_object(const SchemaView& schema, const std::string& name);
  Type read_struct(const SchemaView& schema, const std::string& name);
  Type read_map(const SchemaView& schema, const Node* values, const std::string& name);
  Type read_union(const SchemaView& schema, const std::string& name);
  Type read_texts(const SchemaView& schema, const std::vector<SchemaView>& views,
                  const std::string& name);
  Type read_alternatives(const std::vector<const Node*>& alternatives, const std::string& name);
  /// The one schema that this one is but another name for, or null.
  const Node* stands_for(const Node& schema, bool& nullable);
  [[nodiscard]] std::string unused(const std::string& name) const {
    return reading_.type_names.unused(name);
  }
  void check_limits(const SchemaView& schema);
  void check_pair(const SchemaView& schema, const char* least, const char* most);

  Reading& reading_;
  std::unordered_map<const Node*, std::string> names_;  ///< of components
  std::unordered_map<std::string, const Node*> components_;
  std::unordered_map<const Node*, Type> types_;  ///< of all that has been read
  std::unordered_set<const Node*> under_way_;    ///< a node that meets one of these contains itself
};

}  // namespace shmbus::gen
