// What the readers of one document share: the references, the names that are taken, the model that
// grows and the problems that are found.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "gen/model.hpp"
#include "gen/names.hpp"
#include "gen/problems.hpp"
#include "gen/schema_view.hpp"

namespace shmbus::gen {

struct Reading {
  References& references;
  Model& model;
  Problems& problems;
  const Options& options;
  Scope type_names;
  std::set<std::string> reserved;  ///< names of components that are not read yet

  /// The name of a new type. A reserved one goes to its component: others ask for unused names.
  std::string claim_type(const std::string& name) {
    return reserved.erase(name) != 0 ? name : type_names.claim(name);
  }
  /// A type of the model's namespace, as C++ writes it.
  [[nodiscard]] std::string qualified(const std::string& name) const {
    return "::" + model.name_space + "::" + name;
  }
};

/// A whole number of a keyword; none, with a problem, when it is something else.
std::optional<std::uint64_t> count_of(const Node& node, Problems& problems);

/// The length of a keyword that sets one: 1 to 16 Mi.
std::optional<std::uint64_t> length_of(const Node& node, Problems& problems);

Type plain(std::string text, std::uint64_t bytes);
Type bounded_text(std::uint64_t most);
Type vector_of(const Type& item, std::uint64_t most);
Type array_of(const Type& item, std::uint64_t count);
Type in_message(const std::string& text);
/// As it is stored: an Optional when it may be null, or when `perhaps`.
Type stored(const Type& type, bool perhaps = false);
/// Sets size and alignment of a struct, by the rule of the ABI.
void lay_out(const Struct& from, Type& type);

}  // namespace shmbus::gen
