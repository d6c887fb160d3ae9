// Commands on workers ask for no memory once everything has been used.
#include <thread>

#include "async/counted_new.hpp"
#include "workers/support.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Echo;
using test::Note;
using test::Served;

TEST_CASE("commands on workers allocate nothing after the first", "[workers]") {
  test::TempBus path;
  std::atomic<std::uint64_t> noted{0};
  Served served(path.path(), 3, [&](Server& server) {
    REQUIRE_OK(server.on<Echo>([](std::uint64_t number) { return number; }));
    REQUIRE_OK(server.on<Note>([&](std::uint64_t) { ++noted; }, {.parallel = Parallel::yes}));
  });
  auto bus = test::open_bus(path.path());
  auto echo = test::typed_caller<Echo>(bus);
  auto note = test::typed_caller<Note>(bus);
  std::uint64_t sent = 0;
  std::uint64_t wrong = 0;
  const auto some = [&](std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto reply = echo.call(i, 20s);
      if (!reply || *reply != i) ++wrong;
      for (int j = 0; j < 4; ++j) {
        if (note.send(i)) ++sent;
      }
    }
    if (!test::eventually([&] { return noted == sent; }, 20s)) ++wrong;
  };
  some(500);
  const std::uint64_t before = test::allocations;
  some(2'000);
  CHECK(test::allocations - before == 0);
  CHECK(wrong == 0);
}
