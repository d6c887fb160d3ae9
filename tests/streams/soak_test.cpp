// A million records, or ten, from handlers that are killed on the way: each record is read once, in
// order, and each end says that the handler died. The long form: shmbus_streams_tests "[soak]"
#include <random>

#include "streams/support.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Count;

namespace {

constexpr std::uint64_t most_between_kills = 200'000;

/// Returns how many handlers were killed.
int read_through_kills(std::uint64_t records) {
  std::mt19937 random(11);
  test::TempBus path;
  auto handler = test::streams_process(path.path());
  auto bus = test::open_when_served(path.path(), "echo");
  auto caller = test::caller_of(bus, "count", {.when_vacant = WhenVacant::wait});
  std::uint64_t next = 0;
  int kills = 0;
  while (next < records) {
    auto stream = caller.open(test::raw(Count{next, records, 16}),
                              {.window = std::size_t{1} << (9 + random() % 8), .gap = 20s});
    REQUIRE_OK(stream);
    const std::uint64_t kill_at = next + 1 + random() % most_between_kills;
    bool killed = false;
    while (const auto record = stream->next()) {
      if (!test::is_numbered(*record, next)) FAIL("not record " << next);
      ++next;
      if (next != kill_at || records - next < most_between_kills) continue;
      handler.kill();
      killed = true;
      ++kills;
    }
    if (killed) {
      REQUIRE(test::kind(stream->end()) == ErrorKind::handler_died_after_start);
      handler = test::streams_process(path.path());
    } else {
      REQUIRE_OK(stream->end());
    }
  }
  CHECK(next == records);
  return kills;
}

}  // namespace

TEST_CASE("a million records and handlers that are killed", "[streams]") {
  CHECK(read_through_kills(1'000'000) > 3);
}

TEST_CASE("ten million records and handlers that are killed", "[.][soak]") {
  CHECK(read_through_kills(10'000'000) > 50);
}
