// What a program printed to standard output, and whether it arrived.
#pragma once

#include <string>
#include <string_view>

namespace shmbus {

enum class Printed : unsigned char {
  ok,
  nobody_reads,  ///< the reader of the pipe has gone, which is its right
  lost,          ///< no room, no such descriptor, ...
};

/// Hands on what was printed to standard output so far. False when it cannot be written: a command
/// that goes on for long ends then. The first reason is kept for flush_standard_output().
bool flush_output_now() noexcept;
/// For a reason that an exception brought.
void keep_output_error(int error_number) noexcept;

/// To standard error, as it stands. That it cannot be written changes nothing: fmt::print() would
/// throw then, and the exit code of the program would be another.
void print_error(std::string_view text) noexcept;

/// Whether all that was printed to standard output has arrived, this moment.
struct PrintedState {
  Printed state = Printed::ok;
  std::string why;
};
PrintedState flush_standard_output();

}  // namespace shmbus
