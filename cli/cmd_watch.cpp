// shmbus watch: names as they come and go, one line for each change, the first for how things are.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/open_bus.hpp"
#include "cli/output.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"
#include "common/standard_output.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli {
namespace {

struct WatchOptions {
  std::vector<std::string> names;
  std::string duration = "forever";
  std::uint64_t count = 0;
};

std::string time_of_day() {
  const auto now = std::chrono::system_clock::now();
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()) % 1000;
  return fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     ms.count());
}

void show_json(const NameChange& change) {
  nlohmann::ordered_json out{
      {"time", time_of_day()}, {"name", change.name.view()}, {"available", change.available}};
  if (change.available) {
    out["owner"] = change.owner.view();
    out["pid"] = change.pid;
    if (change.taken_over) out["taken_over"] = true;
  }
  fmt::print("{}\n", json_text(out));
}

void show_text(const NameChange& change) {
  const std::string what =
      change.available
          ? fmt::format("{} by {}, pid {}",
                        styled(change.taken_over ? "taken over" : "available", Style::good),
                        printable(change.owner.view()), change.pid)
          : styled("vacant", Style::warn);
  fmt::print("{}  {}  {}\n", time_of_day(), printable(change.name.view()), what);
}

int run_watch(const Context& context, const WatchOptions& options) {
  auto bus = open_bus(context, "shmbus watch");
  const std::vector<std::string_view> names(options.names.begin(), options.names.end());
  auto watch = value_or_fail(bus.watch(names));
  const auto duration = duration_or_fail(options.duration);
  const auto began = std::chrono::steady_clock::now();
  const auto left = [&]() -> Duration {
    if (duration == forever) return forever;
    return std::max(duration - (std::chrono::steady_clock::now() - began), Duration::zero());
  };
  std::uint64_t shown = 0;
  for (;;) {
    value_or_fail(watch.poll([&](const NameChange& change) {
      if (options.count != 0 && shown == options.count) return;
      ++shown;
      context.json ? show_json(change) : show_text(change);
    }));
    if (!flush_output_now()) return exit_ok;  // app.cpp says why
    if (options.count != 0 && shown == options.count) return exit_ok;
    if (!value_or_fail(watch.wait(left()))) return exit_ok;
  }
}

}  // namespace

void add_watch(CLI::App& app, Context& context) {
  const auto options = std::make_shared<WatchOptions>();
  auto& command =
      add_command(app, context, "watch", "Names as they come and go, a line for each change",
                  [&context, options] { return run_watch(context, *options); });
  command.add_option("NAME", options->names, "Only these; also names that nobody has had yet");
  command.add_option("--for", options->duration, "End after this time")
      ->type_name("DURATION")
      ->capture_default_str();
  add_number(command, "--count", options->count, "End after so many lines; 0: never");
}

}  // namespace shmbus::cli
