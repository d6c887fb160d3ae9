// A bus into which faults are forged, and the doctor that must find each under its own name.
#pragma once

#include <algorithm>
#include <functional>

#include "inspect/doctor.hpp"
#include "support/temp_bus.hpp"
#include "words/table.hpp"

namespace shmbus::test {

using inspect::Finding;
using inspect::Severity;

inline constexpr auto relaxed = std::memory_order_relaxed;
inline const layout::ParticipantId stranger =
    layout::ParticipantId::make(6, 9);  // a slot that is free
inline const layout::ParticipantId corpse =
    layout::ParticipantId::make(5, 1);  // a slot that is taken and whose lock is free

inline const Finding* find(const std::vector<Finding>& findings, std::string_view id) {
  const auto at = std::find_if(findings.begin(), findings.end(),
                               [&](const Finding& finding) { return finding.id == id; });
  return at == findings.end() ? nullptr : &*at;
}

inline std::string list(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& f : findings) text += f.id + " (" + f.subject + " " + f.what + ")\n";
  return text;
}

/// A bus with one living participant and one name of no owner.
struct Lab {
  TempBus place;
  std::shared_ptr<detail::BusCore> core = join(place.path());
  const segment::View& view = core->view();
  layout::ParticipantId me = core->attachment().me;
  std::uint32_t name = *names::intern(core->attachment(), "users.create");

  std::vector<Finding> examine() const {
    const auto reader = inspect::Reader::open(place.path());
    REQUIRE_OK(reader);
    return inspect::examine(*reader);
  }
  void slot(layout::ParticipantId party, layout::ParticipantState state) const {
    view.participant(party.index())
        .state.store(layout::ParticipantWord::make(party.epoch(), state).bits, relaxed);
  }
  void own(layout::ParticipantId party) const {
    control(layout::ControlWord::make(party, {}, 1, 0, layout::EndpointState::active).bits);
  }
  void draining(std::uint64_t bits) const {
    view.endpoint(1).control.draining.store(bits, relaxed);
  }
  void control(std::uint64_t bits) const { view.endpoint(1).control.control.store(bits, relaxed); }
  void lane(layout::ParticipantId party, layout::LaneState state, std::uint32_t endpoint = 1,
            std::uint32_t served = 0) const {
    view.lane_word(2).store(layout::LaneWord::make(3, party, endpoint, state, served).bits,
                            relaxed);
    cursor(1, 0);
  }
  void cursor(std::uint64_t seq, std::uint32_t cell) const {
    view.lane(2).journal[0].cursor.store(layout::CursorWord::make(seq, cell).bits, relaxed);
  }
  void cell(std::uint32_t index, std::uint64_t seq, std::uint64_t word1 = 0) const {
    view.cells(2)[index].word[1].store(word1, relaxed);
    view.cells(2)[index].word[0].store(layout::CellWord::make(seq, layout::Phase::request, 0).bits,
                                       relaxed);
  }
};

struct Fault {
  const char* id;
  Severity severity;
  std::function<void(const Lab&)> forge;
};

inline void check_each(const std::vector<Fault>& faults) {
  for (const auto& fault : faults) {
    const Lab lab;
    REQUIRE(lab.examine().empty());
    fault.forge(lab);
    const auto findings = lab.examine();
    INFO(fault.id << " among\n" << list(findings));
    const auto* found = find(findings, fault.id);
    REQUIRE(found != nullptr);
    CHECK(found->severity == fault.severity);
    CHECK_FALSE(found->what.empty());
    CHECK_FALSE(found->mend.empty());
    // Left as they are, these words would keep the bus from being left in good order.
    lab.control(0);
    lab.draining(0);
    lab.view.lane_word(2).store(0, relaxed);
  }
}

}  // namespace shmbus::test
