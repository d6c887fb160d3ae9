// The handlers that the tests of the gateway call: peer_gateway_handlers BUS. Says "ready" when its
// names are registered, and serves until it is killed.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "shmbus/shmbus.hpp"

namespace {

using namespace std::chrono_literals;
using shmbus::Context;
using shmbus::Nothing;
using shmbus::Status;
using shmbus::String;

enum class Plan : std::uint8_t { free, paid };
struct NewUser {
  shmbus::Email email;
  Plan plan;
  shmbus::Optional<String<20>> nick;
};
struct User {
  std::uint32_t id;
  shmbus::Email email;
  Plan plan;
  shmbus::Vector<double, 3> scores;
};
using UserCreate = shmbus::Command<"user.create", NewUser, User>;

struct Pair {
  std::int32_t a;
  std::int32_t b;
};
using Add = shmbus::Command<"math.add", Pair, std::int64_t>;

struct Article {
  std::uint32_t id;
  shmbus::Text body;
};
using Count = shmbus::Command<"text.count", Article, std::uint32_t>;

struct Time {
  std::uint32_t ms;
};
using Sleep = shmbus::Command<"slow.sleep", Time, std::uint32_t>;
using Cancelled = shmbus::Command<"slow.cancelled", Nothing, std::uint32_t>;
using Started = shmbus::Command<"slow.started", Nothing, std::uint32_t>;
using Die = shmbus::Command<"bad.die", Nothing, std::uint32_t>;
using Refuse = shmbus::Command<"bad.refuse", Time, std::uint32_t>;

struct Caller {
  String<64> label;
  String<55> trace;
  std::uint32_t left_ms;
};
using WhoAmI = shmbus::Command<"who.am.i", Nothing, Caller>;

struct Tick {
  std::uint64_t number;
  String<16> text;
};
using Price = shmbus::Event<"price.changed", Tick>;
using Publish = shmbus::Command<"price.publish", Time, std::uint64_t>;
using Noted = shmbus::Command<"note.add", Time, std::uint32_t>;

struct Row {
  std::uint32_t number;
  String<24> text;
};
/// `ms` rows, and then the end; from 1000 on with a rejection behind them.
using Rows = shmbus::Command<"rows.list", Time, shmbus::Stream<Row>>;
using Sum = shmbus::Command<"rows.sum", shmbus::Stream<Pair>, std::int64_t>;
using Echo = shmbus::Command<"rows.echo", shmbus::Stream<Row>, shmbus::Stream<Row>>;
/// A row a millisecond until the caller wants no more.
using Endless = shmbus::Command<"rows.endless", Nothing, shmbus::Stream<Row>>;
using Square = shmbus::Command<"square/of", std::int32_t, std::int64_t>;

std::atomic<std::uint32_t> started_calls{0};
std::atomic<std::uint32_t> cancelled_calls{0};

std::uint32_t sleep_for(const Time& time, Context& context) {
  ++started_calls;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(time.ms);
  while (std::chrono::steady_clock::now() < until) {
    if (context.cancelled()) {
      ++cancelled_calls;
      return 0;
    }
    std::this_thread::sleep_for(1ms);
  }
  return time.ms;
}

void require(const shmbus::Result<void>& done) {
  if (done) return;
  std::fprintf(stderr, "%s\n", std::string(done.error().message.view()).c_str());
  std::exit(1);
}

void serve_users(shmbus::Server& server) {
  require(server.on<UserCreate>([next = 0U](const NewUser& user, User& out) mutable {
    out.id = ++next;
    out.email = user.email;
    out.plan = user.plan;
    (void)out.scores.push_back(0.5);
    return Status::ok();
  }));
  require(server.on<Add>([](const Pair& pair) { return std::int64_t{pair.a} + pair.b; }));
  require(server.on<Count>([](const Article& article, std::uint32_t& count, Context& context) {
    count = static_cast<std::uint32_t>(article.body.view(context.request()).size());
    return Status::ok();
  }));
  require(server.on<WhoAmI>([](const Nothing&, Caller& out, Context& context) {
    (void)out.label.assign(context.caller().label.view());
    (void)out.trace.assign(context.trace().traceparent().view());
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(context.remaining());
    out.left_ms = static_cast<std::uint32_t>(left.count());
    return Status::ok();
  }));
  require(server.on("bytes.echo", [](shmbus::Context& context) {
    const auto request = context.request();
    const auto reply = context.reply_buffer(request.size());
    if (reply.size() < request.size()) return Status::reject(1, "no room");
    std::copy(request.begin(), request.end(), reply.begin());
    return Status::ok();
  }));
}

shmbus::Result<void> list_rows(const Time& count, shmbus::Writer<Row>& out) {
  for (std::uint32_t i = 1; i <= count.ms % 1000 + count.ms / 10'000 * 1000; ++i) {
    Row row{i, {}};
    (void)row.text.assign("row \"" + std::to_string(i) + "\"");
    if (auto put = out.put(row); !put) return put;
  }
  if (count.ms >= 1000 && count.ms < 10'000) {
    return shmbus::fail(shmbus::ErrorKind::rejected, "no more rows", 7);
  }
  return {};
}

void serve_rows(shmbus::Bus& bus) {
  auto server = bus.serve({.label = "rows"});
  require(server->on<Rows>(list_rows));
  require(server->on<Sum>([](shmbus::Reader<Pair>& in) -> shmbus::Result<std::int64_t> {
    std::int64_t sum = 0;
    while (auto pair = in.next()) sum += std::int64_t{(*pair)->a} + (*pair)->b;
    if (!in.complete()) return shmbus::fail(shmbus::ErrorKind::cancelled, "not all rows came");
    return sum;
  }));
  require(server->on<Echo>(
      [](shmbus::Reader<Row>& in, shmbus::Writer<Row>& out) -> shmbus::Result<void> {
        while (auto row = in.next()) {
          if (auto put = out.put(**row); !put) return put;
        }
        return {};
      }));
  require(server->on<Endless>([](const Nothing&, shmbus::Writer<Row>& out) -> shmbus::Result<void> {
    for (std::uint32_t i = 1;; ++i) {
      if (auto put = out.put({i, {}}); !put) {
        ++cancelled_calls;
        return put;
      }
      std::this_thread::sleep_for(1ms);
    }
  }));
  require(server->on<Square>([](const std::int32_t& n) { return std::int64_t{n} * n; }));
  (void)server->run({});
}

void serve_slow(shmbus::Bus& bus) {
  auto server = bus.serve({.label = "slow"});
  require(server->on<Sleep>(sleep_for));
  (void)server->run({});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto bus = shmbus::Bus::open(argv[1]);
  if (!bus) return 1;
  auto publisher = bus->publisher<Price>({.keep = 16});
  if (!publisher) return 1;
  std::thread([&bus] { serve_slow(*bus); }).detach();
  std::thread([&bus] { serve_rows(*bus); }).detach();
  auto server = bus->serve({.label = "users"});
  serve_users(*server);
  std::uint64_t number = 0;
  std::uint32_t notes = 0;
  require(server->on<Publish>([&](const Time& count) {
    for (std::uint32_t i = 0; i < count.ms; ++i) {
      Tick tick{++number, {}};
      (void)tick.text.assign("a\"b\n<c>");
      (void)publisher->publish(tick);
    }
    return number;
  }));
  require(server->on<Noted>([&](const Time& add) { return notes += add.ms; }));
  require(server->on<Cancelled>([](const Nothing&) { return cancelled_calls.load(); }));
  require(server->on<Started>([](const Nothing&) { return started_calls.load(); }));
  require(server->on<Refuse>([](const Time& code, std::uint32_t&) {
    return Status::reject(static_cast<std::int32_t>(code.ms), "not today");
  }));
  std::thread([&bus] {
    auto deadly = bus->serve({.label = "deadly"});
    require(deadly->on<Die>([](const Nothing&) -> std::uint32_t { std::_Exit(3); }));
    (void)deadly->run({});
  }).detach();
  if (!bus->wait_until_available("square/of", 10s) ||
      !bus->wait_until_available("slow.sleep", 10s) || !bus->wait_until_available("bad.die", 10s)) {
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  (void)server->run({});
  return 0;
}
