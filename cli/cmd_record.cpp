// shmbus record FILE: real traffic into a file, with its requests, until a signal ends it.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/recording.hpp"
#include "cli/tap_session.hpp"
#include "cli/terminal.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"

namespace shmbus::cli {
namespace {

struct RecordOptions {
  std::string file;
  EventFilter filter;
  std::string duration = "forever";
  std::uint64_t count = 0;
};

class Recorder {
 public:
  Recorder(TapSession& tap, const std::string& path, std::int64_t started_unix_ns)
      : tap_(&tap),
        writer_(path, started_unix_ns, tap.reader().header().bus_id),
        started_unix_ns_(started_unix_ns) {}

  void add(const recorder::Event& event) {
    if (named_.insert(event.record).second) {
      writer_.add_name(event.record, tap_->texts().name_of(event.record));
    }
    const auto request = tap_->request_of(event);
    recording::CommandEntry entry{};
    entry.at_ns = tap_->texts().unix_ns_of(event.started_at) - started_unix_ns_;
    entry.duration_ns = event.duration_ns;
    entry.name = event.record;
    const bool one_way = (event.flags & recorder::event_flags::one_way) != 0;
    entry.flags = one_way ? recording::command_flags::one_way : 0;
    entry.caller = event.lane;
    entry.outcome = event.outcome;
    entry.request_bytes = event.bytes_in;
    entry.kept_bytes = static_cast<std::uint32_t>(request.size());
    entry.reply_bytes = event.bytes_out;
    writer_.add_command(entry, request);
    ++totals_.commands;
    if (entry.kept_bytes < entry.request_bytes) ++totals_.cut;
  }
  [[nodiscard]] const recording::EndEntry& finish() {
    totals_.skipped = tap_->skipped();
    writer_.finish(totals_);
    return totals_;
  }
  [[nodiscard]] std::uint64_t commands() const noexcept { return totals_.commands; }

 private:
  TapSession* tap_;
  RecordingWriter writer_;
  std::int64_t started_unix_ns_;
  std::set<std::uint16_t> named_;
  recording::EndEntry totals_{};
};

int run_record(const Context& context, const RecordOptions& options) {
  const auto duration = duration_or_fail(options.duration);
  catch_interruptions();
  TapSession tap(context, "shmbus record", true);
  const auto began = std::chrono::steady_clock::now();
  Recorder out(tap, options.file, tap.texts().unix_ns_of(wait::ticks()));
  const auto over = [&] {
    return interrupted() ||
           (duration != forever && std::chrono::steady_clock::now() - began >= duration);
  };
  while (!over() && (options.count == 0 || out.commands() < options.count)) {
    if (const auto event = tap.next()) {
      if (options.filter.wants(tap.texts(), *event)) out.add(*event);
    } else {
      tap.rest();
    }
  }
  const auto& totals = out.finish();
  if (context.json) {
    print_json({{"file", options.file},
                {"commands", totals.commands},
                {"skipped", totals.skipped},
                {"cut", totals.cut}});
  } else {
    fmt::print("{}: {} commands, {} skipped, {} cut\n", printable(options.file), totals.commands,
               totals.skipped, totals.cut);
  }
  return exit_ok;
}

}  // namespace

void add_record(CLI::App& app, Context& context) {
  const auto options = std::make_shared<RecordOptions>();
  auto& command = add_command(app, context, "record",
                              "Write commands with their requests to a file, for replay",
                              [&context, options] { return run_record(context, *options); });
  command.add_option("FILE", options->file, "Where to; it is replaced")->required();
  command.add_option("NAME", options->filter.names, "Only these names");
  add_filter_options(command, options->filter);
  command.add_option("--for", options->duration, "End after this time")
      ->type_name("DURATION")
      ->capture_default_str();
  add_number(command, "--count", options->count, "End after so many commands; 0: never");
}

}  // namespace shmbus::cli
