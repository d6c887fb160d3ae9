// shmbus rm: deletes a bus that nobody has open. It holds the locks of all slots while it does, so
// nobody can join between the look and the deletion.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "inspect/reader.hpp"
#include "layout/participant.hpp"
#include "os/descriptor.hpp"
#include "os/file_lock.hpp"

namespace shmbus::cli {
namespace {

// As wide as the lock of an opener that replaces an unusable file: every slot of every version.
constexpr std::int64_t lock_first = layout::replace_lock_offset;
constexpr std::int64_t lock_bytes = 2 + layout::participants_max + 1;

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

void refuse_what_is_no_bus(const inspect::FileReport& report) {
  if (report.error_number == ENOENT) {
    throw Failure(ErrorKind::bus_unusable,
                  fmt::format("there is no bus at {}; nothing to remove", report.path));
  }
  if (report.error_number != 0) {
    throw Failure(segment::system_error("cannot open", report.path, report.error_number).value());
  }
  if (!report.regular || report.condition == segment::Condition::foreign) {
    throw Failure(
        ErrorKind::bus_unusable,
        fmt::format("{} is not a bus; remove it by other means if you must", report.path));
  }
}

int run_rm(const Context& context, bool force) {
  const auto report = value_or_fail(inspect::look_at(context.bus));
  refuse_what_is_no_bus(report);
  const Descriptor file(descriptor::open(report.path.c_str(), O_RDWR));
  if (file.get() < 0) {
    throw Failure(segment::system_error("cannot open", report.path, errno).value());
  }
  const bool unused = liveness::try_lock(file.get(), lock_first, lock_bytes);
  if (!unused && !liveness::held_by_another(errno)) {
    throw Failure(segment::system_error("cannot lock", report.path, errno).value());
  }
  if (!unused && !force) {
    throw Failure(ErrorKind::not_permitted,
                  fmt::format("{} is in use; stop its participants (`shmbus ps`), or use --force "
                              "and leave them on a bus that nobody can join any more",
                              report.path));
  }
  const auto status = segment::status_of(file.get());
  if (status && status->id != segment::id_of(report.path)) {
    throw Failure(ErrorKind::bus_unusable,
                  fmt::format("{} was replaced just now; look again", report.path));
  }
  if (::unlink(report.path.c_str()) != 0) {
    throw Failure(segment::system_error("cannot remove", report.path, errno).value());
  }
  if (context.json) {
    print_json({{"path", report.path}, {"removed", true}, {"was_in_use", !unused}});
  } else {
    fmt::print("{} removed{}\n", printable(report.path),
               unused ? "" : "; its participants keep the old one until they restart");
  }
  return exit_ok;
}

}  // namespace

void add_rm(CLI::App& app, Context& context) {
  const auto force = std::make_shared<bool>(false);
  auto& command =
      add_command(app, context, "rm", "Delete the bus; refused while anyone has it open",
                  [&context, force] { return run_rm(context, *force); });
  command.add_flag("--force", *force, "Even while participants are alive");
}

}  // namespace shmbus::cli
