// A call made inside a handler ends with the command that it is made for: nested [BUS]
//
// trip.book calls hotel.reserve, which takes long. The caller of trip.book has 100 ms. Neither
// handler is told a time limit in its code, yet both stop when the caller does.
#include <cstdio>
#include <future>
#include <thread>

#include "report.hpp"

namespace {

using Book = shmbus::Command<"trip.book", std::int32_t>;
using Reserve = shmbus::Command<"hotel.reserve", std::int32_t>;
using Release = shmbus::Command<"hotel.release", std::int32_t>;

void look_at_rooms() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

/// Would look for a room for an hour.
shmbus::Status reserve(std::int32_t, shmbus::Context& context) {
  for (int i = 0; i < 3'600'000 && !context.cancelled(); ++i) look_at_rooms();
  return shmbus::Status::reject(1, "nobody waits for this room any more");
}

/// A hotel, in a thread or a process of its own.
shmbus::Result<void> serve_hotel(shmbus::Bus bus, const std::stop_token& stop,
                                 std::promise<std::int32_t>& released) {
  auto server = bus.serve();
  if (!server) return tl::unexpected<shmbus::Error>(server.error());
  auto added = server->on<Reserve>(reserve);
  if (added) {
    added = server->on<Release>([&](std::int32_t trip) { released.set_value(trip); });
  }
  return added ? server->run(stop) : added;
}

shmbus::Result<void> serve_trips(shmbus::Bus bus, const std::stop_token& stop) {
  const shmbus::CallerOptions patient{.when_vacant = shmbus::WhenVacant::wait};
  auto hotel = bus.caller<Reserve>(patient);
  auto undo = bus.caller<Release>(patient);
  auto server = bus.serve();
  if (!hotel || !undo || !server) return {};
  const auto added = server->on<Book>([&](std::int32_t trip, shmbus::Context& context) {
    // Ends with the command that runs here: no later than its deadline, and when it is cancelled.
    const auto room = hotel->call(trip, shmbus::forever);
    if (room) return shmbus::Status::ok();
    if (context.cancelled() || context.remaining() == shmbus::Duration::zero()) {
      const shmbus::Shield shield;  // what follows must be done in any case
      (void)undo->call(trip);
    }
    return shmbus::Status::reject(1, "no room");
  });
  return added ? server->run(stop) : added;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  std::promise<std::int32_t> released;
  const std::jthread hotel(
      [&](const std::stop_token& stop) { (void)serve_hotel(*bus, stop, released); });
  const std::jthread trips([&](const std::stop_token& stop) { (void)serve_trips(*bus, stop); });
  auto book = bus->caller<Book>({.when_vacant = shmbus::WhenVacant::wait});
  if (!book) return report(book.error());
  const auto booked = book->call(7, 100ms);
  // One deadline for both calls. Who notices first that it has passed: this caller, which then
  // calls it timed_out, or trip.book, whose own call has ended and which says no?
  if (booked || (booked.error().kind != shmbus::ErrorKind::timed_out &&
                 booked.error().kind != shmbus::ErrorKind::rejected)) {
    return 1;
  }
  auto trip = released.get_future();
  if (trip.wait_for(10s) != std::future_status::ready) return 1;
  std::printf("no trip in time, room of trip %d released\n", trip.get());
}
