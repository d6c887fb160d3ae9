#include "schema/grammar.hpp"

#include <algorithm>
#include <array>

namespace shmbus::schema {
namespace {

constexpr std::uint64_t number_max = 1ULL << 31U;  // no type is larger; products stay in range
constexpr auto npos = std::string_view::npos;

bool opens(char c) noexcept { return c == '<' || c == '{' || c == '('; }
bool closes(char c) noexcept { return c == '>' || c == '}' || c == ')'; }

/// Where `wanted` first stands outside of all brackets.
std::size_t find_outside(std::string_view text, std::string_view wanted) noexcept {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (depth == 0 && text.substr(i).starts_with(wanted)) return i;
    if (opens(text[i])) ++depth;
    if (closes(text[i]) && --depth < 0) return npos;
  }
  return npos;
}

/// A type that is one word.
struct Word {
  std::string_view text;
  Kind kind;
  std::uint64_t size;
  std::uint64_t align;
};
constexpr std::array<Word, 18> words{{{"none", Kind::none, 0, 1},
                                      {"bool", Kind::boolean, 1, 1},
                                      {"char", Kind::character, 1, 1},
                                      {"i8", Kind::integer, 1, 1},
                                      {"i16", Kind::integer, 2, 2},
                                      {"i32", Kind::integer, 4, 4},
                                      {"i64", Kind::integer, 8, 8},
                                      {"u8", Kind::unsigned_integer, 1, 1},
                                      {"u16", Kind::unsigned_integer, 2, 2},
                                      {"u32", Kind::unsigned_integer, 4, 4},
                                      {"u64", Kind::unsigned_integer, 8, 8},
                                      {"f32", Kind::number, 4, 4},
                                      {"f64", Kind::number, 8, 8},
                                      {"uuid", Kind::uuid, 16, 1},
                                      {"time", Kind::time, 8, 8},
                                      {"email", Kind::email, 260, 4},
                                      {"text", Kind::text, 8, 4},
                                      {"", Kind::bad, 0, 1}}};

Type bad_type(std::string_view text) noexcept {
  Type type;
  type.text = text;
  return type;
}

std::uint64_t aligned_up(std::uint64_t value, std::uint64_t unit) noexcept {
  return (value + unit - 1) / unit * unit;
}

/// "word COUNT <item>"; the count only where `counted`.
bool take_holder(std::string_view text, std::string_view word, bool counted, Type& out) noexcept {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  if (counted) {
    const auto count = take_number(text);
    if (!count) return false;
    out.count = *count;
  }
  if (text.size() < 2 || text.front() != '<' || text.back() != '>') return false;
  out.item = text.substr(1, text.size() - 2);
  return true;
}

/// "SIZE/ALIGNMENT" to the end.
bool take_extent(std::string_view text, Type& out) noexcept {
  const auto size = take_number(text);
  if (!size || !text.starts_with('/')) return false;
  text.remove_prefix(1);
  const auto align = take_number(text);
  if (!align || !text.empty() || *align == 0 || *align > 8) return false;
  out.size = *size;
  out.align = *align;
  return true;
}

Type parse_holder(Type type, int depth) noexcept {
  const Type bad = bad_type(type.text);
  if (take_holder(type.text, "vec", true, type)) {
    type.kind = Kind::vector;
  } else if (take_holder(type.text, "arr", true, type)) {
    type.kind = Kind::array;
  } else if (take_holder(type.text, "opt", false, type)) {
    type.kind = Kind::optional;
  } else if (take_holder(type.text, "list", false, type)) {
    type.kind = Kind::list;
  } else {
    return bad;
  }
  const Type item = parse_type(type.item, depth + 1);
  if (item.kind == Kind::bad || item.size == 0 || item.size > number_max) return bad;
  switch (type.kind) {
    case Kind::vector:
      type.align = std::max<std::uint64_t>(4, item.align);
      type.size = aligned_up(aligned_up(4, item.align) + type.count * item.size, type.align);
      break;
    case Kind::array:
      type.align = item.align;
      type.size = type.count * item.size;
      break;
    case Kind::optional:
      type.align = 8;
      type.size = aligned_up(item.size + 1, 8);
      break;
    default:
      type.align = 4;
      type.size = 8;
      break;
  }
  return type.size <= number_max ? type : bad;
}

Type parse_struct(Type type, int depth) noexcept {
  const auto close = type.text.rfind('}');
  if (close == npos || !take_extent(type.text.substr(close + 1), type)) return bad_type(type.text);
  Members members(type.text);
  for (Member member; members.next(member);) {
    const Type of = parse_type(member.type, depth + 1);
    if (of.kind == Kind::bad || of.size > type.size || member.offset > type.size - of.size) {
      return bad_type(type.text);
    }
  }
  type.kind = members.good() ? Kind::structure : Kind::bad;
  return type;
}

Type parse_enum(Type type) noexcept {
  auto inside = type.text.substr(5);
  const auto open = inside.find('(');
  if (open == npos || !inside.ends_with(")>")) return bad_type(type.text);
  const Type base = parse_type(inside.substr(0, open), depth_max);
  if (base.kind != Kind::integer && base.kind != Kind::unsigned_integer) return bad_type(type.text);
  type.item = inside.substr(open + 1, inside.size() - open - 3);
  type.size = base.size;
  type.align = base.align;
  type.kind = Kind::enumeration;
  return type;
}

}  // namespace

std::optional<std::uint64_t> take_number(std::string_view& text) noexcept {
  std::uint64_t value = 0;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    value = value * 10 + static_cast<std::uint64_t>(text[digits] - '0');
    if (value > number_max) return std::nullopt;
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

std::optional<Sides> split(std::string_view schema) noexcept {
  const auto at = find_outside(schema, "->");
  if (at == npos) return std::nullopt;
  return Sides{schema.substr(0, at), schema.substr(at + 2)};
}

std::optional<std::string_view> stream_item(std::string_view side) noexcept {
  constexpr std::string_view begin = "stream<";
  if (!side.starts_with(begin) || !side.ends_with('>')) return std::nullopt;
  return side.substr(begin.size(), side.size() - begin.size() - 1);
}

Members::Members(std::string_view struct_type) noexcept {
  const auto close = struct_type.rfind('}');
  if (!struct_type.starts_with('{') || close == npos) return;
  rest_ = struct_type.substr(1, close - 1);
  good_ = true;
}

bool Members::next(Member& out) noexcept {
  if (!good_ || rest_.empty()) return false;
  const auto colon = rest_.find(':');
  if (colon == npos || colon == 0) return good_ = false;
  out.name = rest_.substr(0, colon);
  rest_.remove_prefix(colon + 1);
  const auto at = find_outside(rest_, "@");
  if (at == npos) return good_ = false;
  out.type = rest_.substr(0, at);
  rest_.remove_prefix(at + 1);
  const auto offset = take_number(rest_);
  if (!offset) return good_ = false;
  out.offset = *offset;
  if (rest_.empty()) return true;
  if (rest_.front() != ',') return good_ = false;
  rest_.remove_prefix(1);
  good_ = !rest_.empty();
  return true;
}

Type parse_type(std::string_view text, int depth) noexcept {
  Type type = bad_type(text);
  if (depth > depth_max) return type;
  for (const Word& word : words) {
    if (word.kind != Kind::bad && word.text == text) {
      type.kind = word.kind;
      type.size = word.size;
      type.align = word.align;
      return type;
    }
  }
  if (text.starts_with('{')) return parse_struct(type, depth);
  if (text.starts_with("enum<")) return parse_enum(type);
  auto rest = text;
  if (text.starts_with("str")) {
    rest.remove_prefix(3);
    const auto count = take_number(rest);
    if (!count || !rest.empty()) return type;
    type = {Kind::string, text, {}, *count, aligned_up(4 + *count, 4), 4};
    return type;
  }
  if (text.starts_with("raw")) {
    if (take_extent(text.substr(3), type)) type.kind = Kind::raw;
    return type;
  }
  return parse_holder(type, depth);
}

bool next_enumerator(std::string_view& list, std::string_view& name, std::int64_t& value) noexcept {
  const auto equals = list.find('=');
  if (equals == npos) return false;
  name = list.substr(0, equals);
  list.remove_prefix(equals + 1);
  const auto number = take_number(list);
  if (!number) return false;
  value = static_cast<std::int64_t>(*number);
  if (list.starts_with(',')) list.remove_prefix(1);
  return true;
}

}  // namespace shmbus::schema
