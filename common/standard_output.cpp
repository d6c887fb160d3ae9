#include "common/standard_output.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace shmbus {

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

void print_error(std::string_view text) noexcept {
  (void)!std::fwrite(text.data(), 1, text.size(), stderr);
}

PrintedState flush_standard_output() {
  if (flush_output_now()) return {};
  const int why = first_error;
  if (why == EPIPE) return {Printed::nobody_reads, {}};
  return {Printed::lost, why != 0 ? std::strerror(why) : "not everything could be written"};
}

}  // namespace shmbus
