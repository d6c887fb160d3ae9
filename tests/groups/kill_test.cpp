// Members that are killed between any two steps of joining, taking over and leaving: their fellows
// and the process that joins next go on, and every command runs once or is told.
#include <csignal>
#include <cstring>

#include "base/testpoint.hpp"
#include "groups/oracle.hpp"
#include "support/catch.hpp"
#include "support/census.hpp"
#include "words/members.hpp"

#if defined(SHMBUS_TESTPOINTS)

using namespace shmbus;
using namespace std::chrono_literals;
using test::Oracle;
using test::Work;

namespace {

constexpr Registration in_group{.sharing = Sharing::group};
const char* killed_at = nullptr;  // set before the fork

void arm() {
  testpoint::hook = [](const char* name) {
    if (std::strcmp(name, killed_at) == 0) ::raise(SIGKILL);
  };
}

test::Child doomed_member(const std::string& path, Oracle& oracle, std::uint32_t me,
                          const char* point, const Registration& how = in_group) {
  killed_at = point;
  return test::member(path, oracle, me, 0us, how, arm);
}

std::size_t words_in_use(const segment::View& view) {
  const auto members = names::load_members(view, 0);
  return static_cast<std::size_t>(std::count_if(members.word.begin(), members.word.end(),
                                                [](auto word) { return word.bound(); }));
}

}  // namespace

TEST_CASE("a joiner is killed between two steps", "[groups]") {
  const char* const point = GENERATE("member.endpoint", "member.joined", "member.announced");
  INFO(point);
  test::TempBus path;
  test::Shared<Oracle> oracle;
  const auto first = test::member(path.path(), *oracle, 0);
  auto bus = test::open_when_served(path.path(), "work");
  const auto watcher = test::join(path.path());
  auto caller = test::caller_of(bus, "work");
  std::uint64_t room = 0;
  for (std::uint32_t round = 1; round <= 3; ++round) {
    auto joiner = doomed_member(path.path(), *oracle, round, point);
    CHECK(joiner.wait() == test::ended_by(SIGKILL));
    for (std::uint32_t i = 0; i < 20; ++i) {
      const std::uint32_t command = oracle->next++;
      const auto done = caller.call(test::raw(Work{command, 0, i}), test::raw(room), 10s);
      CHECK_OK(done);
      CHECK(oracle->ran[command] == 1);
    }
  }
  (void)bus.reclaim();
  CHECK(test::eventually([&] { return words_in_use(watcher->view()) == 1; }));
  CHECK(test::eventually([&] { return test::census(watcher->view()).endpoints == 1; }));
  const auto last = test::member(path.path(), *oracle, 4);
  CHECK(test::joined(*oracle, 4));
}

TEST_CASE("a founder is killed before it has the name", "[groups]") {
  test::TempBus path;
  test::Shared<Oracle> oracle;
  auto founder = doomed_member(path.path(), *oracle, 0, "member.found");
  CHECK(founder.wait() == test::ended_by(SIGKILL));
  const auto next = test::member(path.path(), *oracle, 1);
  auto bus = test::open_when_served(path.path(), "work");
  std::uint64_t room = 0;
  CHECK_OK(test::caller_of(bus, "work").call(test::raw(Work{0, 0, 0}), test::raw(room)));
}

TEST_CASE("a canary is killed between two steps of registering", "[canary]") {
  const char* const point = GENERATE("member.endpoint", "member.routed", "member.joined");
  INFO(point);
  test::TempBus path;
  test::Shared<Oracle> oracle;
  const auto owner = test::member(path.path(), *oracle, 0, 0us, {});
  auto bus = test::open_when_served(path.path(), "work");
  auto canary = doomed_member(path.path(), *oracle, 1, point, {.sharing = Sharing::canary});
  CHECK(canary.wait() == test::ended_by(SIGKILL));
  auto caller = test::caller_of(bus, "work");
  std::uint64_t room = 0;
  CHECK_OK(caller.call(test::raw(Work{0, 0, 0}), test::raw(room)));
  const auto again = test::member(path.path(), *oracle, 2, 0us, {.sharing = Sharing::canary});

  CHECK(test::joined(*oracle, 2));
  CHECK_OK(caller.call(test::raw(Work{1, 0, 1}), test::raw(room)));
}

TEST_CASE("whoever takes over from the dead is killed over it", "[groups]") {
  const char* const point = GENERATE("member.endpoint_taken", "member.taken_over", "member.leaving",
                                     "member.released", "member.rebound", "member.unrouted");
  const bool founder_dies = GENERATE(true, false);
  INFO(point << (founder_dies ? ", the founder dies" : ", another dies"));
  test::TempBus path;
  test::Shared<Oracle> oracle;
  oracle->hold = true;  // the first two stay in their first command
  test::Child held[2] = {test::member(path.path(), *oracle, 0), {}};
  REQUIRE(test::joined(*oracle, 0));
  held[1] = test::member(path.path(), *oracle, 1);
  REQUIRE(test::joined(*oracle, 1));
  auto bus = test::open_when_served(path.path(), "work");
  auto caller = test::caller_of(bus, "work");
  constexpr std::uint32_t calls = 30;
  std::vector<Pending> under_way;
  for (std::uint32_t i = 0; i < calls; ++i) {
    auto pending = caller.start(test::raw(Work{i, 0, i}), 8, 30s);
    REQUIRE_OK(pending);
    under_way.push_back(std::move(*pending));
  }
  REQUIRE(test::eventually([&] { return oracle->by[0] == 1 && oracle->by[1] == 1; }));
  auto doomed = doomed_member(path.path(), *oracle, 2, point);
  REQUIRE(test::joined(*oracle, 2));
  oracle->hold = false;  // of those who have not looked yet: at most the two
  held[founder_dies ? 0 : 1].kill();
  test::nap(800ms);  // longer than an endpoint is kept that was taken over
  const auto next = test::member(path.path(), *oracle, 3);
  REQUIRE(test::joined(*oracle, 3));
  std::uint32_t unknown = 0;
  for (std::uint32_t i = 0; i < calls; ++i) {
    const auto reply = under_way[i].wait();
    if (reply) {
      CHECK(oracle->ran[i] == 1);
      continue;
    }
    INFO(i << " " << test::describe(reply.error()));
    CHECK(reply.error().kind == ErrorKind::handler_died_after_start);
    CHECK(oracle->ran[i] <= 1);
    ++unknown;
  }
  CHECK(unknown <= 2);
  std::uint64_t room = 0;
  CHECK_OK(caller.call(test::raw(Work{calls, 0, calls}), test::raw(room)));
}

#endif
