#include "attach/slot.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/testpoint.hpp"
#include "layout/participant.hpp"
#include "layout/text.hpp"
#include "os/clock.hpp"
#include "os/file_lock.hpp"

namespace shmbus::liveness {
namespace {

using layout::ParticipantState;
using layout::ParticipantWord;

std::uint64_t own_pid_namespace() noexcept {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

void describe_self(layout::Participant& slot, const SlotOptions& options) noexcept {
  slot.pid.store(static_cast<std::uint32_t>(::getpid()), std::memory_order_relaxed);
  slot.uid.store(::getuid(), std::memory_order_relaxed);
  slot.pid_namespace.store(own_pid_namespace(), std::memory_order_relaxed);
  slot.start_ticks.store(wait::ticks(), std::memory_order_relaxed);
  slot.died_at.store(0, std::memory_order_relaxed);
  slot.role.store(options.role, std::memory_order_relaxed);
  layout::store_text(slot.label, options.label);
}

}  // namespace

bool a_slot_is_free(const segment::View& view) noexcept {
  for (std::uint32_t i = 0; i < view.capacities().participants; ++i) {
    const ParticipantWord seen{view.participant(i).state.load(std::memory_order_relaxed)};
    if (seen.state() == ParticipantState::free) return true;
  }
  return false;
}

namespace {

/// Slot `i`, if it is free. `refused`: what the kernel says when it gives no locks.
std::optional<layout::ParticipantId> try_slot(const segment::View& view, int fd, std::uint32_t i,
                                              const SlotOptions& options, int& refused) noexcept {
  auto& slot = view.participant(i);
  if (ParticipantWord{slot.state.load(std::memory_order_relaxed)}.state() !=
      ParticipantState::free) {
    return std::nullopt;
  }
  if (!try_lock(fd, layout::token_lock_offset + i, 1)) {
    if (!held_by_another(errno)) refused = errno;
    return std::nullopt;
  }
  SHMBUS_TESTPOINT("slot.locked");
  // Only the holder of the lock moves a free slot, so this load is final if it says free.
  ParticipantWord seen{slot.state.load(std::memory_order_acquire)};  // SYNC slot.free
  if (seen.state() == ParticipantState::free) {
    const std::uint32_t epoch = seen.epoch() == 0 ? 1 : seen.epoch();
    describe_self(slot, options);
    const auto mine = ParticipantWord::make(epoch, ParticipantState::alive);
    // SYNC slot.alive: pairs with the scans of reclaim and of inspection.
    if (slot.state.compare_exchange_strong(seen.bits, mine.bits, std::memory_order_acq_rel,
                                           std::memory_order_relaxed)) {
      SHMBUS_TESTPOINT("slot.alive");
      return layout::ParticipantId::make(i, epoch);
    }
  }
  unlock(fd, layout::token_lock_offset + i, 1);
  return std::nullopt;
}

}  // namespace

/// A slot keeps the last events of its former holder: those of the dead are overwritten when there
/// is no other slot, the oldest first.
std::optional<layout::ParticipantId> take_slot(const segment::View& view, int fd,
                                               const SlotOptions& options) noexcept {
  int refused = 0;
  const std::uint32_t slots = view.capacities().participants;
  const auto died_at = [&](std::uint32_t i) {
    return view.participant(i).died_at.load(std::memory_order_relaxed);
  };
  std::uint64_t tried = 0;  // all that died up to then, and all who left in order
  for (std::uint32_t round = 0; round <= slots; ++round) {
    std::uint64_t next = ~std::uint64_t{0};
    for (std::uint32_t i = 0; i < slots; ++i) {
      const std::uint64_t died = died_at(i);
      if (died > tried) next = std::min(next, died);
      if (died != tried) continue;
      if (const auto slot = try_slot(view, fd, i, options, refused)) return slot;
    }
    if (next == ~std::uint64_t{0}) break;
    tried = next;
  }
  errno = refused;
  return std::nullopt;
}

}  // namespace shmbus::liveness
