#include "daemon/other_daemon.hpp"

#include "attach/prober.hpp"
#include "layout/words.hpp"
#include "segment/mapping.hpp"
#include "segment/open.hpp"
#include "segment/view.hpp"

namespace shmbus::daemon {
namespace {

bool is_living_daemon(const layout::Participant& slot, std::uint32_t index,
                      const liveness::Prober& prober) noexcept {
  const layout::ParticipantWord word{
      slot.state.load(std::memory_order_acquire)};  // SYNC slot.alive
  return word.state() == layout::ParticipantState::alive &&
         slot.role.load(std::memory_order_relaxed) == layout::participant_role::daemon &&
         !prober.dead(index);
}

}  // namespace

std::optional<std::uint32_t> daemon_pid_of(std::string_view bus) {
  const auto location = segment::locate(bus);
  if (!location) return std::nullopt;
  auto file = segment::File::open(*location);
  if (!file || !file->valid()) return std::nullopt;
  const auto status = segment::status_of(file->fd());
  segment::OpenFile opened;
  if (!status ||
      segment::examine(file->fd(), status->bytes, opened) != segment::Condition::usable) {
    return std::nullopt;
  }
  const auto mapping =
      segment::Mapping::map(*file, opened.header.segment_bytes, {.writable = false});
  if (!mapping) return std::nullopt;
  const segment::View view(mapping->data(), opened.geometry);
  const liveness::Prober prober(file->fd(), location->path, status->id,
                                view.capacities().participants);
  for (std::uint32_t i = 0; i < view.capacities().participants; ++i) {
    const auto& slot = view.participant(i);
    if (is_living_daemon(slot, i, prober)) return slot.pid.load(std::memory_order_relaxed);
  }
  return std::nullopt;
}

}  // namespace shmbus::daemon
