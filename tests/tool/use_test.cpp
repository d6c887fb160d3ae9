// The tool as people meet it first: help, what to do about a bus that is not there, output that is
// lost, words that make no sense.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/handler_process.hpp"
#include "support/temp_bus.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::test;
using nlohmann::json;

namespace {

const std::string tool_path = SHMBUS_BIN_DIR "/shmbus";
const std::string daemon_path = SHMBUS_BIN_DIR "/shmbusd";

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// By a shell, for redirections.
Ran run_line(const std::string& line) { return run_program({"/bin/bash", "-c", line}); }

/// A bus with a name of its own in /dev/shm, served by a child.
class NamedBus {
 public:
  NamedBus()
      : name_("tool-test-" + std::to_string(::getpid())),
        handler_(handler_process(name_, handlers({{"echo", [](Context& context) {
                                                     return answer(context, context.request());
                                                   }}}))) {
    REQUIRE(eventually([&] {
      return run_tool({"ls", "--names", "--bus", name_}).out == "echo\n";
    }));
  }
  NamedBus(const NamedBus&) = delete;
  NamedBus& operator=(const NamedBus&) = delete;
  ~NamedBus() { ::unlink(("/dev/shm/shmbus." + name_).c_str()); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] Child& handler() noexcept { return handler_; }

 private:
  std::string name_;
  Child handler_;
};

}  // namespace

TEST_CASE("shmbus, shmbus help: commands in groups, with examples") {
  const auto bare = run_tool({});
  CHECK(bare.code == 0);
  CHECK(holds(bare.out, "Look at buses:"));
  CHECK(holds(bare.out, "shmbus --bus hello ls"));
  CHECK(bare.err.empty());
  CHECK(run_tool({"help"}).out == bare.out);
  CHECK(run_tool({"--help"}).out == bare.out);

  const auto call = run_tool({"help", "call"});
  CHECK(call.code == 0);
  CHECK(holds(call.out, "shmbus call"));
  CHECK(holds(call.out, "Examples:"));
  CHECK(holds(call.out, "--timeout"));
  CHECK(holds(run_tool({"help", "policy", "set"}).out, "--breaker-window"));
  const auto wrong = run_tool({"help", "cal"});
  CHECK(wrong.code == 64);
  CHECK(holds(wrong.err, "no command 'cal'; did you mean 'call'?"));
}

TEST_CASE("shmbus help: every command stands in a group and has examples") {
  const auto words = run_tool({"complete", "fish", "shmbus", ""}).out;
  std::size_t seen = 0;
  for (std::size_t at = words.find('\n') + 1; at < words.size(); ++seen) {
    const auto tab = words.find('\t', at);
    const auto command = words.substr(at, tab - at);
    INFO(command);
    CHECK(holds(run_tool({"help", command}).out, "Examples:"));
    at = words.find('\n', at) + 1;
  }
  CHECK(seen > 25);
  CHECK_FALSE(holds(run_tool({"help"}).out, "Subcommands:"));  // the group of those without one
}

TEST_CASE("shmbus: what is misspelt is named, with what was meant") {
  const auto command = run_tool({"lss"});
  CHECK(command.code == 64);
  CHECK(holds(command.err, "shmbus: no command 'lss'; did you mean 'ls'?"));
  const auto option = run_tool({"call", "x", "--tiemout", "1s"});
  CHECK(option.code == 64);
  CHECK(holds(option.err, "no option '--tiemout'; did you mean '--timeout'?"));
  CHECK(holds(option.err, "`shmbus help call`"));
  const auto daemon = run_program({daemon_path, "--metircs", "127.0.0.1:0"});
  CHECK(daemon.code == 2);
  CHECK(holds(daemon.err, "no option '--metircs'; did you mean '--metrics'?"));
}

TEST_CASE("shmbus: output that cannot be written is exit code 74, for every command") {
  const NamedBus bus;
  const std::string tool = tool_path + " --bus " + bus.name() + " ";
  for (const char* command : {"ls",
                              "ls --json",
                              "ls --names",
                              "ps",
                              "layout",
                              "layout --json",
                              "describe echo",
                              "doctor",
                              "buses",
                              "call echo hello",
                              "call echo hello --json",
                              "top --count 1 --interval 20ms",
                              "help",
                              "--help",
                              "--version",
                              "completions bash",
                              "policy show",
                              "hist echo",
                              "trace",
                              "postmortem",
                              "gc",
                              "watch --count 1",
                              "plugins"}) {
    INFO(command);
    const auto ran = run_line(tool + command + " > /dev/full");
    CHECK(ran.code == 74);
    CHECK(holds(ran.err, "the output could not be written: No space left on device"));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  }
  const auto closed = run_line(tool + "ls >&-");
  CHECK(closed.code == 74);
  CHECK(holds(closed.err, "Bad file descriptor"));
  CHECK(run_line(tool_path + " > /dev/full").code == 74);
  // Nor does it change anything that the error cannot be written.
  for (const char* to : {" 2>&-", " 2>/dev/full", " >&- 2>&-"}) {
    INFO(to);
    CHECK(run_line(tool + "call no.such.name x" + to).code == 1);
    CHECK(run_line(tool + "call --no-such-option" + to).code == 64);
  }
}

TEST_CASE("shmbus: a reader that has gone is no error to talk about") {
  const NamedBus bus;
  const std::string tool = tool_path + " --bus " + bus.name() + " ";
  const auto by_signal = run_line(tool + "layout | true; exit ${PIPESTATUS[0]}");
  CHECK(by_signal.err.empty());
  // As started by something that ignores the signal.
  const auto ignored =
      run_line("trap '' PIPE; (sleep 0.3; " + tool + "layout) | true; exit ${PIPESTATUS[0]}");
  CHECK(ignored.err.empty());
  CHECK(ignored.code == 74);
}

TEST_CASE("shmbus and shmbusd: with standard files closed nothing is written into the bus") {
  const NamedBus bus;
  const std::string ended = " <&- >&- 2>&-";
  CHECK(run_line(tool_path + " --bus " + bus.name() + " call echo hello" + ended).code == 74);
  (void)run_line("timeout -s TERM 1 " + daemon_path + " --bus " + bus.name() +
                 " --log-level debug" + ended);
  CHECK(run_tool({"call", "echo", "hello", "--bus", bus.name()}).out == "hello");
}

TEST_CASE("shmbus buses: which there are, and who has them open") {
  NamedBus bus;
  const auto all = json::parse(run_tool({"buses", "--json"}).out)["buses"];
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const json& one) { return one["name"] == bus.name(); });
  REQUIRE(found != all.end());
  CHECK((*found)["state"] == "usable");
  CHECK((*found)["mode"] == "0600");
  CHECK((*found)["uid"] == ::geteuid());
  CHECK((*found)["bytes"].get<std::uint64_t>() > 1'000'000);
  REQUIRE((*found)["participants"].size() == 1);
  CHECK((*found)["participants"][0]["pid"] == bus.handler().pid());
  const auto text = run_tool({"buses"}).out;
  CHECK(holds(text, bus.name()));
  CHECK(holds(text, "handler process(" + std::to_string(bus.handler().pid()) + ")"));
}

TEST_CASE("shmbus: a bus that is not there: which there are, and how to look at them") {
  const NamedBus bus;
  for (const char* command : {"ls", "ps", "doctor --json", "gc", "rm"}) {
    INFO(command);
    const auto ran = run_line(tool_path + " --bus no-such-bus " + command);
    if (std::string(command).starts_with("doctor")) continue;  // a note of its own
    CHECK(ran.code == 11);
    CHECK(holds(ran.err, "there is no bus 'no-such-bus'"));
    CHECK(holds(ran.err, " ls`"));
    CHECK(holds(ran.err, "`shmbus buses`"));
  }
  CHECK(holds(run_tool({"call", "echo", "--bus", "no-such-bus"}).err, "there is no bus"));
}

TEST_CASE("shmbus: advice fits the cause") {
  const NamedBus bus;
  const auto tool = [&](std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.end(), {"--bus", bus.name()});
    return run_tool(std::move(arguments), input);
  };
  const auto large = tool({"call", "echo", "--file", "-"}, std::string(20'000'000, 'x'));
  CHECK(large.code == 9);
  CHECK_FALSE(holds(large.err, "--reply-capacity"));
  CHECK(holds(large.err, "--extents"));
  CHECK_FALSE(holds(large.err, "capacities."));
  const auto reply =
      tool({"call", "echo", "--reply-capacity", "10",
            "more than ten, more than a line,"
            " which a reply in the cell could hold without any other memory at all"});
  CHECK(reply.code == 9);
  CHECK(holds(reply.err, "--reply-capacity"));
  const auto waited = tool({"call", "nobody", "--wait", "--timeout", "50ms"});
  CHECK_FALSE(holds(waited.err, "WhenVacant"));
  CHECK_FALSE(holds(waited.err, "with --wait"));
  CHECK(holds(waited.err, "wait longer with --timeout"));
  const auto at_once = tool({"call", "nobody"});
  CHECK(holds(at_once.err, "with --wait"));
  CHECK_FALSE(holds(at_once.err, "WhenVacant"));
}

TEST_CASE("shmbus call --wait: the bus and the handler may come later") {
  const TempBus place;
  const Child handler([&] {
    nap(300ms);  // whether the call waits already or not, it must end well
    return serve_for_ever(
        place.path(),
        handlers({{"echo", [](Context& context) { return answer(context, context.request()); }}}));
  });
  const auto ran =
      run_tool({"call", "echo", "late", "--wait", "--timeout", "20s", "--bus", place.path()});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "late");
}
