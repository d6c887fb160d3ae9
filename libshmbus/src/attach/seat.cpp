#include "attach/seat.hpp"

#include <sys/stat.h>
#include <unistd.h>

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

void describe_self(layout::Participant& slot, const SeatOptions& options) noexcept {
  slot.pid.store(static_cast<std::uint32_t>(::getpid()), std::memory_order_relaxed);
  slot.uid.store(::getuid(), std::memory_order_relaxed);
  slot.pid_namespace.store(own_pid_namespace(), std::memory_order_relaxed);
  slot.start_ticks.store(wait::ticks(), std::memory_order_relaxed);
  slot.role.store(options.role, std::memory_order_relaxed);
  layout::store_text(slot.label, options.label);
}

}  // namespace

bool a_seat_is_free(const segment::View& view) noexcept {
  for (std::uint32_t i = 0; i < view.capacities().participants; ++i) {
    const ParticipantWord seen{view.participant(i).state.load(std::memory_order_relaxed)};
    if (seen.state() == ParticipantState::free) return true;
  }
  return false;
}

std::optional<layout::Party> take_seat(const segment::View& view, int fd,
                                       const SeatOptions& options) noexcept {
  int refused = 0;
  for (std::uint32_t i = 0; i < view.capacities().participants; ++i) {
    auto& slot = view.participant(i);
    if (ParticipantWord{slot.state.load(std::memory_order_relaxed)}.state() !=
        ParticipantState::free) {
      continue;
    }
    if (!try_lock(fd, layout::token_lock_offset + i, 1)) {
      if (!held_by_another(errno)) refused = errno;
      continue;
    }
    SHMBUS_TESTPOINT("seat.locked");
    // Only the holder of the lock moves a free slot, so this load is final if it says free.
    ParticipantWord seen{slot.state.load(std::memory_order_acquire)};  // SYNC seat.free
    if (seen.state() == ParticipantState::free) {
      const std::uint32_t epoch = seen.epoch() == 0 ? 1 : seen.epoch();
      describe_self(slot, options);
      const auto mine = ParticipantWord::make(epoch, ParticipantState::alive);
      // SYNC seat.alive: pairs with the scans of reclaim and of inspection.
      if (slot.state.compare_exchange_strong(seen.bits, mine.bits, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
        SHMBUS_TESTPOINT("seat.alive");
        return layout::Party::make(i, epoch);
      }
    }
    unlock(fd, layout::token_lock_offset + i, 1);
  }
  errno = refused;
  return std::nullopt;
}

}  // namespace shmbus::liveness
