#include "cli/gen/emit.hpp"

#include <fmt/format.h>

#include "cli/exit_codes.hpp"

namespace shmbus::cli::gen {
namespace {

std::string comment_above(const std::string& text, std::string_view indent) {
  return text.empty() ? std::string{} : fmt::format("{}/// {}\n", indent, text);
}

std::string emit(const Enum& type) {
  auto out = comment_above(type.comment, "");
  out += fmt::format("enum class {} : std::uint8_t {{\n", type.name);
  for (std::size_t i = 0; i < type.values.size(); ++i) {
    out += fmt::format("  {} = {},\n", type.values[i], i);
  }
  return out + "};\n";
}

std::string emit(const Struct& type) {
  auto out = comment_above(type.comment, "");
  out += fmt::format("struct {} {{\n", type.name);
  for (const auto& member : type.members) {
    out += comment_above(member.comment, "  ");
    out += fmt::format("  {} {}{{}};\n", member.type, member.name);
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

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string check_struct(const Model& model, const Struct& type, const Held& held) {
  std::string out;
  for (std::size_t i = 0; i < type.members.size(); ++i) {
    const auto& member = type.members[i];
    out += fmt::format(
        "static_assert(shmbus::member_matches<{}, document::{}, {}>(),\n              {});\n",
        held.type, type.name, i,
        quoted(fmt::format("{}:{}: member {} of {} is '{}', {}", model.source, member.line, i + 1,
                           held.type, member.name, member.type)));
  }
  out += fmt::format(
      "static_assert(shmbus::has_no_more_members<{}, document::{}>(),\n              {});\n",
      held.type, type.name,
      quoted(fmt::format("{}:{}: {} has exactly {} members", model.source, type.line, held.type,
                         type.members.size())));
  return out;
}

}  // namespace

std::string emit_commands(const Model& model, const std::string& name_space) {
  auto out = fmt::format(
      "// Made by `shmbus gen` from {}: change that, not this.\n#pragma once\n\n"
      "#include <array>\n#include <cstdint>\n#include <shmbus/command.hpp>\n"
      "#include <shmbus/types.hpp>\n\nnamespace {} {{\n",
      model.source, name_space);
  out += emit_types(model);
  for (const auto& command : model.commands) {
    out += '\n';
    out += comment_above(command.comment, "");
    out += fmt::format("using {} = shmbus::Command<{}, {}, {}>;\n", command.alias,
                       quoted(command.name), command.request, command.reply);
  }
  return out + fmt::format("\n}}  // namespace {}\n", name_space);
}

std::string emit_checks(const Model& model, const std::vector<Held>& held,
                        const std::vector<std::string>& includes) {
  auto out = fmt::format(
      "// Made by `shmbus gen` from {}: holds hand-written structs against it.\n#pragma once\n\n"
      "#include <array>\n#include <cstdint>\n#include <shmbus/schema/matches.hpp>\n"
      "#include <shmbus/types.hpp>\n\n",
      model.source);
  for (const auto& include : includes) out += fmt::format("#include {}\n", quoted(include));
  out += "\nnamespace shmbus_checked {\nnamespace document {\n";
  out += emit_types(model);
  out += "\n}  // namespace document\n\n";
  for (const auto& one : held) {
    const auto* type = model.find_struct(one.schema);
    if (type == nullptr) {
      throw Failure(ErrorKind::invalid_argument,
                    fmt::format("{} has no object '{}'", model.source, one.schema));
    }
    out += check_struct(model, *type, one);
  }
  return out + "\n}  // namespace shmbus_checked\n";
}

}  // namespace shmbus::cli::gen
