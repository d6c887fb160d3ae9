#include "cli/complete.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "cli/buses.hpp"
#include "cli/exit_codes.hpp"
#include "cli/host/hosts.hpp"
#include "common/command_line.hpp"
#include "common/utf8.hpp"
#include "inspect/snapshot.hpp"

namespace shmbus::cli {
namespace {

// Somebody waits with a finger on the TAB key.
constexpr std::chrono::milliseconds plugins_patience{300};

std::string bus_of(const CommandLine& line) {
  if (!line.bus.empty()) return line.bus;
  const char* set = std::getenv("SHMBUS_BUS");
  return set != nullptr ? set : "default";
}

/// Events where one is published or read, commands elsewhere, both where any name will do.
void add_names(const std::string& bus, const std::string& command, Candidates& out) {
  const auto snapshot = inspect::take_snapshot(bus);
  if (!snapshot) return;
  const bool of_events = command == "listen" || command == "publish";
  if (of_events || command == "describe") {
    for (const auto& topic : snapshot->topics) out.all.push_back({topic.name, "event"});
  }
  if (of_events) return;
  for (const auto& name : snapshot->names) {
    const bool served =
        name.lease == layout::lease_published && name.state != inspect::NameState::unregistered;
    if (served) out.all.push_back({name.name, name.owner_label});
  }
}

void add_plugins(const std::string& bus_name, Candidates& out) {
  auto bus = Bus::open(bus_name, {.create = false, .label = "shmbus complete"});
  if (!bus) return;
  for (const auto& host : host::ask_hosts(bus_name, *bus, plugins_patience)) {
    for (const auto& row : host.plugins) {
      if (row.state != host::PluginState::active) continue;
      out.all.push_back(
          {fmt::format("{}/{}", host.label, row.name.view()), std::string(row.version.view())});
    }
  }
}

void add_commands(const CLI::App& app, Candidates& out) {
  for (const auto* command : visible_commands(app)) {
    out.all.push_back({command->get_name(), command->get_description()});
  }
}

/// "TEXT:{a,b}" -> a, b
std::vector<std::string> choices_in(const std::string& type) {
  std::vector<std::string> all;
  const auto open = type.find('{');
  const auto close = type.find('}', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return all;
  std::string one;
  for (const char c : type.substr(open + 1, close - open - 1) + ",") {
    if (c == ',') {
      all.push_back(std::exchange(one, {}));
    } else {
      one += c;
    }
  }
  return all;
}

Candidates values_of(const CLI::Option& option, const CommandLine& line) {
  Candidates out;
  const auto type = option.get_type_name();
  const auto name = option.nonpositional() ? std::string() : option.get_name(true);
  const auto choices = choices_in(type);
  for (const auto& choice : choices) out.all.push_back({choice, {}});
  if (!choices.empty()) return out;
  if (name == "COMMAND") {
    const CLI::App* root = line.command;
    while (root->get_parent() != nullptr) root = root->get_parent();
    add_commands(*root, out);
  } else if (name == "PLUGIN") {
    add_plugins(bus_of(line), out);
  } else if (name == "NAME") {
    add_names(bus_of(line), line.command->get_name(), out);
  } else if (type == "NAME|PATH") {
    for (auto& bus : names_of_buses()) out.all.push_back({std::move(bus), "bus"});
    out.files = out.all.empty();
  } else if (type == "FILE" || name == "FILE" || name == "DOCUMENT") {
    out.files = true;
  }
  return out;
}

const CLI::Option* positional_at(const CLI::App& command, std::size_t index) {
  const CLI::Option* last = nullptr;
  for (const auto* option : command.get_options()) {
    if (option->nonpositional() || !option->get_positional()) continue;
    last = option;
    if (index == 0) return option;
    --index;
  }
  // The last one may take any number of words.
  return last != nullptr && last->get_items_expected_max() > 1 ? last : nullptr;
}

/// Without what a shell could not show or insert as it is.
void keep_plain(Candidates& out) {
  std::erase_if(out.all,
                [](const Candidate& one) { return one.text.empty() || !is_plain_text(one.text); });
}

}  // namespace

Candidates candidates_for(const CLI::App& app, std::span<const std::string> words,
                          const std::string& current) {
  const auto line = read_command_line(app, words);
  Candidates out;
  const bool value = line.expects != nullptr;
  if (!line.unknown_command.empty()) return out;
  if (!value && !line.only_positionals && current.starts_with('-')) {
    for (const auto* option : options_at(*line.command)) {
      for (const auto& name : option->get_lnames()) {
        out.all.push_back({"--" + name, option->get_description()});
      }
    }
    return out;
  }
  if (value) {
    out = values_of(*line.expects, line);
  } else if (line.command->get_require_subcommand_min() > 0) {
    add_commands(*line.command, out);
  } else if (const auto* next = positional_at(*line.command, line.positionals)) {
    out = values_of(*next, line);
    // A name that looks like an option would be taken for one.
    std::erase_if(out.all, [&](const Candidate& one) {
      return !line.only_positionals && one.text.starts_with('-');
    });
  }
  keep_plain(out);
  return out;
}

namespace {

std::string plain_description(const std::string& text) {
  return is_plain_text(text) ? text : std::string();
}

void print_for_bash(const CLI::App& app, const std::string& text, const std::string& breaks) {
  const auto line = read_bash_line(text, breaks);
  Candidates found;
  if (line.usable) found = candidates_for(app, line.words, line.current);
  fmt::print("{}\n", found.files ? "files" : "words");
  for (const auto& one : found.all) {
    if (!one.text.starts_with(line.current)) continue;
    if (const auto insertion = bash_insertion(line, one.text)) fmt::print("{}\n", *insertion);
  }
}

}  // namespace

int run_completion(const CLI::App& app, std::span<const std::string> arguments) {
  const std::string shell = arguments.empty() ? "" : arguments[0];
  if (shell == "bash" && arguments.size() == 3) {
    print_for_bash(app, arguments[1], arguments[2]);
    return exit_ok;
  }
  if ((shell != "zsh" && shell != "fish") || arguments.size() < 3) return exit_usage;
  const auto words = arguments.subspan(2, arguments.size() - 3);
  const auto found = candidates_for(app, words, arguments.back());
  fmt::print("{}\n", found.files ? "files" : "words");
  for (const auto& one : found.all) {
    // fish hands on a tilde at the start as it is, for the sake of home folders.
    if (shell == "fish" && one.text.starts_with('~')) continue;
    fmt::print("{}\t{}\n", one.text, plain_description(one.description));
  }
  return exit_ok;
}

}  // namespace shmbus::cli
