// Reads an OpenAPI document (3.0, 3.1, or Swagger 2.0; YAML or JSON) into a model. What a chosen
// operation needs and the subset does not cover is gathered, and told in one Error with lines and
// edits. docs/openapi.md says what is covered.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gen/model.hpp"
#include "gen/node.hpp"
#include "gen/operations.hpp"
#include "gen/problems.hpp"

namespace shmbus::gen {

class Document {
 public:
  /// Parses `text`; `name` stands in messages. Throws Error.
  Document(std::string_view text, const std::string& name);

  /// Changes the document by an overlay. Throws Error.
  void overlay(std::string_view text, const std::string& name);

  /// Types and commands of what `options` choose. Throws Error, with all that is wrong.
  Model read(const Options& options);

  [[nodiscard]] std::string list();
  /// What was found by read(), and notes that keep nothing from being made.
  [[nodiscard]] const Problems& problems() const noexcept { return problems_; }

 private:
  std::string name_;
  Tree tree_;
  Problems problems_;
};

}  // namespace shmbus::gen
