#include "cli/gen/schema_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "cli/gen/names.hpp"
#include "shmbus/schema/bindings.hpp"

namespace shmbus::cli::gen {
namespace {

constexpr std::string_view component_prefix = "#/components/schemas/";
constexpr std::uint64_t count_max = 1ULL << 24U;
constexpr std::size_t enumerators_max = 64;  // shmbus::enum_max

/// Keywords that say what a schema means here, or nothing that a type could hold.
constexpr std::array known{"type",       "format",   "title",        "description", "properties",
                           "required",   "items",    "maxItems",     "minItems",    "maxLength",
                           "enum",       "$ref",     "example",      "examples",    "default",
                           "deprecated", "readOnly", "writeOnly",    "nullable",    "minimum",
                           "maximum",    "xml",      "externalDocs", "$comment"};

bool is_true(const YAML::Node& schema, const char* key) {
  const auto node = schema[key];
  return node && node.IsScalar() && node.Scalar() == "true";
}

}  // namespace

void SchemaReader::fail(const YAML::Node& at, const std::string& why) const {
  throw Failure(ErrorKind::invalid_argument,
                fmt::format("{}:{}: {}", model_.source, at.Mark().line + 1, why));
}

std::string SchemaReader::text(const YAML::Node& schema, const char* key) const {
  const auto node = schema[key];
  if (!node) return {};
  if (!node.IsScalar()) fail(node, fmt::format("'{}' takes a text", key));
  return node.Scalar();
}

std::uint64_t SchemaReader::count(const YAML::Node& node) const {
  std::uint64_t value = 0;
  if (!node.IsScalar() || !YAML::convert<std::uint64_t>::decode(node, value) || value == 0 ||
      value > count_max) {
    fail(node, "a length is a whole number from 1 to 16777216");
  }
  return value;
}

void SchemaReader::claim(const YAML::Node& at, const std::string& name) {
  if (!is_identifier(name)) fail(at, fmt::format("'{}' is no name for a type of C++", name));
  if (!taken_.insert(name).second) fail(at, fmt::format("there is a type '{}' already", name));
}

std::string SchemaReader::unused_name(const std::string& wanted, const std::string& suffix) {
  const auto name = taken_.contains(wanted) ? wanted + suffix : wanted;
  claim(root_, name);
  return name;
}

void SchemaReader::read_components() {
  const auto components = root_["components"];
  if (!components || !components["schemas"]) return;
  const auto schemas = components["schemas"];
  for (const auto& entry : schemas) read_component(entry.first.as<std::string>(), entry.second);
}

/// A component becomes a type of its own name when it is a struct or an enum; any other stands for
/// its type wherever it is named.
void SchemaReader::read_component(const std::string& name, const YAML::Node& schema) {
  if (done_.contains(name)) return;
  const auto type = schema.IsMap() ? text(schema, "type") : std::string{};
  if (type == "object" || (schema.IsMap() && (schema["enum"] || schema["properties"]))) {
    reading_.insert(name);
    (void)type_of(schema, name);
    reading_.erase(name);
  }
  done_.insert(name);
}

std::string SchemaReader::reference(const YAML::Node& ref) {
  const auto target = ref.IsScalar() ? ref.Scalar() : std::string{};
  if (!target.starts_with(component_prefix)) {
    fail(ref, fmt::format("a $ref leads to '{}NAME' of the same document", component_prefix));
  }
  const auto name = target.substr(component_prefix.size());
  const auto components = root_["components"];
  const auto schemas = components ? components["schemas"] : YAML::Node();
  const auto schema = schemas && schemas.IsMap() ? schemas[name] : YAML::Node();
  if (!schema || !schema.IsMap()) fail(ref, fmt::format("there is no schema '{}'", name));
  if (reading_.contains(name)) {
    fail(ref, fmt::format("'{}' contains itself: a type has a fixed size", name));
  }
  read_component(name, schema);
  if (taken_.contains(name) || model_.find_struct(name) != nullptr) return name;
  reading_.insert(name);
  const auto type = type_of(schema, name);
  reading_.erase(name);
  return type;
}

void SchemaReader::check_keywords(const YAML::Node& schema) const {
  for (const auto& entry : schema) {
    const auto key = entry.first.as<std::string>();
    if (key.starts_with("x-")) continue;
    const bool closed = key == "additionalProperties" && entry.second.IsScalar() &&
                        entry.second.Scalar() == "false";
    if (closed || std::find(known.begin(), known.end(), key) != known.end()) continue;
    fail(entry.first, fmt::format("'{}' is not covered", key));
  }
}

std::string SchemaReader::type_of(const YAML::Node& schema, const std::string& name) {
  if (!schema.IsMap()) fail(schema, "a schema is a map");
  if (const auto ref = schema["$ref"]) return reference(ref);
  check_keywords(schema);
  const auto type = text(schema, "type");
  if (type == "integer") return integer(schema);
  if (type == "number") return number(schema);
  if (type == "boolean") return "bool";
  if (type == "string") return string(schema, name);
  if (type == "array") return array(schema, name);
  if (type == "object" || (type.empty() && schema["properties"])) return object(schema, name);
  if (type.empty()) fail(schema, "the schema has no type");
  fail(schema["type"], fmt::format("the type '{}' is not covered", type));
}

std::string SchemaReader::integer(const YAML::Node& schema) {
  const auto format = text(schema, "format");
  constexpr std::array formats{"int8",  "int16",  "int32",  "int64",
                               "uint8", "uint16", "uint32", "uint64"};
  if (std::find(formats.begin(), formats.end(), format) != formats.end()) {
    return fmt::format("std::{}_t", format);
  }
  if (!format.empty()) {
    fail(schema["format"], fmt::format("the format '{}' is not covered: int8 to int64, uint8 to "
                                       "uint64",
                                       format));
  }
  // Without a format the range tells how wide it must be.
  std::int64_t low = std::numeric_limits<std::int64_t>::min();
  std::uint64_t high = std::numeric_limits<std::int64_t>::max();
  const auto minimum = schema["minimum"];
  const auto maximum = schema["maximum"];
  if (minimum && !YAML::convert<std::int64_t>::decode(minimum, low)) {
    fail(minimum, "the minimum of an integer is a whole number");
  }
  std::int64_t negative = 0;
  if (maximum && !YAML::convert<std::uint64_t>::decode(maximum, high)) {
    if (!YAML::convert<std::int64_t>::decode(maximum, negative)) {
      fail(maximum, "the maximum of an integer is a whole number");
    }
    high = 0;
  }
  const bool is_signed = low < 0;
  for (const unsigned bits : {8U, 16U, 32U}) {
    const std::uint64_t most = (1ULL << (is_signed ? bits - 1 : bits)) - 1;
    if (high <= most && (!is_signed || low >= -static_cast<std::int64_t>(most) - 1)) {
      return fmt::format("std::{}int{}_t", is_signed ? "" : "u", bits);
    }
  }
  return is_signed ? "std::int64_t" : "std::uint64_t";
}

std::string SchemaReader::number(const YAML::Node& schema) {
  const auto format = text(schema, "format");
  if (format == "float") return "float";
  if (format.empty() || format == "double") return "double";
  fail(schema["format"], fmt::format("the format '{}' is not covered: float, double", format));
}

std::string SchemaReader::string(const YAML::Node& schema, const std::string& name) {
  if (schema["enum"]) return enumeration(schema, name);
  const auto format = text(schema, "format");
  if (format == "uuid") return "shmbus::Uuid";
  if (format == "date-time") return "shmbus::Timestamp";
  if (format == "email") return "shmbus::Email";
  if (!format.empty()) {
    fail(schema["format"],
         fmt::format("the format '{}' is not covered: uuid, date-time, email", format));
  }
  if (const auto length = schema["maxLength"]) {
    return fmt::format("shmbus::String<{}>", count(length));
  }
  if (is_true(schema, "x-in-message")) return "shmbus::Text";
  fail(schema, "a string needs maxLength, or 'x-in-message: true' to lie behind its struct");
}

std::string SchemaReader::enumeration(const YAML::Node& schema, const std::string& name) {
  const auto values = schema["enum"];
  claim(schema, name);
  Enum type{name, one_line(text(schema, "description")), {}, schema.Mark().line + 1};
  if (!values.IsSequence() || values.size() == 0) fail(values, "an enum lists its values");
  if (values.size() > enumerators_max) fail(values, "an enum has at most 64 values");
  for (const auto& value : values) {
    const auto label = value.IsScalar() ? value.Scalar() : std::string{};
    if (!is_identifier(label)) {
      fail(value, fmt::format("'{}' is no name for an enumerator of C++", label));
    }
    if (std::find(type.values.begin(), type.values.end(), label) != type.values.end()) {
      fail(value, fmt::format("'{}' stands there twice", label));
    }
    type.values.push_back(label);
  }
  model_.types.emplace_back(type);
  return name;
}

std::string SchemaReader::array(const YAML::Node& schema, const std::string& name) {
  const auto items = schema["items"];
  if (!items) fail(schema, "an array needs items");
  const auto item = type_of(items, name + "Item");
  const auto most = schema["maxItems"];
  const auto least = schema["minItems"];
  if (!most) {
    if (is_true(schema, "x-in-message")) return fmt::format("shmbus::Array<{}>", item);
    fail(schema, "an array needs maxItems, or 'x-in-message: true' to lie behind its struct");
  }
  if (least && least.IsScalar() && least.Scalar() == most.Scalar()) {
    return fmt::format("std::array<{}, {}>", item, count(most));
  }
  if (least && least.Scalar() != "0") fail(least, "minItems is covered only where it is maxItems");
  return fmt::format("shmbus::Vector<{}, {}>", item, count(most));
}

Member SchemaReader::member(const YAML::Node& key, const YAML::Node& schema,
                            const std::string& owner, bool required) {
  Member out;
  out.name = key.as<std::string>();
  out.line = key.Mark().line + 1;
  if (!is_identifier(out.name)) {
    fail(key, fmt::format("'{}' is no name for a member of C++", out.name));
  }
  out.type = type_of(schema, owner + pascal_case(out.name));
  if (!required || is_true(schema, "nullable")) {
    out.type = fmt::format("shmbus::Optional<{}>", out.type);
  }
  out.comment = one_line(text(schema, "description"));
  return out;
}

std::string SchemaReader::object(const YAML::Node& schema, const std::string& name) {
  claim(schema, name);
  Struct type{name, one_line(text(schema, "description")), {}, schema.Mark().line + 1};
  const auto properties = schema["properties"];
  std::set<std::string> required;
  for (const auto& entry : schema["required"] ? schema["required"] : YAML::Node()) {
    required.insert(entry.as<std::string>());
    if (!properties || !properties[entry.as<std::string>()]) {
      fail(entry, fmt::format("'{}' is required, and no property", entry.as<std::string>()));
    }
  }
  for (const auto& property : properties ? properties : YAML::Node()) {
    const bool needed = required.contains(property.first.as<std::string>());
    if (type.members.size() == shmbus::detail::members_max) {
      fail(property.first, "a struct has at most 32 members: group some in an object");
    }
    type.members.push_back(member(property.first, property.second, name, needed));
  }
  model_.types.emplace_back(type);
  return name;
}

}  // namespace shmbus::cli::gen
