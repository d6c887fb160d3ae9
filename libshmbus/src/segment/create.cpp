#include "segment/create.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <ctime>

#include "layout/header.hpp"
#include "os/clock.hpp"
#include "segment/admission.hpp"
#include "segment/scratch_file.hpp"

namespace shmbus::segment {
namespace {

std::uint32_t or_default(std::uint32_t value, std::uint32_t fallback) noexcept {
  return value == 0 ? fallback : value;
}

tl::unexpected<Error> no_room(int fd, std::uint64_t needs, std::string_view path) {
  struct statvfs room {};
  Error error{ErrorKind::bus_unusable, ENOSPC, needs, {}};
  error.message.append("no room for ").append(path).append(": needs ").append(needs);
  if (::fstatvfs(fd, &room) == 0) {
    error.message.append(" bytes, has ").append(room.f_bavail * room.f_frsize);
  }
  error.message.append(" bytes; enlarge the file system or ask for smaller capacities");
  return tl::unexpected<Error>(error);
}

/// Before anything is written: beyond the limit the kernel raises SIGXFSZ, which ends the process.
Result<void> check_file_size_limit(std::uint64_t bytes, std::string_view path) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
      limit.rlim_cur >= bytes) {
    return {};
  }
  Error error{ErrorKind::bus_unusable, EFBIG, bytes, {}};
  error.message.append("cannot create ").append(shown_end(path).view()).append(": it needs ");
  error.message.append(bytes).append(" bytes, and RLIMIT_FSIZE allows files of ");
  error.message.append(limit.rlim_cur).append("; raise it (ulimit -f, LimitFSIZE=) or ask for ");
  error.message.append("smaller capacities");
  return tl::unexpected<Error>(error);
}

/// All pages now, so that no store to the segment can ever meet a full file system (SIGBUS).
Result<void> reserve_pages(int fd, std::uint64_t bytes, std::string_view path) {
  int error_number = 0;
  do {
    error_number = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  } while (error_number == EINTR);
  if (error_number == ENOSPC || error_number == EFBIG || error_number == ENOMEM) {
    return no_room(fd, bytes, path);
  }
  if (error_number != 0) return system_error("cannot reserve pages of", path, error_number);
  return {};
}

Result<void> set_access(int fd, const OpenOptions& options, std::string_view path) {
  if (options.group >= 0 &&
      ::fchown(fd, static_cast<uid_t>(-1), static_cast<gid_t>(options.group)) != 0) {
    return system_error("cannot set the group of", path, errno);
  }
  // After fchown, which clears bits; and past the umask, which is not asked here.
  constexpr mode_t usual_mode = 0600;
  const mode_t mode = options.mode != 0 ? options.mode : usual_mode;
  if (::fchmod(fd, mode) != 0) return system_error("cannot set the mode of", path, errno);
  return {};
}

layout::Header make_header(const layout::Geometry& geometry, const OpenOptions& options) noexcept {
  layout::Header header{};
  header.layout_major = layout::layout_major;
  header.layout_minor = layout::layout_minor;
  header.segment_bytes = geometry.segment_bytes;
  header.capacities = geometry.capacities;
  (void)::getrandom(&header.bus_id, sizeof header.bus_id, GRND_NONBLOCK);
  header.created_unix_s = static_cast<std::uint64_t>(::time(nullptr));
  header.creator_pid = static_cast<std::uint32_t>(::getpid());
  header.creator_uid = ::getuid();
  header.ticks_per_s = wait::ticks_per_second();
  const Quotas& quotas = options.quotas_per_uid;
  header.quotas_per_uid = {quotas.participants, quotas.endpoints, quotas.names, quotas.lanes,
                           quotas.extents};
  header.default_timeout_ns = static_cast<std::uint64_t>(options.default_timeout.count());
  return header;
}

bool write_at(int fd, const void* data, std::size_t bytes, off_t offset) noexcept {
  ssize_t written = 0;
  do {
    written = ::pwrite(fd, data, bytes, offset);
  } while (written < 0 && errno == EINTR);
  return written == static_cast<ssize_t>(bytes);
}

Result<void> write_header(int fd, const layout::Header& header, std::string_view path) {
  const std::uint64_t magic = layout::magic;
  if (!write_at(fd, &header, sizeof header, 0) ||
      !write_at(fd, &magic, sizeof magic, offsetof(layout::Header, magic))) {
    return system_error("cannot write the header of", path, errno);
  }
  return {};
}

}  // namespace

layout::Capacities effective_capacities(const Capacities& wanted) noexcept {
  return {or_default(wanted.participants, layout::participants_default),
          or_default(wanted.names, layout::names_default),
          or_default(wanted.endpoints, layout::endpoints_default),
          or_default(wanted.lanes, layout::lanes_default),
          or_default(wanted.cells_per_lane, layout::cells_per_lane_default),
          or_default(wanted.inbox_slots, layout::inbox_slots_default),
          or_default(wanted.extents, layout::extents_default),
          or_default(wanted.extent_bytes, layout::extent_bytes_default),
          or_default(wanted.broadcasts, layout::broadcasts_default),
          0};
}

Result<layout::Geometry> geometry_for(const Capacities& wanted) {
  const layout::Capacities capacities = effective_capacities(wanted);
  const auto bad = layout::first_bad_capacity(capacities);
  if (!bad.empty()) {
    Error error{ErrorKind::invalid_argument, 0, 0, {}};
    error.message.append("OpenOptions::capacities.")
        .append(bad)
        .append(" is out of range, or is no power of two where it must be one");
    return tl::unexpected<Error>(error);
  }
  const auto geometry = layout::compute_geometry(capacities);
  if (!geometry) {
    return fail(ErrorKind::invalid_argument, "these capacities make a segment above 256 GiB");
  }
  return *geometry;
}

Result<bool> create(const Location& location, const OpenOptions& options) {
  const auto geometry = geometry_for(options.capacities);
  if (!geometry) return tl::unexpected<Error>(geometry.error());
  if (auto may = check_file_size_limit(geometry->segment_bytes, location.path); !may) {
    return tl::unexpected<Error>(may.error());
  }
  auto scratch = ScratchFile::make(location);
  if (!scratch) return tl::unexpected<Error>(scratch.error());
  const int fd = scratch->fd();
  if (auto fit = check_file_system(fd, location.path, Named::no); !fit) {
    return tl::unexpected<Error>(fit.error());
  }
  if (auto done = reserve_pages(fd, geometry->segment_bytes, location.path); !done) {
    return tl::unexpected<Error>(done.error());
  }
  if (auto done = set_access(fd, options, location.path); !done) {
    return tl::unexpected<Error>(done.error());
  }
  if (auto done = write_header(fd, make_header(*geometry, options), location.path); !done) {
    return tl::unexpected<Error>(done.error());
  }
  return scratch->publish(location.path);
}

Result<void> fill(int fd, const Location& location, const OpenOptions& options) {
  const auto geometry = geometry_for(options.capacities);
  if (!geometry) return tl::unexpected<Error>(geometry.error());
  const auto bytes = geometry->segment_bytes;
  if (auto may = check_file_size_limit(bytes, location.path); !may) return may;
  int result = 0;
  do {
    result = ::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  if (result != 0 && (errno == ENOSPC || errno == ENOMEM)) return no_room(fd, bytes, location.path);
  if (result != 0) {
    return system_error("remove the empty file, so that a new one is made: cannot reserve pages of",
                        location.path, errno);
  }
  // In one piece, since the file has its name already: a process that sees a header sees all of it.
  layout::Header header = make_header(*geometry, options);
  header.magic = layout::magic;
  if (!write_at(fd, &header, sizeof header, 0)) {
    return system_error("cannot write the header of", location.path, errno);
  }
  // The commit: a shorter file is filled anew.
  if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    return system_error("cannot enlarge", location.path, errno);
  }
  return {};
}

}  // namespace shmbus::segment
