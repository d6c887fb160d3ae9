// One thread's payload memory: ordinary private bookkeeping over leased extents. Handlers only
// borrow blocks until they reply, so there is nothing in it that another process could corrupt or
// that would have to be recovered: the lease of the extent is all that is shared.
//
// The block freed last is handed out first, and callers free a call's request before its reply: so
// the block that carried the last reply carries the next request, and the other way round. Each
// block is then always written by the side that read it last, whose copy of its lines only has to
// be made its own again, just as in a single buffer that is answered in place. Writing lines that
// the other side read last costs several times as much (docs/decisions/0005-order-of-reuse.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "attach/attachment.hpp"
#include "lane/size_class.hpp"
#include "shmbus/caller.hpp"
#include "words/extents.hpp"

namespace shmbus::payload {

class Pool {
 public:
  explicit Pool(const Attachment& bus) noexcept : bus_(&bus) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  /// Nothing when the bus has no run of free extents for it.
  std::optional<detail::Block> allocate(std::uint64_t bytes) noexcept {
    const std::uint32_t size_class = class_for(bytes);
    if (size_class >= class_count) [[unlikely]]
      return std::nullopt;
    auto& free = free_[size_class];
    if (free.empty() && !refill(size_class)) [[unlikely]]
      return std::nullopt;
    const std::uint32_t offset64 = free.back();
    free.pop_back();
    ++run_of(offset64)->used;
    ++outstanding_;
    return detail::Block{bus_->view.extents() + offset64 * block_unit,
                         static_cast<std::uint32_t>(class_bytes(size_class)), offset64};
  }
  void release(std::uint32_t offset64) noexcept {
    Run* run = run_of(offset64);
    if (run == nullptr) [[unlikely]]
      return;
    --run->used;
    --outstanding_;
    free_[run->size_class].push_back(offset64);
  }

  /// Gives idle extents back to the bus.
  void trim() noexcept;
  /// In a forked child: forget everything, touch nothing.
  void abandon() noexcept { runs_.clear(); }
  /// Blocks in use: by the application, or lent to a handler.
  [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_; }

 private:
  struct Run {  // of extents, all of one class
    std::uint32_t first = 0;
    std::uint32_t extents = 0;
    std::uint32_t size_class = 0;
    std::uint32_t blocks = 0;
    std::uint32_t used = 0;
  };

  bool refill(std::uint32_t size_class) noexcept;
  bool grow(std::uint32_t size_class) noexcept;
  bool is_new(std::uint32_t first, std::uint32_t extents) noexcept;
  [[nodiscard]] Run* run_of(std::uint32_t offset64) noexcept {
    const std::uint64_t extent = offset64 * block_unit >> extent_shift(bus_->view.capacities());
    if (extent >= run_of_extent_.size() || run_of_extent_[extent] == 0) return nullptr;
    return &runs_[run_of_extent_[extent] - 1];
  }
  void forget(Run& run) noexcept;

  const Attachment* bus_;
  std::array<std::vector<std::uint32_t>, class_count> free_;  ///< stacks, room for all blocks
  std::array<std::uint32_t, class_count> blocks_{};           ///< of each class, free or not
  std::vector<Run> runs_;
  std::vector<std::uint32_t> run_of_extent_;  ///< index into runs_, + 1
  std::size_t outstanding_ = 0;
};

}  // namespace shmbus::payload
