// What becomes of an OpenAPI document: types in the order in which they can be declared, and
// commands.
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace shmbus::cli::gen {

struct Member {
  std::string name;
  std::string type;  ///< as C++ writes it
  std::string comment;
  int line = 0;  ///< of the document, from 1
};

struct Struct {
  std::string name;
  std::string comment;
  std::vector<Member> members;
  int line = 0;
};

struct Enum {
  std::string name;
  std::string comment;
  std::vector<std::string> values;
  int line = 0;
};

struct Command {
  std::string name;
  std::string alias;  ///< the name of its type
  std::string comment;
  std::string request;
  std::string reply;
  int line = 0;
};

struct Model {
  std::string source;  ///< file name, for messages
  std::vector<std::variant<Enum, Struct>> types;
  std::vector<Command> commands;

  [[nodiscard]] const Struct* find_struct(const std::string& name) const {
    for (const auto& type : types) {
      const auto* found = std::get_if<Struct>(&type);
      if (found != nullptr && found->name == name) return found;
    }
    return nullptr;
  }
};

}  // namespace shmbus::cli::gen
