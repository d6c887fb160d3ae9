// shmbus-spool: durable commands of one bus. Only wiring; see service.hpp.
#include <fmt/format.h>
#include <signal.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "common/escape.hpp"
#include "common/standard_output.hpp"
#include "os/descriptor.hpp"
#include "spool/metrics.hpp"
#include "spool/options.hpp"
#include "spool/repair.hpp"
#include "spool/service.hpp"

namespace shmbus::spool {
namespace {

void block_signals() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, one);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int code_of(const Error& error) {
  return error.kind == ErrorKind::corrupted ? exit_code::damaged : exit_code::failed;
}

/// The file's settings, with what the command line says in their place.
std::optional<Config> config_of(const Options& options) {
  std::vector<std::string> problems;
  Config config;
  if (!options.config.empty()) {
    if (auto read = read_config(options.config, problems)) config = std::move(*read);
  }
  if (!options.bus.empty()) config.bus = options.bus;
  if (!options.file.empty()) config.file = options.file;
  if (!options.metrics.empty()) config.metrics = options.metrics;
  if (config.bus.empty()) config.bus = "default";
  if (problems.empty() && config.file.empty()) {
    problems.emplace_back("no file: give --file FILE, or 'file:' in the configuration");
  }
  for (const auto& line : problems) print_error("shmbus-spool: " + line + "\n");
  if (!problems.empty()) return std::nullopt;
  return config;
}

int run_repair(const std::string& file) {
  const auto repaired = repair(file);
  if (!repaired) {
    print_error("shmbus-spool: " + escape::terminal(repaired.error().message.view()) + "\n");
    return code_of(repaired.error());
  }
  const char* unread =
      repaired->all_read ? "" : "; not all of the file could be read, more may be lost";
  const auto copied = repaired->resumed
                          ? std::string("an interrupted repair is complete")
                          : fmt::format("{} commands copied, {} spoiled ones left out{}",
                                        repaired->copied, repaired->spoiled, unread);
  fmt::print("{}\nthe damaged file is {}\n", copied, escape::terminal(repaired->kept));
  return flush_standard_output().state == Printed::ok ? exit_code::stopped : exit_code::failed;
}

int run_service(Config config, const Options& options, const program::Log& log,
                const program::Notifier& notifier) {
  const auto failed = [&log](const Error& error) {
    log.write(program::Level::error, error.message.view());
    return code_of(error);
  };
  auto store = Store::open(config.file, {});
  if (!store) return failed(store.error());
  auto bus = Bus::open(config.bus, {.trust = config.trust, .label = spool_label});
  if (!bus) return failed(bus.error());
  const std::string metrics = config.metrics;
  Service service(std::move(*bus), std::move(*store), std::move(config), log);
  if (const auto started = service.start(); !started) return failed(started.error());
  std::unique_ptr<Metrics> page;
  if (!metrics.empty()) {
    auto made = Metrics::start(metrics, service);
    if (!made) return failed(made.error());
    page = std::move(*made);
    log.write(program::Level::info, "metrics", {{"at", page->address()}});
  }
  const auto ended = service.run(options.config, notifier);
  return ended ? exit_code::stopped : failed(ended.error());
}

int run(const Options& options) {
  auto config = config_of(options);
  if (!config) return options.config.empty() ? exit_code::usage : exit_code::failed;
  if (options.check) return exit_code::stopped;
  if (options.repair) return run_repair(config->file);
  const auto log = program::Log::to_stderr(options.log_level);
  const auto notifier = program::Notifier::from_environment();
  block_signals();
  return run_service(std::move(*config), options, log, notifier);
}

}  // namespace
}  // namespace shmbus::spool

int main(int argc, char** argv) {
  shmbus::descriptor::occupy_standard_numbers();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error, not the end
  std::signal(SIGPIPE, SIG_IGN);
  using namespace shmbus::spool;  // NOLINT: this file is its main
  try {
    const Parsed parsed = parse_command_line(argc, argv);
    return parsed.exit ? *parsed.exit : run(parsed.options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "shmbus-spool: %s\n", shmbus::escape::terminal(e.what()).c_str());
    return exit_code::failed;
  }
}
