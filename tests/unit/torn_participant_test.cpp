// Participants that died half-way through joining, attaching, registering, leasing, leaving. A
// child does the first half and ends without cleaning up; one pass of reclaim must leave nothing.
#include <unistd.h>

#include "os/file_lock.hpp"
#include "recovery/endpoint.hpp"
#include "recovery/participant.hpp"
#include "serve/owned_endpoint.hpp"
#include "support/catch.hpp"
#include "support/census.hpp"
#include "support/child.hpp"
#include "support/each_command.hpp"
#include "support/lane_ends.hpp"
#include "words/bell.hpp"
#include "words/extents.hpp"
#include "words/table.hpp"

using namespace shmbus;
using layout::LaneState;
using layout::LaneWord;
using layout::ParticipantState;
using layout::ParticipantWord;
using test::Census;

namespace {

struct Scene {
  test::TempBus path;
  std::shared_ptr<detail::BusCore> core = test::join(path.path());

  /// `body` runs in a participant that then is gone without a word; its party.
  layout::ParticipantId dies(const std::function<void(const Attachment&)>& body) {
    test::Shared<std::atomic<std::uint32_t>> party;
    test::Child child([&] {
      const auto own = test::join(path.path());
      party->store(own->attachment().me.bits);
      body(own->attachment());
      ::_exit(0);
      return 1;
    });
    REQUIRE(child.wait() == 0);
    return {party->load()};
  }
  [[nodiscard]] const Attachment& bus() const { return core->attachment(); }
  [[nodiscard]] const segment::View& view() const { return core->view(); }
  [[nodiscard]] Census now() const { return test::census(view()); }
  [[nodiscard]] ParticipantWord slot(layout::ParticipantId party) const {
    return {view().participant(party.index()).state.load()};
  }
  void check_reclaimed(layout::ParticipantId party) {
    CHECK(now() == Census{.participants = 1});
    CHECK(slot(party).state() == ParticipantState::free);
    CHECK(slot(party).epoch() == layout::next_epoch(party.epoch()));
    CHECK(recovery::reclaim_all(bus()) == 0);
  }
};

/// Finishes each command, notes its number.
struct Finisher final : test::EachCommand {
  std::vector<std::uint64_t> numbers;
  void run(serve::OwnerLane& lane, const serve::Taken& taken) noexcept override {
    numbers.push_back(taken.words[3]);
    if (taken.word().phase() == layout::Phase::send) {
      lane.mark_done(taken.word().seq());
      return;
    }
    serve::ReplyTarget target;
    target.lane = &lane.head();
    target.cell = &lane.cell(taken.cell);
    target.seq = taken.word().seq();
    target.commit();
  }
};

const Census only_me_and_dead{.participants = 2};

}  // namespace

TEST_CASE("died after joining", "[torn]") {
  Scene s;
  const auto party = s.dies([](const Attachment&) {});
  CHECK(s.now() == only_me_and_dead);
  CHECK(recovery::reclaim_all(s.bus()) == 1);
  s.check_reclaimed(party);
}

TEST_CASE("died with the slot locked and not yet taken", "[torn]") {
  // What a joiner that is killed between its lock and its CAS leaves: nothing.
  Scene s;
  const auto before = s.now();
  CHECK(recovery::reclaim_all(s.bus()) == 0);
  CHECK(s.now() == before);
  const auto next = test::join(s.path.path());
  CHECK(next->attachment().me.index() == 1);
}

TEST_CASE("a reclaimer died between `dead` and `free`", "[torn]") {
  Scene s;
  const auto party = s.dies([](const Attachment& bus) { (void)payload::lease(bus, 3); });
  s.view()
      .participant(party.index())
      .state.store(ParticipantWord::make(party.epoch(), ParticipantState::dead).bits);
  CHECK(recovery::reclaim_participant(s.bus(), party.index()));
  s.check_reclaimed(party);
}

TEST_CASE("died with a lane half made, made, used, and left", "[torn]") {
  using Act = std::function<void(const Attachment&)>;
  const Act acts[] = {
      [](const Attachment& bus) {  // allocating
        bus.view.lane_word(3).store(LaneWord::make(0, bus.me, 1, LaneState::allocating, 0).bits);
      },
      [](const Attachment& bus) { (void)lane::attach(bus, 1); },
      [](const Attachment& bus) {  // left; the ring was lost
        const auto attached = lane::attach(bus, 1);
        const auto word = lane::load_word(bus.view, attached->lane);
        (void)lane::move_word(bus.view, attached->lane, word, word.with_state(LaneState::orphan));
      },
      [](const Attachment& bus) {  // half a command: filled, not committed
        const auto attached = lane::attach(bus, 1);
        for (auto& word : bus.view.cells(attached->lane)[0].word) word.store(~0ULL);
        bus.view.cells(attached->lane)[0].word[0].store(0);
      },
      [](const Attachment& bus) {  // a lane to nowhere
        bus.view.lane_word(2).store(LaneWord::make(4, bus.me, 1000, LaneState::attached, 0).bits);
      },
  };
  for (const auto& act : acts) {
    Scene s;
    const auto party = s.dies(act);
    CHECK(s.now().lanes == 1);
    CHECK(recovery::reclaim_all(s.bus()) == 1);
    s.check_reclaimed(party);
  }
}

TEST_CASE("died with commands queued at an endpoint without owner", "[torn]") {
  // They wait for a successor, so the slot and the memory stay; a newcomer in need may drop them.
  Scene s;
  const auto party = s.dies([](const Attachment& bus) {
    (void)payload::lease(bus, 1);
    const auto attached = lane::attach(bus, 1);
    lane::CallerLane lane(bus, *attached, 1);
    lane::Outgoing out;
    out.one_way = true;
    (void)lane.publish(out);
  });
  CHECK(recovery::reclaim_all(s.bus()) == 0);
  CHECK(s.now() == Census{.participants = 2, .dead = 1, .lanes = 1, .extents = 1});
  SECTION("a successor runs them") {
    Finisher runner;
    auto owned = serve::OwnedEndpoint::acquire(s.bus(), 1, {}, "successor");
    REQUIRE(owned);
    for (int i = 0; i < 3; ++i) (void)owned->poll(runner, 10);
    CHECK(runner.numbers.size() == 1);
    owned->vacate(runner);
  }
  SECTION("or they are dropped") { CHECK(recovery::drop_stranded_lanes(s.bus()) == 1); }
  (void)recovery::reclaim_all(s.bus());
  s.check_reclaimed(party);
}

TEST_CASE("died with memory leased, and half of a run of it", "[torn]") {
  Scene s;
  const auto party = s.dies([](const Attachment& bus) {
    (void)payload::lease(bus, 2);
    bus.view.extent_word(6).store(layout::ExtentWord::make(bus.me, 0).bits);
  });
  CHECK(s.now().extents == 3);
  CHECK(recovery::reclaim_all(s.bus()) == 1);
  s.check_reclaimed(party);
}

TEST_CASE("died while it registered a name", "[torn]") {
  Scene s;
  const auto party = s.dies([](const Attachment& bus) {
    (void)names::intern(bus, "published");
    bus.view.name(5).lease.store(bus.me.bits);  // leased, half filled
    bus.view.name(5).length.store(77);
    const auto record = names::find(bus.view, "published");
    bus.view.name(*record).lease.store(bus.me.bits);  // published, did not say so
    // And sat down without a name leading there.
    bus.view.endpoint(0).control.control.store(
        layout::ControlWord::make(bus.me, {}, 1, 1, layout::EndpointState::active).bits);
  });
  CHECK(s.now() == Census{.participants = 2, .endpoints = 1, .leases = 2});
  CHECK(recovery::reclaim_all(s.bus()) == 1);
  s.check_reclaimed(party);
  CHECK(names::find(s.view(), "published"));
}

TEST_CASE("died as caller and owner of many things at once", "[torn]") {
  Scene s;
  const auto party = s.dies([](const Attachment& bus) {
    for (std::uint32_t i = 0; i < 3; ++i) {
      auto owned = serve::OwnedEndpoint::acquire(bus, i, {}, "x");
      (void)owned.release();
      (void)lane::attach(bus, i);
      (void)payload::lease(bus, 1);
    }
  });
  CHECK(s.now() == Census{.participants = 2, .lanes = 3, .extents = 3, .endpoints = 3});
  CHECK(recovery::reclaim_all(s.bus()) == 1);
  s.check_reclaimed(party);
}

TEST_CASE("a caller died with its lane at a living owner", "[torn]") {
  Finisher runner;
  Scene s;
  const auto owner = test::join(s.path.path());
  auto owned = serve::OwnedEndpoint::acquire(owner->attachment(), 1, {}, "living");
  for (const bool rung : {false, true}) {
    // Two commands committed; the bell set but its ticket never put, or not even that.
    const auto party = s.dies([&](const Attachment& bus) {
      const auto attached = lane::attach(bus, 1);
      lane::CallerLane lane(bus, *attached, 1);
      for (std::uint64_t i = 0; i < 2; ++i) {
        lane::Outgoing out;
        out.inline_bytes = test::as_bytes(i);
        (void)lane.publish(out);
      }
      if (rung) bus.view.lane(attached->lane).events.rung.store(1);
    });
    runner.numbers.clear();
    for (int i = 0; i < 6; ++i) {
      (void)recovery::reclaim_all(s.bus());
      (void)owned->poll(runner, 10);
      if (i == 3) (void)owned->sweep(runner);
    }
    (void)recovery::reclaim_all(s.bus());
    CHECK(runner.numbers == std::vector<std::uint64_t>{0, 1});
    CHECK(s.slot(party).state() == ParticipantState::free);
    CHECK(s.now() == Census{.participants = 2, .endpoints = 1});
  }
  owned->vacate(runner);
}

TEST_CASE("global order: a caller died between its command and its ticket", "[torn]") {
  // However often somebody rings for the orphan: a bell is no ticket, and none will come.
  Finisher runner;
  Scene s;
  const auto owner = test::join(s.path.path());
  auto owned = serve::OwnedEndpoint::acquire(owner->attachment(), 1, {.order = Order::global}, "x");
  const auto party = s.dies([&](const Attachment& bus) {
    const auto attached = lane::attach(bus, 1);
    lane::CallerLane lane(bus, *attached, 1);
    bus.view.lane(attached->lane).owner.mode.store(0);  // so that publish() puts no ticket
    (void)lane.publish({});
  });
  for (int i = 0; i < 4; ++i) {
    (void)recovery::reclaim_all(s.bus());  // rings
    (void)owned->sweep(runner);            // woken by the bell, before it polls
    (void)owned->poll(runner, 10);
  }
  CHECK(runner.numbers.size() == 1);
  (void)owned->poll(runner, 10);
  (void)recovery::reclaim_all(s.bus());
  CHECK(s.slot(party).state() == ParticipantState::free);
  CHECK(s.now() == Census{.participants = 2, .endpoints = 1});
  owned->vacate(runner);
}

TEST_CASE("reclaimers that look again and again do not fill the inbox", "[torn]") {
  Scene s;
  (void)s.dies([](const Attachment& bus) {
    const auto attached = lane::attach(bus, 1);
    lane::CallerLane lane(bus, *attached, 1);
    (void)lane.publish({});
  });
  for (int i = 0; i < 100; ++i) (void)recovery::reclaim_all(s.bus());
  CHECK(s.view().endpoint(1).inbox_tail.tail.load() <= 1);
}

TEST_CASE("a slot is reused through all its generations", "[torn]") {
  // 5,000 participants one after the other: epochs wrap past zero and no two neighbours are alike.
  test::TempBus path;
  const auto first = test::join(path.path());
  std::uint32_t last = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto next = test::join(path.path());
    REQUIRE(next->attachment().me.bits != last);
    REQUIRE_FALSE(next->attachment().me.nobody());
    REQUIRE(next->attachment().me.epoch() != 0);
    last = next->attachment().me.bits;
  }
}
