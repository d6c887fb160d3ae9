// A hundred reloads under load: nothing is lost, nothing leaks, and what the tool shows meanwhile
// is the state machine of cli/host/host.hpp.
#include <csignal>
#include <cstdio>

#include "plugin/stage.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

/// Reloads in turns, through the bus, as the tool does.
void reload(const PluginStage& stage, int number) {
  const auto to = plugin_file(number % 2 == 0 ? "good_2" : "good_1");
  const auto done = stage.tool_json({"reload", "tally", to, "--drain", "10s"});
  INFO(number << ": " << done.dump());
  REQUIRE(done.value("switched", false));
  REQUIRE(done["old"] == "unloaded");
}

}  // namespace

TEST_CASE("a plug-in serves, and the tool says so") {
  const PluginStage stage;
  auto host = stage.host({plugin_file("good_1")});
  CHECK(stage.version_that_answers() == 1);
  const auto rows = stage.rows();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["name"] == "tally");
  CHECK(rows[0]["version"] == "1");
  CHECK(rows[0]["state"] == "active");
  CHECK(rows[0]["commands"] == 3);
  CHECK(rows[0]["calls"] == 1);
  CHECK(rows[0]["path"] == plugin_file("good_1"));
  CHECK(stage.tool({"plugins"}).out.find("active") != std::string::npos);
  CHECK(stage.tool({"plugins", "--names"}).out == "host/tally\n");
  // Its types are on the bus like those of any other command.
  CHECK(stage.tool({"describe", "tally.count"}).out.find("sequence") != std::string::npos);
  // So are the control commands of the host.
  CHECK(stage.tool({"ls", "--names"}).out.find("shmbus.host.host.reload") != std::string::npos);
  host.signal(SIGTERM);
  CHECK(host.wait(10s) == 0);
  CHECK(stage.rows().empty());
}

TEST_CASE("a hundred reloads under load lose nothing and leak nothing") {
  const PluginStage stage;
  auto host = stage.host({plugin_file("good_1")});
  Crowd crowd(stage.path(), true);
  REQUIRE(eventually([&] { return crowd.answered() > 100; }, 20s));
  for (int i = 0; i < 10; ++i) reload(stage, i);  // what is made once is made now
  const Held before = held_by(host.pid());
  for (int i = 10; i < 110; ++i) reload(stage, i);
  const Held after = held_by(host.pid());
  const auto total = crowd.finish();
  CHECK(stage.book().wrong == 0);
  std::printf(
      "110 reloads, %llu commands; host before and after 100 of them: %zu, %zu mappings, "
      "%zu, %zu descriptors, %zu, %zu threads, %zu, %zu KiB\n",
      static_cast<unsigned long long>(total), before.mappings, after.mappings, before.descriptors,
      after.descriptors, before.threads, after.threads, before.anonymous_kib, after.anonymous_kib);
  CHECK(after.descriptors == before.descriptors);
  CHECK(after.threads == before.threads);
  CHECK(after.mappings <= before.mappings + 4);  // the heap and thread stacks come and go
  CHECK(after.anonymous_kib <= before.anonymous_kib + 1024);
  const auto rows = stage.rows();
  CHECK(rows.size() <= 4);  // one that serves, and the last three that did
  CHECK(stage.rows("active").size() == 1);
  CHECK(stage.rows("active")[0]["generation"] == 111);
  CHECK(stage.version_that_answers() == 1);
}

TEST_CASE("the states of a plug-in, as the tool shows them") {
  const PluginStage stage;
  auto host = stage.host({plugin_file("good_1")});
  Bus bus = open_when_served(stage.path(), "tally.count");
  RawCaller later = caller_of(bus, "tally.later");
  const std::uint64_t owed_ms = 3'000;
  auto owed = later.start(raw(owed_ms), 8, 30s);
  REQUIRE_OK(owed);
  RawCaller block = caller_of(bus, "tally.block");
  Ran reloaded;
  std::thread reloading([&] {
    reloaded = stage.tool({"reload", "tally", plugin_file("slow_3"), "--drain", "0s"});
  });
  const auto becomes = [&](const std::string& state) {
    return eventually([&] { return !stage.rows(state).empty(); }, 20s);
  };
  CHECK(becomes("loaded"));  // its init takes 400 ms, twice
  CHECK(stage.rows("active").size() == 1);
  // While a handler runs, nothing is switched: the new one stays ready.
  const std::uint64_t block_ms = 1'500;
  auto blocked = block.start(raw(block_ms), 8, 30s);
  REQUIRE_OK(blocked);
  CHECK(becomes("ready"));
  CHECK_OK(blocked->wait());
  CHECK(becomes("draining"));
  const auto draining = stage.rows("draining");
  REQUIRE(draining.size() == 1);
  CHECK(draining[0]["version"] == "1");
  CHECK(draining[0]["deferred"] == 1);
  CHECK(stage.version_that_answers() == 3);
  const auto answer = owed->wait();  // by the one that deferred it
  REQUIRE_OK(answer);
  CHECK(number_in<std::uint64_t>(answer->bytes()) == 1);
  CHECK(becomes("unloaded"));
  reloading.join();
  CHECK(reloaded.code == 0);
  CHECK(reloaded.out.find("the old one: draining") != std::string::npos);
  CHECK(stage.rows("active")[0]["version"] == "3");
}

TEST_CASE("the same path is loaded again when its file was replaced") {
  const PluginStage stage;
  const auto path = stage.folder() + "/tally.so";
  std::filesystem::copy_file(plugin_file("good_1"), path);
  auto host = stage.host({path});
  std::filesystem::remove(path);
  std::filesystem::copy_file(plugin_file("good_2"), path);
  CHECK(stage.version_that_answers() == 1);
  const auto ran = stage.tool({"reload", "host/tally"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(stage.version_that_answers() == 2);
}

TEST_CASE("a plug-in may grow: more commands, optional members") {
  const PluginStage stage;
  auto host = stage.host({plugin_file("good_1")});
  const auto ran = stage.tool({"reload", "tally", plugin_file("grown_3")});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(stage.version_that_answers() == 3);  // by a caller that knows the old types
  CHECK(stage.tool({"describe", "tally.count"}).out.find("more") != std::string::npos);
  CHECK(stage.tool({"ls", "--names"}).out.find("tally.more") != std::string::npos);
}
