// shmbus probe SCRIPT: runs one of the bpftrace scripts on the processes of a bus. What is missing
// for that is checked beforehand, so that the message names it: bpftrace's own words for it are
// those of its compiler. The tool then becomes bpftrace, so that signals and its output are as they
// would be.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/probe_notes.hpp"
#include "cli/probe_scripts.hpp"
#include "cli/units.hpp"
#include "common/escape.hpp"
#include "common/options.hpp"
#include "common/standard_output.hpp"
#include "inspect/snapshot.hpp"
#include "layout/participant.hpp"
#include "os/descriptor.hpp"

namespace shmbus::cli {
namespace {

constexpr std::uint64_t pid_max = 4'194'304;  // of Linux on 64 bits

struct ProbeOptions {
  std::string script;
  std::vector<std::uint32_t> pids;
  std::string duration = "forever";
  bool all = false;
  bool print = false;
};

/// What the script is run on.
struct Target {
  std::vector<std::uint32_t> pids;
  std::vector<std::string> files;
  std::vector<std::pair<std::uint32_t, std::string>> names;  ///< by record
  std::string libc;
};

// --- what is missing -------------------------------------------------------------------------

std::string find_in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string file = folder + "/" + program;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  for (const char* folder : {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/"}) {
    std::string file = folder + program;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

std::string bpftrace_or_fail() {
  auto program = find_in_path("bpftrace");
  if (program.empty()) {
    throw Failure(ErrorKind::invalid_argument,
                  "bpftrace is not installed: `apt-get install bpftrace`, or the package of that "
                  "name of your distribution");
  }
  return program;
}

/// Whether the kernel lets us have BPF at all: asks for the smallest map.
int bpf_refused() {
  bpf_attr attr{};
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = attr.value_size = 4;
  attr.max_entries = 1;
  const long fd = ::syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
  if (fd < 0) return errno;
  ::close(static_cast<int>(fd));
  return 0;
}

void check_rights() {
  if (::geteuid() != 0) {
    throw Failure(
        ErrorKind::not_permitted,
        "probes need root: bpftrace runs as no one else. Try `sudo shmbus probe ...`, and "
        "name the bus by its path if it is yours alone");
  }
  if (!std::filesystem::exists("/sys/bus/event_source/devices/uprobe")) {
    throw Failure(ErrorKind::invalid_argument,
                  "this kernel has no uprobes: it needs CONFIG_UPROBE_EVENTS, and /sys mounted");
  }
  switch (const int why = bpf_refused()) {
    case 0:
      return;
    case ENOSYS:
      throw Failure(ErrorKind::invalid_argument,
                    "this kernel has no BPF: it needs CONFIG_BPF_SYSCALL");
    case EPERM:
      throw Failure(ErrorKind::not_permitted,
                    "the kernel refuses BPF: inside a container it takes CAP_BPF, CAP_PERFMON and "
                    "CAP_SYS_ADMIN (`--privileged`), and no lockdown of the kernel");
    default:
      throw Failure(ErrorKind::invalid_argument, fmt::format("the kernel refuses BPF: {}",
                                                             std::generic_category().message(why)));
  }
}

// --- what it runs on -------------------------------------------------------------------------

void add_new(std::vector<std::string>& list, std::vector<std::string> more) {
  for (auto& one : more) {
    if (std::find(list.begin(), list.end(), one) == list.end()) list.push_back(std::move(one));
  }
}

std::string libc_of(std::uint32_t pid) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  for (std::string line; std::getline(maps, line);) {
    const auto path = line.find('/');
    if (path != std::string::npos && line.find("/libc.so", path) != std::string::npos &&
        escape::bpftrace_takes_path(line.substr(path))) {
      return line.substr(path);
    }
  }
  return {};
}

/// The paths of a peer's files are its own choice, and stand in the script: one that could end the
/// text there is left out, and the user sees which.
std::vector<std::string> files_that_bpftrace_takes(std::uint32_t pid) {
  auto files = files_with_probes(pid);
  std::erase_if(files, [pid](const std::string& path) {
    if (escape::bpftrace_takes_path(path)) return false;
    print_error(fmt::format("shmbus: process {} is left out: bpftrace takes no path like {}\n", pid,
                            escape::terminal(path)));
    return true;
  });
  return files;
}

Target target_of(const Context& context, const ProbeOptions& options) {
  Target target;
  target.pids = options.pids;
  const auto snapshot = inspect::take_snapshot(context.bus);
  if (snapshot) {
    for (const auto& name : snapshot->names) target.names.emplace_back(name.record, name.name);
    for (const auto& one : snapshot->participants) {
      if (!options.pids.empty() || !one.process_alive || !one.same_pid_namespace) continue;
      target.pids.push_back(one.pid);
    }
  } else if (options.pids.empty()) {
    throw Failure(snapshot.error());
  }
  if (target.pids.empty()) {
    throw Failure(ErrorKind::invalid_argument,
                  fmt::format("nobody is on the bus '{}'", context.bus));
  }
  for (const std::uint32_t pid : target.pids) {
    if (!std::filesystem::exists(fmt::format("/proc/{}", pid))) {
      throw Failure(ErrorKind::invalid_argument, fmt::format("there is no process {}", pid));
    }
    add_new(target.files, files_that_bpftrace_takes(pid));
    if (target.libc.empty()) target.libc = libc_of(pid);
  }
  if (target.files.empty()) {
    throw Failure(ErrorKind::invalid_argument,
                  "these processes have no probes that can be used: their shmbus was built without "
                  "sys/sdt.h. Install "
                  "systemtap-sdt-dev, configure with -DSHMBUS_PROBES=ON and build again");
  }
  return target;
}

// --- the script ------------------------------------------------------------------------------

/// One attach point for each file, in the place of the one for "$N".
/// REQUIRES: bpftrace takes each of their paths.
std::string spread(std::string_view line, std::string_view which,
                   const std::vector<std::string>& files) {
  const auto at = line.find(which);
  if (at == std::string_view::npos) return std::string(line);
  const bool more_follow = line.ends_with(',');
  if (more_follow) line.remove_suffix(1);
  std::string out;
  for (const auto& file : files) {
    if (!out.empty()) out += ",\n";
    // patterns: leave_out_strange_paths() has looked at them
    out += fmt::format("{}\"{}\"{}", line.substr(0, at), file, line.substr(at + which.size()));
  }
  return out + (more_follow ? "," : "");
}

/// For the script's BEGIN, in the place of its own line.
constexpr std::string_view choice_line = "  @only = (uint64)0;";

std::string choice(const Target& target, const ProbeOptions& options) {
  std::string out = fmt::format("  @only = (uint64){};\n", options.all ? 0 : target.pids.size());
  for (const auto pid : target.pids)
    out += fmt::format("  @chosen[(uint64){}] = (uint64)1;\n", pid);
  if (options.script != "heat") return out;
  for (const auto& [record, name] : target.names) {
    out += fmt::format("  @name[(uint64){}] = {};\n", record, escape::bpftrace(name));
  }
  return out;
}

std::string end_after(const ProbeOptions& options) {
  const Duration limit = duration_or_fail(options.duration);
  if (limit == forever) return {};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  return fmt::format("\ninterval:ms:{}\n{{\n  exit();\n}}\n", std::max<std::int64_t>(ms, 1));
}

std::string script_for(const Target& target, const ProbeOptions& options) {
  const auto found = std::find_if(probe_scripts.begin(), probe_scripts.end(),
                                  [&](const auto& one) { return one.name == options.script; });
  std::string out;
  std::istringstream lines{std::string(found->text)};
  for (std::string line; std::getline(lines, line);) {
    if (line == choice_line) {
      line = choice(target, options);
    } else if (!line.starts_with("//")) {
      line = spread(line, "$1", target.files);
      line = spread(line, "$2", {target.libc.empty() ? "libc" : target.libc});
    }
    out += line + "\n";
  }
  return out + end_after(options);
}

/// The one process to which bpftrace can confine all probes, or 0. Those at malloc are in every
/// process of the machine otherwise.
std::uint32_t confined_to(const Target& target, const ProbeOptions& options) {
  if (options.script != "alloc") return 0;
  if (target.pids.size() == 1 && !options.all) return target.pids.front();
  print_error(fmt::format(
      "shmbus: malloc is probed in every process of this machine while this runs, and slow "
      "there; --pid PID, one, confines it\n"));
  return 0;
}

[[noreturn]] void become_bpftrace(const std::string& program, const std::string& script,
                                  std::uint32_t pid, bool json) {
  // Without a name, so that nothing is left behind; bpftrace opens it by its descriptor.
  const int fd = descriptor::memory("shmbus probe", 0);
  if (fd < 0 || ::fcntl(fd, F_SETFD, 0) != 0 ||
      ::write(fd, script.data(), script.size()) != static_cast<ssize_t>(script.size())) {
    throw Failure(ErrorKind::overloaded, "out of memory for the script");
  }
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  std::vector<const char*> arguments{"bpftrace"};
  const std::string only = std::to_string(pid);
  if (pid != 0) arguments.insert(arguments.end(), {"-p", only.c_str()});
  if (json) arguments.insert(arguments.end(), {"-f", "json"});
  arguments.insert(arguments.end(), {path.c_str(), nullptr});
  ::execv(program.c_str(), const_cast<char* const*>(arguments.data()));
  throw Failure(ErrorKind::invalid_argument,
                fmt::format("cannot run {}: {}", program, std::generic_category().message(errno)));
}

int run_probe(const Context& context, const ProbeOptions& options) {
  if (options.print) {
    fmt::print("{}", script_for(target_of(context, options), options));
    return exit_ok;
  }
  const auto program = bpftrace_or_fail();
  check_rights();
  const Target target = target_of(context, options);
  become_bpftrace(program, script_for(target, options), confined_to(target, options), context.json);
}

}  // namespace

void add_probe(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ProbeOptions>();
  auto& command =
      add_command(app, context, "probe", "Trace the processes of a bus by bpftrace: needs root",
                  [&context, options] { return run_probe(context, *options); });
  add_choice(command, "SCRIPT", options->script,
             "heat: time of calls by process and command; alloc: what calls allocate; wake: who "
             "sleeps, and who wakes whom",
             {"heat", "alloc", "wake"})
      ->required();
  command
      .add_option_function<std::vector<std::string>>(
          "--pid",
          [options](const std::vector<std::string>& pids) {
            for (const auto& pid : pids) {
              options->pids.push_back(
                  static_cast<std::uint32_t>(number_for("--pid", pid, 1, pid_max)));
            }
          },
          "These processes; without: all on the bus now")
      ->type_name("PID");
  command.add_flag("--all", options->all,
                   "All processes that run the same programs, also those that start later");
  command.add_option("--for", options->duration, "End after this time; else SIGINT ends it")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_flag("--print", options->print, "Print the script instead of running it");
}

}  // namespace shmbus::cli
