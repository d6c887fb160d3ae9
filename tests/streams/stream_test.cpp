// Streams as users see them: records both ways, ends, limits, deadlines, between processes.
#include <atomic>
#include <thread>

#include "streams/users.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Added;
using test::Bench;
using test::Count;
using test::Filter;
using test::open_count;
using test::User;
using test::UserAdd;
using test::UserList;
using test::UserSquare;

TEST_CASE("records of a handler come in order, each once, then the end", "[streams]") {
  Bench bench;
  auto caller = test::caller_of(bench.bus, "count");
  const auto bytes = GENERATE(8U, 64U, 1000U, 20'000U);
  auto stream = open_count(caller, {0, 3000, bytes});
  CHECK(test::read_numbers(stream, 0) == 3000);
  CHECK(test::kind(stream.next()) == ErrorKind::stream_ended);
  CHECK_OK(stream.end());
  CHECK_OK(stream.end());
}

TEST_CASE("records to a handler come in order; then it answers", "[streams]") {
  Bench bench;
  auto caller = test::caller_of(bench.bus, "add");
  auto stream = caller.open({}, {}, Records::to_handler, sizeof(test::Sum));
  REQUIRE_OK(stream);
  for (std::uint64_t i = 0; i < 3000; ++i) REQUIRE_OK(stream->put(test::numbered(i, i % 700)));
  const auto reply = stream->finish();
  REQUIRE_OK(reply);
  const auto sum = test::number_in<test::Sum>(reply->bytes());
  CHECK(sum.records == 3000);
  CHECK(sum.sum == 3000 * 2999 / 2);
  CHECK(test::kind(stream->put({})) == ErrorKind::stream_ended);
}

TEST_CASE("records both ways at once", "[streams]") {
  Bench bench;
  auto caller = test::caller_of(bench.bus, "echo");
  auto stream = caller.open({}, {.window = 4096}, Records::both);
  REQUIRE_OK(stream);
  std::uint64_t sent = 0;
  std::uint64_t got = 0;
  while (got < 5000) {
    while (sent < 5000 && sent - got < 30) {
      REQUIRE_OK(stream->put(test::numbered(sent)));
      ++sent;
    }
    const auto record = stream->next();
    REQUIRE_OK(record);
    REQUIRE(test::is_numbered(*record, got));
    ++got;
  }
  CHECK_OK(stream->close());
  CHECK(test::kind(stream->next()) == ErrorKind::stream_ended);
  CHECK_OK(stream->end());
}

TEST_CASE("many streams of one caller, and calls beside them", "[streams]") {
  Bench bench;
  auto caller = test::caller_of(bench.bus, "count");
  std::vector<RawStream> streams;
  for (std::uint64_t i = 0; i < 4; ++i) {
    streams.push_back(open_count(caller, {i * 1000, i * 1000 + 20}));
  }
  for (std::uint64_t i = 0; i < 4; ++i) {
    CHECK(test::read_numbers(streams[i], i * 1000) == i * 1000 + 20);
    CHECK_OK(streams[i].end());
  }
  const auto plain = caller.call(test::raw(Count{}), {});
  CHECK(test::kind(plain) == ErrorKind::rejected);  // no stream, and says so
}

TEST_CASE("typed streams, from the handler and to it", "[streams]") {
  const test::TempBus path;
  const auto handler = test::handler_process(path.path(), [](Bus&, Server& server) {
    return server.on<UserList>([](const Filter& filter, Writer<User>& out) -> Result<void> {
      for (auto id = filter.from; id < filter.to; ++id) {
        if (auto put = out.put({id, id * id}); !put) return put;
      }
      return {};
    }) && server.on<UserAdd>([](Reader<User>& in) -> Result<Added> {
      Added added;
      while (const auto user = in.next()) {
        ++added.records;
        added.sum += (*user)->square;
      }
      if (!in.complete()) return fail(ErrorKind::cancelled, "not all of them");
      return added;
    }) && server.on<UserSquare>([](Reader<User>& in, Writer<User>& out, Context&) {
      while (const auto user = in.next()) {
        auto loan = out.loan();
        if (!loan) return Status::reject(1);
        **loan = {(*user)->id, (*user)->id * (*user)->id};
        if (!loan->commit()) return Status::reject(2);
      }
      return Status::ok();
    });
  });
  auto bus = test::open_when_served(path.path(), "user.square");
  auto list = bus.caller<UserList>();
  REQUIRE_OK(list);
  auto users = list->open(Filter{3, 1003}, {.window = 1024});
  REQUIRE_OK(users);
  std::uint64_t next = 3;
  while (const auto user = users->next()) {
    REQUIRE((*user)->id == next);
    REQUIRE((**user).square == next * next);
    ++next;
  }
  CHECK(next == 1003);
  CHECK_OK(users->end());

  auto add = bus.caller<UserAdd>();
  REQUIRE_OK(add);
  auto adding = add->open();
  REQUIRE_OK(adding);
  for (std::uint64_t i = 0; i < 100; ++i) {
    auto loan = adding->loan();
    REQUIRE_OK(loan);
    **loan = {i, 2};
    REQUIRE_OK(loan->commit());
  }
  const auto added = adding->finish();
  REQUIRE_OK(added);
  CHECK((*added)->records == 100);
  CHECK((*added)->sum == 200);

  auto square = bus.caller<UserSquare>();
  REQUIRE_OK(square);
  auto both = square->open();
  REQUIRE_OK(both);
  for (std::uint64_t i = 0; i < 100; ++i) {
    REQUIRE_OK(both->put({i, 0}));
    const auto user = both->next();
    REQUIRE_OK(user);
    CHECK((*user)->square == i * i);
  }
  CHECK_OK(both->end());
}

TEST_CASE("one side with a stream and the other without do not fit", "[streams]") {
  const test::TempBus path;
  const auto handler = test::handler_process(path.path(), [](Bus&, Server& server) {
    return server.on<UserList>([](const Filter&, Writer<User>&) { return Status::ok(); })
        .has_value();
  });
  auto bus = test::open_when_served(path.path(), "user.list");
  using Plain = Command<"user.list", Filter, User>;
  using Other = Command<"user.list", Filter, Stream<Filter>>;
  CHECK(test::kind(bus.caller<Plain>()) == ErrorKind::type_mismatch);
  CHECK(test::kind(bus.caller<Other>()) == ErrorKind::type_mismatch);
  CHECK_OK(bus.caller<UserList>());
}

TEST_CASE("a refusal ends the stream behind what was put", "[streams]") {
  const test::TempBus path;
  const auto handler =
      test::handler_process(path.path(), test::handlers({{"some", [](Context& context) {
                                                            RawWriter out(context);
                                                            for (std::uint64_t i = 0; i < 10; ++i) {
                                                              (void)out.put(test::numbered(i));
                                                            }
                                                            return Status::reject(42, "enough");
                                                          }}}));
  auto bus = test::open_when_served(path.path(), "some");
  auto stream = test::caller_of(bus, "some").open({});
  REQUIRE_OK(stream);
  CHECK(test::read_numbers(*stream, 0) == 10);
  const auto end = stream->end();
  REQUIRE(test::kind(end) == ErrorKind::rejected);
  CHECK(end.error().code == 42);
  CHECK(end.error().message.view() == "enough");
}

TEST_CASE("a slow reader holds up its stream, and nothing is lost", "[streams]") {
  Bench bench;
  auto caller = test::caller_of(bench.bus, "count");
  auto stream = open_count(caller, {0, 200}, {.window = 512});
  for (std::uint64_t i = 0; i < 200; ++i) {
    if (i % 20 == 0) test::nap(5ms);
    const auto record = stream.next();
    REQUIRE_OK(record);
    REQUIRE(test::is_numbered(*record, i));
  }
  CHECK_OK(stream.end());
}

TEST_CASE("a gap is over, and the stream goes on", "[streams]") {
  const test::TempBus path;
  const test::Shared<std::atomic<bool>> go_on;
  const auto handler =
      test::handler_process(path.path(), test::handlers({{"slow", [&](Context& context) {
                                                            RawWriter out(context);
                                                            (void)out.put(test::numbered(0));
                                                            while (!*go_on) test::nap(1ms);
                                                            (void)out.put(test::numbered(1));
                                                            return Status::ok();
                                                          }}}));
  auto bus = test::open_when_served(path.path(), "slow");
  auto stream = test::caller_of(bus, "slow").open({}, {.gap = 50ms});
  REQUIRE_OK(stream);
  REQUIRE_OK(stream->next());
  CHECK(test::kind(stream->next()) == ErrorKind::timed_out);
  CHECK(test::kind(stream->next(1ms)) == ErrorKind::timed_out);
  *go_on = true;
  const auto second = stream->next(10s);
  REQUIRE_OK(second);
  CHECK(test::is_numbered(*second, 1));
  CHECK_OK(stream->end());
}

TEST_CASE("the deadline of the whole ends the stream on both sides", "[streams]") {
  const test::TempBus path;
  const test::Shared<std::atomic<int>> ended;
  const auto handler = test::handler_process(
      path.path(), test::handlers({{"for.ever", [&](Context& context) {
                                      RawWriter out(context);
                                      for (;;) {
                                        if (auto put = out.put({}); !put) {
                                          *ended = static_cast<int>(put.error().kind);
                                          return rejected_as(put.error());
                                        }
                                      }
                                    }}}));
  auto bus = test::open_when_served(path.path(), "for.ever");
  auto caller = test::caller_of(bus, "for.ever");
  const test::Stopwatch watch;
  {
    auto stream = caller.open({}, {.timeout = 200ms});
    REQUIRE_OK(stream);
    while (stream->next()) {
    }
    CHECK(test::kind(stream->end()) == ErrorKind::timed_out);
    CHECK(watch.ms() >= 199);
    CHECK(watch.ms() < 5000);
  }
  CHECK(test::eventually([&] { return ended->load() != 0; }));
  const auto kind = static_cast<ErrorKind>(ended->load());
  CHECK((kind == ErrorKind::timed_out || kind == ErrorKind::cancelled));
  CHECK(test::kind(caller.open({}, {.timeout = 1ms}).value().end()) == ErrorKind::timed_out);
}

TEST_CASE("cancel() stops the handler, and end() says so", "[streams]") {
  Bench bench;
  auto caller = test::caller_of(bench.bus, "count");
  auto stream = open_count(caller, {0, ~0ULL});
  for (int i = 0; i < 100; ++i) REQUIRE_OK(stream.next());
  stream.cancel();
  CHECK(test::kind(stream.end()) == ErrorKind::cancelled);
  auto dropped = open_count(caller, {0, ~0ULL});
  REQUIRE_OK(dropped.next());
  dropped = RawStream();
  // The handler is free again, though it sleeps for room when it is cancelled.
  auto again = open_count(caller, {0, 10});
  CHECK(test::read_numbers(again, 0) == 10);
  CHECK_OK(again.end());
}

TEST_CASE("what was not read does not hold up the end", "[streams]") {
  Bench bench;
  auto caller = test::caller_of(bench.bus, "count");
  auto stream = open_count(caller, {0, 10'000});
  CHECK_OK(stream.end());
}

TEST_CASE("too large a record is refused, and the stream goes on", "[streams]") {
  Bench bench;
  auto caller = test::caller_of(bench.bus, "add");
  auto stream = caller.open({}, {.window = 1024}, Records::to_handler, sizeof(test::Sum));
  REQUIRE_OK(stream);
  const auto put = stream->put(std::vector<std::byte>(1017));
  REQUIRE(test::kind(put) == ErrorKind::too_large);
  CHECK(put.error().needed == 1017);
  REQUIRE_OK(stream->put(test::numbered(0, 1016)));
  REQUIRE_OK(stream->put(test::numbered(1, 500)));
  REQUIRE_OK(stream->put(test::numbered(2, 1016)));
  CHECK(test::number_in<test::Sum>(stream->finish().value().bytes()).records == 3);
  CHECK(test::kind(caller.open({}, {.window = 10})) == ErrorKind::invalid_argument);
}
