// What the two handler processes of the log have in common: decode the request, run, put the reply
// in place; register the handlers and run until a signal.
#pragma once

#include <cstdio>
#include <cstring>
#include <string_view>

#include "log_commands.hpp"
#include "report.hpp"

namespace log_commands {

inline constexpr std::int32_t malformed = 22;

/// Writes the record, and `bytes` behind it, into the caller's own memory.
inline shmbus::Status reply(shmbus::Context& context, const Record& record,
                            std::span<const std::byte> bytes = {}) {
  const auto out = context.reply_buffer(sizeof record + bytes.size());
  if (out.empty()) return shmbus::Status::ok();  // the caller made too little room, and is told so
  std::memcpy(out.data(), &record, sizeof record);
  if (!bytes.empty()) std::memcpy(out.data() + sizeof record, bytes.data(), bytes.size());
  return shmbus::Status::ok();
}

/// Registers `run(const Request&, Context&) -> Status` under `name`.
template <class F>
shmbus::Result<void> serve(shmbus::Server& server, std::string_view name, F run) {
  return server.on(name, [run](shmbus::Context& context) {
    const auto request = decode(context.request());
    if (!request) return shmbus::Status::reject(malformed, "not a command of the log");
    return run(*request, context);
  });
}

/// Opens the bus, lets `add(server) -> Result<void>` register the names, runs until SIGTERM.
template <class F>
int serve_until_signal(std::string_view bus_name, std::string_view label, F add) {
  const auto stop = shmbus::stop_on_signals();
  if (!stop) return report(stop.error());
  auto bus = shmbus::Bus::open(bus_name, {.label = label});
  if (!bus) return report(bus.error());
  auto server = bus->serve({.label = label});
  if (!server) return report(server.error());
  if (const auto added = add(*server); !added) return report(added.error());
  std::printf("ready\n");
  std::fflush(stdout);
  const auto ended = server->run(stop->token());
  return ended ? 0 : report(ended.error());
}

}  // namespace log_commands
