// Plug-ins that do not work leave the one before them serving, whatever they do; a host that is
// killed while it reloads leaves nothing in the way of the next one.
#include <sys/stat.h>

#include <csignal>
#include <cstdio>

#include "plugin/stage.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

/// Trial processes that are there now.
std::size_t trials() {
  std::size_t found = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const auto line = read_whole_file(entry.path() / "cmdline");
    if (line.find("plugin-trial") != std::string::npos) ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("faulty plug-ins leave the old one serving") {
  const PluginStage stage;
  auto host = stage.host({plugin_file("good_1"), "--trial-limit", "2s"});
  Crowd crowd(stage.path(), false);
  struct Fault {
    const char* file;
    const char* why;
  };
  for (const auto& [file, why] : {Fault{"fails_3", "no database"},
                                  {"crashes_3", "crashed in its trial: signal 6"},
                                  {"hangs_3", "did not answer in its trial"},
                                  {"other_abi_3", "plug-in ABI 99"},
                                  {"other_types_3", "other types"},
                                  {"lacks_3", "lacks the command 'tally.block'"},
                                  {"sick_3", "not healthy: its probe said 5"},
                                  {"crashes_at_end_3", "crashed in its trial"}}) {
    INFO(file);
    const auto ran = stage.tool({"reload", "tally", plugin_file(file)});
    INFO(ran.out << ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.err.find(why) != std::string::npos);
    CHECK(ran.err.find("goes on as it was") != std::string::npos);
    const auto failed = stage.rows("failed");
    REQUIRE_FALSE(failed.empty());
    CHECK(failed.back()["note"].get<std::string>().find(why) != std::string::npos);
    REQUIRE(stage.rows("active").size() == 1);
    CHECK(stage.rows("active")[0]["version"] == "1");
  }
  CHECK(stage.version_that_answers() == 1);
  CHECK(crowd.finish() > 0);
  CHECK(stage.book().wrong == 0);
  CHECK(trials() == 0);
  // And after all that a good one is welcome.
  CHECK(stage.tool({"reload", "tally", plugin_file("good_2")}).code == 0);
  CHECK(stage.version_that_answers() == 2);
}

TEST_CASE("files that are no plug-ins, or not to be trusted, are refused") {
  const PluginStage stage;
  auto host = stage.host({plugin_file("good_1")});
  const auto refused = [&](const std::string& path, const std::string& why) {
    const auto ran = stage.tool({"reload", "tally", path});
    INFO(ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.err.find(why) != std::string::npos);
  };
  const auto text = stage.folder() + "/text.so";
  std::ofstream(text) << "not an object";
  refused(text, "cannot be loaded");
  const auto open_to_all = stage.folder() + "/open.so";
  std::filesystem::copy_file(plugin_file("good_2"), open_to_all);
  ::chmod(open_to_all.c_str(), 0666);
  refused(open_to_all, "can be written by everybody");
  refused(stage.folder(), "");
  CHECK(stage.tool({"reload", "tally", stage.folder() + "/none.so"}).code == 13);
  CHECK(stage.tool({"reload", "nobody", plugin_file("good_2")}).code == 1);
  CHECK(stage.tool({"reload", "other/tally", plugin_file("good_2")}).code == 1);
  CHECK(stage.version_that_answers() == 1);
}

TEST_CASE("a host does not start with a plug-in that fails, unless it is told to") {
  const PluginStage stage;
  CHECK(stage.host({plugin_file("fails_3")}, false).wait(20s) == 11);
  auto host = stage.host({plugin_file("fails_3"), plugin_file("good_1"), "--keep-going"});
  CHECK(stage.rows("failed").size() == 1);
  CHECK(stage.version_that_answers() == 1);
  // The label of a host is its own.
  CHECK(stage.host({plugin_file("good_2"), "--label", "host"}, false).wait(20s) != 0);
}

TEST_CASE("killed at many moments of a reload, a host is followed by another") {
  const PluginStage stage;
  std::uint64_t sequence = 0;
  for (int round = 0; round < 12; ++round) {
    INFO("round " << round);
    auto host = stage.host({plugin_file("good_1")});
    Bus bus = open_when_served(stage.path(), "tally.count");
    auto caller = bus.caller<Count>({.when_vacant = WhenVacant::wait});
    REQUIRE_OK(caller);
    REQUIRE_OK(caller->call({.caller = 1, .sequence = sequence++}, 10s));
    Child reloading([&] {
      return stage.tool({"reload", "tally", plugin_file("slow_3"), "--timeout", "5s"}).code;
    });
    nap(std::chrono::milliseconds(100 * round));  // trial, init, switch: about a second
    host.kill();
    // Sent while nobody serves: the next host runs it.
    auto waiting = caller->start({.caller = 1, .sequence = sequence++}, 30s);
    REQUIRE_OK(waiting);
    auto next = stage.host({plugin_file("good_2")});
    const auto answer = waiting->wait();
    REQUIRE_OK(answer);
    CHECK((*answer)->version == 2);
    (void)reloading.wait(20s);
    CHECK(eventually([] { return trials() == 0; }, 5s));
  }
  CHECK(stage.book().wrong == 0);
}

TEST_CASE("one that is well in its trial and hangs in the host stops reloads, not the traffic") {
  const PluginStage stage;
  auto host = stage.host({plugin_file("good_1")});
  Crowd crowd(stage.path(), false);
  CHECK(stage.tool({"reload", "tally", plugin_file("stuck_3"), "--timeout", "2s"}).code == 3);
  CHECK(stage.rows("loaded").size() == 1);
  const auto before = crowd.answered();
  CHECK(eventually([&] { return crowd.answered() > before + 1000; }, 20s));
  CHECK(crowd.finish() > 0);
  CHECK(stage.version_that_answers() == 1);
  host.signal(SIGTERM);
  CHECK(host.wait(30s) == ended_by(SIGALRM));
}
