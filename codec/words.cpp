#include "codec/words.hpp"

namespace shmbus::codec {
namespace {

using schema::Kind;

bool holds_many(const Node& node) {
  return node.kind == Kind::vector || node.kind == Kind::array || node.kind == Kind::list;
}

std::string range(const Node& node) {
  const auto bits = node.size * 8U;
  if (node.kind == Kind::unsigned_integer) {
    return "a whole number, 0 to " + std::to_string(~0ULL >> (64U - bits));
  }
  const auto most = static_cast<std::int64_t>(~0ULL >> (65U - bits));
  return "a whole number, " + std::to_string(-most - 1) + " to " + std::to_string(most);
}

std::string one_of(const Node& node) {
  std::string names = "one of ";
  auto list = node.enumerators;
  std::string_view name;
  std::int64_t value = 0;
  for (bool first = true; schema::next_enumerator(list, name, value); first = false) {
    if (!first) names += ", ";
    names += name;
  }
  return names;
}

std::string items(const Type& type, const Node& node, const std::string& how_many) {
  return "a list of " + how_many + ": " + describe(type, type.child(node, 0));
}

void add_members(const Type& type, const Node& node, const std::string& prefix, std::uint64_t base,
                 std::vector<Field>& out) {
  for (std::size_t i = 0; i < node.children; ++i) {
    const Node& member = type.child(node, i);
    const Node* of = &member;
    Field field{prefix + std::string(member.name),
                {},
                base + member.offset,
                member.size,
                member.kind == Kind::optional};
    if (field.optional) of = &type.child(member, 0);
    field.type = describe(type, *of);
    out.push_back(field);
    // The members of what it holds: of one struct by name, of many by "[]".
    std::string inside = field.name;
    const bool in_place = of == &member;
    while (holds_many(*of)) {
      inside += "[]";
      of = &type.child(*of, 0);
    }
    if (of->kind == Kind::structure) {
      const bool at_offset = in_place && of == &member;
      add_members(type, *of, inside + ".", at_offset ? field.offset : 0, out);
    }
  }
}

}  // namespace

std::string describe(const Type& type, const Node& node) {
  switch (node.kind) {
    case Kind::none:
      return "nothing";
    case Kind::boolean:
      return "true or false";
    case Kind::character:
      return "one character";
    case Kind::integer:
    case Kind::unsigned_integer:
      return range(node);
    case Kind::number:
      return node.size == 4 ? "a number (32 bits)" : "a number";
    case Kind::uuid:
      return "a UUID";
    case Kind::time:
      return "a moment (RFC 3339)";
    case Kind::email:
      return "an e-mail address";
    case Kind::text:
      return "text of any length";
    case Kind::string:
      return "text of at most " + std::to_string(node.count) + " bytes";
    case Kind::vector:
      return items(type, node, "at most " + std::to_string(node.count));
    case Kind::array:
      return items(type, node, "exactly " + std::to_string(node.count));
    case Kind::list:
      return items(type, node, "any length");
    case Kind::optional:
      return describe(type, type.child(node, 0)) + ", or none";
    case Kind::enumeration:
      return one_of(node);
    case Kind::structure:
      return "an object";
    case Kind::raw:
      return std::to_string(node.size) + " bytes, as hexadecimal digits";
    case Kind::bad:
      break;
  }
  return "?";
}

std::vector<Field> fields_of(const Type& type) {
  std::vector<Field> fields;
  const Node& root = type.root();
  if (root.kind == Kind::structure) {
    add_members(type, root, {}, 0, fields);
  } else if (root.kind != Kind::none) {
    fields.push_back({{}, describe(type, root), 0, root.size, false});
  }
  return fields;
}

}  // namespace shmbus::codec
