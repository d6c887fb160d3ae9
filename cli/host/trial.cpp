#include "cli/host/trial.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/host/generation.hpp"
#include "os/descriptor.hpp"

extern char** environ;

namespace shmbus::cli::host {
namespace {

// Where the trial process finds what it is handed.
constexpr int image_fd = 3;
constexpr int report_fd = 4;
constexpr std::size_t report_bytes_max = 4U << 20U;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  void close() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// Kills what still runs, with all that it started.
class Process {
 public:
  explicit Process(pid_t pid) noexcept : pid_(pid) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    (void)reap();
  }
  int reap() noexcept {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    ::kill(-pid_, SIGKILL);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

pid_t spawn(int image, int report) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // Out of the way first: what is handed over may lie at 3 or 4 itself.
  constexpr int aside = 100;
  posix_spawn_file_actions_adddup2(&actions, image, aside);
  posix_spawn_file_actions_adddup2(&actions, report, aside + 1);
  posix_spawn_file_actions_adddup2(&actions, aside, image_fd);
  posix_spawn_file_actions_adddup2(&actions, aside + 1, report_fd);
  posix_spawn_file_actions_addclose(&actions, aside);
  posix_spawn_file_actions_addclose(&actions, aside + 1);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigdefault(&attributes, &all);
  std::array<char*, 3> argv{const_cast<char*>("shmbus"), const_cast<char*>("plugin-trial"),
                            nullptr};
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw PluginError(fmt::format("cannot start a trial process: {}", std::strerror(error)));
  }
  return pid;
}

/// Everything that the trial process says, until it closes its end.
std::string read_report(int fd, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  std::string text;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    pollfd waiting{fd, POLLIN, 0};
    const int ready = left.count() > 0 ? ::poll(&waiting, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      throw PluginError(fmt::format("did not answer in its trial within {} ms", limit.count()));
    }
    std::array<char, 4096> some{};
    const ssize_t n = ::read(fd, some.data(), some.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(some.data(), static_cast<std::size_t>(n));
    if (text.size() > report_bytes_max) throw PluginError("says too much in its trial");
  }
}

TrialReport parse(const std::string& text) {
  const auto said = nlohmann::json::parse(text, nullptr, false);
  if (!said.is_object()) throw PluginError("ended its trial without a word");
  if (said.contains("error")) throw PluginError(said["error"].get<std::string>());
  TrialReport report{said.at("name"), said.at("version"), {}};
  for (const auto& command : said.at("commands")) {
    report.commands.push_back({command.at("name"), command.at("schema")});
  }
  return report;
}

void say(const nlohmann::json& what) {
  const auto text = what.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(report_fd, text.data() + at, text.size() - at);
    if (n < 0 && errno != EINTR) ::_exit(2);
    if (n > 0) at += static_cast<std::size_t>(n);
  }
}

}  // namespace

TrialReport run_trial(const Image& image, std::chrono::milliseconds limit) {
  std::array<int, 2> ends{};
  if (!descriptor::pipe(ends, 0)) {
    throw PluginError(fmt::format("cannot try it: {}", std::strerror(errno)));
  }
  const Descriptor ours(ends[0]);
  Descriptor theirs(ends[1]);
  Process process(spawn(image.fd(), theirs.get()));
  theirs.close();
  const auto text = read_report(ours.get(), limit);
  const int status = process.reap();
  if (WIFSIGNALED(status)) {
    throw PluginError(fmt::format("crashed in its trial: signal {} ({})", WTERMSIG(status),
                                  ::strsignal(WTERMSIG(status))));
  }
  auto report = parse(text);
  if (WEXITSTATUS(status) != 0) {
    throw PluginError(fmt::format("ended its trial by itself, with {}", WEXITSTATUS(status)));
  }
  return report;
}

void be_on_trial() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::fcntl(image_fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(report_fd, F_SETFD, FD_CLOEXEC);
  nlohmann::json said;
  try {
    const auto plugin = std::make_shared<Generation>("plug-in on trial", "", 0);
    plugin->load(Image(image_fd));
    plugin->init(true);
    said = {{"name", plugin->name()}, {"version", plugin->version()}};
    said["commands"] = nlohmann::json::array();
    for (const auto& command : plugin->commands()) {
      said["commands"].push_back({{"name", command.name}, {"schema", command.schema}});
    }
    plugin->drain();
    plugin->stop();
  } catch (const std::exception& e) {
    said = {{"error", e.what()}};
  }
  say(said);
  ::_exit(0);
}

}  // namespace shmbus::cli::host
