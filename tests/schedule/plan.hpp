// A schedule, as what sets it apart from the usual one. Everything else follows, so a plan is all
// that it takes to see an execution again. As text:
//   117>2   before step 117 participant 2 goes on, and who ran waits for its turn
//   117/2   the same, but who ran is stopped, as by SIGSTOP, for 200 ms
//   305!    who runs is killed before step 305
//   118~2   at step 118 a load returns not the newest value but the second one before it, of those
//           that the memory model allows; a store goes before two that are newer
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shmbus::schedule {

struct Decision {
  enum class Kind : char { go_on = '>', stop = '/', kill = '!', older = '~' };

  std::uint32_t step = 0;
  Kind kind = Kind::go_on;
  std::uint8_t to = 0;  ///< who goes on; for `older`, how many
};

using Plan = std::vector<Decision>;

inline std::string to_string(const Plan& plan) {
  std::string text;
  for (const auto& [step, kind, to] : plan) {
    if (!text.empty()) text += ' ';
    text += std::to_string(step) + static_cast<char>(kind);
    if (kind != Decision::Kind::kill) text += std::to_string(to);
  }
  return text;
}

/// Nothing when it is none.
inline std::optional<Plan> parse_plan(std::string_view text) {
  Plan plan;
  std::size_t at = 0;
  const auto number = [&]() -> std::optional<std::uint32_t> {
    const std::size_t from = at;
    std::uint32_t value = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      value = value * 10 + static_cast<std::uint32_t>(text[at++] - '0');
    }
    if (at == from) return std::nullopt;
    return value;
  };
  while (at < text.size()) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const auto step = number();
    if (!step || at == text.size()) return std::nullopt;
    const char kind = text[at++];
    if (kind != '>' && kind != '/' && kind != '!' && kind != '~') return std::nullopt;
    const auto to = kind == '!' ? std::optional(0U) : number();
    if (!to || *to > (kind == '~' ? 255 : 7)) return std::nullopt;
    plan.push_back({*step, static_cast<Decision::Kind>(kind), static_cast<std::uint8_t>(*to)});
  }
  return plan;
}

}  // namespace shmbus::schedule
