// A schema with what it refers to: `$ref` followed, `allOf` laid on top of one another, and the
// type told from other keywords where the document does not say it.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gen/node.hpp"

namespace shmbus::gen {

/// Follows the references of one document.
class References {
 public:
  explicit References(const Node& root) : root_(root) {}

  /// What "#/components/schemas/User" names; null when it names nothing of this document.
  const Node* find(const std::string& reference);
  /// `node`, or what its `$ref` leads to, however many stand in a row; null when one is broken.
  const Node* resolved(const Node* node);

 private:
  const Node& root_;
  std::unordered_map<std::string, const Node*> found_;
};

class SchemaView {
 public:
  struct Property {
    std::string name;
    const Node* schema = nullptr;
    int line = 0;
    const std::string* file = nullptr;
  };

  SchemaView(const Node& schema, References& references);

  [[nodiscard]] const Node& schema() const noexcept { return *layers_.front(); }
  /// The keyword of the outermost layer that has it; null when none has.
  [[nodiscard]] const Node* find(std::string_view keyword) const noexcept;
  [[nodiscard]] std::string_view text_of(std::string_view keyword) const noexcept;
  [[nodiscard]] bool has_true(std::string_view keyword) const noexcept;
  /// Of all layers; one that two of them have stands once, as the outer one has it.
  [[nodiscard]] std::vector<Property> properties() const;
  [[nodiscard]] std::set<std::string> required() const;
  /// The types that a value may have, without "null".
  [[nodiscard]] std::vector<std::string> types() const;
  [[nodiscard]] bool nullable() const;
  [[nodiscard]] const std::vector<const Node*>& layers() const noexcept { return layers_; }

 private:
  void add(const Node& schema, References& references, unsigned depth);
  [[nodiscard]] std::string inferred_type() const;

  std::vector<const Node*> layers_;
};

/// `nullable: true`, `x-nullable: true`, or a type list with "null", in this schema alone.
bool allows_null(const Node& schema);

/// {type: "null"}
bool is_null_schema(const Node& schema);

/// This keyword alone makes the schema another type than the one that it refers to.
bool changes_type(std::string_view keyword);

}  // namespace shmbus::gen
