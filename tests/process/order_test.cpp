// Order: commands of one caller start in the order it sent them; under global order all commands
// of all callers start in one order, which contains what each caller knows to be before.
#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t callers = 4;
constexpr std::uint32_t each = 5'000;

struct Stamp {
  std::uint32_t caller;
  std::uint32_t number;
  std::uint64_t clock;  ///< a counter that all callers share, read just before the send
};

struct Diary {
  std::atomic<std::uint64_t> clock{0};
  std::atomic<std::uint64_t> sent{0};  ///< raised after each send
  std::atomic<std::uint32_t> entries{0};
  std::atomic<int> start{0};
  Stamp entry[callers * each];
};

Status note(Diary& diary, Context& context) {
  const std::uint32_t at = diary.entries.load();
  if (at < callers * each) diary.entry[at] = test::number_in<Stamp>(context.request());
  diary.entries = at + 1;
  return Status::ok();
}

int send_all(const std::string& path, Diary& diary, std::uint32_t me, bool one_way) {
  auto bus = Bus::open(path);
  if (!bus) return 1;
  auto caller = bus->caller("note", {.when_vacant = WhenVacant::wait});
  if (!caller) return 2;
  while (diary.start == 0) ::sched_yield();
  for (std::uint32_t i = 0; i < each; ++i) {
    const Stamp stamp{me, i, diary.clock.load()};
    if (one_way) {
      if (!caller->send(test::raw(stamp), Notify::now, 20s)) return 3;
    } else {
      if (!caller->call(test::raw(stamp), {}, 20s)) return 4;
    }
    diary.clock.fetch_add(1);  // from now on everybody may know that it was sent
  }
  return caller->flush() ? 0 : 5;
}

/// Every command once, each caller's in its order.
void check_complete(const Diary& diary) {
  std::uint32_t next[callers] = {};
  REQUIRE(diary.entries == callers * each);
  for (std::uint32_t i = 0; i < callers * each; ++i) {
    const Stamp& s = diary.entry[i];
    REQUIRE(s.caller < callers);
    REQUIRE(s.number == next[s.caller]);
    ++next[s.caller];
  }
}

void run(Order order, bool one_way, test::Shared<Diary>& diary, std::uint32_t inbox_slots = 0) {
  test::TempBus path;
  OpenOptions options;
  options.capacities.inbox_slots = inbox_slots;
  { REQUIRE_OK(Bus::open(path.path(), options)); }
  const auto handler = test::handler_process(
      path.path(), test::handlers({{"note", [&](Context& c) { return note(*diary, c); }}}),
      {.label = "diary", .order = order});
  auto bus = test::open_when_served(path.path(), "note");
  std::vector<test::Child> children;
  for (std::uint32_t i = 0; i < callers; ++i) {
    children.emplace_back([&, i] { return send_all(path.path(), *diary, i, one_way); });
  }
  diary->start = 1;
  for (auto& child : children) REQUIRE(child.wait() == 0);
  REQUIRE(test::eventually([&] { return diary->entries >= callers * each; }));
}

/// How many commands were started after one that was sent when they had long been sent. Under one
/// total order there are none: a command read the clock at `clock`, so `clock` commands had been
/// sent before; of those at most one for each caller may still have been on its way.
std::uint32_t overtaken(const Diary& diary) {
  std::uint32_t late = 0;
  for (std::uint32_t i = 0; i < callers * each; ++i) {
    if (diary.entry[i].clock > i) ++late;
  }
  return late;
}

}  // namespace

TEST_CASE("per-caller order: calls and one-way commands of four callers", "[order]") {
  for (const bool one_way : {false, true}) {
    test::Shared<Diary> diary;
    run(Order::per_caller, one_way, diary);
    check_complete(*diary);
  }
}

TEST_CASE("global order: calls and one-way commands of four callers", "[order]") {
  // When a command is sent, `clock` commands are known to have been sent before it. All of those
  // must start first, so it cannot be the k-th to start for any k < clock.
  for (const bool one_way : {false, true}) {
    test::Shared<Diary> diary;
    run(Order::global, one_way, diary);
    check_complete(*diary);
    CHECK(overtaken(*diary) == 0);
  }
}

TEST_CASE("global order when the inbox is full most of the time", "[order]") {
  test::Shared<Diary> diary;
  run(Order::global, true, diary, 8);
  check_complete(*diary);
  CHECK(overtaken(*diary) == 0);
}

TEST_CASE("global order survives a successor", "[order]") {
  // Four callers queue at an endpoint whose owner was killed; the successor runs all of it in the
  // order in which it was sent.
  test::TempBus path;
  test::Shared<Diary> diary;
  const auto setup = test::handlers({{"note", [&](Context& c) { return note(*diary, c); }}});
  const ServeOptions ordered{.label = "diary", .order = Order::global};
  auto handler = test::handler_process(path.path(), setup, ordered);
  auto bus = test::open_when_served(path.path(), "note");
  const CallerOptions patient{.when_vacant = WhenVacant::wait};
  auto here = test::caller_of(bus, "note", patient);
  handler.kill();
  (void)bus.reclaim();
  std::uint64_t sent = 0;
  for (std::uint32_t i = 0; i < 10; ++i) {
    for (std::uint32_t who = 0; who < callers; ++who) {
      // Each caller is a process of its own, which sends five and leaves.
      test::Child child([&] {
        auto own = Bus::open(path.path());
        auto caller = own->caller("note", patient);
        for (std::uint32_t k = 0; k < 5; ++k) {
          const Stamp stamp{who, i, sent + k};
          if (!caller || !caller->send(test::raw(stamp))) return 1;
        }
        return 0;
      });
      REQUIRE(child.wait() == 0);
      sent += 5;
    }
  }
  handler = test::handler_process(path.path(), setup, ordered);
  REQUIRE(test::eventually([&] { return diary->entries == sent; }));
  for (std::uint64_t i = 0; i < sent; ++i) REQUIRE(diary->entry[i].clock == i);
}
