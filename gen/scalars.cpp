#include "gen/scalars.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

namespace shmbus::gen {
namespace {

constexpr std::size_t enumerators_max = 1024;
constexpr std::size_t byte_values = 256;

/// -1, 0 or 1 when the text is below, inside or above what so many bits hold; none when it is no
/// number. Of 1e3 and 10.0 the value counts.
struct Range {
  long double low = -9223372036854775808.0L;
  long double high = 9223372036854775807.0L;
};

std::optional<long double> bound_of(const SchemaView& schema, const char* keyword,
                                    Reading& reading) {
  const auto* node = schema.find(keyword);
  if (node == nullptr) return std::nullopt;
  char* end = nullptr;
  const long double value = std::strtold(node->text.c_str(), &end);
  const bool number = node->is_scalar() && !node->text.empty() && *end == '\0';
  if (number && std::isfinite(value)) return value;
  reading.problems.add(*node,
                       {fmt::format("'{}' is no number", keyword), "write a number", {}, {}});
  return std::nullopt;
}

/// The narrowest integer for a range.
Type integer_for(const Range& range) {
  const bool is_signed = range.low < 0;
  for (const unsigned bits : {8U, 16U, 32U}) {
    const long double most = std::ldexp(1.0L, static_cast<int>(is_signed ? bits - 1 : bits)) - 1;
    if (range.high <= most && (!is_signed || range.low >= -most - 1)) {
      return plain(fmt::format("::std::{}int{}_t", is_signed ? "" : "u", bits), bits / 8);
    }
  }
  return plain(is_signed ? "::std::int64_t" : "::std::uint64_t", 8);
}

std::optional<Type> integer_of_format(std::string_view format) {
  constexpr std::array<std::pair<std::string_view, unsigned>, 8> formats{{{"int8", 1},
                                                                          {"int16", 2},
                                                                          {"int32", 4},
                                                                          {"int64", 8},
                                                                          {"uint8", 1},
                                                                          {"uint16", 2},
                                                                          {"uint32", 4},
                                                                          {"uint64", 8}}};
  for (const auto& [name, bytes] : formats) {
    if (format == name) return plain(fmt::format("::std::{}_t", format), bytes);
  }
  return std::nullopt;
}

/// Formats whose texts are never longer.
std::uint64_t length_of_format(std::string_view format) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 7> lengths{
      {{"date", 10},
       {"time", 24},
       {"ipv4", 15},
       {"ipv6", 45},
       {"hostname", 253},
       {"idn-hostname", 253},
       {"mac", 17}}};
  for (const auto& [name, length] : lengths) {
    if (format == name) return length;
  }
  return 0;
}

Type bytes_of(const SchemaView& schema, Reading& reading) {
  const auto byte = plain("::std::uint8_t", 1);
  if (const auto* most = schema.find("maxLength")) {
    const auto length = length_of(*most, reading.problems);
    return length ? vector_of(byte, *length) : Type{};
  }
  if (schema.has_true("x-in-message")) return in_message("::shmbus::Array<::std::uint8_t>");
  if (reading.options.bound_strings) return vector_of(byte, *reading.options.bound_strings);
  reading.problems.add(schema.schema(),
                       {"binary data without a limit",
                        "add maxLength: N (bytes), or x-in-message: true to place it behind its "
                        "struct; or run with --bound-strings N",
                        "--bound-strings 64", "{maxLength: 64}"});
  return {};
}

Type text_of_length(const SchemaView& schema, std::string_view format, Reading& reading) {
  if (const auto* most = schema.find("maxLength")) {
    const auto length = length_of(*most, reading.problems);
    return length ? bounded_text(*length) : Type{};
  }
  if (schema.has_true("x-in-message")) return in_message("::shmbus::Text");
  if (const auto length = length_of_format(format); length != 0) return bounded_text(length);
  if (reading.options.bound_strings) return bounded_text(*reading.options.bound_strings);
  reading.problems.add(
      schema.schema(),
      {"a string needs maxLength",
       "add maxLength: N (bytes of UTF-8), or x-in-message: true to place it behind its struct; or "
       "run with --bound-strings N",
       "--bound-strings 64", "{maxLength: 64}"});
  return {};
}

std::string wanted_enumerator(const SchemaView& schema, std::size_t i, const Node& value) {
  const auto* names = schema.find("x-enum-varnames");
  const bool named = names != nullptr && i < names->items.size();
  return identifier(named ? names->items[i]->text : value.text);
}

}  // namespace

Type read_integer(const SchemaView& schema, Reading& reading) {
  const auto format = schema.text_of("format");
  if (const auto type = integer_of_format(format)) return *type;
  if (format.starts_with("int1") || format.starts_with("uint1")) {
    reading.problems.add(*schema.find("format"),
                         {fmt::format("the format '{}' is not covered", printable(format)),
                          "write int8 to int64 or uint8 to uint64",
                          {},
                          "int64"});
    return {};
  }
  // Without a format the range tells how wide it must be.
  Range range;
  if (const auto low = bound_of(schema, "minimum", reading)) range.low = *low;
  if (const auto high = bound_of(schema, "maximum", reading)) range.high = *high;
  return integer_for(range);
}

Type read_number(const SchemaView& schema, Reading& reading) {
  const auto format = schema.text_of("format");
  if (const auto type = integer_of_format(format)) return *type;
  (void)bound_of(schema, "minimum", reading);
  (void)bound_of(schema, "maximum", reading);
  return format == "float" ? plain("float", 4) : plain("double", 8);
}

std::vector<const Node*> values_of(const SchemaView& schema) {
  std::vector<const Node*> out;
  if (const auto* value = schema.find("const")) {
    out.push_back(value);
  } else if (const auto* values = schema.find("enum")) {
    out.assign(values->items.begin(), values->items.end());
  }
  std::erase_if(out, [](const Node* one) { return one->kind == Node::Kind::null; });
  return out;
}

Type read_string(const SchemaView& schema, const std::string& name, Reading& reading) {
  if (schema.find("enum") != nullptr || schema.find("const") != nullptr) {
    return read_enum(schema, values_of(schema), name, reading);
  }
  const auto format = schema.text_of("format");
  if (format == "uuid") return {"::shmbus::Uuid", 16, 1, false};
  if (format == "date-time") return plain("::shmbus::Timestamp", 8);
  if (format == "email") return {"::shmbus::Email", 260, 4, false};
  if (format == "binary" || schema.text_of("type") == "file") return bytes_of(schema, reading);
  return text_of_length(schema, format, reading);
}

Type read_enum(const SchemaView& schema, const std::vector<const Node*>& values,
               const std::string& name, Reading& reading) {
  const auto& at = schema.find("enum") != nullptr ? *schema.find("enum") : schema.schema();
  if (values.empty() || values.size() > enumerators_max) {
    reading.problems.add(at, {fmt::format("an enum has 1 to {} values", enumerators_max),
                              "list its values, or take enum away and give maxLength",
                              {},
                              {}});
    return {};
  }
  Enum type{
      reading.claim_type(name), one_line(schema.text_of("description")), {}, schema.schema().line};
  Scope names;
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& value = *values[i];
    if (!value.is_scalar() || !seen.insert(value.text).second) continue;
    auto label = names.claim(wanted_enumerator(schema, i, value));
    std::string comment;
    if (label != value.text) comment = fmt::format("\"{}\" in the document", one_line(value.text));
    type.values.push_back({std::move(label), std::move(comment)});
  }
  const auto bytes = type.values.size() <= byte_values ? 1U : 2U;
  Type out = plain(reading.qualified(type.name), bytes);
  reading.model.types.emplace_back(std::move(type));
  return out;
}

Type json_text(const SchemaView& schema, Reading& reading) {
  if (const auto* most = schema.find("maxLength")) {
    const auto length = length_of(*most, reading.problems);
    return length ? bounded_text(*length) : Type{};
  }
  return reading.options.bound_json ? bounded_text(*reading.options.bound_json)
                                    : in_message("::shmbus::Text");
}

}  // namespace shmbus::gen
