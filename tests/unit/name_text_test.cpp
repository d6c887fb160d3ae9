// What a command name is: one definition for all users of one.
#include "shmbus/name.hpp"

#include "bus/watch.hpp"
#include "inspect/doctor.hpp"
#include "inspect/reader.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

const std::string good[] = {
    "a",
    "user.create",
    "Größe/ändern",
    "日本語",
    "$(touch x)",
    "with space",
    "\xF0\x9F\x9A\x80",  // U+1F680
    "\xF4\x8F\xBF\xBD",  // U+10FFFD
    "\xC2\xA0",          // U+00A0
    std::string(128, 'n'),
};

const std::string bad[] = {
    "",
    std::string(129, 'n'),
    std::string("a\0b", 3),
    std::string(1, '\0'),
    "line\nbreak",
    "tab\t",
    "\x1B[31mred",
    "\x7F",
    "\xC2\x85",  // U+0085
    "\xC2\xAD",  // U+00AD, soft hyphen
    "a\xE2\x80\xAE"
    "b",             // U+202E, right-to-left override
    "\xE2\x81\xA6",  // U+2066
    "\xE2\x80\x8B",  // U+200B, zero width space
    "\xE2\x80\xA8",  // U+2028
    "\xEF\xBB\xBF"
    "bom",               // U+FEFF
    "\xD8\x9C",          // U+061C
    "\xF3\xA0\x80\xA0",  // U+E0020, a tag
    "\xFF",
    "\x80",
    "\xC3",  // cut
    "\xE2\x82",
    "\xF0\x9F\x9A",
    "\xC0\xAF",  // longer than needed
    "\xE0\x80\xAF",
    "\xF0\x80\x80\xAF",
    "\xED\xA0\x80",      // a surrogate
    "\xF4\x90\x80\x80",  // above U+10FFFF
    "\xF8\x88\x80\x80\x80",
    "caf\xE9",  // Latin-1
};

static_assert(is_valid_name("user.create") && !is_valid_name("user\ncreate"));

}  // namespace

TEST_CASE("names that are taken and names that are not", "[names]") {
  for (const auto& name : good) {
    INFO(name);
    CHECK(is_valid_name(name));
    CHECK(why_no_name(name).empty());
  }
  for (const auto& name : bad) {
    INFO(name);
    CHECK_FALSE(is_valid_name(name));
    CHECK_FALSE(why_no_name(name).empty());
  }
}

TEST_CASE("all parts that take a name accept the same names", "[names]") {
  test::TempBus path;
  auto bus = Bus::open(path.path(), test::small_bus());
  REQUIRE_OK(bus);
  auto server = bus->serve();
  REQUIRE_OK(server);
  constexpr auto no = ErrorKind::invalid_argument;
  for (const auto& text : bad) {
    INFO(text);
    const std::string_view name = text;
    CHECK(test::kind(server->on(name, [](Context&) { return Status::ok(); })) == no);
    CHECK(test::kind(bus->caller(name)) == no);
    CHECK(test::kind(bus->wait_until_available(name, 1ms)) == no);
    CHECK(test::kind(bus->watch({name})) == no);
    CHECK(test::kind(bus->set_policy(name, {.deny = true})) == no);
    CHECK(test::kind(bus->policy(name)) == no);
    CHECK(test::kind(bus->policy_status(name)) == no);
  }
  for (const auto& text : good) {
    INFO(text);
    const std::string_view name = text;
    CHECK_OK(server->on(name, [](Context&) { return Status::ok(); }));
    CHECK_OK(bus->caller(name));
    CHECK_OK(bus->wait_until_available(name, 1s));
    CHECK_OK(bus->watch({name}));
    CHECK_OK(bus->set_policy(name, {}));
    CHECK_OK(bus->policy(name));
  }
  const auto reader = inspect::Reader::open(path.path());
  REQUIRE_OK(reader);
  for (const auto& finding : inspect::examine(*reader)) CHECK_FALSE(finding.id.starts_with("name"));
}
