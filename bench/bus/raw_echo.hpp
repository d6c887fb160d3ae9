#pragma once
// The echo by bytes instead of types, for rows with many names: calls that go round over several
// callers, and the handler's answer.

#include <array>
#include <cstddef>
#include <vector>

#include "bus/private_bus.hpp"
#include "harness/measure.hpp"

namespace shmbus::bench {

/// Measures calls, each through the next of `callers`.
template <std::size_t Bytes>
void measure_in_turn(RoleContext& context, std::vector<RawCaller>& callers,
                     EchoCaller<Bytes>& echo) {
  std::array<std::byte, Bytes> request;
  std::array<std::byte, Bytes> reply;
  std::size_t next = 0;
  measure_calls(context, [&] {
    echo.fill(request.data());
    RawCaller& caller = callers[next];
    next = next + 1 == callers.size() ? 0 : next + 1;
    value_of("call", caller.call(request, reply));
    echo.check(reply.data());
  });
}

template <std::size_t Bytes>
Status answer_echo(Context& command, EchoServer<Bytes>& echo) {
  const auto request = command.request();
  const auto reply = command.reply_buffer(Bytes);
  if (request.size() != Bytes || reply.size() != Bytes) {
    return Status::reject(1, "a wrong size");
  }
  echo.take(request.data());
  echo.reply(reply.data());
  return Status::ok();
}

}  // namespace shmbus::bench
