// The values of the public interface that need no bus: errors, results, fixed texts, bounded
// strings and vectors, command names, statuses.
#include <cstring>
#include <limits>
#include <set>
#include <string>

#include "lane/status_kind.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"

using namespace shmbus;

TEST_CASE("every kind of error has a name of its own", "[values]") {
  std::set<std::string> names;
  for (std::uint16_t i = 0; i <= 18; ++i) {
    const auto name = to_string(static_cast<ErrorKind>(i));
    CHECK(name != "unknown");
    names.insert(std::string(name));
  }
  CHECK(names.size() == 19);
  CHECK(to_string(static_cast<ErrorKind>(999)) == "unknown");
}

TEST_CASE("numbers of error kinds are stable", "[values]") {
  // Exit codes of the tool and what people store: a change here breaks them.
  CHECK(static_cast<int>(ErrorKind::not_registered) == 1);
  CHECK(static_cast<int>(ErrorKind::timed_out) == 3);
  CHECK(static_cast<int>(ErrorKind::handler_died_after_start) == 6);
  CHECK(static_cast<int>(ErrorKind::bus_unusable) == 11);
  CHECK(static_cast<int>(ErrorKind::limit_reached) == 18);
}

TEST_CASE("each status of a reply maps to a kind, and nonsense to corrupted", "[values]") {
  CHECK(detail::kind_of(StatusCode::ok) == ErrorKind::none);
  CHECK(detail::kind_of(StatusCode::rejected) == ErrorKind::rejected);
  CHECK(detail::kind_of(StatusCode::handler_died) == ErrorKind::handler_died_after_start);
  CHECK(detail::kind_of(StatusCode::expired) == ErrorKind::timed_out);
  CHECK(detail::kind_of(StatusCode::reply_too_large) == ErrorKind::too_large);
  CHECK(detail::kind_of(static_cast<StatusCode>(9999)) == ErrorKind::corrupted);
}

TEST_CASE("a fixed text is cut at its end and never beyond", "[values]") {
  FixedText<8> text;
  CHECK(text.empty());
  text.append("12345").append("6789");
  CHECK(text.view() == "12345678");
  text.append("x").append(7ULL);
  CHECK(text.view() == "12345678");
  CHECK(FixedText<40>("").append(0ULL).view() == "0");
  CHECK(FixedText<40>("").append(std::numeric_limits<unsigned long long>::max()).view() ==
        "18446744073709551615");
}

TEST_CASE("an error carries its text by value", "[values]") {
  static_assert(std::is_trivially_copyable_v<Error>);
  const Result<int> failed = fail(ErrorKind::rejected, std::string(1000, 'x'), 17);
  REQUIRE_FALSE(failed);
  const Result<int> copy = failed;
  CHECK(copy.error().code == 17);
  CHECK(copy.error().message.view() == std::string(232, 'x'));
}

TEST_CASE("a bounded string refuses what does not fit and survives a forged size", "[values]") {
  String<4> text("abcd");
  CHECK(text.view() == "abcd");
  CHECK_FALSE(text.assign("12345"));
  CHECK(text.view() == "abcd");
  CHECK(text.assign(""));
  CHECK(text.view().empty());
  // A peer may write any size: the view still ends with the buffer.
  const std::uint32_t forged = 0xFFFFFFFF;
  std::memcpy(static_cast<void*>(&text), &forged, sizeof forged);
  CHECK(text.size() == 4);
  CHECK(text.view().size() == 4);
}

TEST_CASE("text that does not fit a bounded string is lost to nobody's surprise", "[values]") {
  // What cuts silently does not compile: see tests/typed/compile.
  static_assert(!std::is_convertible_v<std::string, String<4>>);
  static_assert(!std::is_convertible_v<std::string_view, String<4>>);
  static_assert(!std::is_convertible_v<const char*, String<4>>);
  static_assert(!std::is_constructible_v<String<4>, std::string_view>);
  static_assert(!std::is_convertible_v<String<5>, String<4>>);
  static_assert(String<4>(String<3>("abc")) == "abc");
  const auto fits = String<4>::make("abcd");
  REQUIRE(fits);
  CHECK(*fits == "abcd");
  const auto refused = String<4>::make(std::string(40, 'x'));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::too_large);
  CHECK(refused.error().needed == 40);
  CHECK(refused.error().message.view() ==
        "a text of 40 bytes does not fit String<4>: shorten it, or cut it by String::truncate()");
  CHECK(String<4>::truncate("abcdef") == "abcd");
  CHECK(String<4>::truncate("abc") == "abc");
  CHECK(String<4>::truncate("abc\xC3\xA4") == "abc");  // not half of a letter
  CHECK(String<4>::truncate("a\xF0\x9F\x98\x80") == "a");
  CHECK(String<4>::truncate("\x80\x80\x80\x80\x80") == "\x80\x80\x80\x80");  // no UTF-8
  CHECK(String<4>::truncate("") == "");
}

TEST_CASE("a bounded vector is full at N and survives a forged size", "[values]") {
  Vector<std::uint16_t, 3> items;
  CHECK(items.push_back(1));
  CHECK(items.push_back(2));
  CHECK(items.push_back(3));
  CHECK_FALSE(items.push_back(4));
  CHECK(items.view().size() == 3);
  const std::uint32_t forged = 4'000'000;
  std::memcpy(static_cast<void*>(&items), &forged, sizeof forged);
  CHECK(items.size() == 3);
  CHECK_FALSE(items.push_back(4));
  items.clear();
  CHECK(items.size() == 0);
}

TEST_CASE("the hash of a literal is computed at compile time and pinned", "[values]") {
  // Part of the format: processes of different builds must agree.
  constexpr CommandName name{"user.create"};
  static_assert(name.hash == detail::hash_name("user.create"));
  CHECK(CommandName(std::string_view("user.create")).hash == name.hash);
  CHECK(detail::hash_name("") == 0xF52A15E9A9B5E89BULL);
  CHECK(detail::hash_name("a") != detail::hash_name("b"));
}

TEST_CASE("a status keeps its code and cuts its message to 40 bytes", "[values]") {
  CHECK(Status::ok().is_ok());
  const auto status = Status::reject(-5, std::string(100, 'y'));
  CHECK_FALSE(status.is_ok());
  CHECK(status.code() == -5);
  CHECK(status.message() == std::string(40, 'y'));
}

TEST_CASE("empty handles answer with an error", "[values]") {
  Bus bus;
  Server server;
  RawCaller caller;
  Loan loan;
  Pending pending;
  Responder responder;
  CHECK(bus.serve().error().kind == ErrorKind::invalid_argument);
  CHECK(bus.caller("x").error().kind == ErrorKind::invalid_argument);
  CHECK(bus.reclaim().error().kind == ErrorKind::invalid_argument);
  CHECK(bus.wait_until_available("x", std::chrono::seconds(1)).error().kind ==
        ErrorKind::invalid_argument);
  CHECK(server.poll().error().kind == ErrorKind::invalid_argument);
  CHECK(server.fd().error().kind == ErrorKind::invalid_argument);
  CHECK(server.off("x").error().kind == ErrorKind::invalid_argument);
  CHECK(caller.call({}, {}).error().kind == ErrorKind::invalid_argument);
  CHECK(caller.flush().error().kind == ErrorKind::invalid_argument);
  CHECK(caller.lost() == 0);
  CHECK(loan.send().error().kind == ErrorKind::invalid_argument);
  CHECK(pending.wait().error().kind == ErrorKind::invalid_argument);
  CHECK(pending.ready());
  CHECK(responder.reply().error().kind == ErrorKind::invalid_argument);
  CHECK(responder.cancelled());
}
