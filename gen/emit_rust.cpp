#include "gen/emit_rust.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "gen/emit.hpp"
#include "gen/names.hpp"

namespace shmbus::gen {
namespace {

constexpr std::string_view part = "    ";  // how far members stand in

/// Words of Rust that are none of C++; those behind `raw_words` cannot be written as r#word.
constexpr std::array<std::string_view, 35> raw_words{
    "abstract", "as",   "async", "await", "become", "box",     "break", "const", "continue",
    "do",       "dyn",  "else",  "enum",  "extern", "false",   "final", "fn",    "for",
    "if",       "impl", "in",    "let",   "loop",   "macro",   "match", "mod",   "move",
    "mut",      "priv", "ref",   "trait", "type",   "unsized", "where", "yield"};
constexpr std::array<std::string_view, 14> other_words{
    "crate", "override", "pub",    "return", "static",  "struct", "try",
    "true",  "typeof",   "unsafe", "use",    "virtual", "while",  "gen"};
constexpr std::array<std::string_view, 4> reserved_words{"self", "Self", "super", "_"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view name) {
  return std::find(words.begin(), words.end(), name) != words.end();
}

/// A member or an enumerator; what Rust cannot call so keeps its name on the bus.
std::string name_of(const std::string& name) {
  if (is_one_of(reserved_words, name)) return fmt::format("{}_ as \"{}\"", name, name);
  const bool word = is_one_of(raw_words, name) || is_one_of(other_words, name);
  return word ? "r#" + name : name;
}

std::string type_name(std::string_view name) {
  return name == "Self" ? std::string("Self_") : std::string(name);
}

std::string rust_type(std::string_view text);

/// "A, 8" of "Vector<A, 8>"; A may have commas in it.
std::pair<std::string_view, std::string_view> arguments(std::string_view text) {
  const auto open = text.find('<');
  const auto inside = text.substr(open + 1, text.size() - open - 2);
  const auto comma = inside.rfind(", ");
  const bool counted = comma != std::string_view::npos && inside.find('>', comma) == inside.npos;
  if (!counted) return {inside, {}};
  return {inside.substr(0, comma), inside.substr(comma + 2)};
}

std::string rust_template(std::string_view name, std::string_view text) {
  if (name == "::shmbus::String") return fmt::format("::shmbus::Str<{}>", arguments(text).first);
  const auto [item, count] = arguments(text);
  if (name == "::std::array") return fmt::format("[{}; {}]", rust_type(item), count);
  if (name == "::shmbus::Vector") {
    return fmt::format("::shmbus::Vector<{}, {}>", rust_type(item), count);
  }
  // Optional, or Array, which is a word of Rust's own.
  const bool optional = name == "::shmbus::Optional";
  return fmt::format("::shmbus::{}<{}>", optional ? "Opt" : "Seq", rust_type(item));
}

/// Of a type as C++ writes it.
std::string rust_type(std::string_view text) {
  if (const auto open = text.find('<'); open != std::string_view::npos) {
    return rust_template(text.substr(0, open), text);
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, 12> words{
      {{"::std::int8_t", "i8"},
       {"::std::int16_t", "i16"},
       {"::std::int32_t", "i32"},
       {"::std::int64_t", "i64"},
       {"::std::uint8_t", "u8"},
       {"::std::uint16_t", "u16"},
       {"::std::uint32_t", "u32"},
       {"::std::uint64_t", "u64"},
       {"float", "f32"},
       {"double", "f64"},
       {"bool", "bool"},
       {"::shmbus::Nothing", "()"}}};
  for (const auto& [cpp, rust] : words) {
    if (text == cpp) return std::string(rust);
  }
  if (text.starts_with("::shmbus::")) return std::string(text);  // Text, Uuid, Timestamp, Email
  return type_name(text.substr(text.rfind("::") + 2));           // of this file
}

/// A literal of Rust, quotes included: names of commands are UTF-8.
std::string rust_literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string rust_type(const Enum& type) {
  auto out = comment_above(type.comment, part);
  out += fmt::format("{}#[allow(non_camel_case_types)]\n{}pub enum {}: u{} {{\n", part, part,
                     type_name(type.name), type.values.size() <= 256 ? 8 : 16);
  for (std::size_t i = 0; i < type.values.size(); ++i) {
    const auto& value = type.values[i];
    out += comment_above(value.comment, "        ");
    out += fmt::format("        {} = {},\n", name_of(value.name), i);
  }
  return out + fmt::format("{}}}\n", part);
}

std::string rust_type(const Struct& type) {
  auto out = comment_above(type.comment, part);
  out += fmt::format("{}#[allow(non_snake_case)]\n{}pub struct {} {{\n", part, part,
                     type_name(type.name));
  for (const auto& member : type.members) {
    out += comment_above(member.comment, "        ");
    out += fmt::format("        pub {}: {},\n", name_of(member.name), rust_type(member.type.text));
  }
  return out + fmt::format("{}}}\n", part);
}

}  // namespace

std::string emit_rust(const Model& model) {
  auto out = fmt::format("// Made by `shmbus gen --rust` from {}: change that, not this.\n",
                         one_line(model.source));
  std::string empty;  // structs without members take no bytes
  std::string types;
  for (const auto& type : model.types) {
    const auto* one = std::get_if<Struct>(&type);
    if (one != nullptr && one->members.empty()) {
      empty += fmt::format("\npub type {} = ();\n", type_name(one->name));
      continue;
    }
    if (!types.empty()) types += '\n';
    types += std::visit([](const auto& found) { return rust_type(found); }, type);
  }
  out += empty;
  if (!types.empty()) out += fmt::format("\n::shmbus::schema! {{\n{}}}\n", types);
  if (model.commands.empty()) return out;
  out += "\n::shmbus::command! {\n";
  for (const auto& command : model.commands) {
    out += comment_above(command.comment, part);
    out += fmt::format("{}pub {} = {}:\n        {} => {};\n", part, type_name(command.alias),
                       rust_literal(command.name), rust_type(command.request.text),
                       rust_type(command.reply.text));
  }
  return out + "}\n";
}

}  // namespace shmbus::gen
