// shmbus-bridge: commands of one bus to and from other machines. Only wiring; see
// bridge.hpp.
#include <fmt/format.h>
#include <signal.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "bridge/bridge.hpp"
#include "bridge/options.hpp"
#include "common/escape.hpp"
#include "common/standard_output.hpp"
#include "os/descriptor.hpp"

namespace shmbus::bridge {
namespace {

void block_signals() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int one : {SIGTERM, SIGINT}) sigaddset(&set, one);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int run(const Options& options) {
  Problems problems;
  std::optional<Config> config;
  if (!options.config_file.empty()) {
    config = read_config(options.config_file, problems);
    if (config && config->bus.empty()) config->bus = options.config.bus;
  } else {
    config = options.config;
    complete(*config, problems);
  }
  for (const auto& line : problems) print_error("shmbus-bridge: " + line + "\n");
  if (!problems.empty() || !config) {
    return options.config_file.empty() ? exit_code::usage : exit_code::failed;
  }
  if (options.check) return exit_code::stopped;
  const auto log = program::Log::to_stderr(options.log_level);
  const auto notifier = program::Notifier::from_environment();
  block_signals();
  auto loop = Loop::make();
  if (!loop) {
    log.write(program::Level::error, loop.error().message.view());
    return exit_code::failed;
  }
  Bridge bridge(std::move(*loop), std::move(*config), log, notifier);
  auto done = bridge.start();
  if (done) done = bridge.run();
  if (!done) {
    log.write(program::Level::error, done.error().message.view());
    return exit_code::failed;
  }
  log.write(program::Level::info, "stopped");
  return exit_code::stopped;
}

}  // namespace
}  // namespace shmbus::bridge

int main(int argc, char** argv) {
  shmbus::descriptor::occupy_standard_numbers();
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  using namespace shmbus::bridge;  // NOLINT: this file is its main
  try {
    const Parsed parsed = parse_command_line(argc, argv);
    return parsed.exit ? *parsed.exit : run(parsed.options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "shmbus-bridge: %s\n", shmbus::escape::terminal(e.what()).c_str());
    return exit_code::failed;
  }
}
