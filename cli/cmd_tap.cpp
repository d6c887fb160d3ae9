// shmbus tap: commands as they run, one line for each. Handlers write them down only while somebody
// taps; what comes faster than it is read is counted.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/tap_session.hpp"
#include "cli/terminal.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"
#include "common/standard_output.hpp"

namespace shmbus::cli {
namespace {

struct TapOptions {
  EventFilter filter;
  std::string slower;
  std::string duration = "forever";
  std::uint64_t count = 0;
  bool brief = false;
};

std::string line_of(TapSession& tap, const recorder::Event& event) {
  auto& texts = tap.texts();
  const auto request = tap.request_of(event);
  const bool one_way = (event.flags & recorder::event_flags::one_way) != 0;
  const bool good = event.outcome == 0;
  return fmt::format(
      "{}  {}  {} {} {}  {}  {}  {} B{}  {}\n", texts.time_of(event.started_at),
      printable(texts.name_of(event.record)), texts.who(event.caller).text(),
      one_way ? "->>" : "->", texts.who(event.handler).text(),
      styled(outcome_text(event), good ? Style::good : Style::bad),
      (event.flags & recorder::event_flags::timed) != 0 ? format_ns(event.duration_ns) : "-",
      event.bytes_in, one_way ? "" : fmt::format(", {} B", event.bytes_out),
      texts.request_text(event.record, request, event.bytes_in));
}

void show(const Context& context, TapSession& tap, const recorder::Event& event) {
  if (context.json) {
    const auto json = event_json(tap.texts(), event, tap.request_of(event));
    fmt::print("{}\n", json_text(json));
  } else {
    fmt::print("{}", line_of(tap, event));
  }
}

void show_skipped(const Context& context, std::uint64_t now, std::uint64_t all) {
  if (context.json) {
    fmt::print("{}\n", json_text(Json{{"event", "skipped"}, {"count", now}, {"total", all}}));
  } else {
    fmt::print("{}\n", styled(fmt::format("... {} skipped: they came faster than they were read",
                                          format_count(now)),
                              Style::warn));
  }
}

int run_tap(const Context& context, TapOptions options) {
  if (!options.slower.empty()) {
    options.filter.slower_ns = static_cast<std::uint64_t>(duration_or_fail(options.slower).count());
  }
  const auto duration = duration_or_fail(options.duration);
  catch_interruptions();
  TapSession tap(context, "shmbus tap", !options.brief);
  const auto began = std::chrono::steady_clock::now();
  const auto over = [&] {
    return interrupted() ||
           (duration != forever && std::chrono::steady_clock::now() - began >= duration);
  };
  std::uint64_t shown = 0;
  std::uint64_t skipped = 0;
  bool dirty = false;
  while (!over() && (options.count == 0 || shown < options.count)) {
    const auto event = tap.next();
    if (tap.skipped() != skipped) {
      show_skipped(context, tap.skipped() - skipped, tap.skipped());
      skipped = tap.skipped();
      dirty = true;
    }
    if (event) {
      if (!options.filter.wants(tap.texts(), *event)) continue;
      show(context, tap, *event);
      ++shown;
      dirty = true;
      continue;
    }
    if (dirty && !flush_output_now()) return exit_ok;  // app.cpp says why
    dirty = false;
    tap.rest();
  }
  if (!context.json) print_error(fmt::format("{} shown, {} skipped\n", shown, skipped));
  return exit_ok;
}

}  // namespace

void add_tap(CLI::App& app, Context& context) {
  const auto options = std::make_shared<TapOptions>();
  auto& command = add_command(app, context, "tap", "Commands as they run, a line for each",
                              [&context, options] { return run_tap(context, *options); });
  command.add_option("NAME", options->filter.names, "Only these names");
  add_filter_options(command, options->filter);
  command.add_flag("--failed", options->filter.failed, "Only those that did not end well");
  command.add_option("--slower", options->slower, "Only those that took at least so long")
      ->type_name("DURATION");
  command.add_flag("--brief", options->brief,
                   "The first 32 bytes of a request are enough: handlers keep no more for us");
  command.add_option("--for", options->duration, "End after this time")
      ->type_name("DURATION")
      ->capture_default_str();
  add_number(command, "--count", options->count, "End after so many lines; 0: never");
}

}  // namespace shmbus::cli
