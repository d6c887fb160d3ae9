#include "segment/open.hpp"

#include <unistd.h>

#include <cerrno>

#include "layout/participant.hpp"
#include "os/clock.hpp"
#include "os/file_lock.hpp"
#include "os/futex.hpp"
#include "segment/admission.hpp"
#include "segment/create.hpp"

namespace shmbus::segment {
namespace {

constexpr std::uint64_t patience_ns = 2'000'000'000;
constexpr std::uint64_t filling_ns = 1'000'000;
// How far a file is filled before its last step; longer ones were complete once.
constexpr std::uint64_t half_filled_bytes = sizeof(layout::Header);
constexpr std::uint64_t ticks_per_s_min = 1'000'000;
constexpr std::uint64_t ticks_per_s_max = 100'000'000'000;

// From the first byte that any version locks to the last participant.
constexpr std::int64_t lock_range_first = layout::replace_lock_offset;
constexpr std::int64_t lock_range_bytes = 2 + layout::participants_max + 1;

std::string_view describe(Condition condition) noexcept {
  switch (condition) {
    case Condition::empty:
      return "is an empty file";
    case Condition::foreign:
      return "is not a bus";
    case Condition::other_version:
      return "has another layout version";
    case Condition::truncated:
      return "is shorter than the bus it was made as";
    case Condition::damaged:
      return "has a damaged header";
    case Condition::wrong_clock:
      return "has another clock rate than this machine";
    case Condition::usable:
      break;
  }
  return "is usable";
}

tl::unexpected<Error> unusable(Condition condition, const OpenFile& opened, std::string_view path,
                               std::string_view advice) noexcept {
  Error error{ErrorKind::bus_unusable, 0, 0, {}};
  error.message.append(path).append(" ").append(describe(condition));
  if (condition == Condition::other_version) {
    error.message.append(" (file ")
        .append(opened.header.layout_major)
        .append(".")
        .append(opened.header.layout_minor)
        .append(", this library ")
        .append(layout::layout_major)
        .append(".")
        .append(layout::layout_minor)
        .append(")");
  }
  error.message.append("; ").append(advice);
  return tl::unexpected<Error>(error);
}

tl::unexpected<Error> still_changing(const Location& location) noexcept {
  Error error{ErrorKind::bus_unusable, ESTALE, 0, {}};
  error.message.append(shown_end(location.path).view());
  error.message.append(
      " kept being made or replaced by other processes for 2 s; stop them, or try again");
  return tl::unexpected<Error>(error);
}

/// A lock on everything that participants of any version lock. Not when one of them has it open.
Result<bool> lock_all(int fd, const std::string& path) {
  if (liveness::try_lock(fd, lock_range_first, lock_range_bytes)) return true;
  if (liveness::held_by_another(errno)) return false;
  return system_error("cannot lock", path, errno);
}

/// Takes the name away from a file that nobody has open. Its locks keep every other process from
/// joining it meanwhile. When killed after the unlink there is simply no bus yet.
Result<void> discard(const File& file, const Location& location, Condition condition,
                     const OpenFile& opened) {
  const auto locked = lock_all(file.fd(), location.path);
  if (!locked) return tl::unexpected<Error>(locked.error());
  if (!*locked) {
    return unusable(condition, opened, location.path,
                    "processes still have it open: stop them, or open another name");
  }
  const auto status = status_of(file.fd());
  if (status && status->id == id_of(location.path)) {
    if (::unlink(location.path.c_str()) != 0 && errno != ENOENT) {
      return system_error("cannot replace", location.path, errno);
    }
  }
  return {};
}

/// Makes a bus of an empty file that somebody prepared: it keeps its owner, group and mode. Another
/// process may be doing the same; then there is nothing to do but to look again.
Result<void> fill_empty(const File& file, const Location& location, const OpenOptions& options) {
  const auto locked = lock_all(file.fd(), location.path);
  if (!locked) return tl::unexpected<Error>(locked.error());
  if (!*locked) {
    wait::pause_for(filling_ns);
    return {};
  }
  const auto status = status_of(file.fd());
  if (!status) return tl::unexpected<Error>(status.error());
  Result<void> filled;
  if (status->bytes <= half_filled_bytes && status->id == id_of(location.path)) {
    filled = fill(file.fd(), location, options);
  }
  liveness::unlock(file.fd(), lock_range_first, lock_range_bytes);
  return filled;
}

/// What stands there cannot be used. Ok: the world is another now, look again.
Result<void> replace(const File& file, const Location& location, const OpenOptions& options,
                     Condition condition, const OpenFile& opened, const FileStatus& status) {
  if (condition == Condition::empty || status.bytes == half_filled_bytes) {
    return fill_empty(file, location, options);
  }
  // In its place comes a file of this user.
  if (status.uid != ::geteuid()) {
    return unusable(condition, opened, location.path,
                    "its owner or root has to remove it, or open another name");
  }
  return discard(file, location, condition, opened);
}

/// One attempt. An empty OpenFile means: the world changed meanwhile, look again.
Result<OpenFile> attempt(const Location& location, const OpenOptions& options) {
  const wait::RateCheck clock;
  auto file = File::open(location);
  if (!file) return tl::unexpected<Error>(file.error());
  if (!file->valid()) {
    if (!options.create) {
      Error error{ErrorKind::bus_unusable, ENOENT, 0, {}};
      error.message.append("there is no bus at ").append(location.path);
      return tl::unexpected<Error>(error);
    }
    const auto created = create(location, options);
    if (!created) return tl::unexpected<Error>(created.error());
    return OpenFile{};
  }
  const auto status = status_of(file->fd());
  if (!status) return tl::unexpected<Error>(status.error());
  if (!status->regular) {
    return unusable(Condition::foreign, {}, location.path, "a bus is a regular file");
  }
  OpenFile opened;
  opened.id = status->id;
  Condition condition = examine(file->fd(), status->bytes, opened);
  if (condition == Condition::foreign) {
    return unusable(condition, opened, location.path, "choose another name or path");
  }
  if (auto ours = check_owner(*status, location.path, options); !ours) {
    return tl::unexpected<Error>(ours.error());
  }
  if (auto fit = check_file_system(file->fd(), location.path, Named::yes); !fit) {
    return tl::unexpected<Error>(fit.error());
  }
  if (condition == Condition::usable && !clock.agrees_with(opened.header.ticks_per_s)) {
    condition = Condition::wrong_clock;
  }
  if (condition == Condition::usable) {
    opened.file = std::move(*file);
    return opened;
  }
  if (!options.create) {
    return unusable(condition, opened, location.path, "choose another name or path");
  }
  auto replaced = replace(*file, location, options, condition, opened, *status);
  if (!replaced) return tl::unexpected<Error>(replaced.error());
  return OpenFile{};
}

}  // namespace

Condition examine(int fd, std::uint64_t file_bytes, OpenFile& out) noexcept {
  if (file_bytes == 0) return Condition::empty;
  ssize_t got = 0;
  do {
    got = ::pread(fd, &out.header, sizeof out.header, 0);
  } while (got < 0 && errno == EINTR);
  const auto& header = out.header;
  if (got < 8 || header.magic != layout::magic) return Condition::foreign;
  if (got < static_cast<ssize_t>(sizeof out.header)) return Condition::truncated;
  if (header.layout_major != layout::layout_major) return Condition::other_version;
  if (!layout::first_bad_capacity(header.capacities).empty()) return Condition::damaged;
  const auto geometry = layout::compute_geometry(header.capacities);
  if (!geometry || geometry->segment_bytes != header.segment_bytes) return Condition::damaged;
  if (header.ticks_per_s < ticks_per_s_min || header.ticks_per_s > ticks_per_s_max) {
    return Condition::damaged;
  }
  if (file_bytes < header.segment_bytes) return Condition::truncated;
  out.geometry = *geometry;
  return Condition::usable;
}

Result<OpenFile> open_or_create(const Location& location, const OpenOptions& options) {
  const std::uint64_t give_up = wait::monotonic_ns() + patience_ns;
  do {
    auto opened = attempt(location, options);
    if (!opened || opened->file.valid()) return opened;
  } while (wait::monotonic_ns() < give_up);
  return still_changing(location);
}

}  // namespace shmbus::segment
