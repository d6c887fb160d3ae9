#include "gen/schema_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "gen/scalars.hpp"

namespace shmbus::gen {
namespace {

constexpr std::size_t depth_max = 128;

/// The alternatives of oneOf or anyOf; null when there are none.
const Node* alternatives_of(const SchemaView& schema) {
  const auto* list = schema.find("oneOf");
  if (list == nullptr) list = schema.find("anyOf");
  return list != nullptr && list->is_sequence() ? list : nullptr;
}

bool changes_type_beside(const Node& schema, std::string_view ignored) {
  return std::any_of(schema.members.begin(), schema.members.end(), [&](const Node::Entry& entry) {
    return entry.key != ignored && changes_type(entry.key);
  });
}

}  // namespace

SchemaReader::SchemaReader(const Node& root, Reading& reading) : reading_(reading) {
  const auto* components = root.find("components");
  for (const auto* schemas :
       {components == nullptr ? nullptr : components->find("schemas"), root.find("definitions")}) {
    if (schemas == nullptr || !schemas->is_map()) continue;
    for (const auto& entry : schemas->members) {
      const auto& name = entry.key;
      const auto wanted = is_identifier(name) ? name : pascal_case(identifier(name));
      if (!components_.emplace(name, entry.value).second || names_.contains(entry.value)) continue;
      const auto claimed = reading_.type_names.claim(wanted);
      reading_.reserved.insert(claimed);
      names_.emplace(entry.value, claimed);
    }
  }
}

std::string SchemaReader::component(const std::string& name) {
  const auto found = components_.find(name);
  if (found == components_.end()) return {};
  const auto type = type_of(*found->second, names_.at(found->second));
  const auto scope = reading_.qualified({});
  return type.text.starts_with(scope) ? type.text.substr(scope.size()) : std::string{};
}

Type SchemaReader::type_of(const Node& schema, const std::string& name) {
  if (const auto known = types_.find(&schema); known != types_.end()) return known->second;
  if (under_way_.size() == depth_max) {
    reading_.problems.add(schema, {fmt::format("schemas nested more than {} deep", depth_max),
                                   "make the nesting flatter",
                                   {},
                                   {}});
    return {};
  }
  const auto component = names_.find(&schema);
  under_way_.insert(&schema);
  auto type = read(schema, component == names_.end() ? name : component->second);
  under_way_.erase(&schema);
  types_.emplace(&schema, type);
  return type;
}

const Node* SchemaReader::stands_for(const Node& schema, bool& nullable) {
  if (const auto* reference = schema.find("$ref")) {
    // Beside a reference everything is a remark in 3.0, and seldom more in 3.1.
    return changes_type_beside(schema, {}) ? nullptr
                                           : reading_.references.resolved(reference->parent);
  }
  for (const char* keyword : {"allOf", "oneOf", "anyOf"}) {
    const auto* list = schema.find(keyword);
    if (list == nullptr || changes_type_beside(schema, keyword)) continue;
    if (!schema.text_of("type").empty() && schema.text_of("type") != "object") continue;
    std::vector<const Node*> rest;
    for (const auto* one : list->items) {
      if (!is_null_schema(*one)) rest.push_back(one);
    }
    if (rest.size() != 1 || !rest.front()->is_map()) continue;
    nullable = nullable || rest.size() != list->items.size();
    return rest.front();
  }
  return nullptr;
}

Type SchemaReader::read(const Node& schema, const std::string& name) {
  if (!schema.is_map()) {
    if (schema.is_true()) return open_type(SchemaView(schema, reading_.references), "any value");
    reading_.problems.add(schema, {"a schema is a map", "write a schema here", {}, {}});
    return {};
  }
  if (schema.has_true("x-as-json")) {
    return json_text(SchemaView(schema, reading_.references), reading_);
  }
  const auto* reference = schema.find("$ref");
  if (reference != nullptr && reading_.references.resolved(&schema) == nullptr) {
    reading_.problems.add(
        *reference, {fmt::format("there is no '{}' in the document", printable(reference->text)),
                     "refer to a schema of this document, like #/components/schemas/NAME",
                     {},
                     {}});
    return {};
  }
  bool nullable = allows_null(schema);
  Type type;
  if (const auto* other = stands_for(schema, nullable)) {
    type = under_way_.contains(other)
               ? open_type(SchemaView(schema, reading_.references),
                           fmt::format("'{}' contains itself: a type has a fixed size",
                                       printable(names_.contains(other) ? names_[other] : name)))
               : type_of(*other, name);
  } else {
    const SchemaView view(schema, reading_.references);
    check_limits(view);
    nullable = nullable || view.nullable();
    type = read_by_type(view, name);
  }
  type.nullable = type.nullable || nullable;
  return type;
}

Type SchemaReader::read_by_type(const SchemaView& schema, const std::string& name) {
  const auto types = schema.types();
  if (types.empty()) {
    if (alternatives_of(schema) != nullptr) return read_union(schema, name);
    return open_type(schema, "a schema without a type");
  }
  if (types.size() > 1) {
    const bool numbers = std::all_of(types.begin(), types.end(), [](const std::string& type) {
      return type == "integer" || type == "number";
    });
    return numbers ? read_number(schema, reading_) : open_type(schema, "a value of several types");
  }
  const auto& type = types.front();
  if (type == "integer") return read_integer(schema, reading_);
  if (type == "number") return read_number(schema, reading_);
  if (type == "boolean") return plain("bool", 1);
  if (type == "string" || type == "file") return read_string(schema, name, reading_);
  if (type == "array") return read_array(schema, name);
  if (type == "object") return read_object(schema, name);
  reading_.problems.add(*schema.find("type"),
                        {fmt::format("the type '{}' is not covered", printable(type)),
                         "write integer, number, boolean, string, array or object",
                         {},
                         {}});
  return {};
}

Type SchemaReader::open_type(const SchemaView& schema, const std::string& what) {
  if (reading_.options.bound_json || schema.has_true("x-as-json")) {
    return json_text(schema, reading_);
  }
  reading_.problems.add(schema.schema(), {what,
                                          "say what it is; or add x-as-json: true to carry it as "
                                          "JSON text (of at most maxLength bytes, "
                                          "else behind its struct); or run with --bound-json N",
                                          "--bound-json 256", "{x-as-json: true}"});
  return {};
}

Type SchemaReader::read_array(const SchemaView& schema, const std::string& name) {
  const auto* items = schema.find("items");
  if (items == nullptr || !items->is_map()) return open_type(schema, "an array needs items");
  const auto item = stored(type_of(*items, unused(name + "Item")));
  const auto* most = schema.find("maxItems");
  if (most == nullptr) {
    if (schema.has_true("x-in-message")) {
      return item.text.empty() ? Type{} : in_message(fmt::format("::shmbus::Array<{}>", item.text));
    }
    if (reading_.options.bound_arrays) return vector_of(item, *reading_.options.bound_arrays);
    reading_.problems.add(
        schema.schema(),
        {"an array needs maxItems",
         "add maxItems: N, or x-in-message: true to place it behind its struct; or "
         "run with --bound-arrays N",
         "--bound-arrays 8", "{maxItems: 8}"});
    return {};
  }
  const auto length = length_of(*most, reading_.problems);
  if (!length) return {};
  const bool exact = schema.text_of("minItems") == most->text;
  return exact ? array_of(item, *length) : vector_of(item, *length);
}

// --- limits that change no type ----------------------------------------------------------------

void SchemaReader::check_pair(const SchemaView& schema, const char* least, const char* most) {
  const auto* low = schema.find(least);
  const auto* high = schema.find(most);
  const auto smallest = low == nullptr ? std::nullopt : count_of(*low, reading_.problems);
  if (!smallest || high == nullptr) return;
  const auto largest = count_of(*high, reading_.problems);
  if (largest && *smallest > *largest) {
    reading_.problems.add(*low, {fmt::format("{} is more than {}", least, most),
                                 "make the one smaller or the other larger",
                                 {},
                                 {}});
  }
}

void SchemaReader::check_limits(const SchemaView& schema) {
  check_pair(schema, "minLength", "maxLength");
  check_pair(schema, "minItems", "maxItems");
  check_pair(schema, "minProperties", "maxProperties");
  const auto* pattern = schema.find("pattern");
  if (pattern != nullptr && !pattern->is_scalar()) {
    reading_.problems.add(*pattern, {"'pattern' takes a text", "write a text", {}, {}});
  }
}

}  // namespace shmbus::gen
