// What becomes of a document: types in the order in which they can be declared, and commands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace shmbus::gen {

/// What the user asks for beside the document itself.
struct Options {
  std::string name_space = "commands";
  std::vector<std::string> operations;  ///< by name; together with `tags`, all when both are empty
  std::vector<std::string> tags;
  std::vector<std::string> schemas;  ///< components to make although no operation is asked for
  // Limits for what the document leaves without one.
  std::optional<std::uint64_t> bound_strings;
  std::optional<std::uint64_t> bound_arrays;
  std::optional<std::uint64_t> bound_maps;
  std::optional<std::uint64_t> bound_json;  ///< what no struct can hold, as the text of its JSON
};

/// A type as C++ writes it, with all namespaces, and its size there.
struct Type {
  std::string text;  ///< empty where a problem was found instead
  std::uint64_t bytes = 1;
  std::uint64_t align = 1;
  bool nullable = false;  ///< an Optional wherever it is used
};

struct Member {
  std::string name;
  Type type;
  std::string comment;
  int line = 0;  ///< of the document, from 1
};

struct Struct {
  std::string name;
  std::string comment;
  std::vector<Member> members;
  int line = 0;
};

struct Enumerator {
  std::string name;
  std::string comment;
};

struct Enum {
  std::string name;
  std::string comment;
  std::vector<Enumerator> values;
  int line = 0;
};

struct Command {
  std::string name;
  std::string alias;  ///< the name of its type
  std::string comment;
  Type request;
  Type reply;
  int line = 0;
};

struct Model {
  std::string source;  ///< file name, for messages
  std::string name_space;
  std::vector<std::variant<Enum, Struct>> types;
  std::vector<Command> commands;

  /// Null when no struct is called that.
  [[nodiscard]] const Struct* find_struct(const std::string& name) const {
    for (const auto& type : types) {
      const auto* found = std::get_if<Struct>(&type);
      if (found != nullptr && found->name == name) return found;
    }
    return nullptr;
  }
};

}  // namespace shmbus::gen
