// Handlers of a C++ plug-in in all their shapes, and what happens at their edges, seen by callers.
#include "plugin/shapes.hpp"

#include "plugin/stage.hpp"

using namespace shmbus;
using namespace shmbus::test;

TEST_CASE("a C++ plug-in has the shapes of handlers that a server has") {
  const PluginStage stage;
  auto host = stage.host({SHMBUS_BIN_DIR "/../lib/test_plugin_shapes.so"});
  Bus bus = open_when_served(stage.path(), "shapes.in_place");
  const auto call = [&]<class C>(C, const typename C::Request& request) {
    auto caller = bus.caller<C>();
    REQUIRE_OK(caller);
    return caller->call(request, 5s);
  };
  using namespace shapes;
  CHECK(call(InPlace{}, {21}).value().value == 42);
  CHECK(call(ByValue{}, {2}).value().value == 6);
  CHECK(call(Slow{}, {5}).value().value == 20);
  CHECK(call(WhoAmI{}, {}).value() == "test");
  CHECK(call(Feel{}, {Mood::angry}).value().value == 1);
  CHECK(call(Introduce{}, {"Ann", 30U}).value().age.value_or(0U) == 30);
  CHECK(call(OlderIntroduce{}, {"Bob"}).value().name == "Bob");

  const auto refused = call(Refuses{}, {7});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == 7);
  CHECK(refused.error().message.view().find("refused") != std::string_view::npos);
  const auto thrown = call(Throws{}, {1});
  REQUIRE_FALSE(thrown);
  CHECK(thrown.error().code == detail::handler_threw);
  const auto later = call(Slow{}, {0});
  REQUIRE_FALSE(later);
  CHECK(later.error().code == 4);
  CHECK(kind(call(Drops{}, {1})) == ErrorKind::abandoned);

  // What no correct caller sends.
  RawCaller feel = caller_of(bus, "shapes.feel");
  std::array<std::byte, 4> room{};
  CHECK(feel.call(raw(std::uint8_t{9}), room).error().code == detail::request_value_invalid);
  RawCaller number = caller_of(bus, "shapes.in_place");
  // As a later version of the type would be: what it has more is not seen.
  CHECK_OK(number.call(raw(std::array<std::uint64_t, 2>{9, 9}), room));
  CHECK(number.call(raw(std::uint64_t{9}), room).error().code == detail::request_size_differs);
  CHECK(number.call(raw(std::uint16_t{9}), room).error().code == detail::request_size_differs);
  const std::uint32_t in = 4;
  CHECK(kind(number.call(raw(in), std::span<std::byte>{})) == ErrorKind::too_large);
  CHECK_OK(number.send(raw(in)));
  CHECK(call(InPlace{}, {1}).value().value == 2);

  const auto ran = stage.tool({"reload", "shapes", "--drain", "5s"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out.find("the old one: unloaded") != std::string::npos);
  CHECK(stage.rows("unloaded").at(0)["note"] == "");  // and unmapped
  CHECK(call(ByValue{}, {3}).value().value == 9);
}
