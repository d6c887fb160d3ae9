// The machine that the participants of one execution share: the segment, mapped once for each of
// them, and the kernel's locks on its file. It outlives executions; reset() makes it an empty bus.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "inspect/reader.hpp"
#include "layout/geometry.hpp"
#include "layout/header.hpp"
#include "shmbus/command.hpp"

namespace shmbus::schedule {

inline constexpr std::size_t fibers_max = 7;          ///< participants that are scheduled
inline constexpr std::size_t views = fibers_max + 1;  ///< and one that comes when all is over

class World {
 public:
  World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();
  static World& the() noexcept;

  void reset() noexcept;
  /// Of the process that joins from here on, until the next execution.
  void set_default_timeout(std::uint64_t ns) noexcept { header_.default_timeout_ns = ns; }
  [[nodiscard]] const layout::Header& header() const noexcept { return header_; }
  [[nodiscard]] const layout::Geometry& geometry() const noexcept { return geometry_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::byte* view(std::size_t index) const noexcept {
    return base_ + index * stride_;
  }
  /// Where in the segment; nothing for private memory.
  [[nodiscard]] std::optional<std::uint32_t> offset_of(const void* word) const noexcept {
    const auto* byte = static_cast<const std::byte*>(word);
    if (byte < base_ || byte >= base_ + views * stride_) return std::nullopt;
    return static_cast<std::uint32_t>(static_cast<std::size_t>(byte - base_) % stride_);
  }
  /// "lane 0 cell 2 word 3", for people.
  [[nodiscard]] std::string name_of(std::uint32_t offset) const;
  /// Counters and histograms: no decision of the protocol rests on them.
  [[nodiscard]] bool statistics(std::uint32_t offset) const noexcept;
  /// Contents, which other words publish: two accesses of which one writes must be ordered.
  [[nodiscard]] bool data(std::uint32_t offset) const noexcept;
  /// The word that publishes the contents of this cell; nothing when it is none of a cell.
  [[nodiscard]] std::optional<std::uint32_t> cell_of(std::uint32_t offset) const noexcept;

  // Locks of byte ranges belong to a description, which belongs to whoever opened it.
  int open_description(std::size_t owner) noexcept;
  void close_description(int description) noexcept;
  /// `released`: is told of each lock that this frees.
  void kill_owner(std::size_t owner, const std::function<void(std::int64_t)>& released) noexcept;
  bool try_lock(int description, std::int64_t offset) noexcept;
  void unlock(int description, std::int64_t offset) noexcept;
  [[nodiscard]] std::optional<std::int64_t> lock_of(int description) const noexcept;
  [[nodiscard]] bool locked(std::int64_t offset) const noexcept;
  /// A word that stands for a lock where words are compared; behind the segment.
  [[nodiscard]] std::uint32_t lock_word(std::int64_t offset) const noexcept;
  /// The same for the barriers that membarrier puts into others.
  [[nodiscard]] std::uint32_t barrier_word() const noexcept {
    return static_cast<std::uint32_t>(stride_ + 2048);
  }
  [[nodiscard]] std::size_t words() const noexcept { return (stride_ + 4096) / 4; }

  /// Whether the name leads somewhere at this moment. Nobody runs meanwhile.
  [[nodiscard]] bool bound(const CommandName& name) const noexcept;
  /// Everything taken has been given back, and the doctor finds nothing; else what is wrong.
  [[nodiscard]] std::string leftovers() const;

 private:
  struct Lock {
    std::int64_t offset;
    int description;
  };

  layout::Header header_{};
  layout::Geometry geometry_;
  std::string path_;
  int fd_ = -1;
  std::size_t stride_ = 0;
  std::byte* base_ = nullptr;
  std::array<std::size_t, 64> owner_{};  ///< by description
  int descriptions_ = 0;
  std::vector<Lock> locks_;
  std::optional<inspect::Reader> reader_;
};

}  // namespace shmbus::schedule
