#include "lane/pool.hpp"

#include <algorithm>
#include <new>
namespace shmbus::payload {
Pool::~Pool() {
  if (!runs_.empty()) trim();
}

bool Pool::refill(std::uint32_t size_class) noexcept {
  if (grow(size_class)) return true;
  trim();  // another class may sit on what is missing
  return grow(size_class);
}

bool Pool::grow(std::uint32_t size_class) noexcept {
  const std::uint64_t extent_bytes = bus_->view.capacities().extent_bytes;
  const std::uint64_t block_bytes = class_bytes(size_class);
  const auto extents = static_cast<std::uint32_t>((block_bytes + extent_bytes - 1) / extent_bytes);
  const auto blocks = static_cast<std::uint32_t>(extents * extent_bytes / block_bytes);
  try {
    // Everything that can fail comes before the lease.
    run_of_extent_.resize(bus_->view.capacities().extents);
    runs_.reserve(runs_.size() + 1);
    free_[size_class].reserve(blocks_[size_class] + blocks);
  } catch (const std::bad_alloc&) {
    return false;
  }
  const auto first = lease(*bus_, extents);
  if (!first || !is_new(*first, extents)) return false;
  runs_.push_back({*first, extents, size_class, blocks, 0});
  for (std::uint32_t i = 0; i < extents; ++i) {
    run_of_extent_[*first + i] = static_cast<std::uint32_t>(runs_.size());
  }
  const std::uint64_t begin = *first * extent_bytes;
  // Lowest address on top, so that fresh blocks are used in order.
  for (std::uint32_t i = blocks; i-- > 0;) {
    free_[size_class].push_back(static_cast<std::uint32_t>((begin + i * block_bytes) / block_unit));
  }
  blocks_[size_class] += blocks;
  return true;
}

/// False when the lease gave us what we had already: a faulty peer has freed it under our hands.
/// The private books stay as they are; the rest of the run goes back.
bool Pool::is_new(std::uint32_t first, std::uint32_t extents) noexcept {
  const auto begin = run_of_extent_.begin() + first;
  const auto end = begin + extents;
  if (std::find_if(begin, end, [](std::uint32_t run) { return run != 0; }) == end) return true;
  for (std::uint32_t i = first; i < first + extents; ++i) {
    if (run_of_extent_[i] == 0) give_back(*bus_, i, 1);
  }
  return false;
}

void Pool::forget(Run& run) noexcept {
  give_back(*bus_, run.first, run.extents);
  blocks_[run.size_class] -= run.blocks;
  for (std::uint32_t i = 0; i < run.extents; ++i) run_of_extent_[run.first + i] = 0;
  const auto index = static_cast<std::size_t>(&run - runs_.data());
  if (index + 1 != runs_.size()) {
    run = runs_.back();
    for (std::uint32_t i = 0; i < run.extents; ++i) {
      run_of_extent_[run.first + i] = static_cast<std::uint32_t>(index + 1);
    }
  }
  runs_.pop_back();
}

void Pool::trim() noexcept {
  // Keep the blocks of runs that are still in use, drop the others.
  for (auto& free : free_) {
    std::erase_if(free, [this](std::uint32_t block) { return run_of(block)->used == 0; });
  }
  for (std::size_t i = runs_.size(); i-- > 0;) {
    if (runs_[i].used == 0) forget(runs_[i]);
  }
}

}  // namespace shmbus::payload
