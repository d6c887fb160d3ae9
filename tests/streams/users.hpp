// Commands with streams, and a process that serves them, for the tests here.
#pragma once

#include <cstdint>
#include <utility>

#include "streams/support.hpp"

namespace shmbus::test {

struct Filter {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};
struct User {
  std::uint64_t id = 0;
  std::uint64_t square = 0;
};
struct Added {
  std::uint64_t records = 0;
  std::uint64_t sum = 0;
  std::uint64_t filler[16] = {};
};
using UserList = Command<"user.list", Filter, Stream<User>>;
using UserAdd = Command<"user.add", Stream<User>, Added>;
using UserSquare = Command<"user.square", Stream<User>, Stream<User>>;

struct Bench {
  TempBus path;
  Child handler = streams_process(path.path());
  Bus bus = open_when_served(path.path(), "echo");
};

inline RawStream open_count(RawCaller& caller, const Count& count,
                            const StreamOptions& options = {}) {
  auto stream = caller.open(raw(count), options);
  REQUIRE_OK(stream);
  return std::move(*stream);
}

}  // namespace shmbus::test
