// The descriptors 0 to 2 of a program, and what it printed.
#pragma once

#include <string>

namespace shmbus {

/// A program may be started with standard input, output or error closed. The next file that it
/// opens would become the missing one, and what is printed would go there. This puts something in
/// the place of what is closed: reading it gives nothing, writing to it fails, as before. REQUIRES:
/// called before anything else is opened.
void hold_standard_files() noexcept;

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

/// Whether all that was printed to standard output has arrived, this moment.
struct PrintedState {
  Printed state = Printed::ok;
  std::string why;
};
PrintedState flush_standard_output();

}  // namespace shmbus
