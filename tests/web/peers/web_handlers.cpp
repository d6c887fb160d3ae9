// What the test of the page looks at: peer_web_handlers BUS ROLE. Says "ready" when its names are
// registered, and serves until it is killed.
//
//   shop      a command with every kind of type, one that calls another (traces), one that sleeps,
//             one that refuses, names and labels that are markup, an event that ticks
//   stock     the command that the shop's calls, for a handler that is killed alone
//   customer  calls `stock.take` all the time
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "shmbus/shmbus.hpp"

namespace {

using namespace std::chrono_literals;
using shmbus::Context;
using shmbus::Nothing;
using shmbus::Status;
using shmbus::String;

enum class Plan : std::uint8_t { free, paid };
struct Address {
  String<40> street;
  std::int32_t number;
};
struct Everything {
  std::uint64_t id;
  std::int8_t small;
  double share;
  bool urgent;
  String<8> code;
  Plan plan;
  shmbus::Email email;
  shmbus::Uuid key;
  shmbus::Timestamp at;
  Address address;
  shmbus::Vector<std::uint16_t, 3> counts;
  shmbus::Optional<String<20>> nick;
};
using FormCheck = shmbus::Command<"form.check", Everything, Everything>;

struct Item {
  std::uint32_t item;
  std::uint32_t count;
};
using Take = shmbus::Command<"stock.take", Item, std::uint32_t>;
using Order = shmbus::Command<"order.place", Item, std::uint32_t>;
using Sleep = shmbus::Command<"slow.sleep", std::uint32_t, std::uint32_t>;
using Refuse = shmbus::Command<"bad.refuse", Nothing, std::uint32_t>;
using Markup = shmbus::Command<"<img src=x onerror=pwned()>", String<64>, String<64>>;

struct Tick {
  std::uint64_t number;
  String<48> text;
};
using Price = shmbus::Event<"price.<b>changed</b>", Tick>;

void require(const shmbus::Result<void>& done) {
  if (done) return;
  std::fprintf(stderr, "%s\n", std::string(done.error().message.view()).c_str());
  std::exit(1);
}

void ready() {
  std::puts("ready");
  std::fflush(stdout);
}

int stock(shmbus::Bus& bus) {
  auto server = bus.serve({.label = "stock"});
  require(server->on<Take>([](const Item& item) {
    std::this_thread::sleep_for(200us * (1 + item.item % 4));
    return item.count;
  }));
  ready();
  (void)server->run({});
  return 0;
}

int customer(shmbus::Bus& bus) {
  auto take = bus.caller<Take>({.when_vacant = shmbus::WhenVacant::wait});
  if (!take) return 1;
  ready();
  for (std::uint32_t i = 0;; ++i) {
    (void)take->call({i, 1}, 2s);
    std::this_thread::sleep_for(5ms);
  }
}

void publish(shmbus::Bus& bus) {
  auto publisher = bus.publisher<Price>({.keep = 16});
  if (!publisher) std::exit(1);
  for (std::uint64_t number = 1;; ++number) {
    Tick tick{number, {}};
    (void)tick.text.assign("<script>pwned()</script>\"&amp;");
    (void)publisher->publish(tick);
    std::this_thread::sleep_for(100ms);
  }
}

int shop(shmbus::Bus& bus) {
  auto server = bus.serve({.label = "<b>shop</b>"});
  require(server->on<FormCheck>([](const Everything& in) { return in; }));
  require(server->on<Refuse>(
      [](const Nothing&, std::uint32_t&) { return Status::reject(7, "<i>not today</i>"); }));
  require(server->on<Markup>([](const String<64>& in) { return in; }));
  require(server->on("bytes.echo", [](Context& context) {
    const auto request = context.request();
    const auto reply = context.reply_buffer(request.size());
    if (reply.size() < request.size()) return Status::reject(1, "no room");
    std::copy(request.begin(), request.end(), reply.begin());
    return Status::ok();
  }));
  auto take = bus.caller<Take>({.when_vacant = shmbus::WhenVacant::fail});
  if (!take) return 1;
  require(server->on<Order>([&](const Item& item, std::uint32_t& left) {
    const auto taken = take->call(item, 1s);
    if (!taken) return Status::reject(3, "the stock does not answer");
    left = *taken;
    return Status::ok();
  }));
  std::thread([&bus] {
    auto slow = bus.serve({.label = "slow"});
    require(slow->on<Sleep>([](const std::uint32_t& ms, Context& context) {
      const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
      while (std::chrono::steady_clock::now() < until && !context.cancelled()) {
        std::this_thread::sleep_for(1ms);
      }
      return ms;
    }));
    (void)slow->run({});
  }).detach();
  std::thread(publish, std::ref(bus)).detach();
  if (!bus.wait_until_available("slow.sleep", 10s)) return 1;
  ready();
  (void)server->run({});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string role = argv[2];
  auto bus = shmbus::Bus::open(argv[1], {.label = role == "shop" ? "<b>shop</b>" : role});
  if (!bus) return 1;
  if (role == "stock") return stock(*bus);
  if (role == "customer") return customer(*bus);
  return shop(*bus);
}
