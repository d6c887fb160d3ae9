// The counter's rate is measured with a bound of its error: a thread that loses the processor in
// the middle of it measures longer, not wrong.
#include "os/clock_rate.hpp"

#include <cmath>
#include <fstream>
#include <vector>

#include "os/clock.hpp"
#include "segment/open.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using wait::ClockReading;

namespace {

constexpr double true_rate = 2.4e9;
constexpr std::uint64_t ms = 1'000'000;

/// A clock that moves when it is read, and a thread that loses the processor at a chosen place.
struct Machine {
  double now_ns = 1e12;
  std::vector<std::pair<int, int>> pauses;  ///< {reading, 0..2: before which of its three steps}
  double pause_ns = 20e6;
  int readings = 0;

  void step(int which) {
    now_ns += 30;
    for (const auto& [reading, at] : pauses) {
      if (reading == readings && at == which) now_ns += pause_ns;
    }
  }
  ClockReading operator()() {
    ClockReading out;
    step(0);
    out.before_ns = static_cast<std::uint64_t>(now_ns);
    step(1);
    out.ticks = static_cast<std::uint64_t>(now_ns * true_rate / 1e9);
    step(2);
    out.after_ns = static_cast<std::uint64_t>(now_ns);
    ++readings;
    return out;
  }
};

double error_of(const wait::MeasuredRate& measured) {
  return std::abs(measured.per_s - true_rate) / true_rate;
}

}  // namespace

TEST_CASE("an undisturbed measurement takes one window of 2 ms", "[clock]") {
  Machine machine;
  const double began = machine.now_ns;
  const auto measured = wait::measure_rate(machine, 100e-6, 1000 * ms);
  CHECK(error_of(measured) < 100e-6);
  CHECK(measured.error < 100e-6);
  CHECK(machine.now_ns - began < 3e6);
}

TEST_CASE("20 ms without the processor between two readings do not spoil the rate", "[clock]") {
  // In every place of the first readings, and all through the last.
  for (int reading = 0; reading < 12; ++reading) {
    for (int at = 0; at < 3; ++at) {
      Machine machine;
      machine.pauses = {{reading, at}};
      const auto measured = wait::measure_rate(machine, 100e-6, 1000 * ms);
      INFO(reading << " " << at);
      CHECK(error_of(measured) < 100e-6);
      CHECK(error_of(measured) <= measured.error);
    }
  }
}

TEST_CASE("a machine that is never undisturbed gets an honest bound", "[clock]") {
  Machine machine;
  machine.pause_ns = 300e3;
  for (int i = 0; i < 100'000; ++i) machine.pauses.emplace_back(i, 1 + i % 2);
  // Looked up by each step: keep what is asked about small.
  machine.pauses.resize(400);
  const auto measured = wait::measure_rate(machine, 1e-6, 50 * ms);
  CHECK(error_of(measured) <= measured.error);
  CHECK(measured.error < 0.2);
}

TEST_CASE("a rate agrees or not, by what the measurement is good for", "[clock]") {
  const wait::MeasuredRate good{2.4e9, 0.0001};
  CHECK(wait::agrees(good, 2.4e9 * 1.005));
  CHECK_FALSE(wait::agrees(good, 2.4e9 * 1.02));
  CHECK_FALSE(wait::agrees(good, 2.4e8));
  const wait::MeasuredRate poor{2.4e9, 0.3};
  CHECK(wait::agrees(poor, 2.4e9 * 1.2));
  CHECK_FALSE(wait::agrees(poor, 2.4e8));
}

TEST_CASE("this machine agrees with itself", "[clock]") {
  for (int i = 0; i < 20; ++i) {
    const wait::RateCheck check;
    CHECK(check.agrees_with(wait::ticks_per_second()));
    CHECK_FALSE(check.agrees_with(wait::ticks_per_second() * 11));
    CHECK_FALSE(check.agrees_with(wait::ticks_per_second() / 11));
  }
}

TEST_CASE("a bus with another machine's clock rate is refused, and replaced when idle", "[clock]") {
  test::TempBus bus;
  auto user = test::join(bus.path());
  const auto inode = segment::id_of(bus.path()).inode;
  {
    std::fstream file(bus.path(), std::ios::binary | std::ios::in | std::ios::out);
    const std::uint64_t wrong = wait::ticks_per_second() * 11;
    file.seekp(offsetof(layout::Header, ticks_per_s));
    file.write(reinterpret_cast<const char*>(&wrong), sizeof wrong);
  }
  const auto refused = Bus::open(bus.path(), test::small_bus());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.view().find("another clock rate") != std::string_view::npos);
  CHECK(segment::id_of(bus.path()).inode == inode);
  user.reset();
  CHECK_OK(Bus::open(bus.path(), test::small_bus()));
  CHECK(segment::id_of(bus.path()).inode != inode);
}
