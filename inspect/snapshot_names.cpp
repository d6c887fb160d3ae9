// Endpoints, their inboxes, and names of a snapshot.
#include <algorithm>

#include "inspect/snapshot_parts.hpp"
#include "layout/participant.hpp"
#include "layout/policy.hpp"
#include "layout/text.hpp"
#include "os/clock.hpp"
#include "words/inbox.hpp"
#include "words/members.hpp"
#include "words/table.hpp"

namespace shmbus::inspect {
namespace {

using layout::BindingWord;
using layout::ControlWord;
using layout::NameSlotWord;
using layout::TicketWord;

/// How far a turn lies from the one that position `head + distance` would have.
std::uint32_t turn_distance(std::uint32_t turn, std::uint32_t expected) noexcept {
  return std::min(turn - expected, expected - turn);  // turns wrap
}

InboxInfo read_inbox(const segment::View& view, std::uint32_t endpoint) {
  InboxInfo info;
  const auto ring = view.inbox(endpoint);
  const auto& target = view.endpoint(endpoint);
  info.head = target.owner.head.load(std::memory_order_relaxed);
  info.tail = target.inbox_tail.tail.load(std::memory_order_relaxed);
  for (std::uint64_t i = 0; i < ring.size(); ++i) {
    const TicketWord seen{ring[i].load(std::memory_order_acquire)};  // SYNC inbox.ticket
    const std::uint64_t position = info.head + ((i - info.head) & (ring.size() - 1));
    const auto empty = static_cast<std::uint32_t>(2 * (position / ring.size()));
    if (turn_distance(seen.turn(), empty) > 2 * inbox_slack_laps) {
      ++info.implausible_turns;
    } else if ((seen.turn() & 1U) != 0) {
      ++info.waiting;
      if (seen.lane() >= view.capacities().lanes && seen.lane() != inbox::no_lane) {
        ++info.lanes_out_of_range;
      }
    }
  }
  return info;
}

/// Left by an owner of another build, the word may say anything: no more are busy than there are.
void read_workers(const Reader& reader, const layout::EndpointOwner& from, EndpointInfo& info) {
  if (!info.active) return;
  const layout::WorkersWord word{from.workers.load(std::memory_order_relaxed)};
  info.workers = word.all();
  info.busy = std::min(word.busy(), word.all());
  const wait::TickRate rate(reader.header().ticks_per_s);
  if (info.busy != 0) info.oldest_ns = rate.to_ns(word.oldest_ticks(wait::ticks()));
}

EndpointInfo read_endpoint(const Reader& reader, const Snapshot& so_far, std::uint32_t index) {
  const auto& from = reader.view().endpoint(index);
  // SYNC endpoint.control
  const ControlWord control{from.control.control.load(std::memory_order_acquire)};
  layout::TextBuffer<8> label{};
  EndpointInfo info;
  info.index = index;
  info.control_bits = control.bits;
  info.active = control.active();
  info.holder = control.holder();
  info.standing = so_far.standing(control.holder());
  info.standby = control.standby();
  info.standby_standing = so_far.standing(control.standby());
  // SYNC endpoint.draining
  info.draining = {from.control.draining.load(std::memory_order_acquire)};
  info.draining_standing = so_far.standing(info.draining.party());
  info.gen = control.gen();
  info.attention = from.attention.attention.load(std::memory_order_relaxed);
  info.global_order = (from.attention.flags.load(std::memory_order_relaxed) &
                       layout::endpoint_flags::global_order) != 0;
  info.commands = from.owner.commands.load(std::memory_order_relaxed);
  info.parks = from.owner.parks.load(std::memory_order_relaxed);
  info.wakes = from.owner.wakes.load(std::memory_order_relaxed);
  info.died = from.owner.died.load(std::memory_order_relaxed);
  read_workers(reader, from.owner, info);
  info.label = std::string(layout::load_text(from.label.text, label));
  info.inbox = read_inbox(reader.view(), index);
  return info;
}

NameState state_of(const EndpointInfo& endpoint) noexcept {
  if (!endpoint.active) return NameState::vacant;
  return endpoint.standing == Standing::living ? NameState::active : NameState::dead;
}

void follow_binding(const Snapshot& so_far, NameInfo& info) {
  const BindingWord binding{info.binding_bits};
  if (!binding.bound()) return;
  info.endpoint = binding.endpoint();
  info.state = NameState::vacant;
  if (binding.endpoint() >= so_far.endpoints.size()) return;  // the doctor tells
  const auto& endpoint = so_far.endpoints[binding.endpoint()];
  // Somebody may sit there by now who does not serve this name.
  if (endpoint.active && endpoint.gen != binding.owner()) return;
  info.state = state_of(endpoint);
  info.owner_label = endpoint.label;
  if (const auto* owner = so_far.participant(endpoint.holder)) info.owner_pid = owner->pid;
}

Role role_of(const names::Members& members, names::Place place) noexcept {
  if (members.word[place].has(BindingWord::leaving)) return Role::leaving;
  if (members.canary() == place) return members.route.promoted() ? Role::former : Role::canary;
  return members.group() ? Role::member : Role::owner;
}

MemberInfo read_member(const Snapshot& so_far, const names::Members& members, names::Place place) {
  const BindingWord word = members.word[place];
  MemberInfo info;
  info.place = place;
  info.endpoint = word.endpoint();
  info.role = role_of(members, place);
  const auto& endpoint = so_far.endpoints[word.endpoint()];
  info.commands = endpoint.commands;
  for (const auto& lane : so_far.lanes) {
    if (!lane.word.in_use() || lane.word.endpoint() != info.endpoint) continue;
    info.depth += lane.queued + lane.started_unanswered;
  }
  if (endpoint.active && endpoint.gen != word.owner()) return info;
  info.state = state_of(endpoint);
  info.label = endpoint.label;
  if (const auto* owner = so_far.participant(endpoint.holder)) info.pid = owner->pid;
  return info;
}

/// An endpoint that takes commands. Of a group, one that died and was not found yet does not hide a
/// fellow that lives.
const MemberInfo* best_of(const NameInfo& info, std::optional<names::Place> taking) {
  const MemberInfo* best = nullptr;
  for (const auto& member : info.members) {
    if (member.place == taking) best = &member;
  }
  if (best == nullptr || best->state == NameState::active || !info.group) return best;
  const auto fellow =
      std::find_if(info.members.begin(), info.members.end(), [](const MemberInfo& member) {
        return member.role == Role::member && member.state == NameState::active;
      });
  return fellow != info.members.end() ? &*fellow : best;
}

/// Those who share the name; it is as well as the best of them.
void read_members(const segment::View& view, const Snapshot& so_far, NameInfo& info) {
  const auto members = names::load_members(view, info.record);
  for (names::Place place = 1; place < names::places; ++place) {
    const BindingWord word{
        names::place_word(view, info.record, place).load(std::memory_order_relaxed)};
    if (word.bound() && word.endpoint() >= so_far.endpoints.size()) {
      info.bad_members.push_back(word.bits);
    }
  }
  info.route = members.route;
  info.group = members.group();
  if (!members.routed()) return;
  for (names::Place place = 0; place < names::places; ++place) {
    if (members.word[place].bound()) info.members.push_back(read_member(so_far, members, place));
  }
  const auto taking = names::taking_place(view, members);
  if (const MemberInfo* shown = best_of(info, taking)) {
    info.state = shown->state;
    info.endpoint = shown->endpoint;
    info.owner_label = shown->label;
    info.owner_pid = shown->pid;
  }
}

void read_counters(const segment::View& view, NameInfo& info) {
  const auto& from = view.name_stats(info.record);
  info.commands = from.commands.load(std::memory_order_relaxed);
  info.errors = from.errors.load(std::memory_order_relaxed);
  info.expired = from.expired.load(std::memory_order_relaxed);
  info.bytes_in = from.bytes_in.load(std::memory_order_relaxed);
  info.bytes_out = from.bytes_out.load(std::memory_order_relaxed);
  info.service.add(from.service_ns);
  info.queue.add(from.queue_ns);
  info.published_per_s =
      view.published_name(info.record).commands_per_s.load(std::memory_order_relaxed);
}

Standing standing_now(const Reader& reader, std::uint64_t bits) noexcept {
  const auto party = layout::ParticipantId::from_bits(bits);
  if (party.bits != bits || party.index() >= reader.view().capacities().participants ||
      party.epoch() == 0) {
    return Standing::impossible;
  }
  // SYNC slot.alive
  const layout::ParticipantWord slot{
      reader.view().participant(party.index()).state.load(std::memory_order_acquire)};
  if (slot.state() == layout::ParticipantState::free || slot.epoch() != party.epoch()) {
    return Standing::gone;
  }
  return reader.alive(party.index()) ? Standing::living : Standing::dead;
}

/// A setter may have joined since the slots were read, and be done and gone a moment later: who it
/// is counts only if the word is still its own after the look at its slot.
void read_setter(const Reader& reader, NameInfo& info) {
  const auto& changing = reader.view().policy(info.record).asked.changing;
  const std::uint64_t seen = changing.load(std::memory_order_acquire);  // SYNC policy.changing
  if (seen == 0) return;
  const Standing standing = standing_now(reader, seen);
  if (changing.load(std::memory_order_acquire) != seen) return;  // SYNC policy.changing
  info.changing = seen;
  info.changing_standing = standing;
}

NameInfo read_name(const Reader& reader, const Snapshot& so_far, std::uint32_t record,
                   std::uint64_t lease) {
  const auto& view = reader.view();
  const auto& from = view.name(record);
  NameInfo info;
  info.record = record;
  info.lease = lease;
  info.name = std::string(names::text_of(view, record).view());
  info.length = from.length.load(std::memory_order_relaxed);
  info.hash_fits =
      from.hash.load(std::memory_order_relaxed) == shmbus::detail::hash_name(info.name);
  info.binding_bits = from.binding.load(std::memory_order_acquire);  // SYNC names.binding
  info.schema_hash = from.schema_hash.load(std::memory_order_relaxed);
  info.owner_uid = from.owner_uid.load(std::memory_order_relaxed);
  info.request_bytes = from.request_bytes.load(std::memory_order_relaxed);
  info.reply_bytes = from.reply_bytes.load(std::memory_order_relaxed);
  follow_binding(so_far, info);
  read_members(view, so_far, info);
  read_counters(view, info);
  read_setter(reader, info);
  return info;
}

/// Which records the hash table leads to.
std::vector<bool> read_slots(const Reader& reader, Snapshot& out) {
  const auto& view = reader.view();
  std::vector<bool> in_table(view.capacities().names);
  for (std::uint64_t i = 0; i < view.geometry().name_slots.count; ++i) {
    // SYNC names.publish
    const NameSlotWord slot{view.name_slot(i).load(std::memory_order_acquire)};
    if (slot.empty()) continue;
    if (slot.record() < in_table.size()) {
      in_table[slot.record()] = true;
    } else {
      out.bad_name_slots.push_back(i);
    }
  }
  return in_table;
}

}  // namespace

void read_endpoints(const Reader& reader, Snapshot& out) {
  for (std::uint32_t i = 0; i < reader.view().capacities().endpoints; ++i) {
    out.endpoints.push_back(read_endpoint(reader, out, i));
  }
}

void read_names(const Reader& reader, Snapshot& out,
                const std::vector<std::uint32_t>& depth_by_name) {
  // Leases before slots: a record that says "published" stands in the table by then.
  std::vector<std::uint64_t> leases(depth_by_name.size());
  for (std::uint32_t i = 0; i < leases.size(); ++i) {
    // SYNC names.lease
    leases[i] = reader.view().name(i).lease.load(std::memory_order_acquire);
  }
  const auto in_table = read_slots(reader, out);
  for (std::uint32_t i = 0; i < leases.size(); ++i) {
    if (leases[i] == 0) continue;
    NameInfo info = read_name(reader, out, i, leases[i]);
    info.in_table = in_table[i];
    info.depth = depth_by_name[i];
    out.names.push_back(std::move(info));
  }
}

std::string_view to_string(Role role) noexcept {
  switch (role) {
    case Role::owner:
      return "owner";
    case Role::member:
      return "member";
    case Role::canary:
      return "canary";
    case Role::former:
      return "former owner";
    case Role::leaving:
      return "leaving";
  }
  return "unknown";
}

}  // namespace shmbus::inspect
