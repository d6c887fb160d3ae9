// Numbers, sets and causes: what travels between processes and what people store.
#include "shmbus/errors.hpp"

#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace shmbus;

namespace {

Error error_of(ErrorKind kind, std::int32_t code = 0) {
  Error error;
  error.kind = kind;
  error.code = code;
  return error;
}

std::vector<Cause> list(const Causes& causes) {
  std::vector<Cause> all;
  for (const Cause cause : causes) all.push_back(cause);
  return all;
}

}  // namespace

TEST_CASE("each kind of error keeps its number and its name", "[errors]") {
  struct Pin {
    ErrorKind kind;
    int number;
    const char* name;
  };
  const Pin pins[] = {
      {ErrorKind::none, 0, "none"},
      {ErrorKind::not_registered, 1, "not_registered"},
      {ErrorKind::rejected, 2, "rejected"},
      {ErrorKind::timed_out, 3, "timed_out"},
      {ErrorKind::cancelled, 4, "cancelled"},
      {ErrorKind::handler_died_before_start, 5, "handler_died_before_start"},
      {ErrorKind::handler_died_after_start, 6, "handler_died_after_start"},
      {ErrorKind::overloaded, 7, "overloaded"},
      {ErrorKind::type_mismatch, 8, "type_mismatch"},
      {ErrorKind::too_large, 9, "too_large"},
      {ErrorKind::not_permitted, 10, "not_permitted"},
      {ErrorKind::bus_unusable, 11, "bus_unusable"},
      {ErrorKind::already_registered, 12, "already_registered"},
      {ErrorKind::invalid_argument, 13, "invalid_argument"},
      {ErrorKind::wrong_thread, 14, "wrong_thread"},
      {ErrorKind::forked, 15, "forked"},
      {ErrorKind::corrupted, 16, "corrupted"},
      {ErrorKind::abandoned, 17, "abandoned"},
      {ErrorKind::limit_reached, 18, "limit_reached"},
      {ErrorKind::stream_ended, 19, "stream_ended"},
  };
  for (const auto& pin : pins) {
    CHECK(static_cast<int>(pin.kind) == pin.number);
    CHECK(to_string(pin.kind) == pin.name);
  }
  // A kind that is new stands in the list above too.
  CHECK(to_string(static_cast<ErrorKind>(std::size(pins))) == "unknown");
}

TEST_CASE("a set of kinds holds what it was made of", "[errors]") {
  constexpr KindSet set{ErrorKind::timed_out, ErrorKind::overloaded};
  static_assert(set.has(ErrorKind::timed_out) && set.has(ErrorKind::overloaded));
  static_assert(!set.has(ErrorKind::none) && !set.has(ErrorKind::rejected) && set.size() == 2);
  CHECK_FALSE(KindSet{static_cast<ErrorKind>(64)}.has(ErrorKind::none));
  CHECK_FALSE(set.has(static_cast<ErrorKind>(64 + 3)));
}

TEST_CASE("which errors leave open whether the command ran", "[errors]") {
  for (const auto kind :
       {ErrorKind::rejected, ErrorKind::timed_out, ErrorKind::abandoned,
        ErrorKind::handler_died_after_start, ErrorKind::corrupted, ErrorKind::type_mismatch,
        ErrorKind::too_large, ErrorKind::bus_unusable, static_cast<ErrorKind>(40)}) {
    INFO(to_string(kind));
    CHECK(may_have_started(error_of(kind)));
  }
  for (const auto kind : {ErrorKind::not_registered, ErrorKind::handler_died_before_start,
                          ErrorKind::cancelled, ErrorKind::overloaded}) {
    CHECK_FALSE(may_have_started(error_of(kind)));
  }
  Error queued = error_of(ErrorKind::timed_out);
  queued.never_ran = true;
  CHECK_FALSE(may_have_started(queued));
}

TEST_CASE("causes come back as they were put in, the nearest first", "[errors]") {
  Causes causes;
  CHECK(causes.empty());
  for (const std::int32_t code : {0, 1, -1, 63, 64, -65, 409, std::numeric_limits<int>::max(),
                                  std::numeric_limits<int>::min()}) {
    Causes one;
    one.push_front({ErrorKind::rejected, code, "a.b"});
    REQUIRE(list(one).size() == 1);
    CHECK(list(one)[0].code == code);
    CHECK(list(one)[0].command == "a.b");
  }
  causes.push_front({ErrorKind::handler_died_after_start, 0, "disk.write"});
  causes.push_front({ErrorKind::rejected, 7, "stock.take"});
  const auto two = list(causes);
  REQUIRE(two.size() == 2);
  CHECK(two[0].kind == ErrorKind::rejected);
  CHECK(two[0].command == "stock.take");
  CHECK(two[1].command == "disk.write");
  CHECK(causes.root().kind == ErrorKind::handler_died_after_start);
  CHECK(to_text(causes).view() == "stock.take rejected (7), disk.write handler_died_after_start");
}

TEST_CASE("a long chain keeps the nearest two and the root", "[errors]") {
  Causes causes;
  for (const char* name : {"root", "third", "second", "first"}) {
    causes.push_front({ErrorKind::rejected, 1, name});
  }
  auto links = list(causes);
  REQUIRE(links.size() == 3);
  CHECK(links[0].command == "first");
  CHECK(links[1].command == "second");
  CHECK(links[2].command == "root");
  CHECK(links[2].after_gap);
  CHECK(to_text(causes).view() ==
        "first rejected (1), second rejected (1), ..., root rejected (1)");

  // Long names and codes: all of it still fits, names are what is cut.
  Causes wide;
  for (int i = 0; i < 5; ++i) {
    wide.push_front({ErrorKind::handler_died_after_start, std::numeric_limits<int>::min(),
                     std::string(100, static_cast<char>('a' + i))});
    CHECK(wide.bytes().size() <= Causes::bytes_max);
  }
  links = list(wide);
  REQUIRE(links.size() == 3);
  CHECK(links[0].command.starts_with("eee"));
  CHECK(links[2].command.starts_with("aaa"));
  CHECK(links[2].code == std::numeric_limits<int>::min());
}

TEST_CASE("whatever bytes a peer sends, parsing stays inside them", "[errors]") {
  Causes good;
  good.push_front({ErrorKind::timed_out, 300, "disk.write"});
  good.push_front({ErrorKind::rejected, -5, "stock.take"});
  const std::string bytes(good.bytes());
  CHECK(list(Causes::parse(bytes)).size() == 2);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const std::string part = bytes.substr(0, cut);  // of its own, so that a sanitizer sees its end
    CHECK(list(Causes::parse(part)).size() < 2);
  }
  std::uint64_t random = 1;
  for (int round = 0; round < 20'000; ++round) {
    std::string any(static_cast<std::size_t>(round) % 60, '\0');
    for (char& c : any) {
      random = random * 6364136223846793005ULL + 1442695040888963407ULL;
      c = static_cast<char>(random >> 56U);
    }
    const Causes causes = Causes::parse(any);
    CHECK(causes.bytes().size() <= Causes::bytes_max);
    CHECK(list(causes).size() <= Causes::links_max);
    CHECK(to_text(causes).view().size() <= 160);
  }
}

TEST_CASE("a status with causes keeps code and message beside them", "[errors]") {
  Error inner = error_of(ErrorKind::timed_out);
  const Status status = Status::reject(3, "no stock").because(inner, "stock.take");
  CHECK(status.kind() == ErrorKind::rejected);
  CHECK(status.code() == 3);
  CHECK(status.message() == "no stock");
  CHECK(status.has_causes());
  CHECK(status.body().size() <= 48);

  // Causes at their longest leave twelve bytes for words.
  inner.causes.push_front(
      {ErrorKind::rejected, std::numeric_limits<int>::min(), std::string(60, 'x')});
  inner.causes.push_front(
      {ErrorKind::rejected, std::numeric_limits<int>::min(), std::string(60, 'y')});
  const Status full =
      Status::reject(3, "a message of many words").because(inner, std::string(60, 'z'));
  CHECK(full.body().size() <= 48);
  CHECK(full.message().size() >= 12);
  CHECK(std::string("a message of many words").starts_with(full.message()));

  CHECK_FALSE(Status::ok().because(inner, "x").has_causes());
  CHECK(Status::refuse(ErrorKind::overloaded, "busy").kind() == ErrorKind::overloaded);
  CHECK(Status::refuse(ErrorKind::timed_out, "no").kind() == ErrorKind::rejected);
  CHECK(Status::reject(1, std::string(90, 'm')).message().size() == Status::message_max);
  static_assert(sizeof(Status) <= 64, "a handler's answer is returned by value each time");
}
