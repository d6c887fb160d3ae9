// What the metrics page says of events.
#include <cstdio>

#include "prometheus/metrics_daemon.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace shmbus::test;

TEST_CASE("metrics of events agree with what was published and read", "[prometheus]") {
  const TempBus place;
  MetricsDaemon daemon(place.path());
  auto bus = Bus::open(place.path(), {.label = "feed"});
  REQUIRE_OK(bus);
  auto out = bus->publisher("price \"x\"");
  auto holds = bus->subscribe("price \"x\"", {.when_slow = WhenSlow::hold});
  REQUIRE_OK(out);
  REQUIRE_OK(holds);
  const std::byte event[10] = {};
  for (int i = 0; i < 5; ++i) REQUIRE_OK(out->publish(event));
  for (int i = 0; i < 2; ++i) REQUIRE_OK(holds->next(0ns));
  while (out->publish(event, 1ms)) {
  }
  const std::string text = daemon.text();
  const auto has = [&](const std::string& line) { return text.find(line) != std::string::npos; };
  const std::string label = "{event=\"price \\\"x\\\"\"}";
  CHECK(has("shmbus_event_publishers" + label + " 1\n"));
  CHECK(has("shmbus_event_subscribers" + label + " 1\n"));
  CHECK(has("shmbus_event_refused_total" + label + " 1\n"));
  CHECK(has("shmbus_event_waits_total" + label + " 1\n"));
  CHECK_FALSE(has("shmbus_event_behind" + label + " 0\n"));
  CHECK(has("process=\"feed\",pid=\"" + std::to_string(::getpid()) + "\"} 2\n"));  // delivered
  CHECK_FALSE(has("shmbus_command_up{command=\"price"));
}
