// The packed words of the format: what is put in comes out, fields do not touch each other, and
// values that are too large are cut at their own border.
#include "layout/words.hpp"
#include "layout/name_words.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace shmbus::layout;

TEST_CASE("a party is an index and an epoch, and zero is nobody", "[words]") {
  // Every corner of both 12-bit fields; the round trip through the 24 bits that other words hold.
  for (const std::uint32_t index : {0U, 1U, 127U, 4094U, 4095U}) {
    for (const std::uint32_t epoch : {1U, 2U, 4095U}) {
      const auto party = ParticipantId::make(index, epoch);
      CHECK(party.index() == index);
      CHECK(party.epoch() == epoch);
      CHECK_FALSE(party.nobody());
      CHECK(ParticipantId::from_bits(party.bits) == party);
    }
  }
  CHECK(ParticipantId{}.nobody());
  CHECK(ParticipantId::make(4096, 4096).nobody());  // cut at the border, not spilled
}

TEST_CASE("epochs and generations wrap past zero", "[words]") {
  // Zero means "none" everywhere, so 4095 is followed by 1.
  CHECK(next_epoch(0) == 1);
  CHECK(next_epoch(4094) == 4095);
  CHECK(next_epoch(4095) == 1);
}

TEST_CASE("cell and cursor words keep 48 bits of sequence number", "[words]") {
  for (const std::uint64_t seq : {std::uint64_t{0}, std::uint64_t{1}, CellWord::seq_max}) {
    for (const auto phase : {Phase::free, Phase::request, Phase::reply, Phase::send}) {
      for (const std::uint32_t code : {0U, 1U, 8191U, 0x3FFFU}) {
        const auto word = CellWord::make(seq, phase, code);
        CHECK(word.seq() == seq);
        CHECK(word.phase() == phase);
        CHECK(word.code() == code);
      }
    }
    for (const std::uint32_t cell : {0U, 63U, 255U, 65535U}) {
      const auto word = CursorWord::make(seq, cell);
      CHECK(word.seq() == seq);
      CHECK(word.cell() == cell);
    }
  }
  CHECK(CellWord::make(7, Phase::send, 0x4000).code() == 0);
  CHECK(CellWord::make(7, Phase::send, 0x4000).phase() == Phase::send);
}

TEST_CASE("control words round-trip", "[words]") {
  SHMBUS_RANDOM(random);
  for (int i = 0; i < 10'000; ++i) {
    const auto holder = ParticipantId::from_bits(random());
    const auto standby = ParticipantId::from_bits(random());
    const auto gen = static_cast<std::uint32_t>(random() & 0xFFFU);
    const auto slot = static_cast<std::uint32_t>(random() & 1U);
    const auto state = (random() & 1U) != 0 ? EndpointState::active : EndpointState::vacant;
    const auto word = ControlWord::make(holder, standby, gen, slot, state);
    REQUIRE(word.holder() == holder);
    REQUIRE(word.standby() == standby);
    REQUIRE(word.gen() == gen);
    REQUIRE(word.slot() == slot);
    REQUIRE(word.active() == (state == EndpointState::active));
  }
  CHECK_FALSE(ControlWord{}.active());  // zero-filled memory is a vacant endpoint
}

TEST_CASE("lane words round-trip and change one field at a time", "[words]") {
  SHMBUS_RANDOM(random);
  for (int i = 0; i < 10'000; ++i) {
    const auto gen = static_cast<std::uint32_t>(random() & 0xFFFFU);
    const auto party = ParticipantId::from_bits(random());
    const auto endpoint = static_cast<std::uint32_t>(random() & 0x3FFU);
    const auto state = static_cast<LaneState>(random() & 3U);
    const auto served = static_cast<std::uint32_t>(random() & 0xFFFU);
    const auto word = LaneWord::make(gen, party, endpoint, state, served);
    REQUIRE(word.gen() == gen);
    REQUIRE(word.party() == party);
    REQUIRE(word.endpoint() == endpoint);
    REQUIRE(word.state() == state);
    REQUIRE(word.served() == served);
    const auto orphan = word.with_state(LaneState::orphan);
    REQUIRE(orphan.state() == LaneState::orphan);
    REQUIRE(orphan.with_state(state).bits == word.bits);
    REQUIRE(word.with_served(5).with_served(served).bits == word.bits);
    const auto freed = word.freed();
    REQUIRE(freed.state() == LaneState::free);
    REQUIRE(freed.party().nobody());
    REQUIRE(freed.gen() == ((gen + 1) & 0xFFFFU));
  }
  CHECK(LaneWord{}.state() == LaneState::free);
}

TEST_CASE("a binding that was changed 65,536 times is another word", "[words]") {
  const auto first = BindingWord::make(3, 7, 9, BindingWord::group).with_next_revision();
  BindingWord bumped = first;
  BindingWord moved = first;
  BindingWord cleared = first;
  for (std::uint32_t i = 0; i < 65'536; ++i) {
    bumped = bumped.bumped();
    moved = moved.followed_by(first.owner(), first.endpoint(), first.flags());
    cleared = cleared.cleared();
    REQUIRE(bumped.bits != first.bits);
    REQUIRE(moved.bits != first.bits);
  }
  CHECK(bumped.same_slot(first));
  CHECK(bumped.flags() == first.flags());
  CHECK(moved.bits == bumped.bits);
  CHECK_FALSE(cleared.bound());
  CHECK(first.bumped().gen() == first.gen() + 1);
  // News alone is no other registration, however much of it there is.
  BindingWord told = first;
  for (int i = 0; i < 100; ++i) told = told.with_next_revision();
  CHECK(told.registration() == first.registration());
}

TEST_CASE("participant, extent, binding, slot and ticket words round-trip", "[words]") {
  SHMBUS_RANDOM(random);
  for (int i = 0; i < 10'000; ++i) {
    const auto epoch = static_cast<std::uint32_t>(random() & 0xFFFU);
    const auto participant = ParticipantWord::make(epoch, ParticipantState::dead);
    REQUIRE(participant.epoch() == epoch);
    REQUIRE(participant.state() == ParticipantState::dead);

    const auto party = ParticipantId::from_bits(random());
    const std::uint64_t gen = random() & ((1ULL << 40U) - 1U);
    REQUIRE(ExtentWord::make(party, gen).party() == party);
    REQUIRE(ExtentWord::make(party, gen).gen() == gen);

    const auto binding = BindingWord::make(epoch, epoch ^ 0x555U, epoch % 1000);
    REQUIRE(binding.gen() == epoch);
    REQUIRE(binding.owner() == (epoch ^ 0x555U));
    REQUIRE(binding.endpoint() == epoch % 1000);
    REQUIRE(binding.bound());

    const std::uint64_t hash = random();
    const auto record = static_cast<std::uint32_t>(random() % 8192);
    const auto slot = NameSlotWord::make(hash, record);
    REQUIRE_FALSE(slot.empty());
    REQUIRE(slot.record() == record);
    REQUIRE(slot.may_hold(hash));
    REQUIRE_FALSE(slot.may_hold(hash ^ (1ULL << 32U)));

    const auto turn = static_cast<std::uint32_t>(random());
    const auto lane = static_cast<std::uint32_t>(random() & 0xFFFFU);
    const auto ticket = TicketWord::make(turn, lane, lane ^ 0x5555U);
    REQUIRE(ticket.turn() == turn);
    REQUIRE(ticket.lane() == lane);
    REQUIRE(ticket.tag() == (lane ^ 0x5555U));
  }
  CHECK_FALSE(BindingWord{}.bound());
  CHECK_FALSE(BindingWord::make(3, 0, BindingWord::none).bound());
  CHECK(ExtentWord{}.party().nobody());
}
