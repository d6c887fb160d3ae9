#include "cli/completions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace shmbus::cli {
namespace {

constexpr std::array<std::string_view, 9> commands_with_names{
    "call", "send", "describe", "route", "heat", "hist", "watch", "tap", "policy"};
constexpr std::string_view list_names = "shmbus ls --names 2>/dev/null";
constexpr std::string_view list_plugins = "shmbus plugins --names 2>/dev/null";
constexpr std::array<std::string_view, 2> commands_with_files{"host", "reload"};

struct Flag {
  std::string text;  ///< "--json"
  std::string description;
  bool takes_value = false;
};

/// Of the tool itself those that stand on either side of a command's name; a command has its own
/// --help.
std::vector<Flag> flags_of(const CLI::App& app, bool beside_a_command = false) {
  std::vector<Flag> flags;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      if (beside_a_command && (name == "help" || name == "version")) continue;
      flags.push_back({"--" + name, option->get_description(), option->get_items_expected() != 0});
    }
  }
  return flags;
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); });
}

/// Of a command, with those of its own commands.
std::vector<Flag> all_flags_of(const CLI::App& command) {
  auto flags = flags_of(command);
  for (const auto* part : commands_of(command)) {
    for (auto& flag : flags_of(*part)) {
      const auto same = [&flag](const Flag& one) { return one.text == flag.text; };
      if (flag.text == "--help" || std::any_of(flags.begin(), flags.end(), same)) continue;
      flags.push_back(std::move(flag));
    }
  }
  return flags;
}

/// What prints the names that a command takes; empty when it takes none.
std::string_view names_for(std::string_view command) {
  if (command == "reload") return list_plugins;
  const auto& all = commands_with_names;
  return std::find(all.begin(), all.end(), command) != all.end() ? list_names : "";
}

bool takes_files(std::string_view command) {
  const auto& all = commands_with_files;
  return std::find(all.begin(), all.end(), command) != all.end();
}

std::vector<std::string_view> fixed_words(std::string_view command) {
  if (command == "completions") return {"bash", "zsh", "fish"};
  if (command == "trace") return {"show", "export"};
  if (command == "policy") return {"set", "show", "clear"};
  if (command == "probe") return {"heat", "alloc", "wake"};
  return {};
}

template <class List, class Text>
std::string join(const List& list, std::string_view separator, Text text) {
  std::string out;
  for (const auto& item : list) {
    if (!out.empty()) out += separator;
    out += text(item);
  }
  return out;
}

std::string flag_list(const CLI::App& app, bool beside_a_command = false) {
  const auto flags = beside_a_command ? flags_of(app, true) : all_flags_of(app);
  return join(flags, " ", [](const Flag& flag) { return flag.text; });
}

/// Inside single quotes of a shell.
std::string in_quotes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out;
}

/// Inside brackets of a zsh _arguments specification, in single quotes.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : in_quotes(text)) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_specs(const std::vector<Flag>& flags) {
  std::string out;
  for (const auto& flag : flags) {
    const std::string_view value = flag.takes_value ? ":value:_files" : "";
    out += fmt::format(" \\\n        '{}[{}]{}'", flag.text, zsh_text(flag.description), value);
  }
  return out;
}

constexpr std::string_view generated =
    "made by `shmbus completions {}`; packaging/completions/ holds a copy";

std::string header(std::string_view shell) {
  return "# Completion of shmbus for " + std::string(shell) + ", " +
         fmt::format(fmt::runtime(generated), shell) + ".\n";
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  const auto root_flags = join(flags_of(app), " ", [](const Flag& flag) { return flag.text; });
  std::string cases;
  for (const auto* command : commands_of(app)) {
    const auto name = command->get_name();
    std::string words = flag_list(*command);
    for (const auto word : fixed_words(name)) words += fmt::format(" {}", word);
    const auto names = names_for(name);
    if (!names.empty()) words += fmt::format(" $(SHMBUS_BUS=$bus {})", names);
    if (takes_files(name)) words += " $(compgen -f -- \"$current\")";
    cases += fmt::format("    {}) words=\"{} {}\" ;;\n", name, words, flag_list(app, true));
  }
  const auto names = join(commands_of(app), " ", [](const CLI::App* c) { return c->get_name(); });
  return header("bash") + fmt::format(R"(_shmbus() {{
  local word command='' words='' current=${{COMP_WORDS[COMP_CWORD]}}
  local bus=${{SHMBUS_BUS:-default}} is_bus=0
  COMPREPLY=()
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    if [ "$is_bus" = 1 ]; then bus=$word is_bus=0; continue; fi
    case $word in
    --bus) is_bus=1 ;;
    -*) ;;
    *) [ -n "$command" ] || command=$word ;;
    esac
  done
  case ${{COMP_WORDS[COMP_CWORD-1]}} in
  --bus | --file | --perfetto | --svg | --compare)
    mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
  esac
  case $command in
    '') words="{} {}" ;;
{}  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -F _shmbus shmbus
)",
                                      names, root_flags, cases);
}

std::string zsh_completion(const CLI::App& app) {
  std::string list;
  std::string cases;
  for (const auto* command : commands_of(app)) {
    const auto name = command->get_name();
    list += fmt::format("    '{}:{}'\n", name, zsh_text(command->get_description()));
    cases += fmt::format("    {})\n      _arguments{}{}", name, zsh_specs(all_flags_of(*command)),
                         zsh_specs(flags_of(app, true)));
    if (const auto names = names_for(name); !names.empty()) {
      cases += fmt::format(" \\\n        '1:name:($({}))'", names);
    }
    if (takes_files(name)) cases += " \\\n        '*:file:_files'";
    const auto words = fixed_words(name);
    if (!words.empty()) {
      cases += fmt::format(" \\\n        '1:word:({})'", fmt::join(words, " "));
    }
    cases += " ;;\n";
  }
  return "#compdef shmbus\n" + header("zsh") +
         fmt::format(R"(_shmbus() {{
  local -a commands=(
{}  )
  local state
  _arguments -C{} \
        '1:command:->command' '*::argument:->argument'
  case $state in
  command) _describe command commands ;;
  argument)
    case $words[1] in
{}    esac ;;
  esac
}}
_shmbus "$@"
)",
                     list, zsh_specs(flags_of(app)), cases);
}

std::string fish_completion(const CLI::App& app) {
  std::string out = header("fish") + "complete -c shmbus -f\n";
  const auto option = [&](const Flag& flag, std::string_view condition) {
    out += fmt::format("complete -c shmbus{} -l {}{} -d '{}'\n", condition, flag.text.substr(2),
                       flag.takes_value ? " -r -F" : "", in_quotes(flag.description));
  };
  for (const auto& flag : flags_of(app)) option(flag, "");
  for (const auto* command : commands_of(app)) {
    out += fmt::format("complete -c shmbus -n __fish_use_subcommand -a {} -d '{}'\n",
                       command->get_name(), in_quotes(command->get_description()));
  }
  for (const auto* command : commands_of(app)) {
    const auto name = command->get_name();
    const auto condition = fmt::format(" -n '__fish_seen_subcommand_from {}'", name);
    for (const auto& flag : all_flags_of(*command)) {
      if (flag.text != "--help") option(flag, condition);
    }
    if (const auto names = names_for(name); !names.empty()) {
      out += fmt::format("complete -c shmbus{} -a '({})'\n", condition, names);
    }
    if (takes_files(name)) out += fmt::format("complete -c shmbus{} -F\n", condition);
    const auto words = fixed_words(name);
    if (!words.empty()) {
      out += fmt::format("complete -c shmbus{} -a '{}'\n", condition, fmt::join(words, " "));
    }
  }
  return out;
}

}  // namespace shmbus::cli
