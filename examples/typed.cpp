// Handlers of several shapes in one process: by value, in place, later from another thread, and
// with text whose length is known only when it is sent.
//   example_typed [BUS]
#include <iostream>
#include <shmbus/shmbus.hpp>
#include <string>
#include <thread>

#include "report.hpp"

struct Job {
  std::uint32_t id;
  std::array<double, 3> values;
};
using Sum = shmbus::Command<"job.sum", Job, double>;

struct Article {
  std::uint64_t id;
  shmbus::Text body;  // lies behind the struct
};
struct Words {
  std::uint32_t count;
  shmbus::Text first;
};
using CountWords = shmbus::Command<"article.words", Article, Words>;

using Slow = shmbus::Command<"job.slow", std::uint32_t, std::uint32_t>;

namespace {

shmbus::Status count_words(const Article& article, Words& words, shmbus::Context& context) {
  // The request lies in the caller's memory, the reply too: nothing is copied but one word.
  const std::string_view body = article.body.view(context.request());
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != ' ' && (i == 0 || body[i - 1] == ' ')) ++words.count;
  }
  if (!context.tail().put(words.first, body.substr(0, body.find(' ')))) {
    return shmbus::Status::reject(1, "no room for the reply");
  }
  return shmbus::Status::ok();
}

/// Answers from a thread of its own, when it is done.
void answer_later(std::uint32_t number, shmbus::Deferred<Slow> answer) {
  std::thread([number, answer = std::move(answer)]() mutable {
    (void)answer.reply(number * number);
  }).detach();
}

shmbus::Result<void> register_all(shmbus::Server& server) {
  auto added =
      server.on<Sum>([](const Job& job) { return job.values[0] + job.values[1] + job.values[2]; });
  if (added) added = server.on<CountWords>(count_words);
  if (added)
    added = server.on<Slow>([](const std::uint32_t& number, shmbus::Deferred<Slow> answer) {
      answer_later(number, std::move(answer));
    });
  return added;
}

shmbus::Result<void> call_all(shmbus::Bus& bus) {
  auto sum = bus.caller<Sum>();
  if (!sum) return tl::unexpected<shmbus::Error>(sum.error());
  const auto total = sum->call({.id = 1, .values = {1, 2, 3.5}});
  if (!total) return tl::unexpected<shmbus::Error>(total.error());
  std::cout << "sum " << *total;

  auto words = bus.caller<CountWords>();
  if (!words) return tl::unexpected<shmbus::Error>(words.error());
  auto loan = words->loan(1000, 100);  // bytes behind the request, and behind the reply
  if (!loan) return tl::unexpected<shmbus::Error>(loan.error());
  (*loan)->id = 7;
  if (!loan->tail().put((*loan)->body, "five words in shared memory")) return {};
  const auto counted = loan->call();
  if (!counted) return tl::unexpected<shmbus::Error>(counted.error());
  std::cout << ", " << (*counted)->count << " words from '"
            << (*counted)->first.view(counted->bytes()) << "'";

  auto slow = bus.caller<Slow>();
  if (!slow) return tl::unexpected<shmbus::Error>(slow.error());
  const auto square = slow->call(12);
  if (!square) return tl::unexpected<shmbus::Error>(square.error());
  std::cout << ", later " << *square << '\n';
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  auto server = bus->serve();
  if (!server) return report(server.error());
  if (auto added = register_all(*server); !added) return report(added.error());
  const std::jthread handler([&](const std::stop_token& stop) { (void)server->run(stop); });
  if (auto called = call_all(*bus); !called) return report(called.error());
}
