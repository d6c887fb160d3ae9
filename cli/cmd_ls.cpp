// shmbus ls: the names of a bus, who serves them and how they fare.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/members_text.hpp"
#include "cli/present.hpp"
#include "cli/rates.hpp"
#include "cli/units.hpp"

namespace shmbus::cli {
namespace {

struct LsOptions {
  bool all = false;
  bool names_only = false;
};

bool wanted(const inspect::NameInfo& name, const LsOptions& options) {
  if (layout::BindingWord{name.binding_bits}.is_event()) return false;  // among the topics
  if (!is_published(name)) return false;
  return options.all || name.state != inspect::NameState::unregistered;
}

/// Positions of the wanted names, by name.
std::vector<std::size_t> selection(const inspect::Snapshot& snapshot, const LsOptions& options) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < snapshot.names.size(); ++i) {
    if (wanted(snapshot.names[i], options)) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return snapshot.names[a].name < snapshot.names[b].name;
  });
  return order;
}

void print_json_list(const Rated& rated, const LsOptions& options) {
  nlohmann::json out{{"bus", bus_json(rated.snapshot)}, {"names", nlohmann::json::array()}};
  out["rates_by"] = rated.by_daemon ? "daemon" : "sample";
  for (const std::size_t i : selection(rated.snapshot, options)) {
    out["names"].push_back(name_json(rated.snapshot.names[i], rated.per_s[i]));
  }
  out["events"] = nlohmann::json::array();
  for (const auto& topic : rated.snapshot.topics) out["events"].push_back(topic_json(topic));
  print_json(out);
}

void print_table(const Rated& rated, const LsOptions& options) {
  Table table({{"NAME"},
               {"OWNER"},
               {"PID", Align::right},
               {"STATE"},
               {"CALLS", Align::right},
               {"ERRORS", Align::right},
               {"RATE/s", Align::right},
               {"P50", Align::right},
               {"P99", Align::right},
               {"DEPTH", Align::right}});
  for (const std::size_t i : selection(rated.snapshot, options)) {
    const auto& name = rated.snapshot.names[i];
    const std::string errors = format_count(name.errors + name.expired);
    table.add({printable(name.name),
               owners_cell(name),
               name.owner_pid == 0 ? "-" : std::to_string(name.owner_pid),
               state_cell(name.state),
               format_count(name.commands),
               {errors, errors == "0" ? Style::plain : Style::warn},
               format_rate(rated.per_s[i]),
               quantile_text(name.service, 0.5),
               quantile_text(name.service, 0.99),
               std::to_string(name.depth)});
  }
  fmt::print("{}", table.text());
  if (on_terminal()) fmt::print("{}\n", styled(summary_line(rated.snapshot), Style::dim));
}

std::string publishers_cell(const inspect::TopicInfo& topic) {
  std::string text;
  for (const auto& publisher : topic.publishers) {
    if (publisher.pid == 0) continue;
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", printable(publisher.label),
                        publisher.pid);
  }
  return text.empty() ? "-" : text;
}

void print_topics(const inspect::Snapshot& snapshot) {
  if (snapshot.topics.empty()) return;
  Table table({{"EVENT"},
               {"PUBLISHERS"},
               {"PUBLISHED", Align::right},
               {"SUBSCRIBERS", Align::right},
               {"BEHIND", Align::right},
               {"MISSED", Align::right}});
  for (const auto& topic : snapshot.topics) {
    std::uint64_t published = 0;
    std::uint64_t behind = 0;
    std::uint64_t missed = 0;
    for (const auto& publisher : topic.publishers) published += publisher.published;
    for (const auto& subscriber : topic.subscribers) {
      behind = std::max(behind, subscriber.behind);
      missed += subscriber.missed;
    }
    const std::string missed_text = format_count(missed);
    table.add({printable(topic.name),
               publishers_cell(topic),
               format_count(published),
               std::to_string(topic.subscribers.size()),
               format_count(behind),
               {missed_text, missed == 0 ? Style::plain : Style::warn}});
  }
  fmt::print("\n{}", table.text());
}

int run_ls(const Context& context, const LsOptions& options) {
  const auto reader = value_or_fail(inspect::Reader::open(context.bus));
  if (options.names_only) {
    const auto snapshot = inspect::take_snapshot(reader);
    for (const std::size_t i : selection(snapshot, options)) {
      fmt::print("{}\n", printable(snapshot.names[i].name));
    }
    for (const auto& topic : snapshot.topics) fmt::print("{}\n", printable(topic.name));
    return exit_ok;
  }
  const Rated rated = rated_snapshot(reader);
  if (context.json) {
    print_json_list(rated, options);
  } else {
    print_table(rated, options);
    print_topics(rated.snapshot);
  }
  return exit_ok;
}

}  // namespace

void add_ls(CLI::App& app, Context& context) {
  const auto options = std::make_shared<LsOptions>();
  auto& command =
      add_command(app, context, "ls", "List commands and events: owner, state, counters",
                  [&context, options] { return run_ls(context, *options); });
  command.add_flag("--all", options->all, "Names that nobody has registered now, too");
  command.add_flag("--names", options->names_only, "Only the names, one a line");
}

}  // namespace shmbus::cli
