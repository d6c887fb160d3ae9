// What the library asks of the kernel about the file of a bus and about who lives: answered by the
// world. Instead of segment/*.cpp and os/{bus_error,file_lock,handle_guard}.cpp and
// attach/prober.cpp.
#include <sys/stat.h>

#include <new>
#include <utility>

#include "attach/prober.hpp"
#include "os/bus_error.hpp"
#include "os/file_lock.hpp"
#include "os/handle_guard.hpp"
#include "schedule/scheduler.hpp"
#include "schedule/world.hpp"
#include "segment/mapping.hpp"
#include "segment/open.hpp"
#include "segment/slot_mark.hpp"

namespace shmbus {

using schedule::Scheduler;
using schedule::World;

namespace segment {

struct Mapping::Region {
  int description = -1;
};

File::File() noexcept = default;
File::File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
File::~File() = default;

Result<File> File::open(const Location& /*location*/) {
  File file;
  file.fd_ = World::the().open_description(Scheduler::the().running());
  return file;
}

Result<Location> locate(std::string_view name_or_path) {
  return Location{std::string(name_or_path), {}};
}

namespace {
constexpr FileId the_file{1, 1};
}

FileId id_of(const std::string& /*path*/) { return the_file; }
Result<FileStatus> status_of(int fd) {
  struct stat status {};
  ::fstat(fd, &status);  // the doctor's: a descriptor like any other
  return FileStatus{the_file, static_cast<std::uint64_t>(status.st_size), true, status.st_uid};
}
FixedText<84> shown_end(std::string_view path) noexcept { return path.substr(0, 84); }
tl::unexpected<Error> system_error(std::string_view what, std::string_view /*path*/, int number) {
  return fail(ErrorKind::bus_unusable, what, number);
}

Condition examine(int /*fd*/, std::uint64_t /*file_bytes*/, OpenFile& out) noexcept {
  out.header = World::the().header();
  out.geometry = World::the().geometry();
  return Condition::usable;
}

Result<OpenFile> open_or_create(const Location& location, const OpenOptions& /*options*/) {
  OpenFile opened;
  auto file = File::open(location);
  opened.file = std::move(*file);
  opened.id = the_file;
  (void)examine(-1, 0, opened);
  return opened;
}

Mapping::Mapping() noexcept = default;
Mapping::Mapping(Mapping&& other) noexcept { *this = std::move(other); }
Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this == &other) return *this;
  leave();
  region_ = std::move(other.region_);
  guard_ = std::exchange(other.guard_, nullptr);
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}
Mapping::~Mapping() { leave(); }

/// The description lived as long as the mapping, and its locks with it.
void Mapping::leave() noexcept {
  if (guard_ == nullptr) return;
  guard_->release();
  if (const auto held = World::the().lock_of(region_->description)) {
    Scheduler::the().lock_access(*held, scheduled::Access::modify);
    Scheduler::the().lock_changed_hands(*held, true);
  }
  World::the().close_description(region_->description);
}

Result<Mapping> Mapping::map(const File& file, std::uint64_t bytes, How /*how*/) noexcept {
  Mapping mapping;
  mapping.guard_ = liveness::HandleGuard::acquire();
  mapping.region_ = std::make_unique<Region>(Region{file.fd()});
  mapping.data_ = World::the().view(Scheduler::the().running());
  mapping.bytes_ = bytes;
  return mapping;
}

// Processes of the world are in no /proc: nobody exits before its lock is free.
SlotMark::SlotMark(int /*fd*/, layout::ParticipantId /*endpoint*/,
                   liveness::HandleGuard& guard) noexcept
    : guard_(&guard) {}
SlotMark::SlotMark(SlotMark&& other) noexcept { *this = std::move(other); }
SlotMark& SlotMark::operator=(SlotMark&& other) noexcept {
  std::swap(guard_, other.guard_);
  return *this;
}
SlotMark::~SlotMark() = default;
std::uint64_t SlotMark::offset_of(layout::ParticipantId /*endpoint*/) noexcept { return 0; }

}  // namespace segment

namespace liveness {

bool try_lock(int fd, std::int64_t offset, std::int64_t /*bytes*/) noexcept {
  Scheduler::the().lock_access(offset, scheduled::Access::modify);
  if (!World::the().try_lock(fd, offset)) return false;
  Scheduler::the().lock_changed_hands(offset, false);
  return true;
}
void unlock(int fd, std::int64_t offset, std::int64_t /*bytes*/) noexcept {
  Scheduler::the().lock_access(offset, scheduled::Access::modify);
  Scheduler::the().lock_changed_hands(offset, true);
  World::the().unlock(fd, offset);
}
LockState query_lock(int /*fd*/, std::int64_t offset, std::int64_t /*bytes*/) noexcept {
  Scheduler::the().lock_access(offset, scheduled::Access::load);
  if (World::the().locked(offset)) return LockState::held;
  Scheduler::the().lock_changed_hands(offset, false);
  return LockState::free;
}

Prober::Prober(int fd, std::string path, segment::FileId id, std::uint32_t endpoints)
    : fd_(fd), path_(std::move(path)), id_(id), exits_(endpoints) {}
Prober::~Prober() = default;
bool Prober::dead(std::uint32_t participant) const noexcept {
  return !held(layout::token_lock_offset + participant);
}
bool Prober::daemon_present() const noexcept { return held(layout::daemon_lock_offset); }
bool Prober::held(std::int64_t offset) const noexcept {
  return query_lock(fd_, offset, 1) != LockState::free;
}
bool Prober::still_ours(int /*fd*/) const noexcept { return true; }
int Prober::reopen() const noexcept { return -1; }

HandleGuard* HandleGuard::acquire() noexcept { return new (std::nothrow) HandleGuard; }
void HandleGuard::watch(const void* /*begin*/, std::size_t /*bytes*/) noexcept {}
void HandleGuard::watch_mark(const void* /*page*/, std::size_t /*bytes*/) noexcept {}
void HandleGuard::release() noexcept {}
std::uint32_t HandleGuard::lost_mappings() noexcept { return 0; }
bool catch_bus_errors() noexcept { return true; }

}  // namespace liveness
}  // namespace shmbus
