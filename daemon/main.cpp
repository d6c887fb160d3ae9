// shmbusd: the supervisor of one bus. Only wiring; see supervisor.hpp for what it decides.
//
// Traffic does not need it. It may be stopped, killed and started again at any time.
//
// When the file of the bus is deleted or replaced, the processes on the old one go on, and so does
// their daemon until the last of them has left. Then, if the name leads to another bus, it takes
// care of that one; if it leads nowhere, it exits with code 4, because making a bus that somebody
// has just removed would be a surprise.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <thread>

#include "common/escape.hpp"
#include "daemon/metrics_server.hpp"
#include "daemon/options.hpp"
#include "daemon/other_daemon.hpp"
#include "daemon/program.hpp"
#include "daemon/run.hpp"
#include "daemon/sources.hpp"
#include "daemon/trace_exporter.hpp"
#include "os/descriptor.hpp"
#include "session/core.hpp"
#include "shmbus/log.hpp"

namespace shmbus::daemon {
namespace {

using shmbus::detail::BusCore;

/// A daemon that was killed a moment ago may still be held by the kernel: ask more than once.
Result<std::shared_ptr<BusCore>> open_as_daemon(const Options& options) {
  constexpr int attempts = 20;
  constexpr auto pause = std::chrono::milliseconds(5);
  for (int attempt = 1;; ++attempt) {
    auto bus = BusCore::open(options.bus, {options.open, true});
    if (bus || bus.error().kind != ErrorKind::already_registered || attempt == attempts) {
      return bus;
    }
    std::this_thread::sleep_for(pause);
  }
}

int refuse(const Options& options, const Error& error, const Log& log) {
  if (error.kind == ErrorKind::already_registered) {
    log.write(Level::error, "another shmbusd is already running on this bus",
              {{"bus", options.bus}, {"pid", daemon_pid_of(options.bus).value_or(0)}});
    return exit_code::another_daemon;
  }
  log.write(Level::error, error.message.view(),
            {{"bus", options.bus}, {"kind", to_string(error.kind)}});
  return exit_code::failed;
}

/// What the library itself has to tell is detail beside what the supervisor says of its own deeds.
void relay(void* to, const LogRecord& record) noexcept {
  try {
    static_cast<const Log*>(to)->write(Level::debug, record.text, {{"event", record.event}});
  } catch (const std::exception&) {
    return;  // out of memory: a line less
  }
}

int run(const Options& options) {
  static Log log = Log::to_stderr(options.log_level);
  static const shmbus::Log library{relay, &log};
  set_log(&library);
  const Notifier notifier = Notifier::from_environment();
  block_stop_signals();
  raise_descriptor_limit();
  SpanCounts spans;
  std::unique_ptr<MetricsServer> metrics;
  std::unique_ptr<TraceExporter> traces;
  for (;;) {
    const auto bus = open_as_daemon(options);
    if (!bus) return refuse(options, bus.error(), log);
    // Once the bus is ours: a second daemon must not take the address from the first.
    if (!options.metrics.empty() && metrics == nullptr) {
      auto started = MetricsServer::start(options.metrics, options.bus,
                                          options.otlp.empty() ? nullptr : &spans);
      if (!started) return refuse(options, started.error(), log);
      metrics = std::move(*started);
      log.write(Level::info, "metrics are served", {{"at", metrics->address()}});
    }
    if (!options.otlp.empty() && traces == nullptr) {
      auto started = TraceExporter::start(options.otlp, options.bus, log, spans);
      if (!started) return refuse(options, started.error(), log);
      traces = std::move(*started);
      log.write(Level::info, "spans are exported", {{"to", options.otlp}});
    }
    const auto ending = supervise(**bus, options.statistics, log, notifier);
    if (!ending) return refuse(options, ending.error(), log);
    if (*ending == Ending::replaced) {
      log.write(Level::warning, "supervising the new bus", {{"bus", options.bus}});
      continue;
    }
    notifier.send("STOPPING=1");
    log.write(Level::info, *ending == Ending::stopped ? "stopped" : "the bus was removed",
              {{"bus", options.bus}});
    return *ending == Ending::stopped ? exit_code::stopped : exit_code::bus_removed;
  }
}

}  // namespace
}  // namespace shmbus::daemon

int main(int argc, char** argv) {
  shmbus::descriptor::occupy_standard_numbers();
  std::signal(SIGXFSZ, SIG_IGN);   // a file that may not grow is an error, not the end
  using namespace shmbus::daemon;  // NOLINT: this file is its main
  try {
    const Parsed parsed = parse_command_line(argc, argv);
    return parsed.exit ? *parsed.exit : run(parsed.options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "shmbusd: %s\n", shmbus::escape::terminal(e.what()).c_str());
    return exit_code::failed;
  }
}
