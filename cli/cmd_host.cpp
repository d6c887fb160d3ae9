// shmbus host: serves commands out of shared objects, which can be exchanged while it does.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <thread>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/host/control_server.hpp"
#include "cli/host/trial.hpp"
#include "cli/output.hpp"
#include "cli/units.hpp"
#include "common/standard_output.hpp"
#include "segment/file.hpp"

namespace shmbus::cli {
namespace {

constexpr std::chrono::seconds patience_at_end{2};  // for answers that are owed
// A plug-in that does not let go is ended by SIGALRM, with the host: callers get the errors of any
// handler that dies.
constexpr unsigned ends_within_s = 10;

struct HostOptions {
  std::vector<std::string> plugins;
  std::string label = "host";
  std::string trial_limit = "5s";
  std::vector<std::string> reload_by;
  bool keep_going = false;
};

/// SIGTERM and SIGINT, for this thread and those that it starts, are what wait() returns for.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  [[nodiscard]] bool wait(std::chrono::milliseconds time) const {
    const timespec limit{time.count() / 1000, (time.count() % 1000) * 1'000'000};
    return ::sigtimedwait(&set_, nullptr, &limit) > 0;
  }

 private:
  sigset_t set_{};
};

/// Runs the plug-ins' commands on a thread of its own, until it is destroyed.
class Serving {
 public:
  explicit Serving(Server& server)
      : thread_([this, &server] {
          result_ = server.run(stop_.get_token());
          ended_ = true;
        }) {}
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;
  ~Serving() { stop(); }
  void stop() {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] const Result<void>& result() const noexcept { return result_; }

 private:
  std::stop_source stop_;
  Result<void> result_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

/// As it was given: links on the way are looked at when it is opened.
std::string absolute_path(const std::string& path) {
  std::error_code error;
  auto all = std::filesystem::absolute(path, error);
  return error ? path : all.string();
}

void load_all(host::Host& host, const HostOptions& options) {
  for (const auto& path : options.plugins) {
    try {
      const auto done = host.install({}, absolute_path(path));
      fmt::print("{} {} serves\n", printable(path), printable(done.to));
      (void)flush_output_now();
    } catch (const host::PluginError& e) {
      const auto text = fmt::format("{} {}", path, e.what());
      if (!options.keep_going) throw Failure(ErrorKind::bus_unusable, text);
      print_error(fmt::format("shmbus host: {}\n", printable(text)));
    }
  }
}

/// Callers that are owed an answer get it, within reason.
void wait_for_answers(const host::Host& host) {
  const auto until = std::chrono::steady_clock::now() + patience_at_end;
  while (host.owed() != 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

int run_host(const Context& context, const HostOptions& options) {
  const Signals signals;
  host::HostOptions limits;
  limits.trial_limit =
      std::chrono::duration_cast<std::chrono::milliseconds>(duration_or_fail(options.trial_limit));
  auto bus =
      value_or_fail(Bus::open(context.bus, {.trust = context.trust, .label = "shmbus host"}));
  const auto location = value_or_fail(segment::locate(context.bus));
  host::Permission permission(location.path, options.reload_by);
  auto server = std::make_unique<Server>(value_or_fail(bus.serve({.label = options.label})));
  host::Host host(*server, limits);
  Serving serving(*server);
  // Gone before the code that it leads into: whatever ends this function.
  const auto end = [&] {
    ::alarm(ends_within_s);
    serving.stop();
    host.drain_all();
    wait_for_answers(host);
    server.reset();
    host.stop_all();
  };
  try {
    load_all(host, options);
    host::Reloader reloader(host);
    const host::ControlServer control(bus, options.label, host, reloader, std::move(permission));
    while (!signals.wait(std::chrono::milliseconds(200)) && !serving.ended()) {
    }
    ::alarm(ends_within_s);
  } catch (...) {
    end();
    throw;
  }
  end();
  value_or_fail(serving.result());
  return exit_ok;
}

}  // namespace

void add_host(CLI::App& app, Context& context) {
  const auto options = std::make_shared<HostOptions>();
  auto& command = add_command(app, context, "host", "Serve commands out of plug-ins (.so)",
                              [&context, options] { return run_host(context, *options); });
  command.add_option("FILE", options->plugins, "Shared objects; see shmbus/plugin.h")->required();
  command.add_option("--label", options->label, "Name of this host on the bus")
      ->capture_default_str();
  command.add_option("--trial-limit", options->trial_limit, "A plug-in must answer by then")
      ->type_name("DURATION")
      ->capture_default_str();
  command
      .add_option("--reload-by", options->reload_by,
                  "Users who may have plug-ins reloaded; else the owner of a bus that nobody else "
                  "can open, and root there")
      ->type_name("USER");
  command.add_flag("--keep-going", options->keep_going, "Also when a plug-in fails at the start");
}

/// Started by the host, for a plug-in that is to be tried.
void add_plugin_trial(CLI::App& app, Context& context) {
  auto& command = add_command(app, context, "plugin-trial", "", [] {
    host::be_on_trial();
    return exit_ok;
  });
  command.group("");  // nobody's business: not in the help, not completed
}

}  // namespace shmbus::cli
