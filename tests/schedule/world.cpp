#include "schedule/world.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "inspect/doctor.hpp"
#include "inspect/left_behind.hpp"
#include "layout/participant.hpp"
#include "schedule/arena.hpp"
#include "segment/view.hpp"

namespace shmbus::schedule {
namespace {

World* only = nullptr;

/// As little of everything as the scenes need: what is scarce is fought for, and what is small is
/// reset often.
constexpr layout::Capacities tiny{.participants = 6,
                                  .names = 5,
                                  .endpoints = 2,
                                  .lanes = 2,
                                  .cells_per_lane = 4,
                                  .inbox_slots = 8,
                                  .extents = 2,
                                  .extent_bytes = 4096,
                                  .broadcasts = 1,
                                  .spare = 0};

constexpr std::uint64_t usual_timeout_ns = 5'000'000'000;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

bool inside(const layout::Region& region, std::uint32_t offset) noexcept {
  return offset >= region.offset && offset < region.end();
}

}  // namespace

World& World::the() noexcept { return *only; }

World::World() {
  only = this;
  geometry_ = *layout::compute_geometry(tiny);
  header_.layout_major = layout::layout_major;
  header_.layout_minor = layout::layout_minor;
  header_.segment_bytes = geometry_.segment_bytes;
  header_.capacities = tiny;
  header_.bus_id = 1;
  header_.ticks_per_s = 1'000'000'000;
  header_.default_timeout_ns = usual_timeout_ns;
  header_.magic = layout::magic;
  stride_ = geometry_.segment_bytes;
  fd_ = ::memfd_create("shmbus-schedule", MFD_CLOEXEC);
  if (fd_ < 0 || ::posix_fallocate(fd_, 0, static_cast<off_t>(stride_)) != 0) give_up("memfd");
  path_ = "/proc/self/fd/" + std::to_string(fd_);
  void* const room =
      ::mmap(nullptr, views * stride_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) give_up("mmap");
  base_ = static_cast<std::byte*>(room);
  for (std::size_t i = 0; i < views; ++i) {
    if (::mmap(view(i), stride_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd_,
               0) == MAP_FAILED) {
      give_up("mmap");
    }
  }
  std::memcpy(view(0), &header_, sizeof header_);
  locks_.reserve(64);
  auto reader = inspect::Reader::open(path_);
  if (!reader) give_up("reader");
  reader_.emplace(std::move(*reader));
}

World::~World() {
  reader_.reset();
  ::munmap(base_, views * stride_);
  ::close(fd_);
}

void World::reset() noexcept {
  std::memset(view(0) + layout::header_bytes, 0, stride_ - layout::header_bytes);
  locks_.clear();
  descriptions_ = 0;
  header_.default_timeout_ns = usual_timeout_ns;
}

int World::open_description(std::size_t owner) noexcept {
  if (descriptions_ == static_cast<int>(owner_.size())) std::abort();
  owner_[static_cast<std::size_t>(descriptions_)] = owner;
  return descriptions_++;
}

void World::close_description(int description) noexcept {
  std::erase_if(locks_, [&](const Lock& lock) { return lock.description == description; });
}

void World::kill_owner(std::size_t owner,
                       const std::function<void(std::int64_t)>& released) noexcept {
  for (int i = 0; i < descriptions_; ++i) {
    if (owner_[static_cast<std::size_t>(i)] != owner) continue;
    for (const Lock& lock : locks_) {
      if (lock.description == i) released(lock.offset);
    }
    close_description(i);
  }
}

bool World::locked(std::int64_t offset) const noexcept {
  return std::any_of(locks_.begin(), locks_.end(),
                     [&](const Lock& lock) { return lock.offset == offset; });
}

std::optional<std::int64_t> World::lock_of(int description) const noexcept {
  for (const Lock& lock : locks_) {
    if (lock.description == description) return lock.offset;
  }
  return std::nullopt;
}

bool World::try_lock(int description, std::int64_t offset) noexcept {
  const arena::Use off(false);
  if (locked(offset)) return false;
  locks_.push_back({offset, description});
  return true;
}

void World::unlock(int description, std::int64_t offset) noexcept {
  std::erase_if(locks_, [&](const Lock& lock) {
    return lock.offset == offset && lock.description == description;
  });
}

std::uint32_t World::lock_word(std::int64_t offset) const noexcept {
  const std::int64_t number = offset - layout::daemon_lock_offset + 1;  // small, not negative
  return static_cast<std::uint32_t>(stride_ + 8 * static_cast<std::size_t>(number));
}

bool World::statistics(std::uint32_t offset) const noexcept {
  return inside(geometry_.name_stats, offset) || inside(geometry_.lane_latency, offset) ||
         inside(geometry_.published_bus, offset) || inside(geometry_.published_names, offset);
}

bool World::data(std::uint32_t offset) const noexcept {
  if (inside(geometry_.name_records, offset)) {
    const auto at = (offset - geometry_.name_records.offset) % geometry_.name_records.stride;
    using layout::NameRecord;
    return at == offsetof(NameRecord, hash) || at == offsetof(NameRecord, length) ||
           (at >= offsetof(NameRecord, text) && at < offsetof(NameRecord, members));
  }
  if (const auto cell = cell_of(offset)) return *cell != offset;
  if (!inside(geometry_.lanes, offset)) return false;
  const auto at = (offset - geometry_.lanes.offset) % geometry_.lanes.stride;
  return at >= layout::lane_stamps_offset(tiny.cells_per_lane);
}

std::optional<std::uint32_t> World::cell_of(std::uint32_t offset) const noexcept {
  if (!inside(geometry_.lanes, offset)) return std::nullopt;
  const auto at = (offset - geometry_.lanes.offset) % geometry_.lanes.stride;
  if (at < layout::lane_cells_offset || at >= layout::lane_stamps_offset(tiny.cells_per_lane)) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(offset -
                                    (at - layout::lane_cells_offset) % sizeof(layout::Cell));
}

std::string World::name_of(std::uint32_t offset) const {
  const auto& g = geometry_;
  if (offset == barrier_word()) return "membarrier";
  if (offset >= stride_) return "lock " + std::to_string((offset - stride_) / 8);
  if (inside(g.lanes, offset)) {
    const auto lane = (offset - g.lanes.offset) / g.lanes.stride;
    const auto at = (offset - g.lanes.offset) % g.lanes.stride;
    std::string text = "lane " + std::to_string(lane);
    if (at < layout::lane_cells_offset) return text + " +" + std::to_string(at);
    const auto stamps = layout::lane_stamps_offset(g.capacities.cells_per_lane);
    if (at >= stamps) return text + " stamp " + std::to_string((at - stamps) / 8);
    const auto cell = (at - layout::lane_cells_offset) / sizeof(layout::Cell);
    return text + " cell " + std::to_string(cell) + " word " + std::to_string(at % 64 / 8);
  }
  const struct {
    const layout::Region& region;
    const char* name;
  } regions[] = {{g.participants, "participant"},
                 {g.name_slots, "name slot"},
                 {g.name_records, "name"},
                 {g.endpoints, "endpoint"},
                 {g.inboxes, "inbox"},
                 {g.lane_words, "lane word"},
                 {g.extent_words, "extent word"},
                 {g.topics, "topic"},
                 {g.broadcast_words, "broadcast word"},
                 {g.broadcasts, "broadcast lane"},
                 {g.bus_events, "bus events"},
                 {g.schemas, "schema"},
                 {g.extents, "extent"}};
  for (const auto& [region, name] : regions) {
    if (!inside(region, offset)) continue;
    const auto index = (offset - region.offset) / region.stride;
    const auto at = (offset - region.offset) % region.stride;
    return std::string(name) + " " + std::to_string(index) + " +" + std::to_string(at);
  }
  return "statistics +" + std::to_string(offset);
}

bool World::bound(const CommandName& name) const noexcept {
  const auto peek = [](const layout::Word64& word) {
    std::uint64_t value = 0;
    std::memcpy(&value, static_cast<const void*>(&word), sizeof value);
    return value;
  };
  const segment::View view(base_, geometry_);
  for (std::uint32_t i = 0; i < tiny.names; ++i) {
    if (peek(view.name(i).hash) != name.hash) continue;
    if (layout::BindingWord{peek(view.name(i).binding)}.bound()) return true;
  }
  return false;
}

std::string World::leftovers() const {
  const segment::View view(base_, geometry_);
  std::string found;
  const auto note = [&](const char* what, std::uint32_t index) {
    found += std::string(found.empty() ? "" : ", ") + what + " " + std::to_string(index);
  };
  for (std::uint32_t i = 0; i < tiny.participants; ++i) {
    const layout::ParticipantWord seen{view.participant(i).state.load()};
    if (seen.state() != layout::ParticipantState::free) note("participant", i);
  }
  for (std::uint32_t i = 0; i < tiny.lanes; ++i) {
    const layout::LaneWord seen{view.lane_word(i).load()};
    if (seen.state() != layout::LaneState::free) note("lane", i);
  }
  for (std::uint32_t i = 0; i < tiny.extents; ++i) {
    if (!layout::ExtentWord{view.extent_word(i).load()}.party().nobody()) note("extent", i);
  }
  for (std::uint32_t i = 0; i < tiny.broadcasts; ++i) {
    const layout::BroadcastWord seen{view.broadcast_word(i).load()};
    if (seen.state() != layout::BroadcastState::free) note("broadcast lane", i);
  }
  for (std::uint32_t i = 0; i < tiny.names; ++i) {
    for (const auto& word : view.topic(i).subscribers) {
      if (word.load() != 0) note("subscriber of name", i);
    }
  }
  for (std::uint32_t i = 0; i < tiny.endpoints; ++i) {
    if (layout::ControlWord{view.endpoint(i).control.control.load()}.active()) note("endpoint", i);
  }
  if (!locks_.empty()) note("lock", lock_word(locks_.front().offset));
  for (const auto& finding : inspect::examine(*reader_)) {
    if (finding.severity == inspect::Severity::note && !inspect::left_behind(finding)) continue;
    found += (found.empty() ? "" : ", ") + finding.id + " " + finding.subject;
  }
  return found;
}

}  // namespace shmbus::schedule
