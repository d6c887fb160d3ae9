// Who holds what: slots, endpoints and extents. The dead whom nobody has reclaimed yet are a
// note, since any participant does it when it needs what they hold; a word that names a generation
// which has already been freed is an error, since nobody would ever find it.
#include "inspect/doctor_parts.hpp"
#include "inspect/left_behind.hpp"
#include "layout/endpoint.hpp"
#include "layout/event_words.hpp"

namespace shmbus::inspect {
namespace {

using layout::ControlWord;
using layout::ParticipantState;

std::string subject_of(const EndpointInfo& endpoint) {
  return "endpoint " + std::to_string(endpoint.index) + "." + std::to_string(endpoint.gen);
}

std::string holdings(const ParticipantInfo& info) {
  std::string text;
  const auto add = [&](std::uint32_t count, std::string_view noun) {
    if (count == 0) return;
    text.append(text.empty() ? "; it still holds " : ", ").append(counted(count, noun));
  };
  add(info.endpoints, "endpoint");
  add(info.lanes, "lane");
  add(info.extents, "extent");
  return text;
}

std::string who(const ParticipantInfo& info) {
  return "'" + info.label + "' (pid " + std::to_string(info.pid) + ")";
}

void check_control(const EndpointInfo& endpoint, std::vector<Finding>& out) {
  const ControlWord control{endpoint.control_bits};
  const auto state = control.bits & 7U;
  if (state > static_cast<std::uint64_t>(layout::EndpointState::active)) {
    out.push_back({Severity::error, "endpoint-state", subject_of(endpoint),
                   "is in state " + std::to_string(state) + ", which does not exist",
                   std::string(mend_corruption)});
    return;
  }
  if (!endpoint.active) {
    if (!endpoint.holder.nobody()) {
      out.push_back({Severity::error, "endpoint-holder", subject_of(endpoint),
                     "is vacant and yet names " + party_text(endpoint.holder),
                     std::string(mend_corruption)});
    }
    return;
  }
  // A dead owner is reported with its slot.
  if (endpoint.standing == Standing::living || endpoint.standing == Standing::dead) return;
  out.push_back({Severity::error, "endpoint-holder", subject_of(endpoint),
                 "is owned by " + party_text(endpoint.holder) + ", who is no participant",
                 std::string(mend_corruption)});
}

/// Endpoints change owners by these two words. Dead owners are reported with their slots.
void check_change_of_hands(const EndpointInfo& endpoint, std::vector<Finding>& out) {
  const auto real = [](Standing standing) {
    return standing == Standing::living || standing == Standing::dead;
  };
  const ControlWord control{endpoint.control_bits};
  if (!endpoint.standby.nobody() && (!endpoint.active || !real(endpoint.standby_standing))) {
    out.push_back({Severity::error, "endpoint-standby", subject_of(endpoint),
                   "is asked for by " + party_text(endpoint.standby) +
                       (endpoint.active ? ", who is no participant" : ", and yet is vacant"),
                   std::string(mend_corruption)});
  }
  if (endpoint.draining.bits == 0) return;
  const layout::ParticipantId party = endpoint.draining.party();
  const auto forged = [&](std::string what) {
    out.push_back({Severity::error, "endpoint-draining", subject_of(endpoint), std::move(what),
                   "lanes there may never go free; " + std::string(mend_corruption)});
  };
  if (!real(endpoint.draining_standing)) {
    forged("waits for answers of " + party_text(party) + ", who is no participant");
  } else if (layout::DrainingWord::make(party, endpoint.draining.slot()).bits !=
             endpoint.draining.bits) {
    forged("says who drains in a way that no participant writes");
  } else if (endpoint.active && endpoint.holder != party &&
             control.slot() == endpoint.draining.slot()) {
    forged("has an owner that writes the journal of " + party_text(party) + ", who still drains");
  }
}

void check_inbox(const EndpointInfo& endpoint, std::vector<Finding>& out) {
  const auto& inbox = endpoint.inbox;
  if (inbox.implausible_turns != 0) {
    out.push_back({Severity::error, "inbox-turns", subject_of(endpoint),
                   "has " + counted(inbox.implausible_turns, "ticket slot") +
                       " whose turn nobody can have written",
                   "commands still run, later and out of order; " + std::string(mend_corruption)});
  }
  if (inbox.lanes_out_of_range != 0) {
    out.push_back(
        {Severity::error, "inbox-lanes", subject_of(endpoint),
         "has " + counted(inbox.lanes_out_of_range, "ticket") + " for lanes that do not exist",
         std::string(mend_corruption)});
  }
}

}  // namespace

bool left_behind(const Finding& finding) {
  return finding.id == "untold-callers" || finding.id == "orphan-lane" ||
         (finding.id == "dead-participant" &&
          finding.what.find("was not reclaimed") != std::string::npos);
}

void check_handovers(const Snapshot& snapshot, std::vector<Finding>& out) {
  for (const auto& info : snapshot.participants) {
    const std::string subject = party_text(layout::ParticipantId::make(info.index, info.epoch));
    const auto state = static_cast<ParticipantState>(info.state);
    if (state != ParticipantState::alive && state != ParticipantState::dead) {
      out.push_back({Severity::error, "slot-state", subject,
                     "is in state " + std::to_string(info.state) + ", which does not exist",
                     std::string(mend_corruption)});
      continue;
    }
    if (!info.process_alive) {
      const std::string held = holdings(info);
      // One that left in good order may have left the freeing of its slot to the next participant.
      const bool only_the_slot = state == ParticipantState::dead && held.empty();
      out.push_back({Severity::note, "dead-participant", subject,
                     who(info) + (only_the_slot ? " has gone; its slot is not free yet"
                                                : " has gone and was not reclaimed" + held),
                     std::string(mend_dead)});
    } else if (state == ParticipantState::dead) {
      // Leaving takes a moment; being called dead for longer needs somebody to write it.
      out.push_back({Severity::error, "living-called-dead", subject,
                     who(info) + " is alive, and its slot says dead",
                     std::string(mend_corruption)});
    }
  }
}

void check_endpoints(const Snapshot& snapshot, std::vector<Finding>& out) {
  for (const auto& endpoint : snapshot.endpoints) {
    check_control(endpoint, out);
    check_change_of_hands(endpoint, out);
    check_inbox(endpoint, out);
  }
}

void check_extents(const Snapshot& snapshot, std::vector<Finding>& out) {
  const auto& usage = snapshot.extents;
  for (std::size_t i = 0; i < usage.holder.size(); ++i) {
    const layout::ParticipantId holder = usage.holder[i];
    // The events of a broadcast lane; which lanes there are, the header says.
    if (holder.index() == layout::broadcast_party_index &&
        holder.epoch() <= snapshot.bus.header.capacities.broadcasts) {
      continue;
    }
    const auto standing = snapshot.standing(holder);
    if (standing != Standing::gone && standing != Standing::impossible) continue;
    out.push_back({Severity::error, "extent-holder", "extent " + std::to_string(i),
                   "is leased to " + party_text(usage.holder[i]) + ", who is no participant",
                   "this memory is lost to the bus; " + std::string(mend_corruption)});
  }
  if (usage.total != 0 && usage.leased == usage.total) {
    out.push_back(
        {Severity::warning, "extents-exhausted", "",
         "all " + counted(usage.total, "extent") + " are leased: large payloads must wait",
         "`shmbus ps` shows who holds them; create the bus with more "
         "--extents (OpenOptions::capacities.extents)"});
  }
}

}  // namespace shmbus::inspect
