// A handler and its callers as threads of one program, for ThreadSanitizer: values, loaned memory,
// text behind a struct, deferred replies. Everything that one thread writes and another reads goes
// over the bus, so nothing may be reported.
#include <unistd.h>

#include <cstdio>
#include <shmbus/shmbus.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Numbers {
  std::int64_t a;
  std::int64_t b;
};
struct Big {
  std::array<std::uint32_t, 300> all;
};
struct Article {
  std::uint64_t id;
  shmbus::Text body;
};
using Add = shmbus::Command<"numbers.add", Numbers, std::int64_t>;
using Flip = shmbus::Command<"big.flip", Big, Big>;
using Words = shmbus::Command<"words", Article, std::uint64_t>;
using Later = shmbus::Command<"later", Big, Big>;

constexpr int rounds = 100;

bool register_all(shmbus::Server& server, std::int64_t& handled) {
  return server.on<Add>([&handled](const Numbers& in) {
    return ++handled, in.a + in.b;
  }) && server.on<Flip>([](const Big& in, Big& out) {
    for (std::size_t i = 0; i < in.all.size(); ++i) out.all[i] = ~in.all[i];
  }) && server.on<Words>([](const Article& in, shmbus::Context& context) {
    return std::uint64_t{in.body.view(context.request()).size()};
  }) && server.on<Later>([](const Big& in, shmbus::Deferred<Later> answer) {
    std::jthread([reply = in, answer = std::move(answer)]() mutable {
      (void)answer.reply(reply);
    }).detach();
  });
}

/// How many calls had the right reply.
int call_all(shmbus::Bus& bus) {
  auto add = bus.caller<Add>();
  auto flip = bus.caller<Flip>();
  auto words = bus.caller<Words>();
  auto later = bus.caller<Later>();
  if (!add || !flip || !words || !later) return 0;
  int right = 0;
  for (int i = 0; i < rounds; ++i) {
    const auto sum = add->call({.a = i, .b = 2});
    right += sum && *sum == i + 2 ? 1 : 0;
    auto big = flip->loan();
    if (!big) continue;
    (*big)->all.fill(7);
    const auto flipped = big->call();
    right += flipped && (*flipped)->all[299] == ~7U ? 1 : 0;
    auto text = words->loan(100);
    if (!text || !text->tail().put((*text)->body, "some words")) continue;
    const auto counted = text->call();
    right += counted && **counted == 10 ? 1 : 0;
    auto deferred = later->loan();
    if (!deferred) continue;
    (*deferred)->all.fill(9);
    const auto answered = deferred->call();
    right += answered && (*answered)->all[0] == 9 ? 1 : 0;
  }
  return right;
}

int run(const std::string& path) {
  auto bus = shmbus::Bus::open(path);
  if (!bus) return 1;
  auto server = bus->serve();
  std::int64_t handled = 0;
  if (!server || !register_all(*server, handled)) return 1;
  std::jthread handler([&](const std::stop_token& stop) { (void)server->run(stop); });
  std::vector<int> right(2);
  std::vector<std::jthread> callers;
  for (int& count : right) callers.emplace_back([&] { count = call_all(*bus); });
  callers.clear();
  handler.request_stop();
  handler.join();
  std::printf("%d %d\n", right[0], right[1]);
  return right[0] == 4 * rounds && right[1] == 4 * rounds && handled == 2 * rounds ? 0 : 1;
}

}  // namespace

int main() {
  const std::string path = "./threads." + std::to_string(getpid()) + ".bus";
  const int result = run(path);
  std::remove(path.c_str());
  return result;
}
