#include "common/standard_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace shmbus {

void hold_standard_files() noexcept {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // Open for the other direction, so that reading and writing fail. The lowest free number is
    // this one: those below are open by now.
    (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

namespace {

// The stream itself remembers only that there was one.
int first_error = 0;

}  // namespace

void keep_output_error(int error_number) noexcept {
  if (first_error == 0) first_error = error_number;
}

bool flush_output_now() noexcept {
  errno = 0;
  if (std::fflush(stdout) != 0) keep_output_error(errno);
  return std::ferror(stdout) == 0;
}

PrintedState flush_standard_output() {
  if (flush_output_now()) return {};
  const int why = first_error;
  if (why == EPIPE) return {Printed::nobody_reads, {}};
  return {Printed::lost, why != 0 ? std::strerror(why) : "not everything could be written"};
}

}  // namespace shmbus
