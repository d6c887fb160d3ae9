// Objects become structs, maps become lists of entries, and alternatives become what all of them
// are, where that is one type.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "gen/scalars.hpp"
#include "gen/schema_reader.hpp"
#include "shmbus/schema/bindings.hpp"

namespace shmbus::gen {
namespace {

constexpr std::uint64_t type_bytes_max = 1ULL << 30U;  // of the largest extent of a bus

/// {required: [a]} says which members must be there together, and nothing of what they are.
bool only_restricts(const Node& schema) {
  constexpr std::array remarks{"required", "title", "description", "not", "type"};
  return std::all_of(schema.members.begin(), schema.members.end(), [&](const Node::Entry& entry) {
    return std::find(remarks.begin(), remarks.end(), entry.key) != remarks.end();
  });
}

bool alternatives_only_restrict(const SchemaView& schema) {
  for (const char* keyword : {"oneOf", "anyOf"}) {
    const auto* list = schema.find(keyword);
    if (list == nullptr) continue;
    if (!std::all_of(list->items.begin(), list->items.end(),
                     [](const Node* one) { return only_restricts(*one); })) {
      return false;
    }
  }
  return true;
}

bool is_empty_schema(const Node& schema) {
  return schema.is_true() || (schema.is_map() && schema.members.empty());
}

}  // namespace

Type SchemaReader::read_object(const SchemaView& schema, const std::string& name) {
  if (!alternatives_only_restrict(schema)) {
    if (schema.find("properties") == nullptr) return read_union(schema, name);
    return open_type(schema, "an object of several shapes");
  }
  const auto* others = schema.find("additionalProperties");
  if (schema.find("properties") != nullptr) {
    if (others != nullptr && others->is_map() && !others->members.empty()) {
      reading_.problems.note(*others, "only the named properties become members");
    }
    return read_struct(schema, name);
  }
  if (others == nullptr) {
    const auto* patterns = schema.find("patternProperties");
    if (patterns != nullptr && patterns->members.size() == 1) {
      return read_map(schema, patterns->members.front().value, name);
    }
    return open_type(schema, "an object that does not say what is in it");
  }
  if (others->is_false()) return read_struct(schema, name);
  if (is_empty_schema(*others)) return open_type(schema, "an object that may hold anything");
  return read_map(schema, others, name);
}

Type SchemaReader::read_map(const SchemaView& schema, const Node* values, const std::string& name) {
  const auto value = stored(type_of(*values, unused(name + "Value")));
  const auto* keys = schema.find("propertyNames");
  const auto* longest = keys == nullptr ? nullptr : keys->find("maxLength");
  const auto* most = schema.find("maxProperties");
  const auto key_bytes =
      longest != nullptr ? length_of(*longest, reading_.problems) : reading_.options.bound_strings;
  const auto count =
      most != nullptr ? length_of(*most, reading_.problems) : reading_.options.bound_maps;
  if (!key_bytes || !count) {
    reading_.problems.add(
        schema.schema(),
        {"a map without limits",
         "add maxProperties: N and propertyNames: {maxLength: N}; or run with --bound-maps N and "
         "--bound-strings N",
         "--bound-maps 8 --bound-strings 64",
         "{maxProperties: 8, propertyNames: {maxLength: 64}}"});
    return {};
  }
  if (value.text.empty()) return {};
  Struct entry{
      reading_.type_names.claim(name + "Entry"), "One entry of a map.", {}, schema.schema().line};
  Scope names;
  entry.members.push_back(make_member(names, "key", bounded_text(*key_bytes), {}, entry.line));
  entry.members.push_back(make_member(names, "value", value, {}, entry.line));
  return vector_of(add_struct(std::move(entry)), *count);
}

Member SchemaReader::make_member(Scope& names, const std::string& name, const Type& type,
                                 std::string_view description, int line) {
  Member member{names.claim(identifier(name)), type, one_line(description), line};
  if (member.name != name) {
    const auto original = fmt::format("'{}' in the document", one_line(name));
    member.comment = member.comment.empty() ? original : original + ": " + member.comment;
  }
  return member;
}

Type SchemaReader::read_struct(const SchemaView& schema, const std::string& name) {
  Struct type{
      reading_.claim_type(name), one_line(schema.text_of("description")), {}, schema.schema().line};
  const auto required = schema.required();
  const auto properties = schema.properties();
  Scope names;
  bool known = true;
  for (const auto& property : properties) {
    const auto found = type_of(*property.schema, unused(type.name + pascal_case(property.name)));
    known = known && !found.text.empty();
    const bool perhaps = !required.contains(property.name);
    type.members.push_back(make_member(names, property.name, stored(found, perhaps),
                                       property.schema->text_of("description"), property.line));
  }
  for (const auto& wanted : required) {
    if (std::none_of(properties.begin(), properties.end(),
                     [&](const auto& one) { return one.name == wanted; })) {
      reading_.problems.note(schema.schema(), fmt::format("'{}' is required, and no property: it "
                                                          "becomes no member",
                                                          printable(wanted)));
    }
  }
  if (type.members.size() > shmbus::detail::members_max) {
    reading_.problems.note(
        schema.schema(),
        fmt::format("{} has {} members: with more than {} it is one opaque piece to the tool",
                    type.name, type.members.size(), shmbus::detail::members_max));
  }
  if (!known) return {};
  const auto out = add_struct(std::move(type));
  return fits(schema.schema(), out) ? out : Type{};
}

bool SchemaReader::fits(const Node& at, const Type& type) {
  if (type.bytes <= type_bytes_max) return true;
  reading_.problems.add(
      at, {fmt::format("a type of {} MiB: the largest payload is 1 GiB", type.bytes >> 20U),
           "lower the limits of what is in it, or place lists behind their struct "
           "with x-in-message: true",
           {},
           {}});
  return false;
}

Type SchemaReader::add_struct(Struct type) {
  Type out{reading_.qualified(type.name), 1, 1, false};
  lay_out(type, out);
  reading_.model.types.emplace_back(std::move(type));
  return out;
}

// --- alternatives ------------------------------------------------------------------------------

Type SchemaReader::read_union(const SchemaView& schema, const std::string& name) {
  const auto* list = schema.find("oneOf");
  if (list == nullptr) list = schema.find("anyOf");
  std::vector<const Node*> alternatives;
  std::vector<SchemaView> views;
  std::set<std::string> types;
  bool nullable = false;
  for (const auto* one : list == nullptr ? std::vector<Node*>{} : list->items) {
    const auto* resolved = reading_.references.resolved(one);
    if (resolved == nullptr || !resolved->is_map())
      return open_type(schema, "one of several types");
    if (is_null_schema(*resolved)) {
      nullable = true;
      continue;
    }
    alternatives.push_back(one);
    views.emplace_back(*one, reading_.references);
    const auto kinds = views.back().types();
    types.insert(kinds.begin(), kinds.end());
    if (kinds.empty()) types.insert("unknown");
  }
  const bool numbers = !types.contains("string") && !types.contains("boolean");
  Type type;
  if (types == std::set<std::string>{"string"}) {
    type = read_texts(schema, views, name);
  } else if (types == std::set<std::string>{"boolean"}) {
    type = plain("bool", 1);
  } else if (numbers && (types == std::set<std::string>{"integer"} ||
                         types == std::set<std::string>{"number"} ||
                         types == std::set<std::string>{"integer", "number"})) {
    type = read_alternatives(alternatives, name);
  } else if (alternatives.size() == 1 && !under_way_.contains(alternatives.front())) {
    type = type_of(*alternatives.front(), name);
  } else {
    return open_type(schema, "one of several types");
  }
  type.nullable = type.nullable || nullable;
  return type;
}

/// All of them texts: one enum of all values, or the text that is not limited to some.
Type SchemaReader::read_texts(const SchemaView& schema, const std::vector<SchemaView>& views,
                              const std::string& name) {
  std::vector<const Node*> values;
  std::vector<Type> free;
  for (const auto& view : views) {
    const auto some = values_of(view);
    values.insert(values.end(), some.begin(), some.end());
    if (some.empty()) free.push_back(read_string(view, name, reading_));
  }
  if (free.empty()) return read_enum(schema, values, name, reading_);
  const bool same = std::all_of(free.begin(), free.end(),
                                [&](const Type& one) { return one.text == free.front().text; });
  return same ? free.front() : open_type(schema, "texts of several kinds");
}

/// All of them numbers: the same type, else what holds both.
Type SchemaReader::read_alternatives(const std::vector<const Node*>& alternatives,
                                     const std::string& name) {
  std::set<std::string> texts;
  Type type;
  for (const auto* one : alternatives) {
    type = type_of(*one, name);
    texts.insert(type.text);
  }
  if (texts.size() == 1) return type;
  const bool real = texts.contains("double") || texts.contains("float");
  return plain(real ? "double" : "::std::int64_t", 8);
}

}  // namespace shmbus::gen
