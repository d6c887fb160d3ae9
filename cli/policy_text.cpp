#include "cli/policy_text.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <ctime>
#include <optional>
#include <vector>

#include "cli/exit_codes.hpp"
#include "cli/output.hpp"

namespace shmbus::cli {
namespace {

std::optional<std::uint32_t> whole_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string time_text(Duration time) { return format_ns(static_cast<std::uint64_t>(time.count())); }

std::string rate_text(const RateLimit& rate) {
  const auto per = rate.per == std::chrono::seconds(1)   ? std::string("s")
                   : rate.per == std::chrono::minutes(1) ? "m"
                   : rate.per == std::chrono::hours(1)   ? "h"
                                                         : time_text(rate.per);
  return fmt::format("rate {}/{} burst {}", rate.commands, per, rate.burst);
}

std::string breaker_text(const CircuitBreaker& breaker) {
  return fmt::format("breaker at {}% of {} calls or more in {}, open for {}{}",
                     breaker.failure_percent, breaker.min_calls, time_text(breaker.window),
                     time_text(breaker.open_for),
                     breaker.count_rejections ? ", rejections count" : "");
}

std::string_view circuit_text(CircuitState state) {
  switch (state) {
    case CircuitState::open:
      return "open";
    case CircuitState::half_open:
      return "half_open";
    case CircuitState::closed:
      break;
  }
  return "closed";
}

std::string set_at_text(std::uint64_t unix_s) {
  constexpr std::uint64_t year_9999 = 253'402'300'799;  // what a peer may have written
  if (unix_s > year_9999) return "?";
  return fmt::format("{:%FT%T}Z", fmt::gmtime(static_cast<std::time_t>(unix_s)));
}

}  // namespace

RateLimit rate_or_fail(std::string_view text) {
  if (text == "none") return {};
  const auto slash = text.find('/');
  const auto commands = whole_number(text.substr(0, slash));
  std::string per(slash == std::string_view::npos ? "" : text.substr(slash + 1));
  if (!per.empty() && (per[0] < '0' || per[0] > '9')) per.insert(0, 1, '1');
  const auto time = parse_duration(per);
  if (!commands || *commands == 0 || !time || time->count() <= 0 || *time == forever) {
    throw UsageError(
        fmt::format("'{}' is no rate; write one like 100/s, 10/m, 1/250ms, or none", text));
  }
  return {*commands, *time, 1};
}

std::uint32_t percent_or_fail(std::string_view text) {
  if (text == "none") return 0;
  const auto digits = text.substr(0, text.size() - (text.ends_with('%') ? 1 : 0));
  const auto value = whole_number(digits);
  if (!value || *value == 0 || *value > 100) {
    throw UsageError(fmt::format("'{}' is no share; write one like 50%, or none", text));
  }
  return *value;
}

std::uint32_t count_or_fail(std::string_view text) {
  if (text == "none") return 0;
  const auto value = whole_number(text);
  if (!value || *value == 0) {
    throw UsageError(
        fmt::format("'{}' is no number of commands; write one like 16, or none", text));
  }
  return *value;
}

std::string policy_text(const Policy& policy) {
  std::vector<std::string> parts;
  if (policy.deny) parts.emplace_back("denied");
  if (policy.deadline.count() != 0) parts.push_back("deadline " + time_text(policy.deadline));
  if (policy.outstanding_per_caller != 0) {
    parts.push_back(fmt::format("{} outstanding per caller", policy.outstanding_per_caller));
  }
  if (policy.outstanding != 0) {
    parts.push_back(fmt::format("{} outstanding in all", policy.outstanding));
  }
  if (policy.rate.commands != 0) parts.push_back(rate_text(policy.rate));
  if (policy.breaker.failure_percent != 0) parts.push_back(breaker_text(policy.breaker));
  return parts.empty() ? "nothing is asked" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string policy_paragraph(std::string_view name, const Policy& policy,
                             const PolicyStatus& status) {
  std::string out = fmt::format("{}: {}\n", name, policy_text(policy));
  if (policy.breaker.failure_percent != 0) {
    const bool closed = status.circuit == CircuitState::closed;
    out += fmt::format("  circuit {}{}, {} of {} calls failed, opened {} times\n",
                       circuit_text(status.circuit),
                       closed ? "" : " for " + time_text(status.circuit_since),
                       status.window_failures, status.window_calls, status.opened);
  }
  out += fmt::format(
      "  {} under way; refused: {} denied, {} over the rate, {} over what may be "
      "outstanding, {} at the open circuit\n",
      status.outstanding, status.denied, status.over_rate, status.over_outstanding,
      status.circuit_open);
  if (status.set_at_unix_s != 0) {
    out += fmt::format("  set by pid {} of uid {} at {}\n", status.set_by_pid, status.set_by_uid,
                       set_at_text(status.set_at_unix_s));
  }
  return out;
}

nlohmann::json policy_json(std::string_view name, const Policy& policy,
                           const PolicyStatus& status) {
  return {
      {"name", name},
      {"deny", policy.deny},
      {"deadline_ns", policy.deadline.count()},
      {"outstanding_per_caller", policy.outstanding_per_caller},
      {"outstanding", policy.outstanding},
      {"rate",
       {{"commands", policy.rate.commands},
        {"per_ns", policy.rate.commands == 0 ? 0 : policy.rate.per.count()},
        {"burst", policy.rate.commands == 0 ? 0 : policy.rate.burst}}},
      {"breaker",
       {{"failure_percent", policy.breaker.failure_percent},
        {"min_calls", policy.breaker.min_calls},
        {"window_ns", policy.breaker.window.count()},
        {"open_ns", policy.breaker.open_for.count()},
        {"count_rejections", policy.breaker.count_rejections}}},
      {"status",
       {{"circuit", circuit_text(status.circuit)},
        {"circuit_since_ns", status.circuit_since.count()},
        {"window_calls", status.window_calls},
        {"window_failures", status.window_failures},
        {"outstanding", status.outstanding},
        {"denied", status.denied},
        {"over_rate", status.over_rate},
        {"over_outstanding", status.over_outstanding},
        {"circuit_open", status.circuit_open},
        {"opened", status.opened}}},
      {"set_by", {{"uid", status.set_by_uid}, {"pid", status.set_by_pid}}},
      {"set_at_unix_s", status.set_at_unix_s},
  };
}

}  // namespace shmbus::cli
