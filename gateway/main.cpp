// shmbus-gateway: HTTP/1.1 in front of one bus. Only wiring; see server.hpp.
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "common/escape.hpp"
#include "common/standard_output.hpp"
#include "gateway/mcp/stdio.hpp"
#include "gateway/options.hpp"
#include "gateway/server.hpp"
#include "gateway/stream.hpp"
#include "os/descriptor.hpp"

namespace shmbus::gateway {
namespace {

void block_signals() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, one);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

/// As many connections as the system lets this process have.
void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

int print_token() {
  const auto token = random_token();
  if (token.empty()) return exit_code::failed;
  fmt::print("{}\nsha256:{}\n", token, sha256_hex(token));
  return flush_standard_output().state == Printed::ok ? exit_code::stopped : exit_code::failed;
}

int serve_mcp(EventLoop loop, const Config& config, const Options& options,
              const program::Log& log) {
  const auto served = mcp::serve_stdio(std::move(loop), config,
                                       options.config.empty() ? anybody : options.principal, log);
  if (!served) log.write(program::Level::error, served.error().message.view());
  return served && *served ? exit_code::stopped : exit_code::failed;
}

int run(const Options& options) {
  if (options.new_token) return print_token();
  ConfigProblems problems;
  auto config =
      options.config.empty() ? config_of(options, problems) : read_config(options.config, problems);
  for (const auto& line : problems.lines) print_error("shmbus-gateway: " + line + "\n");
  if (!config) return options.config.empty() ? exit_code::usage : exit_code::failed;
  if (config->bus.empty()) config->bus = options.bus;
  if (options.check) return exit_code::stopped;
  const auto log = program::Log::to_stderr(options.log_level);
  const auto notifier = program::Notifier::from_environment();
  if (!options.mcp) block_signals();
  raise_descriptor_limit();
  auto loop = EventLoop::make();
  if (!loop) {
    log.write(program::Level::error, loop.error().message.view());
    return exit_code::failed;
  }
  if (options.mcp) return serve_mcp(std::move(*loop), *config, options, log);
  Server server(std::move(*loop), log, notifier);
  if (const auto started = server.start(std::move(*config)); !started) {
    log.write(program::Level::error, started.error().message.view());
    return exit_code::failed;
  }
  server.run(options.config);
  return exit_code::stopped;
}

}  // namespace
}  // namespace shmbus::gateway

int main(int argc, char** argv) {
  shmbus::descriptor::occupy_standard_numbers();
  std::signal(SIGXFSZ, SIG_IGN);    // a file that may not grow is an error, not the end
  std::signal(SIGPIPE, SIG_IGN);    // nor is a client that does not read on
  using namespace shmbus::gateway;  // NOLINT: this file is its main
  try {
    const Parsed parsed = parse_command_line(argc, argv);
    return parsed.exit ? *parsed.exit : run(parsed.options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "shmbus-gateway: %s\n", shmbus::escape::terminal(e.what()).c_str());
    return exit_code::failed;
  }
}
