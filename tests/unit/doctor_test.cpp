// The doctor against forged states of a real segment: each fault that it knows is written into a
// healthy bus and must be found, under its own name.
#include "support/catch.hpp"
#include "unit/doctor_lab.hpp"

using namespace shmbus;
using namespace shmbus::test;
using layout::BindingWord;
using layout::ControlWord;
using layout::EndpointState;
using layout::ExtentWord;
using layout::LaneState;
using layout::LaneWord;
using layout::ParticipantId;
using layout::ParticipantState;
using layout::TicketWord;

TEST_CASE("a healthy bus has no findings") {
  const Lab lab;
  lab.own(lab.me);
  lab.lane(lab.me, LaneState::attached, 1, 1);
  lab.cell(0, 1, 1);
  lab.view.extent_word(0).store(ExtentWord::make(lab.me, 4).bits, relaxed);
  INFO(list(lab.examine()));
  CHECK(lab.examine().empty());
  // So is one whose endpoint is about to change hands, or just has.
  const auto asked = ControlWord::make(lab.me, lab.me, 1, 0, EndpointState::active);
  lab.control(asked.bits);
  CHECK(lab.examine().empty());
  lab.draining(layout::DrainingWord::make(lab.me, 0).bits);
  CHECK(lab.examine().empty());
  lab.control(asked.handed_over(1).bits);
  CHECK(lab.examine().empty());
  lab.draining(0);
  lab.control(0);
  lab.view.lane_word(2).store(0, relaxed);
}

TEST_CASE("faults of slots are found") {
  check_each({
      {"dead-participant", Severity::note,
       [](const Lab& lab) { lab.slot(corpse, ParticipantState::alive); }},
      {"dead-participant", Severity::note,
       [](const Lab& lab) { lab.slot(corpse, ParticipantState::dead); }},
      {"dead-participant", Severity::note,
       [](const Lab& lab) {
         lab.slot(corpse, ParticipantState::dead);
         lab.view.extent_word(1).store(ExtentWord::make(corpse, 1).bits, relaxed);
       }},
      {"slot-state", Severity::error,
       [](const Lab& lab) { lab.slot(corpse, static_cast<ParticipantState>(9)); }},
      {"living-called-dead", Severity::error,
       [](const Lab& lab) { lab.slot(lab.me, ParticipantState::dead); }},
  });
}

TEST_CASE("faults of endpoints and inboxes are found") {
  check_each({
      {"endpoint-state", Severity::error, [](const Lab& lab) { lab.control(5); }},
      {"endpoint-holder", Severity::error, [](const Lab& lab) { lab.own(stranger); }},
      {"endpoint-standby", Severity::error,
       [](const Lab& lab) {
         lab.control(ControlWord::make(lab.me, stranger, 1, 0, EndpointState::active).bits);
       }},
      {"endpoint-standby", Severity::error,
       [](const Lab& lab) {
         lab.control(ControlWord::make({}, lab.me, 1, 0, EndpointState::vacant).bits);
       }},
      {"endpoint-draining", Severity::error,
       [](const Lab& lab) { lab.draining(layout::DrainingWord::make(stranger, 1).bits); }},
      {"endpoint-draining", Severity::error,
       [](const Lab& lab) {
         lab.draining(layout::DrainingWord::make(lab.me, 1).bits | (1ULL << 40U));
       }},
      {"endpoint-draining", Severity::error,
       [](const Lab& lab) {
         lab.slot(corpse, ParticipantState::alive);
         lab.own(corpse);
         lab.draining(layout::DrainingWord::make(lab.me, 0).bits);
       }},
      {"endpoint-holder", Severity::error,
       [](const Lab& lab) { lab.own(ParticipantId::make(4000, 1)); }},
      {"endpoint-holder", Severity::error,
       [](const Lab& lab) {
         lab.control(ControlWord::make(lab.me, {}, 1, 0, EndpointState::vacant).bits);
       }},
      {"inbox-turns", Severity::error,
       [](const Lab& lab) {
         lab.view.inbox(1)[3].store(TicketWord::make(0x40000000, 0, 0).bits, relaxed);
       }},
      {"inbox-lanes", Severity::error,
       [](const Lab& lab) {
         lab.view.inbox(1)[0].store(TicketWord::make(1, 5000, 0).bits, relaxed);
       }},
  });
}

TEST_CASE("faults of lane words are found") {
  check_each({
      {"lane-party", Severity::error,
       [](const Lab& lab) { lab.lane(stranger, LaneState::attached); }},
      {"lane-party", Severity::error, [](const Lab& lab) { lab.lane({}, LaneState::attached); }},
      {"lane-endpoint", Severity::error,
       [](const Lab& lab) { lab.lane(lab.me, LaneState::attached, 700); }},
      {"lane-served", Severity::error,
       [](const Lab& lab) { lab.lane(lab.me, LaneState::attached, 1, 77); }},
      {"lane-free", Severity::error, [](const Lab& lab) { lab.lane(lab.me, LaneState::free); }},
      {"orphan-lane", Severity::note,  // no handler is there
       [](const Lab& lab) { lab.lane(lab.me, LaneState::orphan); }},
      {"lanes-exhausted", Severity::warning,
       [](const Lab& lab) {
         for (std::uint32_t i = 0; i < lab.view.capacities().lanes; ++i) {
           lab.view.lane_word(i).store(LaneWord::make(1, lab.me, 1, LaneState::allocating, 0).bits,
                                       relaxed);
         }
       }},
  });
}

TEST_CASE("faults inside lanes are found") {
  check_each({
      {"lane-cursor", Severity::error,
       [](const Lab& lab) {
         lab.lane(lab.me, LaneState::attached);
         lab.cursor(9, 200);
       }},
      {"lane-links", Severity::error,
       [](const Lab& lab) {
         lab.lane(lab.me, LaneState::attached);
         lab.cell(0, 1, 0xFFFF);
       }},
      {"lane-sequences", Severity::error,
       [](const Lab& lab) {
         lab.lane(lab.me, LaneState::attached);
         lab.cell(0, 5000);
       }},
      {"untold-callers", Severity::error,  // at an endpoint without an owner
       [](const Lab& lab) {
         lab.lane(lab.me, LaneState::attached);
         lab.cell(0, 1, 1);
         lab.cursor(2, 1);
       }},
      {"untold-callers", Severity::note,  // whose owner has died
       [](const Lab& lab) {
         lab.slot(corpse, ParticipantState::alive);
         lab.own(corpse);
         lab.lane(lab.me, LaneState::attached, 1, 1);
         lab.cell(0, 1, 1);
         lab.cursor(2, 1);
       }},
  });
}

TEST_CASE("faults of extents are found") {
  check_each({
      {"extent-holder", Severity::error,
       [](const Lab& lab) {
         lab.view.extent_word(3).store(ExtentWord::make(stranger, 1).bits, relaxed);
       }},
      {"extents-exhausted", Severity::warning,
       [](const Lab& lab) {
         for (std::uint32_t i = 0; i < lab.view.capacities().extents; ++i) {
           lab.view.extent_word(i).store(ExtentWord::make(lab.me, 1).bits, relaxed);
         }
       }},
  });
}

TEST_CASE("faults of names are found") {
  const auto other = [](const Lab& lab) {
    return *names::intern(lab.core->attachment(), "users.delete");
  };
  check_each({
      {"name-lease", Severity::error,
       [](const Lab& lab) { lab.view.name(5).lease.store(~0ULL, relaxed); }},
      {"name-lease", Severity::error,
       [](const Lab& lab) { lab.view.name(5).lease.store(stranger.bits, relaxed); }},
      {"name-lease", Severity::warning,
       [](const Lab& lab) {
         lab.slot(corpse, ParticipantState::alive);
         lab.view.name(5).lease.store(corpse.bits, relaxed);
       }},
      {"name-unreachable", Severity::error,
       [](const Lab& lab) { lab.view.name(5).lease.store(layout::lease_published, relaxed); }},
      {"name-text", Severity::error,
       [](const Lab& lab) { lab.view.name(lab.name).text[0].store(1, relaxed); }},
      {"name-text", Severity::error,
       [](const Lab& lab) { lab.view.name(lab.name).length.store(5000, relaxed); }},
      {"name-binding", Severity::error,
       [](const Lab& lab) {
         lab.view.name(lab.name).binding.store(BindingWord::make(1, 1, 900).bits, relaxed);
       }},
      {"name-twice", Severity::error,
       [&](const Lab& lab) {
         const auto twin = other(lab);
         const auto& original = lab.view.name(lab.name);
         auto& copy = lab.view.name(twin);
         for (std::size_t i = 0; i < original.text.size(); ++i) {
           copy.text[i].store(original.text[i].load(relaxed), relaxed);
         }
       }},
      {"name-slot", Severity::error,
       [](const Lab& lab) {
         for (std::uint64_t i = 0; i < lab.view.geometry().name_slots.count; ++i) {
           if (lab.view.name_slot(i).load(relaxed) == 0) {
             lab.view.name_slot(i).store(4242, relaxed);
             return;
           }
         }
       }},
      {"names-exhausted", Severity::warning,
       [](const Lab& lab) {
         for (int i = 1; i < 16; ++i) {
           REQUIRE(names::intern(lab.core->attachment(), std::string_view(std::to_string(i))));
         }
       }},
  });
}
