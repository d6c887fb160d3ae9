// shmbus policy set | show | clear: what is asked of the callers of a name, while they run.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/open_bus.hpp"
#include "cli/output.hpp"
#include "cli/policy_text.hpp"
#include "common/options.hpp"
#include "inspect/snapshot.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli {
namespace {

/// What was said; what was not stays as it is.
struct PolicyOptions {
  std::string name;
  bool deny = false;
  bool allow = false;
  std::string deadline;
  std::string outstanding;
  std::string per_caller;
  std::string rate;
  std::optional<std::uint32_t> burst;
  std::string breaker;
  std::optional<std::uint32_t> breaker_calls;
  std::string breaker_window;
  std::string breaker_open;
  bool breaker_rejections = false;
};

void change_breaker(CircuitBreaker& breaker, const PolicyOptions& options) {
  if (!options.breaker.empty()) {
    const auto percent = percent_or_fail(options.breaker);
    if (percent == 0 || breaker.failure_percent == 0) breaker = {};
    breaker.failure_percent = percent;
  }
  const bool details = options.breaker_calls || !options.breaker_window.empty() ||
                       !options.breaker_open.empty() || options.breaker_rejections;
  if (details && breaker.failure_percent == 0) {
    throw UsageError("there is no breaker to change: give it a --breaker PERCENT");
  }
  if (options.breaker_calls) breaker.min_calls = *options.breaker_calls;
  if (!options.breaker_window.empty()) breaker.window = duration_or_fail(options.breaker_window);
  if (!options.breaker_open.empty()) breaker.open_for = duration_or_fail(options.breaker_open);
  if (options.breaker_rejections) breaker.count_rejections = true;
}

Policy changed(Policy policy, const PolicyOptions& options) {
  if (options.deny) policy.deny = true;
  if (options.allow) policy.deny = false;
  if (!options.deadline.empty()) {
    policy.deadline =
        options.deadline == "none" ? Duration::zero() : duration_or_fail(options.deadline);
  }
  if (!options.outstanding.empty()) policy.outstanding = count_or_fail(options.outstanding);
  if (!options.per_caller.empty()) {
    policy.outstanding_per_caller = count_or_fail(options.per_caller);
  }
  if (!options.rate.empty()) {
    const std::uint32_t burst = policy.rate.commands == 0 ? 1 : policy.rate.burst;
    policy.rate = rate_or_fail(options.rate);
    policy.rate.burst = burst;
  }
  if (options.burst) {
    if (policy.rate.commands == 0) throw UsageError("there is no rate to change: give it a --rate");
    policy.rate.burst = *options.burst;
  }
  change_breaker(policy.breaker, options);
  return policy;
}

void print_one(const Context& context, std::string_view name, const Policy& policy,
               const PolicyStatus& status) {
  if (context.json) {
    print_json(policy_json(name, policy, status));
  } else {
    fmt::print("{}: {}\n", printable(name), policy_text(policy));
  }
}

int run_set(const Context& context, const PolicyOptions& options) {
  auto bus = open_bus(context, "shmbus policy");
  const auto policy = changed(value_or_fail(bus.policy(options.name)), options);
  value_or_fail(bus.set_policy(options.name, policy));
  print_one(context, options.name, policy, value_or_fail(bus.policy_status(options.name)));
  return exit_ok;
}

int run_clear(const Context& context, const std::string& name) {
  auto bus = open_bus(context, "shmbus policy");
  value_or_fail(bus.clear_policy(name));
  print_one(context, name, {}, value_or_fail(bus.policy_status(name)));
  return exit_ok;
}

int run_show(const Context& context, const std::string& only) {
  const auto reader = value_or_fail(inspect::Reader::open(context.bus));
  const auto snapshot = inspect::take_snapshot(reader);
  const wait::TickRate rate(reader.header().ticks_per_s);
  auto list = nlohmann::json::array();
  std::string text;
  bool known = only.empty();
  for (const auto& name : snapshot.names) {
    if (!name.in_table || (!only.empty() && name.name != only)) continue;
    known = true;
    const auto words = policy::load(reader.view().policy(name.record).asked);
    if (words.ask_nothing() && only.empty()) continue;
    const auto policy = policy::decode(words);
    const auto status = policy::status_of(reader.view(), rate, name.record);
    list.push_back(policy_json(name.name, policy, status));
    text += policy_paragraph(printable(name.name), policy, status);
  }
  if (!known) {
    throw Failure(ErrorKind::not_registered,
                  fmt::format("'{}' is not known on this bus; see `shmbus ls`", only));
  }
  if (context.json) {
    print_json(list);
  } else {
    fmt::print("{}", text.empty() ? "no name has a policy\n" : text);
  }
  return exit_ok;
}

void add_set(CLI::App& group, Context& context) {
  const auto options = std::make_shared<PolicyOptions>();
  auto& set = add_command(group, context, "set",
                          "Ask this of everybody who calls NAME, from the next command on",
                          [&context, options] { return run_set(context, *options); });
  set.add_option("NAME", options->name)->required();
  auto* deny = set.add_flag("--deny", options->deny, "Nobody may call it");
  set.add_flag("--allow", options->allow, "Lift --deny")->excludes(deny);
  const auto add = [&set](const char* flag, std::string& to, const char* meaning,
                          const char* type) { set.add_option(flag, to, meaning)->type_name(type); };
  add("--deadline", options->deadline, "Of commands that name none; none: that of the bus",
      "DURATION");
  add("--outstanding", options->outstanding, "Commands under way, of all callers; none: no limit",
      "N");
  add("--outstanding-per-caller", options->per_caller,
      "Commands under way of one caller thread; none: no limit", "N");
  add("--rate", options->rate, "Commands of all callers, like 100/s, 10/m or 1/250ms; none",
      "RATE");
  add_number(set, "--burst", options->burst, "How many of them may come at once (1)", 1);
  add("--breaker", options->breaker, "Open when so many percent of the calls fail, like 50%; none",
      "PERCENT");
  add_number(set, "--breaker-calls", options->breaker_calls, "Judge by no fewer calls (20)", 1);
  add("--breaker-window", options->breaker_window, "Count calls for so long (10s)", "DURATION");
  add("--breaker-open", options->breaker_open, "Stay open for so long, then try one call (5s)",
      "DURATION");
  set.add_flag("--breaker-rejections", options->breaker_rejections,
               "What the handler rejects has failed");
}

}  // namespace

void add_policy(CLI::App& app, Context& context) {
  CLI::App& group = *app.add_subcommand("policy", "What is asked of the callers of a name");
  group.fallthrough();
  group.footer("");
  group.require_subcommand(1);
  add_set(group, context);
  const auto shown = std::make_shared<std::string>();
  auto& show = add_command(group, context, "show", "Policies, and how they fare",
                           [&context, shown] { return run_show(context, *shown); });
  show.add_option("NAME", *shown, "Only of this name");
  const auto cleared = std::make_shared<std::string>();
  auto& clear = add_command(group, context, "clear", "Ask nothing of the callers of NAME any more",
                            [&context, cleared] { return run_clear(context, *cleared); });
  clear.add_option("NAME", *cleared)->required();
}

}  // namespace shmbus::cli
