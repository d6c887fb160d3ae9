#include "cli/type_text.hpp"

#include <fmt/format.h>

#include "cli/output.hpp"

namespace shmbus::cli {
namespace {

using schema::Kind;
using schema::Type;

std::string range(const Type& type) {
  const auto bits = static_cast<unsigned>(type.size * 8);
  if (type.kind == Kind::unsigned_integer) {
    return fmt::format("a whole number, 0 to {}", ~0ULL >> (64U - bits));
  }
  const auto most = static_cast<std::int64_t>(~0ULL >> (65U - bits));
  return fmt::format("a whole number, {} to {}", -most - 1, most);
}

std::string one_of(const Type& type) {
  std::string names;
  auto list = type.item;
  std::string_view name;
  std::int64_t value = 0;
  while (schema::next_enumerator(list, name, value)) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  }
  return "one of " + names;
}

std::string items(const Type& type, std::string_view how_many) {
  return fmt::format("a list of {}: {}", how_many, describe_type(schema::parse_type(type.item)));
}

void add_members(std::string_view prefix, std::string_view type, std::uint64_t base,
                 std::vector<Field>& out) {
  schema::Members members(type);
  for (schema::Member member; members.next(member);) {
    Type of = schema::parse_type(member.type);
    Field field{fmt::format("{}{}", prefix, printable(member.name)),
                {},
                base + member.offset,
                of.size,
                of.kind == Kind::optional};
    if (field.optional) of = schema::parse_type(of.item);
    field.type = describe_type(of);
    out.push_back(field);
    // The members of what it holds: of one struct by name, of many by "[]".
    std::string inside = field.name + ".";
    while (of.kind == Kind::vector || of.kind == Kind::array || of.kind == Kind::list) {
      inside.insert(inside.size() - 1, "[]");
      of = schema::parse_type(of.item);
    }
    if (of.kind == Kind::structure) {
      const bool in_place = of.text == member.type;
      add_members(inside, of.text, in_place ? field.offset : 0, out);
    }
  }
}

}  // namespace

std::string describe_type(const Type& type) {
  switch (type.kind) {
    case Kind::none:
      return "nothing";
    case Kind::boolean:
      return "true or false";
    case Kind::character:
      return "one character";
    case Kind::integer:
    case Kind::unsigned_integer:
      return range(type);
    case Kind::number:
      return type.size == 4 ? "a number (32 bits)" : "a number";
    case Kind::uuid:
      return "a UUID";
    case Kind::time:
      return "a moment (RFC 3339)";
    case Kind::email:
      return "an e-mail address";
    case Kind::text:
      return "text of any length";
    case Kind::string:
      return fmt::format("text of at most {} bytes", type.count);
    case Kind::vector:
      return items(type, fmt::format("at most {}", type.count));
    case Kind::array:
      return items(type, fmt::format("exactly {}", type.count));
    case Kind::list:
      return items(type, "any length");
    case Kind::optional:
      return describe_type(schema::parse_type(type.item)) + ", or none";
    case Kind::enumeration:
      return printable(one_of(type));
    case Kind::structure:
      return "an object";
    case Kind::raw:
      return fmt::format("{} bytes, as hexadecimal digits", type.size);
    case Kind::bad:
      break;
  }
  return "?";
}

std::vector<Field> fields_of(std::string_view type) {
  std::vector<Field> fields;
  const Type parsed = schema::parse_type(type);
  if (parsed.kind == Kind::structure) {
    add_members({}, type, 0, fields);
  } else if (parsed.kind != Kind::none) {
    fields.push_back({{}, describe_type(parsed), 0, parsed.size, false});
  }
  return fields;
}

bool has_tail(std::string_view type) {
  return type == "text" || type.find(":text@") != std::string_view::npos ||
         type.find("<text>") != std::string_view::npos ||
         type.find("list<") != std::string_view::npos;
}

}  // namespace shmbus::cli
