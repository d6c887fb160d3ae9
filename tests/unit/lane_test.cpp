// What can happen to single commands of a lane: full, cancelled, timed out, lost, linked to
// nowhere, left by a caller who has gone. Both ends in one thread, at two addresses.
#include "recovery/participant.hpp"
#include "support/catch.hpp"
#include "support/lane_ends.hpp"
#include "words/journal.hpp"

using namespace shmbus;
using layout::LaneState;
using layout::LaneWord;
using layout::Phase;

namespace {

struct Pair {
  test::TempBus bus;
  test::CallerEnd caller{bus.path()};
  test::OwnerEnd owner{bus.path()};
  Pair() { REQUIRE(owner.adopt()); }
};

}  // namespace

TEST_CASE("both ends see one lane at two addresses", "[lane]") {
  Pair p;
  CHECK(&p.caller.view().lane(0) != &p.owner.view().lane(0));
  const auto ticket = p.caller.publish(41);
  const auto taken = p.owner.take();
  REQUIRE(taken);
  CHECK(test::OwnerEnd::number(*taken) == 41);
  CHECK(taken->word().code() == 3);
  p.owner.answer(*taken, 42);
  CHECK(p.caller.reply(ticket) == 42U);
}

TEST_CASE("a lane of 8 cells holds 7 commands, whatever they are", "[lane]") {
  Pair p;
  std::vector<lane::Ticket> calls;
  for (std::uint64_t i = 0; i < 7; ++i) {
    REQUIRE(p.caller->has_room());
    const auto ticket = p.caller.publish(i, i % 2 == 1);
    if (i % 2 == 0) calls.push_back(ticket);
  }
  CHECK_FALSE(p.caller->has_room());
  CHECK(p.caller->outstanding() == 7);
  for (std::uint64_t i = 0; i < 7; ++i) {
    const auto taken = p.owner.take();
    REQUIRE(taken);
    if (i % 2 == 1)
      p.owner.done(*taken);
    else
      p.owner.answer(*taken, i);
  }
  CHECK_FALSE(p.owner.take());
  CHECK(p.caller.collect().empty());
  CHECK(p.caller->free_cells() == 3);
  for (std::size_t i = 0; i < calls.size(); ++i) CHECK(p.caller.reply(calls[i]) == 2 * i);
  CHECK(p.caller->outstanding() == 0);
  CHECK(p.caller->free_cells() == 7);
}

TEST_CASE("a late reply pins its own cell only", "[lane]") {
  Pair p;
  const auto late = p.caller.publish(1);
  const auto first = p.owner.take();
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto ticket = p.caller.publish(i);
    const auto taken = p.owner.take();
    REQUIRE((taken && taken->cell != first->cell));
    p.owner.answer(*taken, i);
    REQUIRE(p.caller.reply(ticket) == i);
  }
  p.owner.answer(*first, 77);
  CHECK(p.caller.reply(late) == 77U);
}

TEST_CASE("a command that timed out keeps its cell until it is answered", "[lane]") {
  Pair p;
  const auto ticket = p.caller.publish(1);
  p.caller->quarantine(ticket);
  CHECK(p.caller.collect().empty());
  CHECK(p.caller->outstanding() == 1);
  const auto taken = p.owner.take();
  CHECK(p.caller->outstanding() == 1);
  p.owner.answer(*taken, 2);
  CHECK(p.caller.collect().empty());
  CHECK(p.caller->outstanding() == 0);
  CHECK(p.caller->free_cells() == 7);
}

TEST_CASE("cancelling tells whether the command can still start", "[lane]") {
  Pair p;
  const auto queued = p.caller.publish(1);
  CHECK(p.caller->ask_to_cancel(queued));  // certain: it had not been taken
  const auto taken = p.owner.take();
  REQUIRE(taken);
  CHECK(p.owner->cancel_asked(taken->cell));
  p.owner.answer(*taken, 0);
  CHECK(p.caller.reply(queued));

  const auto started = p.caller.publish(2);
  const auto running = p.owner.take();
  CHECK_FALSE(p.caller->ask_to_cancel(started));
  CHECK(p.owner->cancel_asked(running->cell));
  p.owner.answer(*running, 0);
  CHECK(p.caller.reply(started));
  // The bit does not stick to the cell.
  for (int i = 0; i < 16; ++i) {
    const auto next = p.caller.publish(3);
    const auto fresh = p.owner.take();
    REQUIRE_FALSE(p.owner->cancel_asked(fresh->cell));
    p.owner.answer(*fresh, 0);
    REQUIRE(p.caller.reply(next));
  }
}

TEST_CASE("a one-way command that was answered instead of done is reported lost", "[lane]") {
  Pair p;
  const auto first = p.caller.publish(1, true);
  const auto second = p.caller.publish(2, true);
  const auto a = p.owner.take();
  const auto b = p.owner.take();
  serve::ReplyTarget target;
  target.lane = &p.owner->head();
  target.cell = &p.owner->cell(a->cell);
  target.seq = a->word().seq();
  p.owner->count_send_answer();
  target.commit_code(StatusCode::expired);
  p.owner.done(*a);
  p.owner.done(*b);
  CHECK(p.caller.collect() == std::vector<std::uint64_t>{first.seq});
  CHECK(second.seq == first.seq + 1);
  CHECK(p.caller->outstanding() == 0);
}

TEST_CASE("a link out of the lane poisons it, and nothing else happens", "[lane]") {
  Pair p;
  const auto ticket = p.caller.publish(1);
  auto& word = p.caller.view().cells(0)[ticket.cell].word[1];
  auto head = lane::RequestHead::unpack(word.load());
  for (const std::uint32_t forged : {8U, 255U, 0xFFFFU}) {
    head.next = forged;
    word.store(head.pack());
    CHECK_FALSE(p.owner.take());
    CHECK(p.owner->poisoned());
  }
  head.next = 1;
  word.store(head.pack());
  CHECK_FALSE(p.owner.take());  // for good
  CHECK(lane::effective_cursor(p.owner.view().lane(0)).seq() == ticket.seq);
}

TEST_CASE("a second cell out of the lane poisons it too", "[lane]") {
  for (const bool first_link : {true, false}) {
    Pair p;
    const auto ticket = p.caller.publish(1);
    const auto cells = p.caller.view().cells(0);
    auto head = lane::RequestHead::unpack(cells[ticket.cell].word[1].load());
    head.flags = layout::cell_flags::paired;
    head.second = first_link ? 8 : 3;
    head.next = first_link ? 1 : 8;
    cells[ticket.cell].word[1].store(head.pack());
    CHECK_FALSE(p.owner.take());
    CHECK(p.owner->poisoned());
    CHECK(lane::effective_cursor(p.owner.view().lane(0)).seq() == ticket.seq);
  }
}

TEST_CASE("a cursor out of the lane poisons it for the successor", "[lane]") {
  Pair p;
  (void)p.caller.publish(1);
  p.owner.view().lane(0).journal[1].cursor.store(layout::CursorWord::make(1ULL << 40U, 999).bits);
  test::OwnerEnd successor(p.bus.path(), test::one_lane(), 1);
  REQUIRE(successor.adopt());
  CHECK(successor->poisoned());
  CHECK_FALSE(successor.take());
  CHECK_FALSE(lane::has_queued(p.owner.view(), 0));
}

TEST_CASE("words of other phases and numbers are not taken", "[lane]") {
  Pair p;
  const auto& cells = p.caller.view().cells(0);
  const std::uint64_t seq = p.owner->next_seq();
  for (const auto phase : {Phase::free, Phase::reply}) {
    cells[0].word[0].store(layout::CellWord::make(seq, phase, 3).bits);
    CHECK_FALSE(p.owner.take());
  }
  for (const std::uint64_t wrong : {seq - 1, seq + 1, layout::CellWord::seq_max}) {
    cells[0].word[0].store(layout::CellWord::make(wrong, Phase::request, 3).bits);
    CHECK_FALSE(p.owner.take());
  }
  CHECK_FALSE(p.owner->poisoned());
}

TEST_CASE("a successor goes on after the last started command", "[lane]") {
  Pair p;
  std::vector<lane::Ticket> tickets;
  for (std::uint64_t i = 0; i < 6; ++i) tickets.push_back(p.caller.publish(i));
  for (int i = 0; i < 3; ++i) REQUIRE(p.owner.take());
  // Three owners in turn, each in the other journal slot.
  for (std::uint32_t owner = 0; owner < 3; ++owner) {
    test::OwnerEnd successor(p.bus.path(), test::one_lane(), 1 - owner % 2);
    const auto taken = successor.take();
    REQUIRE(taken);
    CHECK(test::OwnerEnd::number(*taken) == 3 + owner);
    successor.answer(*taken, 100 + owner);
    CHECK(p.caller.reply(tickets[3 + owner]) == 100 + owner);
  }
}

TEST_CASE("sequence numbers go on from lease to lease", "[lane]") {
  // Otherwise a recoverer that slept through a lease could win its CAS against the next one.
  test::TempBus bus;
  std::uint64_t last = 0;
  for (int lease = 0; lease < 5; ++lease) {
    test::CallerEnd caller(bus.path());
    test::OwnerEnd owner(bus.path());
    for (std::uint64_t i = 0; i < 3; ++i) {
      const auto ticket = caller.publish(i);
      CHECK(ticket.seq > last);
      last = ticket.seq;
      const auto taken = owner.take();
      REQUIRE(taken);
      CHECK(taken->word().seq() == ticket.seq);
      owner.answer(*taken, i);
      CHECK(caller.reply(ticket) == i);
    }
    lane::detach(caller.bus(), 0);
    CHECK(lane::load_word(caller.view(), 0).state() == LaneState::orphan);
    CHECK(lane::free_unserved_orphan(caller.view(), 0, false));
  }
}

TEST_CASE("an orphan with a queued command is freed only on request", "[lane]") {
  Pair p;
  (void)p.caller.publish(1);
  lane::detach(p.caller.bus(), 0);
  CHECK(lane::has_queued(p.owner.view(), 0));
  CHECK_FALSE(lane::free_unserved_orphan(p.owner.view(), 0, false));
  CHECK(lane::free_unserved_orphan(p.owner.view(), 0, true));
  CHECK(lane::load_word(p.owner.view(), 0).state() == LaneState::free);
}

TEST_CASE("lanes run out, and a lane that somebody serves is nobody else's to free", "[lane]") {
  test::TempBus bus;
  const auto core = test::join(bus.path());
  for (std::uint32_t i = 0; i < 8; ++i) REQUIRE(lane::attach(core->attachment(), 1));
  CHECK_FALSE(lane::attach(core->attachment(), 1));
  const auto word = lane::load_word(core->view(), 4);
  REQUIRE(lane::move_word(core->view(), 4, word, word.with_served(9)));
  lane::detach(core->attachment(), 4);
  CHECK_FALSE(lane::free_unserved_orphan(core->view(), 4, true));
  lane::detach(core->attachment(), 5);
  CHECK(lane::free_unserved_orphan(core->view(), 5, true));
  CHECK(lane::attach(core->attachment(), 2)->lane == 5);
}

TEST_CASE("withdrawn: what was not started is reported and never runs", "[lane]") {
  Pair p;
  (void)p.caller.publish(1, true);
  const auto taken = p.owner.take();
  REQUIRE(taken);
  const auto second = p.caller.publish(2, true);
  const auto call = p.caller.publish(3);
  std::vector<std::uint64_t> lost;
  const auto note = [&](const lane::LostSend& send) { lost.push_back(send.seq); };
  p.caller->withdraw(4, note);  // another name's
  CHECK(lost.empty());
  p.caller->withdraw(3, note);
  CHECK(lost == std::vector{second.seq});
  p.owner.done(*taken);
  for (const auto& ticket : {second, call}) {
    const auto late = p.owner.take();  // the process that owns the endpoint next
    REQUIRE(late);
    CHECK(late->word().seq() == ticket.seq);
    CHECK(p.owner->cancel_asked(late->cell));
    p.owner.answer(*late, 0);
  }
  CHECK(p.caller.reply(call).has_value());
  CHECK(p.caller.collect().empty());
  CHECK(p.caller->outstanding() == 0);
  // Nothing of it sticks to the cells.
  for (int i = 0; i < 20; ++i) {
    const auto next = p.caller.publish(4, true);
    const auto again = p.owner.take();
    REQUIRE(again);
    CHECK(again->word().seq() == next.seq);
    CHECK_FALSE(p.owner->cancel_asked(again->cell));
    p.owner.done(*again);
    CHECK(p.caller.collect().empty());
  }
}
