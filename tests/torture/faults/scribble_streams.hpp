// Players beside a scribbler at both ends of streams.
#pragma once

#include <string>

#include "torture/faults/scribble_role.hpp"

namespace shmbus::torture {

/// Reads each byte of what it is given.
template <class Reader>
unsigned read_stream(Role& role, Reader& in, int most) {
  unsigned sum = 0;
  for (int i = 0; i < most && role.on(); ++i) {
    const auto record = role.timed([&] { return in.next(call_timeout); });
    if (!record && record.error().kind != ErrorKind::timed_out) break;
    if (!record) continue;
    for (const std::byte byte : *record) sum += std::to_integer<unsigned>(byte);
  }
  return sum;
}
template <class Writer>
void write_stream(Role& role, Writer& out, std::mt19937_64& random, int most) {
  const std::vector<std::byte> record(random() % 200, std::byte{7});
  for (int i = 0; i < most && role.on(); ++i) {
    const auto put = role.timed([&] { return out.put(record, call_timeout); });
    if (!put && put.error().kind != ErrorKind::timed_out) break;
    auto loan = role.timed([&] { return out.loan(60, call_timeout); });
    if (!loan) continue;
    std::fill(loan->begin(), loan->end(), std::byte{8});
    (void)role.timed([&] { return out.commit(50); });
  }
}

/// Takes whatever comes as a stream: reads, writes, or both.
inline void handle_streams(const std::string& path, Role& role, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  again_and_again(path, role, [&](Bus& bus) {
    auto server = role.timed([&] { return bus.serve(); });
    if (!server) return;
    volatile unsigned all = 0;
    const auto handler = [&](Context& context) {
      RawReader in(context);
      RawWriter out(context);
      if (in.valid()) all = all + read_stream(role, in, 20);
      if (out.valid()) write_stream(role, out, random, 20);
      return Status::ok();
    };
    (void)role.timed([&] { return server->on("stream", handler); });
    // Not timed: a handler waits for each record of its own.
    for (int i = 0; i < 20 && role.on(); ++i) {
      if (!server->run_for(5ms)) break;
    }
    if (random() % 4 == 0) ::_exit(0);  // as if killed, but for the books; started again
  });
}

inline void call_streams(const std::string& path, Role& role, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  again_and_again(path, role, [&](Bus& bus) {
    auto caller = role.timed([&] { return bus.caller("stream"); });
    if (!caller) return;
    volatile unsigned all = 0;
    for (int i = 0; i < 20 && role.on(); ++i) {
      constexpr Records ways[] = {Records::from_handler, Records::to_handler, Records::both};
      const auto way = ways[random() % 3];
      const StreamOptions how{.window = 256 + random() % 2000, .timeout = 200ms};
      auto stream = role.timed([&] { return caller->open({}, how, way, 40); });
      if (!stream) continue;
      if (way != Records::from_handler) write_stream(role, *stream, random, 10);
      if (way != Records::to_handler) all = all + read_stream(role, *stream, 10);
      if (random() % 3 == 0) continue;  // dropped as it is
      if (random() % 2 == 0) stream->cancel();
      (void)role.timed([&] { return stream->end(); });
    }
    if (random() % 4 == 0) ::_exit(0);
  });
}

}  // namespace shmbus::torture
