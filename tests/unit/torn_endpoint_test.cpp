// Owners that died half-way through each thing that an owner does. A child process does the first
// half for real and ends without cleaning up; recovery must bring the endpoint to a clean end, and
// a successor must go on as if nothing had happened.
#include <unistd.h>

#include "recovery/endpoint.hpp"
#include "recovery/participant.hpp"
#include "serve/owned_endpoint.hpp"
#include "support/catch.hpp"
#include "support/census.hpp"
#include "support/child.hpp"
#include "support/each_command.hpp"
#include "support/lane_ends.hpp"
#include "words/journal.hpp"

using namespace shmbus;
using layout::ControlWord;
using layout::LaneWord;
using layout::Phase;
using serve::OwnedEndpoint;

namespace {

/// Starts commands and does with each what `act` says; what it leaves undone stays undone.
struct Runner final : test::EachCommand {
  std::function<void(serve::OwnerLane&, const serve::Taken&)> act;
  std::vector<std::uint64_t> numbers;
  void run(serve::OwnerLane& lane, const serve::Taken& taken) noexcept override {
    numbers.push_back(taken.words[3]);
    if (act) act(lane, taken);
  }
};

void answer(serve::OwnerLane& lane, const serve::Taken& taken) {
  serve::ReplyTarget target;
  target.lane = &lane.head();
  target.cell = &lane.cell(taken.cell);
  target.seq = taken.word().seq();
  target.commit();
}

/// Runs `body` as a participant of its own, which then is gone without a word.
void as_somebody_who_dies(const std::string& path,
                          const std::function<void(const Attachment&)>& body) {
  test::Child child([&] {
    const auto core = test::join(path);
    body(core->attachment());
    ::_exit(0);
    return 1;
  });
  REQUIRE(child.wait() == 0);
}

ControlWord control_of(const segment::View& view, std::uint32_t endpoint = 0) {
  return {view.endpoint(endpoint).control.control.load()};
}

/// A caller with a lane to endpoint 0, and owners who come and die.
struct Scene {
  test::TempBus path;
  test::CallerEnd caller{path.path(), test::one_lane()};

  /// An owner that polls once and dies; `act` for each command of `budget`.
  void owner_dies(std::size_t budget, decltype(Runner::act) act = {}) {
    as_somebody_who_dies(path.path(), [&](const Attachment& bus) {
      auto owned = OwnedEndpoint::acquire(bus, 0, {}, "doomed");
      Runner runner;
      runner.act = act;
      (void)owned->poll(runner, budget);
      (void)owned.release();
    });
    REQUIRE(control_of(caller.view()).active());
  }
  /// Everything that a successor finds to run.
  std::vector<std::uint64_t> successor_runs() {
    auto owned = OwnedEndpoint::acquire(caller.bus(), 0, {}, "successor");
    REQUIRE(owned);
    Runner runner;
    runner.act = answer;
    for (int i = 0; i < 4; ++i) (void)owned->poll(runner, 100);
    owned->vacate(runner);
    return runner.numbers;
  }
  [[nodiscard]] StatusCode status_of(lane::Ticket ticket) const {
    const layout::CellWord word{caller.view().cells(0)[ticket.cell].word[0].load()};
    REQUIRE(word.seq() == ticket.seq);
    REQUIRE(word.phase() == Phase::reply);
    return static_cast<StatusCode>(word.code());
  }
  void check_vacant() {
    CHECK_FALSE(control_of(caller.view()).active());
    CHECK(lane::load_word(caller.view(), 0).served() == 0);
    CHECK_FALSE(recovery::recover_endpoint(caller.bus(), 0));  // nothing is left to do
  }
};

}  // namespace

TEST_CASE("owner died after taking the slot, before anything else", "[torn]") {
  test::TempBus path;
  const auto core = test::join(path.path());
  as_somebody_who_dies(path.path(), [](const Attachment& bus) {
    auto& control = bus.view.endpoint(2).control.control;
    control.store(ControlWord::make(bus.me, {}, 1, 1, layout::EndpointState::active).bits);
  });
  CHECK(recovery::recover_endpoint(core->attachment(), 2));
  CHECK_FALSE(control_of(core->view(), 2).active());
  CHECK(control_of(core->view(), 2).gen() == 1);
  CHECK(core->view().endpoint(2).attention.attention.load() ==
        static_cast<std::uint32_t>(layout::Attention::vacant));
}

TEST_CASE("who leaves takes no slot with it that a failure kept it from serving", "[torn]") {
  test::TempBus path;
  const auto watcher = test::join(path.path());
  {
    const auto core = test::join(path.path());
    REQUIRE(OwnedEndpoint::acquire(core->attachment(), 0, {}, "forgotten"));
    REQUIRE(control_of(watcher->view()).active());
  }
  CHECK_FALSE(control_of(watcher->view()).active());
  CHECK(test::census(watcher->view()).participants == 1);
}

TEST_CASE("the living are not recovered", "[torn]") {
  test::TempBus path;
  const auto core = test::join(path.path());
  const auto other = test::join(path.path());
  auto owned = OwnedEndpoint::acquire(core->attachment(), 0, {}, "living");
  REQUIRE(owned);
  CHECK_FALSE(recovery::recover_endpoint(other->attachment(), 0));
  CHECK_FALSE(OwnedEndpoint::acquire(other->attachment(), 0, {}, "second"));
  CHECK(recovery::reclaim_all(other->attachment()) == 0);
  CHECK(owned->still_owned());
}

TEST_CASE("owner died with commands started, answered, and queued", "[torn]") {
  // Of six: two answered, two started (one of them one-way), two not yet taken.
  Scene s;
  std::vector<lane::Ticket> tickets;
  for (std::uint64_t i = 0; i < 6; ++i) tickets.push_back(s.caller.publish(i, i == 2));
  s.owner_dies(4, [](serve::OwnerLane& lane, const serve::Taken& taken) {
    if (taken.words[3] < 2) answer(lane, taken);
  });
  CHECK(recovery::recover_endpoint(s.caller.bus(), 0));
  s.check_vacant();
  CHECK(s.status_of(tickets[0]) == StatusCode::ok);
  CHECK(s.status_of(tickets[1]) == StatusCode::ok);
  CHECK(s.status_of(tickets[2]) == StatusCode::handler_died);
  CHECK(s.status_of(tickets[3]) == StatusCode::handler_died);
  CHECK(s.caller.collect() == std::vector<std::uint64_t>{tickets[2].seq});
  CHECK(s.successor_runs() == std::vector<std::uint64_t>{4, 5});
  CHECK(s.status_of(tickets[4]) == StatusCode::ok);
  CHECK(s.caller.view().endpoint(0).owner.died.load() == 2);
}

TEST_CASE("owner died after a one-way command was done", "[torn]") {
  Scene s;
  for (std::uint64_t i = 0; i < 3; ++i) (void)s.caller.publish(i, true);
  s.owner_dies(3, [](serve::OwnerLane& lane, const serve::Taken& taken) {
    if (taken.words[3] < 2) lane.mark_done(taken.word().seq());
  });
  CHECK(recovery::recover_endpoint(s.caller.bus(), 0));
  CHECK(s.caller.collect().size() == 1);  // the third alone
  CHECK(s.caller->outstanding() == 0);
  CHECK(s.successor_runs().empty());
}

TEST_CASE("owner died between the reply and waking its caller", "[torn]") {
  Scene s;
  const auto ticket = s.caller.publish(1);
  auto& head = s.caller.view().lane(0);
  head.caller.park.store(1);
  const auto count = head.events.count.load();
  head.caller.parked_at.store(count + 7);  // so that the owner believes that somebody else woke it
  s.owner_dies(1, answer);
  REQUIRE(head.events.count.load() == count);
  CHECK(recovery::recover_endpoint(s.caller.bus(), 0));
  CHECK(head.events.count.load() != count);
  CHECK(s.status_of(ticket) == StatusCode::ok);
}

TEST_CASE("a recoverer died at each step of its own", "[torn]") {
  for (int steps = 0; steps <= 3; ++steps) {
    INFO("steps done: " << steps);
    Scene s;
    std::vector<lane::Ticket> tickets;
    for (std::uint64_t i = 0; i < 4; ++i) tickets.push_back(s.caller.publish(i));
    s.owner_dies(2);
    const auto& view = s.caller.view();
    if (steps >= 1) {  // told the first
      view.cells(0)[tickets[0].cell].word[0].store(
          layout::CellWord::make(tickets[0].seq, Phase::reply,
                                 static_cast<std::uint32_t>(StatusCode::handler_died))
              .bits);
    }
    if (steps >= 2) {  // and the second
      view.cells(0)[tickets[1].cell].word[0].store(
          layout::CellWord::make(tickets[1].seq, Phase::reply,
                                 static_cast<std::uint32_t>(StatusCode::handler_died))
              .bits);
    }
    if (steps >= 3) {  // and let go of the lane
      const auto word = lane::load_word(view, 0);
      REQUIRE(lane::move_word(view, 0, word, word.with_served(0)));
    }
    CHECK(recovery::recover_endpoint(s.caller.bus(), 0));
    s.check_vacant();
    CHECK(s.status_of(tickets[0]) == StatusCode::handler_died);
    CHECK(s.status_of(tickets[1]) == StatusCode::handler_died);
    CHECK(s.successor_runs() == std::vector<std::uint64_t>{2, 3});
  }
}

TEST_CASE("a recoverer that slept through everything changes nothing any more", "[torn]") {
  // It had proved the death of generation 1 and was stopped; by now a successor runs commands.
  Scene s;
  (void)s.caller.publish(0);
  s.owner_dies(1);
  const auto dead_owner = control_of(s.caller.view());
  CHECK(recovery::recover_endpoint(s.caller.bus(), 0));
  auto successor = OwnedEndpoint::acquire(s.caller.bus(), 0, {}, "successor");
  const auto running = s.caller.publish(1);
  const auto one_way = s.caller.publish(2, true);
  Runner runner;
  REQUIRE(successor->poll(runner, 2) == 2);
  const auto lane_word = lane::load_word(s.caller.view(), 0).bits;
  recovery::release_lanes(s.caller.bus(), 0, dead_owner, StatusCode::handler_died);
  CHECK_FALSE(s.caller->replied(running));
  CHECK(s.caller.collect().empty());
  CHECK(s.caller->outstanding() == 3);
  CHECK(lane::load_word(s.caller.view(), 0).bits == lane_word);
  CHECK(successor->still_owned());
  (void)one_way;
}

TEST_CASE("owner died while it left: lanes released, slot still taken", "[torn]") {
  Scene s;
  const auto queued = s.caller.publish(5);
  as_somebody_who_dies(s.path.path(), [](const Attachment& bus) {
    auto owned = OwnedEndpoint::acquire(bus, 0, {}, "leaving");
    recovery::release_lanes(bus, 0, control_of(bus.view), StatusCode::abandoned);
    bus.view.endpoint(0).attention.attention.store(
        static_cast<std::uint32_t>(layout::Attention::vacant));
    (void)owned.release();
  });
  CHECK(recovery::recover_endpoint(s.caller.bus(), 0));
  s.check_vacant();
  CHECK(s.successor_runs() == std::vector<std::uint64_t>{5});
  CHECK(s.status_of(queued) == StatusCode::ok);
}

TEST_CASE("owner died between a ticket's command and its release", "[torn]") {
  // The ticket is found again by the successor, the command is not run again.
  Scene s;
  auto& target = s.caller.view().endpoint(0);
  const auto first = s.caller.publish(0);
  s.caller->notify();
  s.owner_dies(1);
  target.owner.head.store(0);  // the ring as it was before the release
  s.caller.view().inbox(0)[0].store(layout::TicketWord::make(1, 0, 0).bits);
  CHECK(recovery::recover_endpoint(s.caller.bus(), 0));
  (void)s.caller.publish(1);
  CHECK(s.successor_runs() == std::vector<std::uint64_t>{1});
  CHECK(s.status_of(first) == StatusCode::handler_died);
}

TEST_CASE("eight owners in a row die with a command each", "[torn]") {
  Scene s;
  for (std::uint64_t i = 0; i < 16; ++i) {
    const auto ticket = s.caller.publish(i);
    s.owner_dies(1);
    CHECK(recovery::recover_endpoint(s.caller.bus(), 0));
    CHECK(s.status_of(ticket) == StatusCode::handler_died);
    s.caller->release(ticket);
  }
  (void)s.caller.publish(99);
  CHECK(s.successor_runs() == std::vector<std::uint64_t>{99});
}
