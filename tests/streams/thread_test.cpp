// Streams and threads: written from another one, dropped, at the end of a server with workers.
#include <atomic>
#include <thread>

#include "streams/users.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Added;
using test::Bench;
using test::Filter;
using test::open_count;
using test::User;
using test::UserAdd;
using test::UserList;

TEST_CASE("a stream that is deferred goes on in another thread", "[streams]") {
  const test::TempBus path;
  const auto handler = test::handler_process(path.path(), [](Bus&, Server& server) {
    return server.on<UserList>([](const Filter& filter, DeferredStream<UserList> stream) {
      std::thread([filter, stream = std::move(stream)]() mutable {
        for (auto id = filter.from; id < filter.to; ++id) {
          if (auto put = stream.out().put({id, id}); !put) {
            (void)stream.end(rejected_as(put.error()));
            return;
          }
        }
        (void)stream.end();
        const bool refused = !stream.out().put({});
        if (!refused) std::abort();
      }).detach();
    }) && server.on<UserAdd>([](DeferredStream<UserAdd> stream) {
      std::thread([stream = std::move(stream)]() mutable {
        Added added;
        while (stream.in().next()) ++added.records;
        if (stream.in().complete()) (void)stream.reply(added);
      }).detach();
    }) && server.on("ping", [](Context&) { return Status::ok(); });
  });
  auto bus = test::open_when_served(path.path(), "ping");
  auto list = bus.caller<UserList>();
  REQUIRE_OK(list);
  auto users = list->open(Filter{0, 1'000'000'000});
  REQUIRE_OK(users);
  for (std::uint64_t id = 0; id < 1000; ++id) {
    const auto user = users->next();
    REQUIRE_OK(user);
    REQUIRE((*user)->id == id);
    if (id % 100 == 0) CHECK_OK(test::caller_of(bus, "ping").call({}, {}));  // not held up
  }
  users->cancel();
  CHECK(test::kind(users->end()) == ErrorKind::cancelled);

  auto add = bus.caller<UserAdd>();
  REQUIRE_OK(add);
  auto adding = add->open();
  REQUIRE_OK(adding);
  for (std::uint64_t i = 0; i < 1000; ++i) REQUIRE_OK(adding->put({i, i}));
  const auto added = adding->finish();
  REQUIRE_OK(added);
  CHECK((*added)->records == 1000);
}

TEST_CASE("a stream that its handler drops is abandoned", "[streams]") {
  const test::TempBus path;
  const auto handler = test::handler_process(path.path(), [](Bus&, Server& server) {
    return server.on<UserList>([](const Filter&, DeferredStream<UserList>) {}).has_value();
  });
  auto bus = test::open_when_served(path.path(), "user.list");
  auto users = bus.caller<UserList>()->open(Filter{0, 1});
  REQUIRE_OK(users);
  CHECK(test::kind(users->next()) == ErrorKind::stream_ended);
  CHECK(test::kind(users->end()) == ErrorKind::abandoned);
}

TEST_CASE("streams belong to the thread of their caller", "[streams]") {
  Bench bench;
  auto caller = test::caller_of(bench.bus, "count");
  auto stream = open_count(caller, {0, 10});
  ErrorKind elsewhere = ErrorKind::none;
  std::thread([&] { elsewhere = test::kind(stream.next()); }).join();
  CHECK(elsewhere == ErrorKind::wrong_thread);
  CHECK(test::read_numbers(stream, 0) == 10);
  CHECK_OK(stream.end());
}

TEST_CASE("a server with workers ends while its handlers wait in streams", "[streams]") {
  const test::TempBus path;
  const test::Shared<std::atomic<int>> waiting;
  const test::Shared<std::atomic<int>> ended;
  test::Child handler([&] {
    auto bus = Bus::open(path.path());
    if (!bus) return 1;
    {
      auto server = bus->serve({.workers = 2});
      if (!server) return 2;
      const auto in_stream = [&](auto wait) {
        return [&, wait](Context& context) {
          ++*waiting;
          const auto why = wait(context);
          *ended += why == ErrorKind::cancelled ? 1 : 100;
          return Status::ok();
        };
      };
      const auto put = in_stream([](Context& context) {
        RawWriter out(context);
        auto done = out.put(test::numbered(0));
        while (done) done = out.put(test::numbered(0));
        return done.error().kind;
      });
      const auto next = in_stream([](Context& context) {
        RawReader in(context);
        return in.next().error().kind;
      });
      // Both of one caller, whose commands would run one after the other.
      const bool added = server->on("put", put, {.parallel = Parallel::yes}) &&
                         server->on("next", next, {.parallel = Parallel::yes});
      if (!added) return 3;
      while (*waiting < 2) (void)server->run_for(1ms);
    }
    return *ended == 2 ? 0 : 4;
  });
  auto bus = test::open_when_served(path.path(), "next");
  auto writing = test::caller_of(bus, "put");
  auto full = writing.open({}, {.window = 512});
  REQUIRE_OK(full);
  auto reading = test::caller_of(bus, "next");
  auto empty = reading.open({}, {}, Records::to_handler);
  REQUIRE_OK(empty);
  CHECK(handler.wait(20s) == 0);
}
