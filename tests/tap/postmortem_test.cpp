// What is left of a process that was killed in the middle of a command: before anybody has taken
// back what it held, afterwards, and after another has taken its slot.
#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "recovery/participant.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::test;
using nlohmann::json;

namespace {

struct Marks {
  std::atomic<bool> inside{false};
};

Setup hangs(Marks& marks) {
  return handlers(
      {{"quick", [](Context& c) { return answer(c, c.request()); }}, {"hang", [&](Context&) {
                                                                        marks.inside = true;
                                                                        nap(60s);
                                                                        return Status::ok();
                                                                      }}});
}

json postmortem_of(const std::string& bus, pid_t pid) {
  const auto ran = run_tool({"postmortem", std::to_string(pid), "--json", "--bus", bus});
  INFO(ran.out << ran.err);
  REQUIRE(ran.code == 0);
  const auto all = json::parse(ran.out);
  REQUIRE(all.size() == 1);
  return all[0];
}

bool served(const json& one, const std::string& name) {
  for (const auto& event : one["events"]) {
    if (event["event"] == "served" && event["name"] == name) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a handler killed inside a command") {
  const TempBus place;
  const Shared<Marks> marks;
  auto handler = handler_process(place.path(), hangs(*marks), {.label = "works"});
  auto bus = open_when_served(place.path(), "hang");
  auto quick = caller_of(bus, "quick");
  std::uint64_t reply = 0;
  for (int i = 0; i < 5; ++i) {
    CHECK(quick.call(raw(reply), raw(reply)));
    nap(5ms);  // it sleeps in between: what wakes it is always recorded
  }
  auto hang = caller_of(bus, "hang");
  auto pending = hang.start(bytes_of("the last words"), 0);
  REQUIRE(pending);
  REQUIRE(eventually([&] { return marks->inside.load(); }));
  const pid_t pid = handler.pid();

  // It lives: what it runs just now.
  auto one = postmortem_of(place.path(), pid);
  CHECK(one["alive"] == true);

  handler.kill();
  one = postmortem_of(place.path(), pid);
  CHECK(one["alive"] == false);
  CHECK(one["reclaimed"] == false);
  REQUIRE(one["running"].size() == 1);
  CHECK(one["running"][0]["name"] == "hang");
  CHECK(one["running"][0]["bytes_in"] == 14);
  CHECK(one["running"][0]["request_hex"] == "746865206c61737420776f726473");
  CHECK(served(one, "quick"));

  // The caller finds out, and what the dead held is taken back.
  const auto told = pending->wait();
  REQUIRE_FALSE(told);
  CHECK(told.error().kind == ErrorKind::handler_died_after_start);
  const auto core = join(place.path());
  (void)recovery::reclaim_all(core->attachment());
  one = postmortem_of(place.path(), pid);
  CHECK(one["running"].empty());
  REQUIRE(one["failed"].size() == 1);
  CHECK(one["failed"][0]["name"] == "hang");
  CHECK(one["failed"][0]["outcome"] == "handler-died");
  CHECK(one["failed"][0]["caller"]["label"] == "test");
  CHECK(one["failed"][0]["request_hex"] == "746865206c61737420776f726473");
  CHECK(served(one, "quick"));
  CHECK(one["label"] == "handler process");

  // Another sits there now.
  const auto successor = handler_process(place.path(), hangs(*marks));
  CHECK(bus.wait_until_available("hang", 10s));
  one = postmortem_of(place.path(), pid);
  CHECK(one["failed"].size() == 1);
  const auto text = run_tool({"postmortem", "--bus", place.path()});
  INFO(text.out);
  CHECK(text.code == 0);
  CHECK(text.out.find("hang from test[" + std::to_string(::getpid())) != std::string::npos);
  CHECK(text.out.find("its caller got: handler-died") != std::string::npos);
  CHECK(text.out.find(std::to_string(pid)) != std::string::npos);
  CHECK(text.out.find("[" + std::to_string(successor.pid()) + "]") == std::string::npos);

  // A copy of the file tells the same, wherever it is read.
  const TempFolder folder;
  const std::string copy = folder.path() + "/copy";
  std::filesystem::copy_file(place.path(), copy);
  const auto from_copy = run_tool({"postmortem", copy});
  INFO(from_copy.out << from_copy.err);
  CHECK(from_copy.code == 0);
  CHECK(from_copy.out.find("its caller got: handler-died") != std::string::npos);
}

TEST_CASE("what a crash left outlives those who left in good order") {
  const TempBus place;
  { CHECK_OK(Bus::open(place.path(), small_bus())); }  // 8 slots
  const Shared<Marks> marks;
  auto handler = handler_process(place.path(), hangs(*marks), {.label = "works"});
  const pid_t pid = handler.pid();
  {
    auto bus = open_when_served(place.path(), "hang");
    auto quick = caller_of(bus, "quick");
    std::uint64_t reply = 0;
    for (int i = 0; i < 5; ++i) {
      CHECK(quick.call(raw(reply), raw(reply)));
      nap(5ms);
    }
    auto pending = caller_of(bus, "hang").start(bytes_of("the last words"), 0);
    REQUIRE(eventually([&] { return marks->inside.load(); }));
    handler.kill();
    REQUIRE_OK(pending);
    CHECK(kind(pending->wait()) == ErrorKind::handler_died_after_start);
    CHECK_OK(bus.reclaim());
  }
  for (int i = 0; i < 40; ++i) {  // each slot has room for 32 events
    auto bus = Bus::open(place.path());
    REQUIRE_OK(bus);
    CHECK(kind(caller_of(*bus, "quick").call({}, {})) == ErrorKind::not_registered);
  }
  // When all slots are those of the dead, the oldest story goes first.
  const auto one = postmortem_of(place.path(), pid);
  REQUIRE(one["failed"].size() == 1);
  CHECK(one["failed"][0]["name"] == "hang");
  CHECK(served(one, "quick"));
  for (int i = 0; i < 7; ++i) {
    Child crash([&] {
      auto bus = Bus::open(place.path());
      ::raise(SIGKILL);
      return 0;
    });
    CHECK(crash.wait() == ended_by(SIGKILL));
    CHECK_OK(Bus::open(place.path())->reclaim());
  }
  CHECK_OK(Bus::open(place.path()));  // there is always a slot
}

TEST_CASE("a pid that nobody knows, and a bus where nobody has died") {
  const TempBus place;
  const auto core = join(place.path());
  CHECK(run_tool({"postmortem", "999999", "--bus", place.path()}).code == 13);
  const auto nobody = run_tool({"postmortem", "--bus", place.path()});
  CHECK(nobody.code == 0);
  CHECK(nobody.out.find("nobody has died here") != std::string::npos);
}
