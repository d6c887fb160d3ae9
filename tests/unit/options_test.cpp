// Options out of their range are refused by name, before anything is made with them.
#include <functional>
#include <limits>

#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

template <class T>
bool refused(const Result<T>& result, std::string_view option) {
  return !result && result.error().kind == ErrorKind::invalid_argument &&
         result.error().message.view().find(option) != std::string_view::npos;
}

struct Bad {
  const char* option;
  std::function<void(OpenOptions&)> spoil;
};

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("OpenOptions are checked, and nothing is made of bad ones", "[options]") {
  const Bad all[] = {
      {"OpenOptions::default_timeout", [](auto& o) { o.default_timeout = -5s; }},
      {"OpenOptions::default_timeout", [](auto& o) { o.default_timeout = Duration{0}; }},
      {"OpenOptions::default_timeout", [](auto& o) { o.default_timeout = default_timeout; }},
      {"OpenOptions::mode", [](auto& o) { o.mode = 01777; }},
      {"OpenOptions::mode", [](auto& o) { o.mode = 0066; }},
      {"OpenOptions::group", [](auto& o) { o.group = -2; }},
      {"OpenOptions::group", [](auto& o) { o.group = 0xFFFF'FFFF; }},
      {"OpenOptions::trust", [](auto& o) { o.trust = -3; }},
      {"OpenOptions::trust", [](auto& o) { o.trust = 0xFFFF'FFFF; }},
      {"OpenOptions::trace_ratio", [](auto& o) { o.trace_ratio = -0.5; }},
      {"OpenOptions::trace_ratio", [](auto& o) { o.trace_ratio = 1.5; }},
      {"OpenOptions::trace_ratio", [](auto& o) { o.trace_ratio = not_a_number; }},
      {"OpenOptions::trace_ratio", [](auto& o) { o.trace_ratio = infinity; }},
      {"OpenOptions::timing", [](auto& o) { o.timing = static_cast<Timing>(7); }},
  };
  for (const Bad& bad : all) {
    test::TempBus bus;
    auto options = test::small_bus();
    bad.spoil(options);
    INFO(bad.option);
    CHECK(refused(Bus::open(bus.path(), options), bad.option));
    CHECK_FALSE(std::filesystem::exists(bus.path()));
  }
}

TEST_CASE("the limits of OpenOptions are accepted", "[options]") {
  for (const auto& set :
       {+[](OpenOptions& o) { o.default_timeout = forever; },
        +[](OpenOptions& o) { o.default_timeout = Duration{1}; },
        +[](OpenOptions& o) { o.mode = 0777; }, +[](OpenOptions& o) { o.trust = trust_anybody; },
        +[](OpenOptions& o) { o.trace_ratio = 1; }}) {
    test::TempBus bus;
    auto options = test::small_bus();
    set(options);
    CHECK_OK(Bus::open(bus.path(), options));
  }
}

TEST_CASE("CallerOptions, ServeOptions and Registration are checked", "[options]") {
  test::TempBus path;
  auto bus = Bus::open(path.path(), test::small_bus());
  REQUIRE_OK(bus);
  const auto wrong = [](auto value) { return static_cast<decltype(value)>(200); };
  CHECK(refused(bus->caller("a", {.wait = wrong(WaitMode{})}), "CallerOptions::wait"));
  CHECK(refused(bus->caller("a", {.when_vacant = wrong(WhenVacant{})}), "::when_vacant"));
  CHECK(refused(bus->caller("a", {.when_full = wrong(WhenFull{})}), "::when_full"));
  CHECK(refused(bus->caller("a", {.on_caller_exit = wrong(OnCallerExit{})}), "on_caller_exit"));
  CHECK(refused(bus->caller("a", {.inherit = wrong(Inherit{})}), "CallerOptions::inherit"));
  CHECK(refused(bus->caller("a", {.in_group = wrong(InGroup{})}), "CallerOptions::in_group"));
  for (const double ratio : {-0.5, -2.0, 1.01, not_a_number, infinity}) {
    CHECK(refused(bus->caller("a", {.trace_ratio = ratio}), "CallerOptions::trace_ratio"));
  }
  CHECK(refused(bus->serve({.wait = wrong(WaitMode{})}), "ServeOptions::wait"));
  CHECK(refused(bus->serve({.order = wrong(Order{})}), "ServeOptions::order"));
  CHECK(refused(bus->serve({.hot_lanes = 70'000}), "ServeOptions::hot_lanes"));
  auto server = bus->serve();
  REQUIRE_OK(server);
  const auto handler = [](Context&) { return Status::ok(); };
  CHECK(refused(server->on("a", handler, {.sharing = wrong(Sharing{})}), "Registration::sharing"));
  CHECK_OK(bus->caller("a", {.trace_ratio = -1}));
}
