// A handler on trial beside the owner of a name: who calls it, and that callers which are moved
// from one to the other lose nothing and keep their order.
#include <csignal>
#include <cstring>

#include "base/testpoint.hpp"
#include "groups/oracle.hpp"
#include "names/route.hpp"
#include "support/catch.hpp"
#include "support/tool.hpp"
#include "words/members.hpp"
#include "words/table.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Oracle;
using test::Work;
using Rule = layout::RouteWord::Rule;

namespace {

constexpr Registration on_trial{.sharing = Sharing::canary};
constexpr std::uint32_t callers_max = 32;
constexpr std::uint32_t elder = 0;
constexpr std::uint32_t canary = 1;

struct Play {
  Oracle oracle;
  std::array<std::atomic<std::uint32_t>, callers_max> last{};     ///< number of the newest that ran
  std::array<std::atomic<std::uint32_t>, callers_max> sent{};     ///< by the caller
  std::array<std::atomic<std::uint32_t>, callers_max> failed{};   ///< that the caller was told
  std::array<std::atomic<std::uint32_t>, callers_max> handler{};  ///< who answered last
};

/// Notes whether commands of one caller come in order, the process that runs them.
test::Child handler(const std::string& path, Play& play, std::uint32_t me,
                    const Registration& how = {}, std::chrono::microseconds busy = 20us) {
  return test::Child([&, me, how, busy] {
    return test::serve_work(path, play.oracle, me, how, [&play, me, busy](Context& c) {
      const auto work = test::number_in<Work>(c.request());
      play.oracle.note(work.command, me);
      auto& last = play.last[work.caller];
      if (work.number != last + 1) ++play.oracle.wrong;
      last = work.number;
      test::nap(busy);
      return test::answer(c, test::raw(me));
    });
  });
}

/// Keeps five commands under way, one of them one-way.
test::Child caller(const std::string& path, Play& play, std::uint32_t me,
                   const std::string& label = "caller") {
  return test::Child([&, me, label] {
    auto bus = Bus::open(path, {.label = label});
    if (!bus) return 20;
    auto work = bus->caller("work");
    if (!work) return 21;
    std::uint32_t number = 0;
    while (!play.oracle.stop) {
      std::vector<Pending> under_way;
      for (int i = 0; i < 5; ++i) {
        const Work one{play.oracle.next++, me, ++number};
        if (i == 2) {
          if (!work->send(test::raw(one))) ++play.failed[me];
          continue;
        }
        auto pending = work->start(test::raw(one), 8, 10s);
        if (pending) {
          under_way.push_back(std::move(*pending));
        } else {
          ++play.failed[me];
        }
      }
      for (auto& pending : under_way) {
        const auto reply = pending.wait();
        if (!reply) {
          ++play.failed[me];
        } else {
          play.handler[me] = test::number_in<std::uint32_t>(reply->bytes());
        }
      }
      play.sent[me] = number;
    }
    return test::eventually([&] { return play.last[me] == number; }, 10s) ? 0 : 22;
  });
}

/// How many of the callers were answered by the canary in their latest round.
std::uint32_t at_canary(Play& play, std::uint32_t callers) {
  std::array<std::uint32_t, callers_max> before{};
  for (std::uint32_t i = 0; i < callers; ++i) before[i] = play.sent[i];
  REQUIRE(test::eventually(
      [&] {
        for (std::uint32_t i = 0; i < callers; ++i) {
          if (play.sent[i] < before[i] + 10) return false;  // two rounds
        }
        return true;
      },
      20s));
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < callers; ++i) count += play.handler[i] == canary ? 1 : 0;
  return count;
}

void route(const std::string& path, std::vector<std::string> change) {
  std::vector<std::string> arguments{"--bus", path, "route", "work"};
  arguments.insert(arguments.end(), change.begin(), change.end());
  const auto ran = test::run_tool(arguments);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
}

void check_books(Play& play, std::uint32_t callers) {
  CHECK(play.oracle.wrong == 0);
  std::uint32_t failed = 0;
  for (std::uint32_t i = 0; i < callers; ++i) failed += play.failed[i];
  CHECK(failed == 0);
  std::uint32_t not_once = 0;
  for (std::uint32_t i = 0; i < play.oracle.next; ++i) not_once += play.oracle.ran[i] == 1 ? 0 : 1;
  CHECK(not_once == 0);
}

}  // namespace

TEST_CASE("callers move to the canary and back under load: nothing lost, order kept", "[canary]") {
  test::TempBus path;
  test::Shared<Play> play;
  const auto old_one = handler(path.path(), *play, elder);
  REQUIRE(test::joined(play->oracle, elder));
  const auto new_one = handler(path.path(), *play, canary, on_trial);
  REQUIRE(test::joined(play->oracle, canary));
  constexpr std::uint32_t callers = 8;
  std::vector<test::Child> all;
  for (std::uint32_t i = 0; i < callers; ++i) {
    all.push_back(caller(path.path(), *play, i, i == 3 ? "batch" : "caller"));
  }
  CHECK(at_canary(*play, callers) == 0);
  route(path.path(), {"--canary", "30%"});
  const auto some = at_canary(*play, callers);
  INFO(some << " callers at 30 %");
  CHECK(some >= 1);
  CHECK(some <= 4);
  CHECK(at_canary(*play, callers) == some);  // the same ones
  route(path.path(), {"--canary", "100%"});
  CHECK(at_canary(*play, callers) == callers);
  route(path.path(), {"--label", "batch"});
  CHECK(at_canary(*play, callers) == 1);
  CHECK(play->handler[3] == canary);
  route(path.path(), {"--rollback"});
  CHECK(at_canary(*play, callers) == 0);
  route(path.path(), {"--promote"});
  CHECK(at_canary(*play, callers) == callers);
  route(path.path(), {"--rollback"});
  CHECK(at_canary(*play, callers) == 0);
  route(path.path(), {"--promote"});
  CHECK(at_canary(*play, callers) == callers);
  play->oracle.stop = true;
  for (auto& one : all) CHECK(one.wait() == 0);
  check_books(*play, callers);
}

TEST_CASE("once promoted, the former owner may go, and another canary come", "[canary]") {
  test::TempBus path;
  test::Shared<Play> play;
  auto old_one = handler(path.path(), *play, elder);
  REQUIRE(test::joined(play->oracle, elder));
  const auto new_one = handler(path.path(), *play, canary, on_trial);
  REQUIRE(test::joined(play->oracle, canary));
  constexpr std::uint32_t callers = 3;
  std::vector<test::Child> all;
  for (std::uint32_t i = 0; i < callers; ++i) all.push_back(caller(path.path(), *play, i));
  (void)at_canary(*play, callers);
  route(path.path(), {"--promote"});
  CHECK(at_canary(*play, callers) == callers);
  play->oracle.leave[elder] = true;
  CHECK(old_one.wait() == 0);
  CHECK(at_canary(*play, callers) == callers);
  // The promoted one is the owner like any other.
  auto bus = test::open_when_served(path.path(), "work");
  CHECK(test::eventually(
      [&] {
        const auto watcher = test::join(path.path());
        const auto members = names::load_members(watcher->view(), 0);
        return members.word[0].bound() && !members.routed() && members.route.bits != 0;
      },
      5s));
  auto server = bus.serve();
  CHECK(test::kind(server->on("work", [](Context&) { return Status::ok(); })) ==
        ErrorKind::already_registered);
  CHECK_OK(server->on(
      "work", [](Context&) { return Status::ok(); }, on_trial));
  CHECK(at_canary(*play, callers) == callers);
  play->oracle.stop = true;
  for (auto& one : all) CHECK(one.wait() == 0);
  check_books(*play, callers);
}

TEST_CASE("a canary that is killed costs what it had begun, and no more", "[canary]") {
  test::TempBus path;
  test::Shared<Play> play;
  const auto old_one = handler(path.path(), *play, elder);
  REQUIRE(test::joined(play->oracle, elder));
  auto new_one = handler(path.path(), *play, canary, on_trial);
  REQUIRE(test::joined(play->oracle, canary));
  constexpr std::uint32_t callers = 4;
  std::vector<test::Child> all;
  for (std::uint32_t i = 0; i < callers; ++i) all.push_back(caller(path.path(), *play, i));
  (void)at_canary(*play, callers);
  route(path.path(), {"--canary", "100%"});
  CHECK(at_canary(*play, callers) == callers);
  new_one.kill();
  CHECK(at_canary(*play, callers) == 0);
  play->oracle.stop = true;
  for (auto& one : all) CHECK(one.wait() == 0);
  std::uint32_t failed = 0;
  for (std::uint32_t i = 0; i < callers; ++i) failed += play->failed[i];
  CHECK(failed <= 1);  // one command ran there when it was killed
  std::uint32_t twice = 0;
  for (std::uint32_t i = 0; i < play->oracle.next; ++i) {
    twice += play->oracle.ran[i] > 1 ? 1 : 0;
    if (play->oracle.ran[i] == 0) ++twice;
  }
  CHECK(twice == 0);
  CHECK(play->oracle.wrong == 0);
}

#if defined(SHMBUS_TESTPOINTS)
TEST_CASE("whoever changes a route may be killed at any step of it", "[canary]") {
  const char* const point = GENERATE("route.decided", "route.changed", "route.announced");
  test::TempBus path;
  test::Shared<Play> play;
  const auto old_one = handler(path.path(), *play, elder);
  REQUIRE(test::joined(play->oracle, elder));
  const auto new_one = handler(path.path(), *play, canary, on_trial);
  REQUIRE(test::joined(play->oracle, canary));
  constexpr std::uint32_t callers = 3;
  std::vector<test::Child> all;
  for (std::uint32_t i = 0; i < callers; ++i) all.push_back(caller(path.path(), *play, i));
  (void)at_canary(*play, callers);
  static const char* wanted = nullptr;
  wanted = point;
  test::Child changer([&] {
    testpoint::hook = [](const char* name) {
      if (std::strcmp(name, wanted) == 0) ::raise(SIGKILL);
    };
    const auto bus = test::join(path.path());
    (void)names::promote(bus->attachment(), 0);
    return 0;
  });
  CHECK(changer.wait() == test::ended_by(SIGKILL));
  test::nap(700ms);  // those who serve the name have looked
  const bool before = std::string_view(point) == "route.decided";
  CHECK(at_canary(*play, callers) == (before ? 0 : callers));
  if (before) route(path.path(), {"--promote"});
  CHECK(at_canary(*play, callers) == callers);
  play->oracle.stop = true;
  for (auto& one : all) CHECK(one.wait() == 0);
  check_books(*play, callers);
}
#endif

TEST_CASE("the tool shows members, roles and shares, and refuses what makes no sense", "[canary]") {
  test::TempBus path;
  test::Shared<Play> play;
  const auto old_one = handler(path.path(), *play, elder);
  REQUIRE(test::joined(play->oracle, elder));
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--bus", path.path()});
    return test::run_tool(std::move(arguments));
  };
  CHECK(run({"route", "work"}).out.find("no canary") != std::string::npos);
  CHECK(run({"route", "work", "--promote"}).code == 1);
  CHECK(run({"route", "work", "--canary", "lots"}).code == 64);
  CHECK(run({"route", "nobody's"}).code == 1);
  const auto new_one = handler(path.path(), *play, canary, on_trial);
  REQUIRE(test::joined(play->oracle, canary));
  CHECK(run({"route", "work", "--canary", "25%"}).out.find("25 %") != std::string::npos);
  const auto json = run({"--json", "describe", "work"}).out;
  CHECK(json.find("\"canary\"") != std::string::npos);
  CHECK(json.find("\"handler1\"") != std::string::npos);
  CHECK(run({"describe", "work"}).out.find("canary") != std::string::npos);
  CHECK(run({"ls"}).out.find("+1") != std::string::npos);
  CHECK(run({"doctor"}).out.find("member") == std::string::npos);
}
