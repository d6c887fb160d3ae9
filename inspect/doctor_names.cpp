// The name table: where names lead, whether the table leads to them, and who changes policies.
#include <map>

#include "inspect/doctor_parts.hpp"
#include "layout/names.hpp"
#include "shmbus/name.hpp"

namespace shmbus::inspect {
namespace {

std::string subject_of(const NameInfo& name) {
  return "name " + std::to_string(name.record) + " '" + name.name + "'";
}

Finding error_at(const NameInfo& name, std::string_view id, std::string what) {
  return {Severity::error, std::string(id), subject_of(name), std::move(what),
          std::string(mend_corruption)};
}

/// A registrant that is about to publish holds a lease for a moment; for longer only a dead one.
void check_lease(const NameInfo& name, const Snapshot& snapshot, std::vector<Finding>& out) {
  if ((name.lease >> 24U) != 0) {
    out.push_back(error_at(name, "name-lease", "has a lease that nobody can have written"));
    return;
  }
  const auto party = layout::ParticipantId::from_bits(name.lease);
  switch (snapshot.standing(party)) {
    case Standing::living:
      return;
    case Standing::dead:
      out.push_back({Severity::warning, "name-lease", subject_of(name),
                     "is half registered by " + party_text(party) + ", who has died",
                     std::string(mend_dead)});
      return;
    case Standing::nobody:
    case Standing::gone:
    case Standing::impossible:
      break;
  }
  out.push_back(error_at(name, "name-lease",
                         "is leased to " + party_text(party) + ", who is no participant"));
}

void check_published(const NameInfo& name, const Snapshot& snapshot, std::vector<Finding>& out) {
  if (!name.in_table) {
    out.push_back(error_at(name, "name-unreachable", "is published and not in the hash table"));
  }
  if (name.length == 0 || name.length > layout::name_bytes_max || !name.hash_fits) {
    out.push_back(error_at(name, "name-text", "has a text that does not fit its length or hash"));
  }
  if (!name.name.empty() && !is_valid_name(name.name)) {
    out.push_back(error_at(name, "name-invalid", "has a text that no command can have"));
  }
  const layout::BindingWord binding{name.binding_bits};
  if (binding.bound() && binding.endpoint() >= snapshot.endpoints.size()) {
    out.push_back(error_at(
        name, "name-binding",
        "leads to endpoint " + std::to_string(binding.endpoint()) + ", which does not exist"));
  }
}

/// What fellows clear within a tenth of a second, as long as any of them is alive.
void check_members(const NameInfo& name, std::vector<Finding>& out) {
  for (const std::uint64_t bits : name.bad_members) {
    out.push_back(error_at(name, "name-member",
                           "has a member at endpoint " +
                               std::to_string(layout::BindingWord{bits}.endpoint()) +
                               ", which does not exist"));
  }
  for (const auto& member : name.members) {
    if (member.state == NameState::active || name.state != NameState::active) continue;
    out.push_back({Severity::warning, "member-stale", subject_of(name),
                   "has a member at endpoint " + std::to_string(member.endpoint) +
                       " that has gone, and " + std::to_string(member.depth) +
                       " commands of it wait to be taken over",
                   "wait a moment; if it stays, the other members are stopped or stuck"});
  }
}

/// A setter is done in a microsecond. One that is stopped in the middle is passed over by the next,
/// and is no fault; a dead one never told the callers.
void check_setter(const NameInfo& name, std::vector<Finding>& out) {
  const auto party = layout::ParticipantId::from_bits(name.changing);
  switch (name.changing_standing) {
    case Standing::nobody:
    case Standing::living:
      return;
    case Standing::dead:
      out.push_back({Severity::warning, "policy-unfinished", subject_of(name),
                     "has a policy that " + party_text(party) +
                         " was changing when it died: callers may not know of what is set by now",
                     "look with `shmbus policy show`; `shmbus gc` tells the callers, and so does "
                     "the next `shmbus policy set`"});
      return;
    case Standing::gone:
    case Standing::impossible:
      out.push_back(
          {Severity::error, "policy-setter", subject_of(name),
           "has a policy that is being changed by " + party_text(party) + ", who is no participant",
           "`shmbus policy set` passes it over and puts it right; " +
               std::string(mend_corruption)});
  }
}

}  // namespace

void check_policies(const Snapshot& snapshot, std::vector<Finding>& out) {
  for (const auto& name : snapshot.names) check_setter(name, out);
}

void check_names(const Snapshot& snapshot, std::vector<Finding>& out) {
  std::map<std::string_view, const NameInfo*> seen;
  for (const auto& name : snapshot.names) {
    if (name.lease != layout::lease_published) {
      check_lease(name, snapshot, out);
      continue;
    }
    check_published(name, snapshot, out);
    check_members(name, out);
    if (!seen.emplace(name.name, &name).second) {
      out.push_back(error_at(name, "name-twice", "stands in the table twice"));
    }
  }
  for (const std::uint64_t slot : snapshot.bad_name_slots) {
    out.push_back({Severity::error, "name-slot", "name slot " + std::to_string(slot),
                   "leads to a record that does not exist", std::string(mend_corruption)});
  }
  if (snapshot.names.size() == snapshot.bus.header.capacities.names) {
    out.push_back({Severity::warning, "names-exhausted", "",
                   "the name table is full: new names are refused",
                   "create the bus with more --names (OpenOptions::capacities.names)"});
  }
}

}  // namespace shmbus::inspect
