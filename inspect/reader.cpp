#include "inspect/reader.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "layout/participant.hpp"
#include "os/bus_error.hpp"
#include "os/descriptor.hpp"
#include "os/file_lock.hpp"

namespace shmbus::inspect {
namespace {

using segment::Condition;

std::string_view describe(Condition condition) noexcept {
  switch (condition) {
    case Condition::usable:
      return "is a bus";
    case Condition::empty:
      return "is an empty file";
    case Condition::foreign:
      return "is not a bus";
    case Condition::other_version:
      return "is a bus of another layout version";
    case Condition::truncated:
      return "is shorter than the bus it was made as";
    case Condition::damaged:
      return "is a bus whose header contradicts itself";
    case Condition::wrong_clock:
      return "is a bus with another clock rate than this machine";
  }
  return "is unknown";
}

tl::unexpected<Error> cannot_use(const FileReport& report) {
  if (report.error_number == ENOENT) {
    Error error{ErrorKind::bus_unusable, ENOENT, 0, {}};
    error.message.append("there is no bus at ").append(report.path);
    error.message.append("; start a program that opens it, or name another one");
    return tl::unexpected<Error>(error);
  }
  if (report.error_number != 0) {
    return segment::system_error("cannot open", report.path, report.error_number);
  }
  Error error{ErrorKind::bus_unusable, 0, 0, {}};
  error.message.append(report.path).append(" ");
  error.message.append(report.regular ? describe(report.condition) : "is not a regular file");
  if (report.regular && report.condition == Condition::other_version) {
    error.message.append(" (file ").append(report.header.layout_major).append(".");
    error.message.append(report.header.layout_minor).append(", this program ");
    error.message.append(layout::layout_major).append(".").append(layout::layout_minor).append(")");
  }
  error.message.append("; see what `shmbus doctor` advises");
  return tl::unexpected<Error>(error);
}

/// Opens the file and fills the report. The descriptor is the caller's to close; -1 when there is
/// none.
int open_and_look(FileReport& report, segment::OpenFile& opened) {
  // O_NONBLOCK: a fifo of that name must not hold us up.
  const int fd = descriptor::open(report.path.c_str(), O_RDONLY | O_NONBLOCK);
  if (fd < 0) {
    report.error_number = errno;
    return -1;
  }
  const auto status = segment::status_of(fd);
  if (!status) {
    report.error_number = status.error().code;
    return fd;
  }
  report.regular = status->regular;
  report.bytes = status->bytes;
  opened.id = status->id;
  if (report.regular) report.condition = segment::examine(fd, status->bytes, opened);
  report.header = opened.header;
  return fd;
}

}  // namespace

Result<FileReport> look_at(std::string_view name_or_path) {
  const auto location = segment::locate(name_or_path);
  if (!location) return tl::unexpected<Error>(location.error());
  FileReport report;
  report.path = location->path;
  segment::OpenFile opened;
  const int fd = open_and_look(report, opened);
  if (fd >= 0) ::close(fd);
  return report;
}

Result<Reader> Reader::open(std::string_view name_or_path) {
  const auto location = segment::locate(name_or_path);
  if (!location) return tl::unexpected<Error>(location.error());
  FileReport report;
  report.path = location->path;
  segment::OpenFile opened;
  Reader reader;
  reader.path_ = location->path;
  reader.fd_ = open_and_look(report, opened);
  if (!report.usable()) return cannot_use(report);
  reader.id_ = opened.id;
  reader.header_ = opened.header;
  const std::uint64_t bytes = opened.header.segment_bytes;
  void* const base = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, reader.fd_, 0);
  if (base == MAP_FAILED) return segment::system_error("cannot map", report.path, errno);
  reader.base_ = base;
  reader.bytes_ = bytes;
  reader.guard_ = liveness::HandleGuard::acquire();
  if (reader.guard_ == nullptr || !liveness::catch_bus_errors()) {
    return fail(ErrorKind::bus_unusable, "cannot prepare for a file that is cut short", errno);
  }
  reader.guard_->watch(base, bytes);
  reader.view_ = segment::View(static_cast<std::byte*>(base), opened.geometry);
  return reader;
}

Reader::Reader(Reader&& other) noexcept { swap(other); }

Reader& Reader::operator=(Reader&& other) noexcept {
  swap(other);
  return *this;
}

Reader::~Reader() {
  if (guard_ != nullptr) guard_->release();
  if (base_ != nullptr) ::munmap(base_, bytes_);
  if (fd_ >= 0) ::close(fd_);
}

void Reader::swap(Reader& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(base_, other.base_);
  std::swap(bytes_, other.bytes_);
  std::swap(id_, other.id_);
  std::swap(header_, other.header_);
  std::swap(view_, other.view_);
  std::swap(guard_, other.guard_);
}

bool Reader::alive(std::uint32_t participant) const noexcept {
  return liveness::query_lock(fd_, layout::token_lock_offset + participant, 1) !=
         liveness::LockState::free;
}

bool Reader::daemon_present() const noexcept {
  return liveness::query_lock(fd_, layout::daemon_lock_offset, 1) == liveness::LockState::held;
}

bool Reader::replaced() const noexcept { return segment::id_of(path_) != id_; }

}  // namespace shmbus::inspect
