// Events through shmbus.h alone.
#include <array>
#include <thread>

#include "capi/pair.hpp"

using namespace shmbus::test;

namespace {

struct Ends {
  explicit Ends(shmbus_bus_t* bus, const shmbus_subscriber_options_t* how = nullptr) {
    REQUIRE(shmbus_publisher_new(bus, "tick", nullptr, &out, nullptr) == SHMBUS_OK);
    REQUIRE(shmbus_subscriber_new(bus, "tick", how, &in, nullptr) == SHMBUS_OK);
  }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;
  ~Ends() {
    shmbus_publisher_free(out);
    shmbus_subscriber_free(in);
  }
  std::string next(int want = SHMBUS_OK, std::int64_t timeout = 5 * second) {
    shmbus_event_t event{};
    event.size = sizeof event;
    CHECK(shmbus_subscriber_next(in, timeout, &event, nullptr) == want);
    if (event.data == nullptr) return {};
    sequence = event.sequence;
    return {static_cast<const char*>(event.data), event.data_size};
  }
  shmbus_publisher_t* out = nullptr;
  shmbus_subscriber_t* in = nullptr;
  std::uint64_t sequence = 0;
};

}  // namespace

TEST_CASE("events are published and read, by value and in place", "[c-abi]") {
  CPair pair;
  Ends ends(pair.bus);
  CHECK(shmbus_subscriber_ready(ends.in) == 0);
  std::uint64_t sequence = 0;
  CHECK(shmbus_publish(ends.out, "one", 3, second, &sequence, nullptr) == SHMBUS_OK);
  CHECK(sequence == 1);
  CHECK(shmbus_subscriber_ready(ends.in) == 1);
  CHECK(ends.next() == "one");
  CHECK(ends.sequence == 1);

  void* data = nullptr;
  REQUIRE(shmbus_publisher_loan(ends.out, 40, second, &data, nullptr) == SHMBUS_OK);
  std::memcpy(data, "two more", 8);
  CHECK(shmbus_publisher_commit(ends.out, 41, nullptr, nullptr) == SHMBUS_INVALID_ARGUMENT);
  CHECK(shmbus_publisher_commit(ends.out, 3, &sequence, nullptr) == SHMBUS_OK);
  CHECK(sequence == 2);
  CHECK(shmbus_publisher_commit(ends.out, 3, nullptr, nullptr) == SHMBUS_INVALID_ARGUMENT);
  CHECK(ends.next() == "two");
  CHECK(shmbus_publish(ends.out, nullptr, 0, second, nullptr, nullptr) == SHMBUS_OK);
  CHECK(ends.next().empty());
  CHECK(ends.sequence == 3);
  shmbus_subscriber_release(ends.in);
  CHECK(ends.next(SHMBUS_TIMED_OUT, 0).empty());
  CHECK(shmbus_subscriber_missed(ends.in) == 0);
}

TEST_CASE("a subscriber that comes late begins where it asked", "[c-abi]") {
  CPair pair;
  shmbus_publisher_options_t keep{};
  keep.size = sizeof keep;
  keep.keep = 3;
  shmbus_publisher_t* out = nullptr;
  REQUIRE(shmbus_publisher_new(pair.bus, "tick", &keep, &out, nullptr) == SHMBUS_OK);
  for (const char* one : {"a", "b", "c"}) {
    REQUIRE(shmbus_publish(out, one, 1, second, nullptr, nullptr) == SHMBUS_OK);
  }
  shmbus_publisher_free(out);
  shmbus_subscriber_options_t from{};
  from.size = sizeof from;
  from.from = SHMBUS_FROM_LATEST;
  CHECK(Ends(pair.bus, &from).next() == "c");
  from.from = SHMBUS_FROM_OLDEST;
  CHECK(Ends(pair.bus, &from).next() == "a");
  from.from = 3;
  shmbus_subscriber_t* in = nullptr;
  CHECK(shmbus_subscriber_new(pair.bus, "tick", &from, &in, nullptr) == SHMBUS_INVALID_ARGUMENT);
  CHECK(in == nullptr);
}

TEST_CASE("a publisher that must lose nothing waits, and says for which process", "[c-abi]") {
  CPair pair;
  shmbus_subscriber_options_t hold{};
  hold.size = sizeof hold;
  hold.when_slow = SHMBUS_WHEN_SLOW_HOLD;
  Ends ends(pair.bus, &hold);
  auto error = no_error();
  int kind = SHMBUS_OK;
  int published = 0;
  for (; published < 10'000 && kind == SHMBUS_OK; ++published) {
    kind = shmbus_publish(ends.out, "x", 1, 1'000'000, nullptr, &error);
  }
  CHECK(kind == SHMBUS_OVERLOADED);
  for (int i = 1; i < published; ++i) REQUIRE(ends.next() == "x");
  CHECK(ends.next(SHMBUS_TIMED_OUT, 0).empty());
}

TEST_CASE("types, sizes and names of events are checked", "[c-abi]") {
  CPair pair;
  pair.on("echo", echo);
  shmbus_publisher_options_t typed{};
  typed.size = sizeof typed;
  typed.schema = "{a:u32@0}4/4->none";
  shmbus_publisher_t* out = nullptr;
  auto error = no_error();
  CHECK(shmbus_publisher_new(pair.bus, "echo", nullptr, &out, &error) == SHMBUS_ALREADY_REGISTERED);
  REQUIRE(shmbus_publisher_new(pair.bus, "typed", &typed, &out, nullptr) == SHMBUS_OK);
  const std::string large(1000, 'x');
  CHECK(shmbus_publish(out, large.data(), large.size(), second, nullptr, &error) ==
        SHMBUS_TOO_LARGE);
  shmbus_subscriber_options_t other{};
  other.size = sizeof other;
  other.schema = "{a:i32@0}4/4->none";
  shmbus_subscriber_t* in = nullptr;
  CHECK(shmbus_subscriber_new(pair.bus, "typed", &other, &in, &error) == SHMBUS_TYPE_MISMATCH);
  shmbus_event_t small{};
  CHECK(shmbus_subscriber_next(nullptr, 0, &small, nullptr) == SHMBUS_INVALID_ARGUMENT);
  shmbus_publisher_free(out);
}

TEST_CASE("the descriptor of a subscriber wakes, and is cleared", "[c-abi]") {
  CPair pair;
  Ends ends(pair.bus);
  int fd = -1;
  REQUIRE(shmbus_subscriber_fd(ends.in, &fd, nullptr) == SHMBUS_OK);
  REQUIRE(fd >= 0);
  std::thread publishing(
      [&] { CHECK(shmbus_publish(ends.out, "one", 3, second, nullptr, nullptr) == SHMBUS_OK); });
  CHECK(ends.next() == "one");
  publishing.join();
  CHECK(shmbus_subscriber_poll(ends.in, nullptr) == SHMBUS_OK);
}
