// A million records, or ten, from handlers that are killed on the way: each record is read once, in
// order, and each end says that the handler died. And streams that come and go: memory stays flat.
// The long forms: shmbus_streams_tests "[soak]"
#include <fstream>
#include <random>

#include "streams/support.hpp"
#include "support/census.hpp"

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

/// Resident memory of this process, in pages.
std::uint64_t resident_pages() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  file >> size >> resident;
  return resident;
}

/// Streams of one caller, which end well, are refused, cancelled, or dropped with records unread.
void open_and_end(std::uint64_t streams) {
  std::mt19937 random(17);
  test::TempBus path;
  const auto handler = test::streams_process(path.path());
  auto bus = test::open_when_served(path.path(), "echo");
  const auto watcher = test::join(path.path());
  auto count = test::caller_of(bus, "count");
  auto echo = test::caller_of(bus, "echo");
  test::Census before;
  std::uint64_t pages = 0;
  for (std::uint64_t i = 0; i < streams; ++i) {
    const std::size_t window = std::size_t{256} << (random() % 5);
    if (i % 4 == 0) {
      auto both = echo.open({}, {.window = window}, Records::both);
      REQUIRE_OK(both);
      REQUIRE_OK(both->put(test::numbered(i)));
      REQUIRE_OK(both->next());
      REQUIRE_OK(both->end());
    } else {
      auto stream = count.open(test::raw(Count{0, i % 4 == 1 ? 5 : ~0ULL, 40}), {.window = window});
      REQUIRE_OK(stream);
      REQUIRE_OK(stream->next());
      if (i % 4 == 1) REQUIRE_OK(stream->end());
      if (i % 4 == 2) stream->cancel();
    }
    if (i != streams / 4) continue;
    before = test::census(watcher->view());
    pages = resident_pages();
  }
  CHECK(test::census(watcher->view()) == before);
  CHECK(resident_pages() <= pages + 64);
}

}  // namespace

TEST_CASE("streams that come and go leave memory as it was", "[streams]") { open_and_end(4'000); }

TEST_CASE("a hundred thousand streams that come and go", "[.][soak]") { open_and_end(100'000); }

TEST_CASE("a million records and handlers that are killed", "[streams]") {
  CHECK(read_through_kills(1'000'000) > 3);
}

TEST_CASE("ten million records and handlers that are killed", "[.][soak]") {
  CHECK(read_through_kills(10'000'000) > 50);
}
