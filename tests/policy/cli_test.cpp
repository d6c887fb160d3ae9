// shmbus policy: set, show, clear.
#include <nlohmann/json.hpp>

#include "policy/policy_process.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::test;
using namespace std::chrono_literals;

namespace {

Ran run_policy(const std::string& bus, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--bus", bus, "policy"});
  return run_tool(std::move(arguments));
}

}  // namespace

TEST_CASE("shmbus policy changes what was said and leaves the rest", "[policy]") {
  TempBus path;
  const auto owner = worker_process(path.path());
  auto bus = open_when_served(path.path(), "work");
  auto caller = caller_of(bus, "work");
  REQUIRE_OK(call(caller));
  CHECK(run_policy(path.path(), {"show"}).out == "no name has a policy\n");

  const auto set = run_policy(path.path(), {"set", "work", "--rate", "10/m", "--burst", "1",
                                            "--deadline", "250ms", "--breaker", "50%"});
  INFO(set.err);
  REQUIRE(set.code == 0);
  CHECK(set.out ==
        "work: deadline 250ms, rate 10/m burst 1, breaker at 50% of 20 calls or more in 10s, open "
        "for 5.0s\n");
  CHECK_OK(call(caller));
  CHECK(kind(call(caller)) == ErrorKind::overloaded);

  REQUIRE(run_policy(path.path(), {"set", "work", "--rate", "none", "--outstanding", "9"}).code ==
          0);
  const auto now = bus.policy("work");
  REQUIRE_OK(now);
  CHECK(now->rate.commands == 0);
  CHECK(now->outstanding == 9);
  CHECK(now->deadline == 250ms);
  CHECK_OK(call(caller));

  const auto shown = run_policy(path.path(), {"show", "work", "--json"});
  REQUIRE(shown.code == 0);
  const auto json = nlohmann::json::parse(shown.out);
  REQUIRE(json.size() == 1);
  CHECK(json[0]["name"] == "work");
  CHECK(json[0]["outstanding"] == 9);
  CHECK(json[0]["breaker"]["failure_percent"] == 50);
  CHECK(json[0]["status"]["over_rate"] == 1);
  CHECK(json[0]["status"]["circuit"] == "closed");

  REQUIRE(run_policy(path.path(), {"set", "work", "--deny"}).code == 0);
  CHECK(kind(call(caller)) == ErrorKind::not_permitted);
  REQUIRE(run_policy(path.path(), {"set", "work", "--allow"}).code == 0);
  CHECK_OK(call(caller));
  REQUIRE(run_policy(path.path(), {"clear", "work"}).code == 0);
  CHECK(*bus.policy("work") == Policy{});
}

TEST_CASE("shmbus policy says what is wrong with an argument", "[policy]") {
  TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  CHECK(run_policy(path.path(), {"set", "work", "--rate", "often"}).code == 64);
  CHECK(run_policy(path.path(), {"set", "work", "--burst", "3"}).code == 64);
  CHECK(run_policy(path.path(), {"set", "work", "--breaker", "150%"}).code == 64);
  CHECK(run_policy(path.path(), {"set", "work", "--breaker-calls", "3"}).code == 64);
  CHECK(run_policy(path.path(), {"set", "work", "--deny", "--allow"}).code == 64);
  CHECK(run_policy(path.path(), {"show", "nobody"}).code == 1);
  CHECK(run_policy(path.path(), {}).code == 64);
  CHECK(run_policy(path.path(), {"set", "work", "--rate", "1/2h"}).code == 13);
}
