// One thread's payload memory: ordinary private bookkeeping over leased extents. Handlers only
// borrow blocks until they reply, so there is nothing in it that another process could corrupt or
// that would have to be recovered: the lease of the extent is all that is shared.
//
// The order in which freed blocks are handed out again matters (docs/performance.md): small and
// very large ones newest first, while they are in the cache; middling ones oldest first, rotating
// through more than the second-level cache holds, since a block that is still dirty in the peer's
// cache is slower to take back than one that has drained to the shared one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "bus/attachment.hpp"
#include "payload/size_class.hpp"
#include "shmbus/caller.hpp"

namespace shmbus::payload {

/// Free blocks of one class: a ring with room for all of them, so that freeing never allocates.
class FreeBlocks {
 public:
  void make_room_for(std::size_t total);  ///< may throw std::bad_alloc; then nothing changed
  void push(std::uint32_t block) noexcept;
  [[nodiscard]] std::uint32_t pop_newest() noexcept;
  [[nodiscard]] std::uint32_t pop_oldest() noexcept;
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return ring_.size(); }
  void clear() noexcept { count_ = 0; }

 private:
  std::vector<std::uint32_t> ring_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

class Pool {
 public:
  explicit Pool(const Attachment& bus) noexcept : bus_(&bus) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  /// Nothing when the bus has no run of free extents for it.
  std::optional<detail::Block> allocate(std::uint64_t bytes) noexcept;
  void release(std::uint32_t offset64) noexcept;

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

  bool grow(std::uint32_t size_class) noexcept;
  bool is_new(std::uint32_t first, std::uint32_t extents) noexcept;
  [[nodiscard]] bool should_rotate(std::uint32_t size_class) const noexcept;
  [[nodiscard]] Run* run_of(std::uint32_t offset64) noexcept;
  void forget(Run& run) noexcept;

  const Attachment* bus_;
  std::array<FreeBlocks, class_count> free_;
  std::array<std::uint32_t, class_count> blocks_{};  ///< of each class, free or not
  std::vector<Run> runs_;
  std::vector<std::uint32_t> run_of_extent_;  ///< index into runs_, + 1
  std::size_t outstanding_ = 0;
};

}  // namespace shmbus::payload
