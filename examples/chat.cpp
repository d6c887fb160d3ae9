// A chat of three processes: each publishes under one name and reads what all of them say, its own
// lines too. Nobody may miss a line, so all of them hold. chat [BUS]
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

#include "processes.hpp"
#include "report.hpp"
#include "shmbus/shmbus.hpp"

using namespace std::chrono_literals;

struct Line {
  shmbus::String<16> who;
  shmbus::String<80> text;
};
using Said = shmbus::Event<"chat.said", Line>;
using Here = shmbus::Event<"chat.here", std::uint64_t>;

namespace {

constexpr int people = 3;
constexpr int lines = 100;  // of each

/// Until all have subscribed: what is said before is not for those who come later.
int wait_for_all(shmbus::Bus& bus, shmbus::Publisher<Here>& here) {
  auto all = bus.subscribe<Here>({.from = shmbus::From::latest});
  if (!all) return report(all.error());
  if (auto said = here.publish(1); !said) return report(said.error());
  for (int i = 0; i < people; ++i) {
    if (auto one = all->next(10s); !one) return report(one.error());
  }
  return 0;
}

int chat(const std::string& path, const std::string& name) {
  auto bus = shmbus::Bus::open(path, {.label = name});
  if (!bus) return report(bus.error());
  auto in = bus->subscribe<Said>({.when_slow = shmbus::WhenSlow::hold});
  if (!in) return report(in.error());
  auto out = bus->publisher<Said>();
  if (!out) return report(out.error());
  auto here = bus->publisher<Here>();
  if (!here) return report(here.error());
  if (const int failed = wait_for_all(*bus, *here); failed != 0) return failed;
  std::array<std::uint64_t, people> heard{};
  for (int read = 0, said = 0; read < people * lines;) {
    if (said < lines) {
      Line line;
      if (!line.who.assign(name) || !line.text.assign("line " + std::to_string(++said))) return 1;
      if (auto done = out->publish(line, 10s); !done) return report(done.error());
    }
    // The process that holds must read while it talks, or the others wait for it.
    for (auto line = in->next(said < lines ? 0ns : 10s); line; line = in->next(0ns)) {
      const auto who = static_cast<std::size_t>((*line)->who.view()[0] - 'A');
      const auto expected = "line " + std::to_string(++heard.at(who));
      if ((*line)->text.view() != expected) return 1;
      if (++read == people * lines) break;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "chat";
  Process ann([&] { return chat(path, "Ann"); });
  Process bob([&] { return chat(path, "Bob"); });
  Process cid([&] { return chat(path, "Cid"); });
  const int failed = ann.wait() + bob.wait() + cid.wait();
  if (failed == 0)
    std::printf("each has read %d lines, in the order of who said them\n", people * lines);
  return failed;
}
