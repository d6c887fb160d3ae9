// shmbus publish, listen and ls, and what the doctor says of events.
#include <nlohmann/json.hpp>

#include "events/support.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Price;
using test::tick;

TEST_CASE("the tool publishes what it listens to", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  const auto published =
      test::run_tool({"--bus", path.path(), "publish", "news", "hello", "--keep", "3"});
  CHECK(published.code == 0);
  const auto heard =
      test::run_tool({"--bus", path.path(), "listen", "news", "--from", "latest", "--count", "1"});
  CHECK(heard.code == 0);
  CHECK(heard.out == "hello\n");
  auto in = bus.subscribe("news", {.from = From::oldest});
  REQUIRE_OK(in);
  const auto event = in->next(1s);
  REQUIRE_OK(event);
  CHECK(event->bytes().size() == 5);
}

TEST_CASE("the tool shows typed events as JSON, and hostile texts escaped", "[events]") {
  struct Line {
    std::uint32_t number = 0;
    String<32> text;
  };
  using Said = Event<"said", Line>;
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto out = test::publisher_of<Said>(bus, {.keep = 4});
  Line line;
  line.number = 7;
  REQUIRE(line.text.assign("a \x1b[31m\n\u202eb"));
  CHECK_OK(out.publish(line));
  const auto heard =
      test::run_tool({"--bus", path.path(), "listen", "said", "--from", "oldest", "--count", "1"});
  CHECK(heard.code == 0);
  CHECK(heard.out.find('\x1b') == std::string::npos);
  const auto json = nlohmann::json::parse(heard.out);
  CHECK(json["number"] == 7);
  CHECK(heard.out.find("\u202e") == std::string::npos);
  CHECK(json["text"] == "a \x1b[31m\n\u202eb");
  const auto sent =
      test::run_tool({"--bus", path.path(), "publish", "said", R"({"number": 8, "text": "x"})"});
  CHECK(sent.code == 0);
  const auto again = test::run_tool({"--bus", path.path(), "listen", "said", "--from", "latest",
                                     "--count", "2", "--for", "2s", "--json"});
  CHECK(again.out.find("\"number\":8") != std::string::npos);
  CHECK(test::run_tool({"--bus", path.path(), "publish", "said", R"({"number": "x"})"}).code != 0);
}

TEST_CASE("ls tells events from commands, and the doctor knows their memory", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path(), {.label = "feed"});
  auto out = test::publisher_of(bus);
  auto in = test::subscriber_of(bus, {.when_slow = WhenSlow::hold});
  for (std::uint64_t i = 1; i <= 5; ++i) CHECK_OK(out.publish(tick(i)));
  const auto table = test::run_tool({"--bus", path.path(), "ls"});
  CHECK(table.code == 0);
  CHECK(table.out.find("price.changed") != std::string::npos);
  CHECK(table.out.find("EVENT") != std::string::npos);
  const auto json =
      nlohmann::json::parse(test::run_tool({"--bus", path.path(), "ls", "--json"}).out);
  CHECK(json["names"].empty());
  REQUIRE(json["events"].size() == 1);
  CHECK(json["events"][0]["publishers"][0]["published"] == 5);
  CHECK(json["events"][0]["subscribers"][0]["behind"] == 5);
  CHECK(test::run_tool({"--bus", path.path(), "doctor"}).out.find("extent-holder") ==
        std::string::npos);
  while (out.publish(tick(6), 1ms)) {
  }
  CHECK(test::run_tool({"--bus", path.path(), "doctor"}).out.find("holds events") !=
        std::string::npos);
}

TEST_CASE("describe and top show who publishes, who reads and who is behind", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path(), {.label = "feed"});
  auto out = test::publisher_of(bus, {.keep = 4});
  auto in = test::subscriber_of(bus, {.when_slow = WhenSlow::hold});
  for (std::uint64_t i = 1; i <= 5; ++i) CHECK_OK(out.publish(tick(i)));
  CHECK_OK(in.next(0ns));
  const auto text =
      test::run_tool({"--bus", path.path(), "describe", std::string(Price::name.text)});
  CHECK(text.code == 0);
  CHECK(text.out.find("feed (pid " + std::to_string(::getpid()) + ") is 4 behind") !=
        std::string::npos);
  CHECK(text.out.find("holds") != std::string::npos);
  CHECK(text.out.find("filler") != std::string::npos);  // a member of its type
  const auto described = nlohmann::json::parse(
      test::run_tool({"--bus", path.path(), "describe", std::string(Price::name.text), "--json"})
          .out);
  CHECK(described["event"]["subscribers"][0]["delivered"] == 1);
  CHECK(described["event"]["subscribers"][0]["behind"] == 4);
  CHECK_FALSE(described["value"].empty());
  const auto top =
      test::run_tool({"--bus", path.path(), "top", "--count", "1", "--interval", "10ms"});
  CHECK(top.out.find("is 4 behind") != std::string::npos);
}

TEST_CASE("the doctor tells who reads nothing, and what nobody reads", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path(), {.label = "feed"});
  auto out = test::publisher_of(bus);
  for (std::uint64_t i = 1; i <= 999; ++i) CHECK_OK(out.publish(tick(i)));
  const auto findings = [&] { return test::run_tool({"--bus", path.path(), "doctor"}).out; };
  CHECK(findings().find("nobody subscribes") == std::string::npos);
  CHECK_OK(out.publish(tick(1'000)));
  CHECK(findings().find("nobody subscribes") != std::string::npos);
  auto in = test::subscriber_of(bus);
  CHECK(findings().find("nobody subscribes") == std::string::npos);
  for (std::uint64_t i = 1; i <= 1'001; ++i) CHECK_OK(out.publish(tick(i)));
  CHECK(findings().find("has subscribed and read nothing") != std::string::npos);
  CHECK_OK(in.next(0ns));
  CHECK(findings().find("has subscribed and read nothing") == std::string::npos);
}

TEST_CASE("names of events complete where events are wanted, and nowhere else", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto out = test::publisher_of(bus);
  const auto completed = [&](const char* command) {
    return test::run_tool({"complete", "fish", "shmbus", "--bus", path.path(), command, ""}).out;
  };
  for (const char* command : {"listen", "publish", "describe"}) {
    CHECK(completed(command).find("price.changed") != std::string::npos);
  }
  CHECK(completed("call").find("price.changed") == std::string::npos);
}
