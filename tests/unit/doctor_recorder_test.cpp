// The doctor about the flight recorder, the tap and policies that are being changed: what no order
// of events can explain is found, what the killed, stopped and overtaken leave is no fault.
#include "inspect/snapshot.hpp"
#include "os/clock.hpp"
#include "recorder/recorder.hpp"
#include "recorder/ring.hpp"
#include "support/catch.hpp"
#include "unit/doctor_lab.hpp"

using namespace shmbus;
using namespace shmbus::test;
using recorder::Event;
using recorder::Kind;
using recorder::SlotWord;

namespace {

constexpr std::uint32_t slot = 3;  // nobody's

Event served(const Lab& lab) {
  Event event;
  event.kind = Kind::served;
  event.record = static_cast<std::uint16_t>(lab.name);
  event.caller = event.handler = lab.me;
  return event;
}
void record(const Lab& lab, Event event) { recorder::record(lab.view, slot, event); }

/// Records one event, made wrong by `change`.
Fault wrong_event(const std::function<void(Event&)>& change) {
  return {"recorder-event", Severity::error, [change](const Lab& lab) {
            Event event = served(lab);
            change(event);
            record(lab, event);
          }};
}

layout::Word64& first_word(const Lab& lab, std::uint32_t at) {
  return lab.view.recorder(slot).slot[at].word[0];
}

}  // namespace

TEST_CASE("events of things that do not exist are found") {
  check_each({
      wrong_event([](Event& e) { e.caller = layout::ParticipantId::make(8, 1); }),
      wrong_event([](Event& e) { e.handler = layout::ParticipantId::make(4000, 1); }),
      wrong_event([](Event& e) { e.record = 16; }),
      wrong_event([](Event& e) { e.lane = 8; }),
      wrong_event([](Event& e) { e.endpoint = 4; }),
      wrong_event([](Event& e) { e.bytes_in = 8 * 4096 + 1; }),
      wrong_event([](Event& e) { e.bytes_out = ~0U; }),
  });
}

TEST_CASE("numbers that a ring cannot have given out are found") {
  check_each({
      {"recorder-head", Severity::error,  // scribbled over
       [](const Lab& lab) {
         for (int i = 0; i < 40; ++i) record(lab, served(lab));
         lab.view.recorder(slot).head.next.store(39, relaxed);
       }},
      {"recorder-head", Severity::error,
       [](const Lab& lab) { first_word(lab, 0).store(SlotWord::make(32, 1).bits, relaxed); }},
      {"recorder-head", Severity::error,  // a request that nobody kept
       [](const Lab& lab) {
         Event event = served(lab);
         event.spilled = 1;
         record(lab, event);
       }},
      {"recorder-slots", Severity::error,
       [](const Lab& lab) {
         record(lab, served(lab));
         first_word(lab, 5).store(SlotWord::make(6, 0).bits, relaxed);
       }},
      {"recorder-head", Severity::error,
       [](const Lab& lab) {
         recorder::tell_tap(lab.view, served(lab));
         lab.view.tap().head.next.store(0, relaxed);
       }},
      {"tap-wish", Severity::error,
       [](const Lab& lab) { lab.view.tap().control.wanted_until.store(~0ULL, relaxed); }},
      {"tap-wish", Severity::error,
       [](const Lab& lab) {
         lab.view.tap().control.payload_until.store(
             wait::ticks() + lab.core->attachment().rate.per_second() * 60, relaxed);
       }},
  });
}

TEST_CASE("what is found of the recorder says whose ring it is") {
  const Lab lab;
  Event event = served(lab);
  event.lane = 900;
  record(lab, event);
  recorder::tell_tap(lab.view, event);
  const auto findings = lab.examine();
  INFO(list(findings));
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].subject == "recorder of slot 3");
  CHECK(findings[1].subject == "tap");
}

TEST_CASE("what the killed, the stopped and the overtaken leave in a ring is no fault") {
  const Lab lab;
  recorder::ask_for_events(lab.core->attachment(), true);
  const std::array<std::byte, 100> request{};
  for (int i = 0; i < 100; ++i) {
    Event event = served(lab);
    event.bytes_in = request.size();
    event.spilled = recorder::spill(lab.view, request);
    record(lab, event);
    recorder::tell_tap(lab.view, event);
  }
  CHECK(lab.examine().empty());
  // Killed after its claim.
  const auto claimed = lab.view.recorder(slot).head.next.fetch_add(1);
  first_word(lab, claimed % 32).store(SlotWord::make(claimed, 0).bits);
  CHECK(lab.examine().empty());
  // Overtaken: its words lie under another's number.
  lab.view.recorder(slot).slot[7].word[2].store(~0ULL);
  CHECK(lab.examine().empty());
  // Stopped three laps ago, it went on to finish what it had begun.
  auto words = recorder::pack(served(lab));
  const std::uint64_t old = claimed - 3 * 32;
  auto& entry = lab.view.recorder(slot).slot[old % 32];
  for (std::size_t i = 1; i < words.size(); ++i) entry.word[i].store(words[i]);
  entry.word[0].store(SlotWord::make(old, recorder::checksum(words, old)).bits);
  CHECK(lab.examine().empty());
  // Registered, and somebody had unbound the name before it was looked where it leads.
  Event registered = served(lab);
  registered.kind = Kind::registered;
  registered.endpoint = layout::BindingWord::none;
  record(lab, registered);
  CHECK(lab.examine().empty());
  // A kind that a newer program tells of may use its fields otherwise.
  Event news;
  news.kind = static_cast<Kind>(77);
  news.lane = 0xFFFF;
  record(lab, news);
  INFO(list(lab.examine()));
  CHECK(lab.examine().empty());
}

TEST_CASE("numbers that have wrapped are no fault") {
  const Lab lab;
  lab.view.recorder(slot).head.next.store((1ULL << 32U) - 10);
  for (int i = 0; i < 20; ++i) record(lab, served(lab));
  INFO(list(lab.examine()));
  CHECK(lab.examine().empty());
}

TEST_CASE("policies whose setter died, or never was, are found") {
  const auto changing = [](const Lab& lab) -> layout::Word64& {
    return lab.view.policy(lab.name).asked.changing;
  };
  check_each({
      {"policy-unfinished", Severity::warning,
       [&](const Lab& lab) {
         lab.slot(corpse, layout::ParticipantState::alive);
         changing(lab).store(corpse.bits, relaxed);
       }},
      {"policy-setter", Severity::error,
       [&](const Lab& lab) { changing(lab).store(stranger.bits, relaxed); }},
      {"policy-setter", Severity::error,
       [&](const Lab& lab) {
         changing(lab).store(layout::ParticipantId::make(900, 1).bits, relaxed);
       }},
      {"policy-setter", Severity::error,
       [&](const Lab& lab) { changing(lab).store(lab.me.bits | (1ULL << 40U), relaxed); }},
  });
  // One that lives may be about it at this moment, or stopped: the next one passes it over.
  const Lab lab;
  changing(lab).store(lab.me.bits, relaxed);
  CHECK(lab.examine().empty());
}
