// What shmbusd publishes, from counters that a test has written.
#include "daemon/publisher.hpp"

#include "layout/name_words.hpp"
#include "layout/names.hpp"
#include "layout/words.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace shmbus::test;
using daemon::Publisher;
using daemon::second;

namespace {

std::uint64_t read(const layout::Word64& word) { return word.load(std::memory_order_relaxed); }
void set(layout::Word64& word, std::uint64_t value) {
  word.store(value, std::memory_order_relaxed);
}

struct Fixture {
  Fixture() { set(view.name(2).lease, layout::lease_published); }
  void served(std::uint64_t commands, std::uint64_t ns) {
    auto& stats = view.name_stats(2);
    stats::add(stats.commands, commands);
    for (std::uint64_t i = 0; i < commands; ++i) stats::record(stats.service_ns, ns);
    stats::add(stats.sampled, commands);
  }

  TempBus path;
  std::shared_ptr<detail::BusCore> core = join(path.path());
  const segment::View& view = core->view();
  layout::PublishedName& name = core->view().published_name(2);
  layout::PublishedBus& bus = core->view().published_bus();
};

}  // namespace

TEST_CASE("publisher: rates are of the interval, the past is not") {
  Fixture f;
  f.served(1000, 500);
  Publisher publisher(f.view, 42);
  publisher.publish(10 * second);
  CHECK(read(f.name.commands_per_s) == 0);
  CHECK(read(f.bus.daemon_pid) == 42);
  f.served(300, 500);
  stats::add(f.view.name_stats(2).errors, 20);
  publisher.publish(12 * second);
  CHECK(read(f.name.commands_per_s) == 150);
  CHECK(read(f.name.errors_per_s) == 10);
  CHECK(read(f.bus.commands_per_s) == 150);
  CHECK(read(f.bus.passes) == 2);
  publisher.publish(13 * second);
  CHECK(read(f.name.commands_per_s) == 0);
}

TEST_CASE("publisher: quantiles are of the interval, of all time while idle") {
  Fixture f;
  f.served(90, 1'000);
  Publisher publisher(f.view, 42);
  publisher.publish(second);
  f.served(10, 1'000'000);
  publisher.publish(2 * second);
  CHECK(read(f.name.p50_ns) > 900'000);
  publisher.publish(3 * second);
  CHECK(read(f.name.p50_ns) < 1'200);
  CHECK(read(f.name.p99_ns) > 900'000);
  const std::uint64_t p50 = read(f.name.p50_ns);
  publisher.publish(4 * second);  // from memory
  CHECK(read(f.name.p50_ns) == p50);
}

TEST_CASE("publisher: round trips of all lanes are summed") {
  Fixture f;
  Publisher publisher(f.view, 42);
  publisher.publish(second);
  for (std::uint32_t lane : {1U, 5U}) {
    f.view.lane_word(lane).store(layout::LaneWord::make(1, {}, 0, layout::LaneState::free, 0).bits,
                                 std::memory_order_relaxed);
    stats::add(f.view.lane(lane).counters.calls, 10);
    for (int i = 0; i < 10; ++i) {
      stats::record(f.view.lane_latency(lane).round_trip_ns, lane * 10'000);
    }
  }
  publisher.publish(2 * second);
  CHECK(read(f.bus.p50_ns) > 9'000);
  CHECK(read(f.bus.p50_ns) < 11'000);
  CHECK(read(f.bus.p99_ns) > 45'000);
}

TEST_CASE("publisher: depth is what is committed and not started, per endpoint") {
  Fixture f;
  const auto word = layout::LaneWord::make(1, layout::ParticipantId::make(1, 1), 3,
                                           layout::LaneState::attached, 0);
  set(f.view.lane_word(4), word.bits);
  set(f.view.lane(4).journal[0].cursor, layout::CursorWord::make(11, 0).bits);
  set(f.view.lane(4).counters.published, 15);
  set(f.view.name(2).binding, layout::BindingWord::make(1, 1, 3).bits);
  Publisher publisher(f.view, 42);
  publisher.publish(second);
  CHECK(read(f.name.depth) == 5);
  set(f.view.lane(4).counters.published, ~0ULL);  // forged
  publisher.publish(2 * second);
  CHECK(read(f.name.depth) <= f.view.capacities().cells_per_lane);
  set(f.view.name(2).binding, layout::BindingWord::make(1, 1, 900).bits);
  publisher.publish(3 * second);
  CHECK(read(f.name.depth) == 0);
  set(f.view.lane_word(4), 0);
}

TEST_CASE("publisher: counters that go backwards are no rate") {
  Fixture f;
  f.served(1000, 500);
  Publisher publisher(f.view, 42);
  publisher.publish(second);
  set(f.view.name_stats(2).commands, 3);
  set(f.view.name_stats(2).sampled, 3);
  set(f.view.name_stats(2).service_ns.bucket[9], 0);
  publisher.publish(2 * second);
  CHECK(read(f.name.commands_per_s) == 0);
  set(f.view.name_stats(2).commands, ~0ULL);
  publisher.publish(3 * second);
  CHECK(read(f.name.commands_per_s) <= 1'000'000'000'000'000);
  publisher.count_death();
  CHECK(read(f.bus.deaths) == 1);
  publisher.withdraw();
  CHECK(read(f.bus.daemon_pid) == 0);
}
