#include "inspect/snapshot.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "inspect/snapshot_parts.hpp"
#include "layout/participant.hpp"
#include "layout/text.hpp"
#include "os/clock.hpp"

namespace shmbus::inspect {
namespace {

using layout::ParticipantId;
using layout::ParticipantState;
using layout::ParticipantWord;

constexpr std::uint64_t block_bytes = 512;  // the unit of st_blocks, whatever the file system

/// Clocks of two processors may differ by a few ticks: never report a future as an age of ages.
std::uint64_t age_ns(const Reader& reader, std::uint64_t then_ticks) noexcept {
  const std::uint64_t now = wait::ticks();
  if (then_ticks >= now) return 0;
  return wait::TickRate(reader.header().ticks_per_s).to_ns(now - then_ticks);
}

void read_bus(const Reader& reader, Snapshot& out) {
  out.bus.path = reader.path();
  out.bus.header = reader.header();
  out.bus.daemon_present = reader.daemon_present();
  out.bus.replaced = reader.replaced();
  out.bus.taken_at_ns = wait::monotonic_ns();
  struct stat status {};
  if (::fstat(reader.fd(), &status) == 0) {
    out.bus.file_bytes = static_cast<std::uint64_t>(status.st_size);
    out.bus.resident_bytes = static_cast<std::uint64_t>(status.st_blocks) * block_bytes;
    out.bus.file_uid = status.st_uid;
    out.bus.file_mode = status.st_mode & 07777U;
  }
}

void read_published(const Reader& reader, Snapshot& out) {
  const auto& from = reader.view().published_bus();
  const std::uint64_t at = from.published_at.load(std::memory_order_relaxed);
  if (at == 0) return;
  auto& to = out.published;
  to.age_ns = age_ns(reader, at);
  to.commands_per_s = from.commands_per_s.load(std::memory_order_relaxed);
  to.p50_ns = from.p50_ns.load(std::memory_order_relaxed);
  to.p99_ns = from.p99_ns.load(std::memory_order_relaxed);
  to.deaths = from.deaths.load(std::memory_order_relaxed);
  to.passes = from.passes.load(std::memory_order_relaxed);
  to.daemon_pid = from.daemon_pid.load(std::memory_order_relaxed);
  to.fresh = out.bus.daemon_present && to.age_ns < published_fresh_ns;
}

std::uint64_t own_pid_namespace() noexcept {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

/// The word of a slot and the kernel's verdict about the same moment: somebody who leaves between
/// the two looks must not appear as one that died.
ParticipantWord settled_state(const Reader& reader, std::uint32_t index, bool& alive) noexcept {
  constexpr int tries = 3;
  ParticipantWord seen;
  for (int i = 0; i < tries; ++i) {
    const auto& state = reader.view().participant(index).state;
    seen.bits = state.load(std::memory_order_acquire);  // SYNC slot.alive
    if (seen.state() == ParticipantState::free) return seen;
    alive = reader.alive(index);
    if (alive || state.load(std::memory_order_acquire) == seen.bits) return seen;
  }
  return seen;
}

}  // namespace

void read_participants(const Reader& reader, Snapshot& out) {
  const std::uint64_t here = own_pid_namespace();
  for (std::uint32_t i = 0; i < reader.view().capacities().participants; ++i) {
    ParticipantInfo info;
    const ParticipantWord word = settled_state(reader, i, info.process_alive);
    if (word.state() == ParticipantState::free) continue;
    const auto& from = reader.view().participant(i);
    layout::TextBuffer<8> label{};
    info.index = i;
    info.epoch = word.epoch();
    info.state = static_cast<std::uint32_t>(word.state());
    info.pid = from.pid.load(std::memory_order_relaxed);
    info.uid = from.uid.load(std::memory_order_relaxed);
    info.same_pid_namespace = from.pid_namespace.load(std::memory_order_relaxed) == here;
    info.role = from.role.load(std::memory_order_relaxed);
    info.age_ns = age_ns(reader, from.start_ticks.load(std::memory_order_relaxed));
    info.label = std::string(layout::load_text(from.label, label));
    out.participants.push_back(std::move(info));
  }
}

const ParticipantInfo* Snapshot::participant(ParticipantId party) const noexcept {
  // In order of their index.
  const auto at = std::lower_bound(
      participants.begin(), participants.end(), party.index(),
      [](const ParticipantInfo& info, std::uint32_t index) { return info.index < index; });
  if (at == participants.end() || at->index != party.index() || at->epoch != party.epoch()) {
    return nullptr;
  }
  return &*at;
}

Standing Snapshot::standing(ParticipantId party) const noexcept {
  if (party.nobody()) return Standing::nobody;
  if (party.index() >= bus.header.capacities.participants || party.epoch() == 0) {
    return Standing::impossible;
  }
  const auto* info = participant(party);
  if (info == nullptr) return Standing::gone;
  return info->process_alive ? Standing::living : Standing::dead;
}

const NameInfo* Snapshot::name(std::string_view text) const noexcept {
  const auto at = std::find_if(names.begin(), names.end(),
                               [&](const NameInfo& info) { return info.name == text; });
  return at == names.end() ? nullptr : &*at;
}

Snapshot take_snapshot(const Reader& reader) {
  Snapshot out;
  read_bus(reader, out);
  if (out.bus.file_bytes < out.bus.header.segment_bytes) return out;  // nothing to read there
  read_published(reader, out);
  read_participants(reader, out);
  std::vector<std::uint32_t> depth_by_name(reader.view().capacities().names);
  read_lanes(reader, out, depth_by_name);
  read_extents(reader, out);
  read_endpoints(reader, out);
  read_names(reader, out, depth_by_name);
  read_topics(reader, out);
  const auto count = [&](ParticipantId party, std::uint32_t ParticipantInfo::*member) {
    if (const auto* found = out.participant(party)) {
      auto& info = out.participants[static_cast<std::size_t>(found - out.participants.data())];
      ++(info.*member);
    }
  };
  for (const auto& lane : out.lanes) count(lane.word.party(), &ParticipantInfo::lanes);
  for (const ParticipantId holder : out.extents.holder) count(holder, &ParticipantInfo::extents);
  for (const auto& endpoint : out.endpoints) {
    if (endpoint.active) count(endpoint.holder, &ParticipantInfo::endpoints);
    count(endpoint.draining.party(), &ParticipantInfo::draining);
    count(endpoint.standby, &ParticipantInfo::asking);
  }
  return out;
}

Result<Snapshot> take_snapshot(std::string_view name_or_path) {
  const auto reader = Reader::open(name_or_path);
  if (!reader) return tl::unexpected<Error>(reader.error());
  return take_snapshot(*reader);
}

}  // namespace shmbus::inspect
