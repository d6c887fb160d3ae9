#include "cli/words.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace shmbus::cli {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 13> words{{
    {"start it, or ask to wait (WhenVacant::wait, wait_until_available)",
     "start its handler, or wait for one with --wait"},
    {"WhenVacant::wait", "--wait"},
    {"WhenFull::wait", "--wait"},
    {"OpenOptions::mode", "--mode"},
    {"OpenOptions::group", "--group"},
    {"OpenOptions::default_timeout", "--default-timeout"},
    {"OpenOptions::label", "--label"},
    {"ServeOptions::label", "--label"},
    {"OpenOptions::create", "`shmbus create`"},
    {"quotas_per_uid.", "--user-"},
    {"more or larger capacities.extents", "more --extents or larger --extent-bytes"},
    {"larger capacities.", "more --"},
    {"capacities.", "--"},
}};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

bool is_option_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || c == '-' || c == '_'; }

}  // namespace

std::string in_words_of_the_tool(std::string_view said) {
  std::string text(said);
  for (const auto& [from, to] : words) {
    replace_all(text, std::string("OpenOptions::").append(from), to);
    replace_all(text, from, to);
  }
  // Options have hyphens where members have underscores.
  for (auto at = text.find("--"); at != std::string::npos; at = text.find("--", at + 2)) {
    for (auto i = at; i < text.size() && is_option_letter(text[i]); ++i) {
      if (text[i] == '_') text[i] = '-';
    }
  }
  return text;
}

}  // namespace shmbus::cli
