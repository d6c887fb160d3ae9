// Calls of commands with a stream in them: records are lines, of standard input and of the output.
#pragma once

#include <span>

#include "cli/payload.hpp"
#include "cli/registered_types.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli {

struct StreamCallOptions {
  Records records = Records::from_handler;
  StreamOptions stream;
  std::size_t reply_capacity = 0;
  PayloadOptions payload;  ///< how lines become records
  bool json = false;
};

/// Prints the handler's records as they come, a line for each, and sends the lines of standard
/// input as records. Returns the reply, which is empty where the handler sends records; throws
/// Failure with what ended the stream otherwise.
std::vector<std::byte> call_stream(RawCaller& caller, const NamedTypes& known,
                                   std::span<const std::byte> request,
                                   const StreamCallOptions& options);

}  // namespace shmbus::cli
