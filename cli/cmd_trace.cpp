// shmbus trace: the spans that stand in the flight recorder, shown, or exported to other systems.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/terminal.hpp"
#include "cli/trace_tree.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"
#include "common/standard_output.hpp"
#include "inspect/spans.hpp"
#include "telemetry/chrome_trace.hpp"
#include "telemetry/otlp_exporter.hpp"
#include "telemetry/otlp_json.hpp"
#include "telemetry/queue_spans.hpp"

namespace shmbus::cli {
namespace {

using inspect::SpanInfo;

struct TraceOptions {
  std::string action = "show";
  std::string otlp;
  std::string perfetto;
  std::string file;
  bool follow = false;
  std::string duration = "forever";
};

constexpr auto follow_pause = std::chrono::milliseconds(50);
constexpr auto post_limit = std::chrono::milliseconds(5'000);

std::uint64_t now_ns() { return wait::monotonic_ns(); }

std::ofstream open_file(const std::string& path) {
  std::ofstream file(path);
  if (!file) {
    throw Failure(ErrorKind::invalid_argument, fmt::format("cannot write to {}", path));
  }
  return file;
}

/// Where spans go. Each destination takes them as they come, and may have more to do at the end.
class Destinations {
 public:
  Destinations(const TraceOptions& options, const std::string& bus) : bus_(bus) {
    if (!options.otlp.empty()) {
      exporter_.emplace(value_or_fail(telemetry::HttpPost::make(options.otlp)), bus);
    }
    if (!options.file.empty()) lines_ = open_file(options.file);
    if (!options.perfetto.empty()) picture_ = open_file(options.perfetto);
  }

  void take(const std::vector<SpanInfo>& spans) {
    if (spans.empty()) return;
    count_ += spans.size();
    if (lines_ && !(*lines_ << telemetry::otlp_text(spans, bus_) << '\n' << std::flush)) {
      throw Failure(ErrorKind::invalid_argument, "not everything could be written");
    }
    if (picture_) kept_.insert(kept_.end(), spans.begin(), spans.end());
    if (exporter_) exporter_->add(spans);
  }
  void go_on() {
    if (exporter_) complain(exporter_->flush(now_ns(), post_limit));
  }
  void finish() {
    if (exporter_) complain(exporter_->flush_at_once(post_limit));
    if (picture_) {
      *picture_ << json_text(telemetry::chrome_trace(std::move(kept_))) << '\n';
    }
    if ((lines_ && !lines_->flush()) || (picture_ && !picture_->flush())) {
      throw Failure(ErrorKind::invalid_argument, "not everything could be written");
    }
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Not taken by the collector, now or before.
  [[nodiscard]] std::uint64_t lost() const {
    return exporter_ ? exporter_->counts().lost + exporter_->queued() : 0;
  }

 private:
  void complain(const std::string& error) const {
    if (error.empty()) return;
    print_error(fmt::format("shmbus: {}: {}\n", exporter_->url(), printable(error)));
  }
  std::string bus_;
  std::optional<telemetry::OtlpExporter> exporter_;
  std::optional<std::ofstream> lines_;
  std::optional<std::ofstream> picture_;
  std::vector<SpanInfo> kept_;
  std::uint64_t count_ = 0;
};

void report(const Context& context, const Destinations& to, std::uint64_t overwritten) {
  if (context.json) {
    print_json({{"spans", to.count()}, {"lost", to.lost()}, {"overwritten_events", overwritten}});
    return;
  }
  fmt::print("{} spans", to.count());
  if (to.lost() != 0) fmt::print(", {} of them not taken by the collector", to.lost());
  if (overwritten != 0) {
    fmt::print("; {} events were overwritten before they were read", overwritten);
  }
  fmt::print("\n");
}

int run_export(const Context& context, const TraceOptions& options) {
  if (options.otlp.empty() && options.perfetto.empty() && options.file.empty()) {
    throw UsageError("trace export needs --otlp URL, --perfetto FILE or --file FILE");
  }
  const auto reader = value_or_fail(inspect::Reader::open(context.bus));
  Destinations to(options, reader.path());
  inspect::SpanReader spans(reader);
  telemetry::QueueSpans queue;
  const auto duration = duration_or_fail(options.duration);
  const auto began = std::chrono::steady_clock::now();
  if (options.follow) catch_interruptions();
  for (;;) {
    to.take(queue.pass(spans.next(), now_ns()));
    if (!options.follow || interrupted() || reader.lost() || reader.replaced()) break;
    if (duration != forever && std::chrono::steady_clock::now() - began >= duration) break;
    to.go_on();
    std::this_thread::sleep_for(follow_pause);
  }
  to.take(queue.rest());
  to.finish();
  report(context, to, spans.overwritten());
  return to.lost() == 0 ? exit_ok : static_cast<int>(ErrorKind::abandoned);
}

int run_show(const Context& context) {
  const auto reader = value_or_fail(inspect::Reader::open(context.bus));
  inspect::SpanReader spans(reader);
  telemetry::QueueSpans queue;
  auto all = queue.pass(spans.next(), now_ns());
  for (auto& span : queue.rest()) all.push_back(std::move(span));
  if (context.json) {
    print_json(nlohmann::json(telemetry::otlp_request(all, reader.path())));
  } else if (all.empty()) {
    fmt::print("no spans: nothing was traced lately, see docs/observability.md\n");
  } else {
    fmt::print("{}", trace_trees(std::move(all)));
  }
  return exit_ok;
}

int run_trace(const Context& context, const TraceOptions& options) {
  return options.action == "show" ? run_show(context) : run_export(context, options);
}

}  // namespace

void add_trace(CLI::App& app, Context& context) {
  const auto options = std::make_shared<TraceOptions>();
  auto& command =
      add_command(app, context, "trace", "Show the traces of the last moments, or export them",
                  [&context, options] { return run_trace(context, *options); });
  add_choice(command, "ACTION", options->action, "show or export", {"show", "export"})
      ->capture_default_str();
  command.add_option("--otlp", options->otlp, "Export: to a collector, as OTLP/HTTP in JSON")
      ->type_name("URL");
  command
      .add_option("--perfetto", options->perfetto,
                  "Export: a trace file for ui.perfetto.dev or chrome://tracing")
      ->type_name("FILE");
  command.add_option("--file", options->file, "Export: OTLP in JSON, a request to the line")
      ->type_name("FILE");
  command.add_flag("--follow", options->follow, "Export: go on until interrupted");
  command.add_option("--for", options->duration, "With --follow: end after this time")
      ->type_name("DURATION")
      ->capture_default_str();
}

}  // namespace shmbus::cli
