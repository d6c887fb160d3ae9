// Several processes serve one name: who gets what, and what becomes of it when one of them goes.
#include <algorithm>
#include <array>

#include "groups/oracle.hpp"
#include "support/catch.hpp"
#include "words/members.hpp"
#include "words/table.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Oracle;
using test::Work;

namespace {

constexpr Registration in_group{.sharing = Sharing::group};

Status echo(Context& c) { return test::answer(c, c.request()); }

names::Members members_of(const std::string& path) {
  const auto watcher = test::join(path);
  const auto record = names::find(watcher->view(), CommandName("work"));
  if (!record) return {};
  return names::load_members(watcher->view(), *record);
}

std::size_t endpoints_of(const std::string& path) {
  const auto members = members_of(path);
  return static_cast<std::size_t>(std::count_if(members.word.begin(), members.word.end(),
                                                [](auto word) { return word.bound(); }));
}

/// What a caller was told of each of its commands.
struct Told {
  std::uint32_t ok = 0;
  std::uint32_t never_ran = 0;
  std::uint32_t unknown = 0;  ///< died after it was started
  std::uint32_t lost = 0;     ///< one-way
  std::uint32_t wrong = 0;
};

void judge(Oracle& oracle, std::uint32_t command, const Result<ReplyView>& reply, Told& told) {
  const int ran = oracle.ran[command];
  if (reply) {
    ++told.ok;
    told.wrong += ran == 1 ? 0 : 1;
  } else if (may_have_started(reply.error())) {
    ++told.unknown;
    told.wrong += ran <= 1 ? 0 : 1;
  } else {
    ++told.never_ran;
    told.wrong += ran == 0 ? 0 : 1;
  }
}

/// Calls, several at a time, and sends one-way between them, until the oracle says stop. One-way
/// commands are numbered from the top down. Returns 0 if every outcome is what the oracle saw.
int call_for_ever(const std::string& path, Oracle& oracle, std::uint32_t me,
                  const CallerOptions& options) {
  auto bus = Bus::open(path, {.label = "caller"});
  if (!bus) return 20;
  auto caller = bus->caller("work", options);
  if (!caller) return 21;
  Told told;
  caller->on_lost([](void* user, std::uint64_t, ErrorKind) { ++static_cast<Told*>(user)->lost; },
                  &told);
  std::vector<std::uint32_t> sent;
  for (std::uint32_t round = 0; !oracle.stop; ++round) {
    std::vector<std::pair<std::uint32_t, Pending>> under_way;
    for (int i = 0; i < 4; ++i) {
      const std::uint32_t command = oracle.next++;
      if (command >= Oracle::commands_max) return 22;
      const Work work{command, me, round};
      if (i == 3) {
        const auto seq = caller->send(test::raw(work));
        if (seq) sent.push_back(command);
        continue;
      }
      auto pending = caller->start(test::raw(work), 8, 10s);
      if (pending) under_way.emplace_back(command, std::move(*pending));
    }
    for (auto& [command, pending] : under_way) judge(oracle, command, pending.wait(), told);
    test::nap(1ms);
  }
  const auto not_run = [&] {
    return static_cast<std::uint32_t>(std::count_if(
        sent.begin(), sent.end(), [&](std::uint32_t command) { return oracle.ran[command] == 0; }));
  };
  // Every one-way command ran, or is told. One that began and was cut off may be told, too.
  const bool all = test::eventually(
      [&] {
        (void)caller->flush();
        return not_run() <= told.lost;
      },
      10s);
  for (const std::uint32_t command : sent) told.wrong += oracle.ran[command] <= 1 ? 0 : 1;
  oracle.wrong += told.wrong;
  return all && told.wrong == 0 ? 0 : 23;
}

}  // namespace

TEST_CASE("three members share the calls, a slow one gets less", "[groups]") {
  test::TempBus path;
  test::Shared<Oracle> oracle;
  const auto first = test::member(path.path(), *oracle, 0, 100us);
  REQUIRE(test::joined(*oracle, 0));
  const auto second = test::member(path.path(), *oracle, 1, 100us);
  const auto slow = test::member(path.path(), *oracle, 2, 5ms);
  REQUIRE(test::joined(*oracle, 1));
  REQUIRE(test::joined(*oracle, 2));
  std::vector<test::Child> callers;
  for (std::uint32_t i = 0; i < 4; ++i) {
    callers.emplace_back([&, i] { return call_for_ever(path.path(), *oracle, i, {}); });
  }
  test::nap(1500ms);
  oracle->stop = true;
  for (auto& caller : callers) CHECK(caller.wait() == 0);
  const std::uint32_t by[] = {oracle->by[0], oracle->by[1], oracle->by[2]};
  INFO(by[0] << " " << by[1] << " " << by[2]);
  CHECK(by[0] + by[1] + by[2] > 200);
  CHECK(by[2] > 0);
  CHECK(by[0] > 2 * by[2]);
  CHECK(by[1] > 2 * by[2]);
  CHECK(by[0] < 4 * by[1]);
  CHECK(by[1] < 4 * by[0]);
}

TEST_CASE("one member is killed, one leaves, under load: each command runs once, or is told",
          "[groups]") {
  const auto mode = GENERATE(InGroup::least_busy, InGroup::pinned);
  test::TempBus path;
  test::Shared<Oracle> oracle;
  std::vector<test::Child> members;
  for (std::uint32_t i = 0; i < 3; ++i) {
    members.push_back(test::member(path.path(), *oracle, i, 50us));
    REQUIRE(test::joined(*oracle, i));
  }
  std::vector<test::Child> callers;
  for (std::uint32_t i = 0; i < 4; ++i) {
    callers.emplace_back(
        [&, i] { return call_for_ever(path.path(), *oracle, i, {.in_group = mode}); });
  }
  std::array<std::uint32_t, 3> number{0, 1, 2};
  std::uint32_t next = 3;
  const auto replace = [&](std::uint32_t i) {
    number[i] = next++;
    members[i] = test::member(path.path(), *oracle, number[i], 50us);
    REQUIRE(test::joined(*oracle, number[i]));
    test::nap(150ms);
  };
  for (std::uint32_t round = 0; round < 3; ++round) {
    test::nap(150ms);
    members[round].kill();  // the first of them has the binding
    test::nap(150ms);
    replace(round);
    const std::uint32_t leaver = (round + 1) % 3;
    oracle->leave[number[leaver]] = true;
    CHECK(members[leaver].wait() == 0);
    replace(leaver);
  }
  test::nap(200ms);
  oracle->stop = true;
  for (auto& caller : callers) CHECK(caller.wait() == 0);
  CHECK(oracle->wrong == 0);
  CHECK(oracle->next > 200);
  // Endpoints that were taken over are given back, and no word of the dead is left.
  CHECK(test::eventually([&] { return endpoints_of(path.path()) == 3; }, 10s));
}

TEST_CASE("what is queued at a member that dies runs elsewhere, in order", "[groups]") {
  test::TempBus path;
  test::Shared<Oracle> oracle;
  oracle->hold = true;
  auto first = test::member(path.path(), *oracle, 0);
  auto bus = test::open_when_served(path.path(), "work");
  auto caller = test::caller_of(bus, "work");
  std::vector<Pending> calls;
  for (std::uint32_t i = 0; i < 20; ++i) {
    auto pending = caller.start(test::raw(Work{i, 0, i}), 8, 20s);
    REQUIRE_OK(pending);
    calls.push_back(std::move(*pending));
  }
  REQUIRE_OK(caller.send(test::raw(Work{20, 0, 20})));
  REQUIRE(test::eventually([&] { return oracle->by[0] == 1; }));
  const auto second = test::member(path.path(), *oracle, 1);
  REQUIRE(test::joined(*oracle, 1));
  oracle->hold = false;
  first.kill();
  const auto cut_off = calls[0].wait();
  CHECK((cut_off || test::kind(cut_off) == ErrorKind::handler_died_after_start));
  for (std::uint32_t i = 1; i < 20; ++i) CHECK_OK(calls[i].wait());
  CHECK(test::eventually([&] { return oracle->ran[20] == 1; }));
  for (std::uint32_t i = 0; i <= 20; ++i) CHECK(oracle->ran[i] == 1);
  std::uint64_t room = 0;
  CHECK_OK(caller.call(test::raw(Work{21, 0, 21}), test::raw(room)));
  CHECK(test::eventually([&] { return endpoints_of(path.path()) == 1; }, 10s));
}

TEST_CASE("a member that dies alone leaves its queue to the next one", "[groups]") {
  test::TempBus path;
  test::Shared<Oracle> oracle;
  oracle->hold = true;
  auto first = test::member(path.path(), *oracle, 0);
  auto bus = test::open_when_served(path.path(), "work");
  auto caller = test::caller_of(bus, "work", {.when_vacant = WhenVacant::wait});
  std::vector<Pending> calls;
  for (std::uint32_t i = 0; i < 5; ++i) {
    auto pending = caller.start(test::raw(Work{i, 0, i}), 8, 20s);
    REQUIRE_OK(pending);
    calls.push_back(std::move(*pending));
  }
  REQUIRE(test::eventually([&] { return oracle->by[0] == 1; }));
  first.kill();
  oracle->hold = false;
  const auto second = test::member(path.path(), *oracle, 1);
  for (std::uint32_t i = 1; i < 5; ++i) CHECK_OK(calls[i].wait());
  for (std::uint32_t i = 0; i < 5; ++i) CHECK(oracle->ran[i] == 1);
  CHECK(oracle->by[1] == 4);
}

TEST_CASE("joining is refused for another owner's name, other types, and the other way round",
          "[groups]") {
  using A = Command<"work", std::uint32_t, std::uint32_t>;
  using B = Command<"work", double, std::uint32_t>;
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto first = bus->serve();
  auto second = bus->serve();
  REQUIRE_OK(first->on("alone", echo));
  const auto alone = second->on("alone", echo, in_group);
  CHECK(test::kind(alone) == ErrorKind::already_registered);
  CHECK(alone.error().message.view().find("Sharing::group") != std::string_view::npos);
  REQUIRE_OK(first->on<A>([](std::uint32_t x) { return x; }, in_group));
  CHECK(test::kind(second->on<B>([](double) { return std::uint32_t{}; }, in_group)) ==
        ErrorKind::type_mismatch);
  CHECK(test::kind(second->on<A>([](std::uint32_t x) { return x; })) ==
        ErrorKind::already_registered);
  CHECK(test::kind(second->on("nobody's", echo, {.sharing = Sharing::canary})) ==
        ErrorKind::not_registered);
  REQUIRE_OK(second->on<A>([](std::uint32_t x) { return x; }, in_group));
  CHECK(test::kind(bus->caller<B>()) == ErrorKind::type_mismatch);
  CHECK_OK(bus->caller<A>());
  // The founder goes: the name, its types and its other member stay.
  { const Server gone = std::move(*first); }
  REQUIRE_OK(second->run_for(20ms));
  CHECK(test::kind(bus->caller<B>()) == ErrorKind::type_mismatch);
  auto caller = bus->caller<A>();
  REQUIRE_OK(caller);
  auto pending = caller->start(7);
  REQUIRE_OK(pending);
  while (!pending->ready()) REQUIRE_OK(second->poll());
  const auto reply = pending->wait();
  REQUIRE_OK(reply);
  CHECK(**reply == 7);
}

TEST_CASE("a group has at most eight members, and a ninth is told so", "[groups]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  std::vector<Server> servers;
  for (int i = 0; i < 8; ++i) {
    servers.push_back(*bus->serve());
    REQUIRE_OK(servers.back().on("work", echo, in_group));
  }
  auto ninth = bus->serve();
  CHECK(test::kind(ninth->on("work", echo, in_group)) == ErrorKind::limit_reached);
  servers.pop_back();
  CHECK_OK(ninth->on("work", echo, in_group));
}

TEST_CASE("a handler may give its shared name up while it runs", "[groups]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto leaver = bus->serve();
  auto stayer = bus->serve();
  int left = 0;
  int stayed = 0;
  REQUIRE_OK(leaver->on(
      "work",
      [&](Context&) {
        if (++left == 1) (void)leaver->off("work");
        return Status::ok();
      },
      in_group));
  auto caller = test::caller_of(*bus, "work");
  std::vector<Pending> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(std::move(*caller.start({}, 0)));
  REQUIRE_OK(stayer->on(
      "work", [&](Context&) { return ++stayed, Status::ok(); }, in_group));
  for (int i = 0; i < 200 && stayed + left < 10; ++i) {
    REQUIRE_OK(leaver->run_for(1ms));
    REQUIRE_OK(stayer->run_for(1ms));
  }
  CHECK(stayed + left == 10);
  for (auto& call : calls) CHECK_OK(call.wait());
  CHECK_OK(leaver->on("other", echo));
}

TEST_CASE("a name with members is available while any of them is", "[groups]") {
  test::TempBus path;
  test::Shared<Oracle> oracle;
  auto first = test::member(path.path(), *oracle, 0);
  auto bus = test::open_when_served(path.path(), "work");
  const std::string_view names[] = {"work"};
  auto watch = bus.watch(names);
  REQUIRE_OK(watch);
  int came = 0;
  int went = 0;
  const auto look = [&] {
    return watch->poll([&](const NameChange& change) { ++(change.available ? came : went); });
  };
  REQUIRE_OK(look());
  CHECK(came == 1);
  auto second = test::member(path.path(), *oracle, 1);
  REQUIRE(test::joined(*oracle, 1));
  first.kill();
  CHECK_OK(bus.wait_until_available("work", 2s));
  test::nap(300ms);
  REQUIRE_OK(look());
  CHECK(came == 1);
  CHECK(went == 0);
  second.kill();
  CHECK(test::kind(bus.wait_until_available("work", 50ms)) == ErrorKind::timed_out);
  REQUIRE_OK(look());
  CHECK(went == 1);
}
