// Log lines: shape, levels, and values that come from a hostile segment.
#include "common/log.hpp"
#include "support/catch.hpp"

using shmbus::program::Level;
using shmbus::program::level_from;
using shmbus::program::Log;

TEST_CASE("daemon log: one line, with a time or with the journal's level") {
  const Log plain(Level::debug, false);
  CHECK(plain.line(Level::warning, "hello", {{"slot", 3}, {"bus", "shop"}}, 1'700'000'000'007) ==
        "2023-11-14T22:13:20.007Z warning hello slot=3 bus=shop");
  const Log journal(Level::debug, true);
  CHECK(journal.line(Level::info, "hello", {{"slot", 3}}, 0) == "<6>hello slot=3");
}

TEST_CASE("daemon log: values cannot forge lines or steer a terminal") {
  const Log journal(Level::debug, true);
  CHECK(journal.line(Level::error, "x", {{"label", "a b"}, {"other", ""}}, 0) ==
        "<3>x label=\"a b\" other=\"\"");
  CHECK(journal.line(Level::error, "x", {{"label", "a\n<0>b\x1B[2J\"\\"}}, 0) ==
        "<3>x label=\"a\\\\x0a<0>b\\\\x1b[2J\\\"\\\\\"");
}

TEST_CASE("daemon log: levels by name") {
  CHECK(level_from("debug") == Level::debug);
  CHECK_FALSE(level_from("loud").has_value());
}
