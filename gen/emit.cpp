#include "gen/emit.hpp"

#include <fmt/format.h>

#include "gen/names.hpp"
#include "gen/node.hpp"

namespace shmbus::gen {
namespace {

constexpr std::size_t columns = 98;
constexpr std::size_t comment_bytes_max = 400;
constexpr std::size_t enumerators_known = 64;  // shmbus::enum_max + 1

/// Cut at the end of a sentence or a word, never inside a character.
std::string_view shortened(std::string_view text) {
  if (text.size() <= comment_bytes_max) return text;
  const auto part = text.substr(0, comment_bytes_max);
  const auto sentence = part.rfind(". ");
  if (sentence != std::string_view::npos) return part.substr(0, sentence + 1);
  const auto space = part.rfind(' ');
  return space == std::string_view::npos ? std::string_view{} : part.substr(0, space);
}

}  // namespace

/// A line never ends in a backslash, which would take in the next one.
std::string comment_above(std::string_view text, std::string_view indent) {
  text = shortened(text);
  std::string out;
  std::string line;
  const auto flush = [&] {
    while (line.ends_with('\\')) line.pop_back();
    if (!line.empty()) out += fmt::format("{}/// {}\n", indent, line);
    line.clear();
  };
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (!line.empty() && indent.size() + 5 + line.size() + end > columns) flush();
    if (!line.empty()) line += ' ';
    line += text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  flush();
  return out;
}

namespace {

std::string emit(const Enum& type) {
  auto out = comment_above(type.comment, "");
  out += fmt::format("enum class {} : ::std::uint{}_t {{\n", type.name,
                     type.values.size() <= 256 ? 8 : 16);
  for (std::size_t i = 0; i < type.values.size(); ++i) {
    const auto& value = type.values[i];
    out += comment_above(value.comment, "  ");
    out += fmt::format("  {} = {},\n", value.name, i);
  }
  return out + "};\n";
}

std::string emit(const Struct& type) {
  auto out = comment_above(type.comment, "");
  out += fmt::format("struct {} {{\n", type.name);
  for (const auto& member : type.members) {
    out += comment_above(member.comment, "  ");
    out += fmt::format("  {} {}{{}};\n", member.type.text, member.name);
  }
  return out + "};\n";
}

std::string emit_types(const Model& model) {
  std::string out;
  for (const auto& type : model.types) {
    out += '\n';
    out += std::visit([](const auto& one) { return emit(one); }, type);
  }
  return out;
}

/// Enums with more values than the library looks for by itself.
std::string emit_enum_limits(const Model& model) {
  std::string out;
  for (const auto& type : model.types) {
    const auto* one = std::get_if<Enum>(&type);
    if (one == nullptr || one->values.size() <= enumerators_known) continue;
    out += fmt::format("template <>\ninline constexpr int shmbus::enum_max<::{}::{}> = {};\n",
                       model.name_space, one->name, one->values.size() - 1);
  }
  return out;
}

/// Commands follow the limits of their enums, which must stand outside the namespace.
std::string emit_commands_of(const Model& model) {
  std::string out;
  for (const auto& command : model.commands) {
    out += '\n';
    out += comment_above(command.comment, "");
    out += fmt::format("using {} =\n    ::shmbus::Command<{}, {}, {}>;\n", command.alias,
                       literal(command.name), command.request.text, command.reply.text);
  }
  return out;
}

std::string check_struct(const Model& model, const Struct& type, const Held& held) {
  std::string out;
  for (std::size_t i = 0; i < type.members.size(); ++i) {
    const auto& member = type.members[i];
    out += fmt::format(
        "static_assert(shmbus::member_matches<{}, document::{}, {}>(),\n              {});\n",
        held.type, type.name, i,
        literal(fmt::format("{}:{}: member {} of {} is '{}', {}", model.source, member.line, i + 1,
                            held.type, member.name, member.type.text)));
  }
  out += fmt::format(
      "static_assert(shmbus::has_no_more_members<{}, document::{}>(),\n              {});\n",
      held.type, type.name,
      literal(fmt::format("{}:{}: {} has exactly {} members", model.source, type.line, held.type,
                          type.members.size())));
  return out;
}

}  // namespace

std::string emit_commands(const Model& model) {
  auto out = fmt::format(
      "// Made by `shmbus gen` from {}: change that, not this.\n#pragma once\n\n"
      "#include <array>\n#include <cstdint>\n#include <shmbus/command.hpp>\n"
      "#include <shmbus/types.hpp>\n\nnamespace {} {{\n",
      one_line(model.source), model.name_space);
  out += emit_types(model);
  if (const auto limits = emit_enum_limits(model); !limits.empty()) {
    out +=
        fmt::format("\n}}  // namespace {0}\n\n{1}\nnamespace {0} {{\n", model.name_space, limits);
  }
  out += emit_commands_of(model);
  return out + fmt::format("\n}}  // namespace {}\n", model.name_space);
}

std::string emit_checks(const Model& model, const std::vector<Held>& held,
                        const std::vector<std::string>& includes) {
  auto out = fmt::format(
      "// Made by `shmbus gen` from {}: holds hand-written structs against it.\n#pragma once\n\n"
      "#include <array>\n#include <cstdint>\n#include <shmbus/schema/matches.hpp>\n"
      "#include <shmbus/types.hpp>\n\n",
      one_line(model.source));
  for (const auto& include : includes) out += fmt::format("#include {}\n", literal(include));
  out += "\nnamespace shmbus_checked {\nnamespace document {\n";
  out += emit_types(model);
  out += "\n}  // namespace document\n\n";
  for (const auto& one : held) {
    const auto* type = model.find_struct(one.schema);
    if (type == nullptr) {
      throw Error(fmt::format("{} has no object '{}'", model.source, printable(one.schema)));
    }
    out += check_struct(model, *type, one);
  }
  return out + "\n}  // namespace shmbus_checked\n";
}

}  // namespace shmbus::gen
