#include "common/options.hpp"

#include <algorithm>

#include "common/command_line.hpp"
#include "common/escape.hpp"
#include "common/units.hpp"

namespace shmbus {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i != 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

}  // namespace

void refuse_option(const std::string& text) {
  throw CLI::ValidationError(text, CLI::ExitCodes::ValidationError);
}

std::uint64_t number_for(const std::string& flag, const std::string& text, std::uint64_t least,
                         std::uint64_t most) {
  const auto value = parse_whole_number(text, most);
  if (!value || *value < least) {
    refuse_option(flag + " takes a whole number from " + std::to_string(least) + " to " +
                  std::to_string(most) + ", not '" + escape::terminal(text) + "'");
  }
  return *value;
}

CLI::Option* add_choice(CLI::App& app, const std::string& flag, std::string& target,
                        const std::string& meaning, const std::vector<std::string>& choices) {
  // The description in braces is what completion offers.
  std::string list;
  for (const auto& choice : choices) list += (list.empty() ? "{" : ",") + choice;
  const CLI::Validator one_of(
      [flag, choices](std::string& given) {
        if (std::find(choices.begin(), choices.end(), given) != choices.end()) return std::string();
        const auto meant = closest(given, choices);
        refuse_option(flag + " takes " + joined(choices) + ", not '" + escape::terminal(given) +
                      "'" + (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
        return std::string();
      },
      list + "}");
  return app.add_option(flag, target, meaning)->check(one_of);
}

}  // namespace shmbus
