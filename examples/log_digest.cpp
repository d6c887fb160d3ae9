// Serves digest.crc32 and text.count: log_digest BUS [MICROSECONDS]
// With MICROSECONDS each command takes so much longer, as if somebody else had to be asked.
// It keeps nothing between two commands, so the process that is told that it died may simply ask
// again.
#include <chrono>
#include <cstdlib>
#include <thread>

#include "crc32.hpp"
#include "log_handlers.hpp"

namespace {

using log_commands::Record;
using log_commands::Request;

Record digest(const Request& request) {
  return {crc32(request.payload), request.payload.size(), log_commands::done, 0};
}

bool is_space(std::byte byte) {
  const auto c = std::to_integer<unsigned char>(byte);
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// Lines in the upper half, words in the lower.
Record count(const Request& request) {
  std::uint64_t lines = 0;
  std::uint64_t words = 0;
  bool in_word = false;
  for (const std::byte byte : request.payload) {
    const bool space = is_space(byte);
    lines += byte == std::byte{'\n'} ? 1U : 0U;
    words += !space && !in_word ? 1U : 0U;
    in_word = !space;
  }
  return {lines << 32U | words, request.payload.size(), log_commands::done, 0};
}

shmbus::Result<void> add_all(shmbus::Server& server, std::chrono::microseconds delay) {
  const auto add = [&](std::string_view name, auto compute) {
    return log_commands::serve(server, name, [=](const Request& in, shmbus::Context& context) {
      if (delay.count() != 0) std::this_thread::sleep_for(delay);
      return log_commands::reply(context, compute(in));
    });
  };
  auto added = add("digest.crc32", digest);
  return added ? add("text.count", count) : added;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: %s BUS [MICROSECONDS]\n", argv[0]);
    return 2;
  }
  const std::chrono::microseconds delay(argc == 3 ? std::atoi(argv[2]) : 0);
  return log_commands::serve_until_signal(
      argv[1], "digest", [delay](shmbus::Server& server) { return add_all(server, delay); });
}
