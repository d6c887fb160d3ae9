#include "common/command_line.hpp"

#include <algorithm>
#include <cstdio>

#include "common/escape.hpp"
#include "common/standard_output.hpp"

namespace shmbus {
namespace {

const CLI::Option* own_option(const CLI::App& command, const std::string& name) {
  for (const auto* option : command.get_options()) {
    if (option->nonpositional() && option->check_name(name)) return option;
  }
  return nullptr;
}

const CLI::Option* find_option(const CLI::App& command, const std::string& name) {
  for (const CLI::App* at = &command; at != nullptr; at = at->get_parent()) {
    if (const auto* option = own_option(*at, name)) return option;
  }
  return nullptr;
}

class Reading {
 public:
  explicit Reading(const CLI::App& app) { line_.command = &app; }

  void word(const std::string& text) {
    const bool value_of_many =
        line_.expects != nullptr && taken_ != 0 && text.size() > 1 && text[0] == '-';
    if (line_.expects != nullptr && !value_of_many) return value(text);
    line_.expects = nullptr;
    if (!line_.only_positionals && text == "--") {
      line_.only_positionals = true;
    } else if (!line_.only_positionals && text.size() > 1 && text[0] == '-') {
      option(text);
    } else {
      positional(text);
    }
  }
  CommandLine take() { return std::move(line_); }

 private:
  void value(const std::string& text) {
    if (line_.expects->check_lname("bus")) line_.bus = text;
    ++taken_;
    const auto most = line_.expects->get_items_expected_max();
    if (static_cast<int>(taken_) >= most) line_.expects = nullptr;
  }

  void option(const std::string& text) {
    const bool is_long = text[1] == '-';
    const auto equals = is_long ? text.find('=') : std::string::npos;
    const std::string name = is_long ? text.substr(0, equals) : text.substr(0, 2);
    const auto* found = find_option(*line_.command, name);
    if (found == nullptr) {
      const bool number = !is_long && text[1] >= '0' && text[1] <= '9';
      if (!number && line_.unknown_option.empty()) line_.unknown_option = name;
      return;
    }
    if (found->get_items_expected_max() == 0) return;
    line_.expects = found;
    taken_ = 0;
    if (equals != std::string::npos) value(text.substr(equals + 1));
    if (!is_long && text.size() > 2) value(text.substr(2));
    if (taken_ != 0) line_.expects = nullptr;
  }

  void positional(const std::string& text) {
    const auto* command = command_named(*line_.command, text);
    if (!line_.only_positionals && command != nullptr && line_.positionals == 0) {
      line_.command = command;
      return;
    }
    const bool expected = line_.command->get_require_subcommand_min() > 0;
    if (expected && line_.unknown_command.empty()) line_.unknown_command = text;
    ++line_.positionals;
  }

  CommandLine line_;
  std::size_t taken_ = 0;  ///< values of the option that expects some
};

/// Insertions, deletions, exchanges and swaps of neighbours that make one text the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t exchange = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, exchange});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::string question(const std::string& meant) {
  return meant.empty() ? "" : "; did you mean '" + meant + "'?";
}

}  // namespace

CommandLine read_command_line(const CLI::App& app, std::span<const std::string> words) {
  Reading reading(app);
  for (const auto& word : words) reading.word(word);
  return reading.take();
}

std::vector<const CLI::Option*> options_at(const CLI::App& command) {
  std::vector<const CLI::Option*> all;
  for (const CLI::App* at = &command; at != nullptr; at = at->get_parent()) {
    for (const auto* option : at->get_options()) {
      const bool again = at != &command && (option->check_lname("help") ||  // each has its own
                                            option->check_lname("version"));
      if (option->nonpositional() && !again) all.push_back(option);
    }
  }
  return all;
}

std::vector<const CLI::App*> visible_commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); });
}

const CLI::App* command_named(const CLI::App& app, const std::string& name) {
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->check_name(name)) return command;
  }
  return nullptr;
}

std::string closest(std::string_view typed, std::span<const std::string> known) {
  constexpr std::size_t longest = 64;
  if (typed.size() > longest) return {};
  std::string best;
  // The dashes of an option are no letters of it.
  const std::size_t letters = typed.size() - std::min(typed.find_first_not_of('-'), typed.size());
  std::size_t best_distance = 1 + letters / 3;
  for (const auto& word : known) {
    if (word.size() > longest) continue;
    std::size_t far = distance(typed, word);
    const bool begun = typed.size() >= 3 && word.starts_with(typed);
    if (begun) far = 1;
    // Nothing of the word is left when every letter was exchanged.
    if (far >= word.size() || far > best_distance || (!best.empty() && far == best_distance)) {
      continue;
    }
    best = word;
    best_distance = far;
  }
  return best;
}

std::string what_makes_no_sense(const CommandLine& line) {
  std::vector<std::string> known;
  if (!line.unknown_command.empty()) {
    for (const auto* command : visible_commands(*line.command))
      known.push_back(command->get_name());
    return "no command '" + escape::terminal(line.unknown_command) + "'" +
           question(closest(line.unknown_command, known));
  }
  if (line.unknown_option.empty()) return {};
  for (const auto* option : options_at(*line.command)) {
    for (const auto& name : option->get_lnames()) known.push_back("--" + name);
  }
  return "no option '" + escape::terminal(line.unknown_option) + "'" +
         question(closest(line.unknown_option, known));
}

std::optional<int> parse_for_program(CLI::App& app, int argc, const char* const* argv) {
  constexpr int printed = 0;
  constexpr int lost = 1;
  constexpr int usage = 2;
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const auto senseless = what_makes_no_sense(read_command_line(app, words));
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {  // --help, --version
      (void)app.exit(e);
      return flush_standard_output().state != Printed::lost ? printed : lost;
    }
    const std::string why = senseless.empty() ? escape::terminal(e.what()) : senseless;
    const auto& name = app.get_name();
    std::fprintf(stderr, "%s: %s; see `%s --help`\n", name.c_str(), why.c_str(), name.c_str());
    return usage;
  }
}

}  // namespace shmbus
