#include "gen/openapi.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "gen/command_reader.hpp"
#include "gen/overlay.hpp"
#include "gen/parse.hpp"
#include "gen/schema_reader.hpp"

namespace shmbus::gen {
namespace {

void check_version(const Node& root, const std::string& name) {
  const bool three = root.text_of("openapi").starts_with("3.");
  const bool two = root.text_of("swagger").starts_with("2.");
  if (three || two) return;
  throw Error(
      fmt::format("{}:{}: this is no OpenAPI document: it needs 'openapi: 3.x', or "
                  "'swagger: \"2.0\"'",
                  name, root.line));
}

}  // namespace

Document::Document(std::string_view text, const std::string& name) : name_(name) {
  tree_.root = &parse(tree_, text, name);
  check_version(*tree_.root, name);
}

void Document::overlay(std::string_view text, const std::string& name) {
  apply_overlay(tree_, parse(tree_, text, name), problems_);
}

std::string Document::list() {
  References references(*tree_.root);
  return list_of(operations_of(*tree_.root, references, problems_));
}

Model Document::read(const Options& options) {
  Model model;
  model.source = name_;
  model.name_space = options.name_space;
  References references(*tree_.root);
  Reading reading{references, model, problems_, options, {}, {}};
  Problems elsewhere;  // of operations that nobody asked for
  const bool all = options.operations.empty() && options.tags.empty();
  const auto operations =
      options.schemas.empty() || !all
          ? chosen(operations_of(*tree_.root, references, all ? problems_ : elsewhere), options,
                   name_)
          : std::vector<Operation>{};
  if (operations.empty() && options.schemas.empty()) {
    throw Error(fmt::format("{}:{}: the document has no operations", name_, tree_.root->line));
  }
  SchemaReader schemas(*tree_.root, reading);
  for (const auto& schema : options.schemas) {
    if (schemas.component(schema).empty() && problems_.empty()) {
      throw Error(fmt::format("{} has no object '{}'", name_, printable(schema)));
    }
  }
  read_commands(operations, schemas, reading);
  if (!problems_.empty()) throw Error(problems_.text(name_));
  return model;
}

}  // namespace shmbus::gen
