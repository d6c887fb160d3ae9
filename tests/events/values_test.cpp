// Events as users see them, in one process: values, loans, order, late subscribers, names, limits.
#include "events/support.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::from_to;
using test::numbers;
using test::Price;
using test::tick;

TEST_CASE("a subscriber gets every event in order, each once", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto out = test::publisher_of(bus);
  auto in = test::subscriber_of(bus);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    const auto seq = out.publish(tick(i));
    REQUIRE_OK(seq);
    CHECK(*seq == i);
  }
  for (std::uint64_t i = 1; i <= 100; ++i) {
    const auto event = in.next(1s);
    REQUIRE_OK(event);
    CHECK(event->sequence() == i);
    CHECK((*event)->number == i);
    CHECK(test::whole(**event));
  }
  CHECK(test::kind(in.next(0ns)) == ErrorKind::timed_out);
  CHECK(in.missed() == 0);
}

TEST_CASE("an event can be written in place", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto out = test::publisher_of(bus);
  auto in = test::subscriber_of(bus);
  {
    const auto unused = out.loan();
    REQUIRE_OK(unused);
  }
  auto loan = out.loan();
  REQUIRE_OK(loan);
  **loan = tick(7);
  CHECK_OK(loan->publish());
  CHECK(test::kind(loan->publish()) == ErrorKind::invalid_argument);
  CHECK(numbers(in) == from_to(7, 7));
  auto given_up = out.loan();
  REQUIRE_OK(given_up);
  CHECK_OK(out.publish(tick(8)));
  CHECK(test::kind(given_up->publish()) == ErrorKind::invalid_argument);
  CHECK(numbers(in) == from_to(8, 8));
}

TEST_CASE("bytes of any size up to the one that was asked for", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto out = bus.publisher("blob", {.keep = 2, .event_bytes = 70'000});
  REQUIRE_OK(out);
  auto in = bus.subscribe("blob");
  REQUIRE_OK(in);
  for (const std::size_t size : {0U, 1U, 47U, 48U, 49U, 4'096U, 70'000U}) {
    const std::vector<std::byte> bytes(size, std::byte(size));
    CHECK_OK(out->publish(bytes));
    const auto event = in->next(1s);
    REQUIRE_OK(event);
    CHECK(std::vector<std::byte>(event->bytes().begin(), event->bytes().end()) == bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(event->bytes().data()) % 16 == 0);
  }
  const std::vector<std::byte> more(70'017);
  const auto refused = out->publish(more);
  CHECK(test::kind(refused) == ErrorKind::too_large);
  CHECK(refused.error().needed >= 70'000);
}

TEST_CASE("a late subscriber begins where its options say", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto out = test::publisher_of(bus, {.keep = 8});
  auto latest_of_none = test::subscriber_of(bus, {.from = From::latest});
  auto oldest_of_none = test::subscriber_of(bus, {.from = From::oldest});
  CHECK(numbers(latest_of_none).empty());
  for (std::uint64_t i = 1; i <= 5; ++i) CHECK_OK(out.publish(tick(i)));
  auto now = test::subscriber_of(bus);
  auto latest = test::subscriber_of(bus, {.from = From::latest});
  auto oldest = test::subscriber_of(bus, {.from = From::oldest});
  CHECK(numbers(latest_of_none) == from_to(1, 5));
  CHECK(numbers(oldest_of_none) == from_to(1, 5));
  CHECK(numbers(now).empty());
  CHECK(numbers(latest) == from_to(5, 5));
  CHECK(numbers(oldest) == from_to(1, 5));
  CHECK_OK(out.publish(tick(6)));
  for (auto* in : {&now, &latest, &oldest}) CHECK(numbers(*in) == from_to(6, 6));
}

TEST_CASE("the last values outlive their publisher, and the next one goes on there", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  {
    auto out = test::publisher_of(bus, {.keep = 3});
    for (std::uint64_t i = 1; i <= 1'000'000; ++i) (void)out.publish(tick(i));
  }
  auto latest = test::subscriber_of(bus, {.from = From::latest});
  CHECK(numbers(latest) == from_to(1'000'000, 1'000'000));
  auto oldest = test::subscriber_of(bus, {.from = From::oldest});
  const auto left = numbers(oldest);
  REQUIRE(left.size() >= 3);
  CHECK(left == from_to(1'000'001 - left.size(), 1'000'000));
  auto out = test::publisher_of(bus, {.keep = 3});
  for (std::uint64_t i = 1'000'001; i <= 1'002'000; ++i) {
    const auto seq = out.publish(tick(i));
    REQUIRE_OK(seq);
    CHECK(*seq == i);
    if (i % 100 == 0) {
      CHECK(numbers(latest) == from_to(i - 99, i));
      CHECK(numbers(oldest) == from_to(i - 99, i));
    }
  }
  CHECK(latest.missed() + oldest.missed() == 0);
}

TEST_CASE("a subscriber that skips counts exactly what it missed", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto out = test::publisher_of(bus, {.keep = 16});
  auto in = test::subscriber_of(bus);
  std::uint64_t got = 0;
  std::uint64_t last = 0;
  std::uint64_t published = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 700 * round; ++i) CHECK_OK(out.publish(tick(++published)));
    const auto some = numbers(in, round % 3 == 0 ? 5 : 10'000);
    got += some.size();
    for (const auto number : some) {
      CHECK(number > last);
      last = number;
    }
    CHECK(last == got + in.missed());
  }
  got += numbers(in).size();
  CHECK(got + in.missed() == published);
  CHECK(in.missed() > 0);
}

TEST_CASE("an event that is looked at is not overwritten", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto out = test::publisher_of(bus);
  auto in = test::subscriber_of(bus);
  CHECK_OK(out.publish(tick(1)));
  {
    const auto event = in.next(1s);
    REQUIRE_OK(event);
    CHECK(test::kind(in.next(1s)) == ErrorKind::invalid_argument);
    for (std::uint64_t i = 2; i <= 50'000; ++i) {
      CHECK_OK(out.publish(tick(i)));
      if (!test::whole(**event) || (*event)->number != 1) FAIL("overwritten");
    }
  }
  const auto after = in.next(1s);
  REQUIRE_OK(after);
  CHECK((*after)->number == in.missed() + 2);
}

TEST_CASE("an event may outlive its subscriber and its bus", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto out = test::publisher_of(bus);
  std::optional<Received<test::Tick>> kept;
  {
    auto other = test::open_bus(path.path());
    auto in = test::subscriber_of(other);
    CHECK_OK(out.publish(tick(1)));
    auto event = in.next(1s);
    REQUIRE_OK(event);
    kept.emplace(std::move(*event));
  }
  for (std::uint64_t i = 2; i <= 5'000; ++i) CHECK_OK(out.publish(tick(i)));
  CHECK((*kept)->number == 1);
  CHECK(test::whole(**kept));
  kept.reset();
}

TEST_CASE("a subscriber that holds loses nothing, and the error of its publisher names it",
          "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path(), {.label = "slow one"});
  auto out = test::publisher_of(bus);
  auto in = test::subscriber_of(bus, {.when_slow = WhenSlow::hold});
  std::uint64_t published = 0;
  Result<std::uint64_t> refused;
  while ((refused = out.publish(tick(published + 1), 1ms))) ++published;
  CHECK(test::kind(refused) == ErrorKind::overloaded);
  CHECK(std::string(refused.error().message.view())
            .find("slow one, pid " + std::to_string(::getpid())) == 0);
  CHECK(published > 100);
  CHECK(numbers(in, 100) == from_to(1, 100));
  CHECK_OK(out.publish(tick(++published), 1ms));
  CHECK(numbers(in) == from_to(101, published));
  CHECK(in.missed() == 0);
  in = {};
  for (int i = 0; i < 5'000; ++i) CHECK_OK(out.publish(tick(++published), 1ms));
}

TEST_CASE("events of many publishers", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto in = test::subscriber_of(bus, {.when_slow = WhenSlow::hold});
  std::vector<Publisher<Price>> outs;
  for (int i = 0; i < 5; ++i) outs.push_back(test::publisher_of(bus));
  for (std::uint64_t i = 1; i <= 50; ++i) {
    for (std::size_t of = 0; of < outs.size(); ++of)
      CHECK_OK(outs[of].publish(tick(i + 1000 * of)));
  }
  std::vector<std::uint64_t> last(outs.size(), 0);
  const auto all = numbers(in);
  CHECK(all.size() == 250);
  for (const auto number : all) {
    CHECK(number % 1000 == last[number / 1000] + 1);
    last[number / 1000] = number % 1000;
  }
}

TEST_CASE("publishers come and go without using lanes up", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto in = test::subscriber_of(bus, {.when_slow = WhenSlow::hold});
  for (std::uint64_t i = 1; i <= 300; ++i) {
    auto out = test::publisher_of(bus);
    CHECK_OK(out.publish(tick(i)));
  }
  CHECK(numbers(in) == from_to(1, 300));
}

TEST_CASE("lanes of topics that nobody reads are taken for others", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  for (int i = 0; i < 60; ++i) {
    auto out = bus.publisher("topic." + std::to_string(i));
    REQUIRE_OK(out);
    CHECK_OK(out->publish(std::as_bytes(std::span("abc", 3))));
  }
}

TEST_CASE("limits of events are named", "[events]") {
  test::TempBus path;
  OpenOptions options;
  options.capacities.broadcasts = 2;
  options.capacities.extents = 4;
  auto bus = test::open_bus(path.path(), options);
  SECTION("publishers") {
    auto one = test::publisher_of(bus);
    auto two = test::publisher_of(bus);
    const auto three = bus.publisher<Price>();
    CHECK(test::kind(three) == ErrorKind::limit_reached);
    CHECK(test::describe(three).find("capacities.broadcasts") != std::string::npos);
  }
  SECTION("memory") {
    const auto out = bus.publisher("big", {.keep = 10, .event_bytes = 100'000});
    CHECK(test::kind(out) == ErrorKind::limit_reached);
    CHECK(test::describe(out).find("capacities.extents") != std::string::npos);
  }
  SECTION("subscribers") {
    std::vector<Subscriber<Price>> all;
    for (int i = 0; i < 16; ++i) all.push_back(test::subscriber_of(bus));
    CHECK(test::kind(bus.subscribe<Price>()) == ErrorKind::limit_reached);
    all.pop_back();
    CHECK_OK(bus.subscribe<Price>());
  }
}

TEST_CASE("a name is a command's or an event's", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto server = bus.serve();
  REQUIRE_OK(server);
  const auto handle = [](Context&) { return Status::ok(); };
  REQUIRE_OK(server->on("work", handle));
  CHECK(test::kind(bus.publisher("work")) == ErrorKind::already_registered);
  CHECK(test::kind(bus.subscribe("work")) == ErrorKind::already_registered);
  auto in = bus.subscribe("news");
  REQUIRE_OK(in);
  const auto refused = server->on("news", handle);
  CHECK(test::kind(refused) == ErrorKind::already_registered);
  CHECK(test::describe(refused).find("is an event") != std::string::npos);
  CHECK(test::kind(server->on("news", handle, {.sharing = Sharing::group})) ==
        ErrorKind::already_registered);
  auto caller = bus.caller("news");
  REQUIRE_OK(caller);
  const auto call = caller->send({});
  CHECK(test::kind(call) == ErrorKind::not_registered);
  CHECK(test::describe(call).find("is an event") != std::string::npos);
  CHECK(test::kind(bus.publisher("")) == ErrorKind::invalid_argument);
}

TEST_CASE("types of events are compared", "[events]") {
  struct Other {
    std::uint32_t one = 0;
  };
  using Wrong = Event<"price.changed", Other>;
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  SECTION("the subscriber was first") {
    auto in = test::subscriber_of(bus);
    CHECK(test::kind(bus.publisher<Wrong>()) == ErrorKind::type_mismatch);
  }
  SECTION("the publisher was first") {
    auto out = test::publisher_of(bus);
    CHECK(test::kind(bus.subscribe<Wrong>()) == ErrorKind::type_mismatch);
  }
  SECTION("bytes fit every type, and an event of another size is refused where it is read") {
    auto out = bus.publisher("price.changed", {.event_bytes = 64});
    REQUIRE_OK(out);
    auto in = test::subscriber_of(bus);
    CHECK_OK(out->publish(std::as_bytes(std::span("abc", 3))));
    const test::Tick second = tick(2);
    CHECK_OK(out->publish(std::as_bytes(std::span(&second, 1))));
    CHECK(test::kind(in.next(1s)) == ErrorKind::type_mismatch);
    const auto event = in.next(1s);
    REQUIRE_OK(event);
    CHECK((*event)->number == 2);
  }
}

TEST_CASE("handles of events that stand for nothing, and forked ones", "[events]") {
  test::TempBus path;
  CHECK(test::kind(RawPublisher().publish({})) == ErrorKind::invalid_argument);
  CHECK(test::kind(RawSubscriber().next()) == ErrorKind::invalid_argument);
  auto bus = test::open_bus(path.path());
  auto out = test::publisher_of(bus);
  auto in = test::subscriber_of(bus);
  test::Child child([&] {
    return test::kind(out.publish(tick(1))) == ErrorKind::forked &&
                   test::kind(in.next(0ns)) == ErrorKind::forked
               ? 0
               : 1;
  });
  CHECK(child.wait() == 0);
}
