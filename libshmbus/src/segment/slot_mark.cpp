#include "segment/slot_mark.hpp"

#include <sys/mman.h>

#include <utility>

#include "layout/limits.hpp"

namespace shmbus::segment {
namespace {

constexpr std::size_t mark_bytes = 4096;
constexpr std::uint64_t first_mark = 1ULL << 42U;  // beyond any segment, within what ext4 allows
constexpr std::uint64_t stride = 65536;            // a page, on any machine
constexpr std::uint64_t generations = 4096;

}  // namespace

std::uint64_t SlotMark::offset_of(layout::ParticipantId slot) noexcept {
  const std::uint64_t generation = slot.epoch() % generations;
  return first_mark + (generation * (layout::participants_max + 1) + slot.index()) * stride;
}

SlotMark::SlotMark(int fd, layout::ParticipantId slot, liveness::HandleGuard& guard) noexcept
    : guard_(&guard) {
  void* const page =
      ::mmap(nullptr, mark_bytes, PROT_NONE, MAP_SHARED, fd, static_cast<off_t>(offset_of(slot)));
  if (page == MAP_FAILED) return;
  if (::madvise(page, mark_bytes, MADV_DONTFORK) != 0) {
    ::munmap(page, mark_bytes);
    return;
  }
  page_ = page;
  guard.watch_mark(page, mark_bytes);
}

SlotMark::SlotMark(SlotMark&& other) noexcept { *this = std::move(other); }

SlotMark& SlotMark::operator=(SlotMark&& other) noexcept {
  std::swap(page_, other.page_);
  std::swap(guard_, other.guard_);
  return *this;
}

SlotMark::~SlotMark() {
  // A forked child has no such mapping, or something else there by now.
  if (page_ == nullptr || guard_->forked()) return;
  guard_->watch_mark(nullptr, 0);
  ::munmap(page_, mark_bytes);
}

}  // namespace shmbus::segment
