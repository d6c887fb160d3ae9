// The C++ side of events and streams, for the tests of the Python package: peer BUS ROLE [COUNT]
//   publish   publishes COUNT ticks        subscribe  reads COUNT ticks, prints their sum
//   serve     handles the streams          call       calls them, prints what became of each
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shmbus/shmbus.hpp"

using namespace std::chrono_literals;

struct Line {
  std::uint64_t number;
  shmbus::String<40> text;
  shmbus::Optional<std::uint32_t> mark;
};
struct Query {
  std::uint64_t count;
  std::uint64_t fail_at;  // 0: never
};
struct Sum {
  std::uint64_t lines;
  std::uint64_t sum;
};
using Ticks = shmbus::Event<"ticks", Line>;
using Lines = shmbus::Command<"lines", Query, shmbus::Stream<Line>>;
using Append = shmbus::Command<"append", shmbus::Stream<Line>, Sum>;
using Echo = shmbus::Command<"echo", shmbus::Stream<Line>, shmbus::Stream<Line>>;

namespace {

int report(const shmbus::Error& error) {
  const auto kind = shmbus::to_string(error.kind);
  const auto text = error.message.view();
  std::printf("%.*s: %.*s\n", static_cast<int>(kind.size()), kind.data(),
              static_cast<int>(text.size()), text.data());
  return 1;
}

Line line_of(std::uint64_t number) {
  Line line{};
  line.number = number;
  line.text = shmbus::String<40>::truncate("line " + std::to_string(number));
  if (number % 2 == 0) line.mark = static_cast<std::uint32_t>(number * 10);
  return line;
}

bool is_line(const Line& line) {
  const Line want = line_of(line.number);
  return line.text.view() == want.text.view() && line.mark.has_value() == want.mark.has_value() &&
         (!line.mark.has_value() || *line.mark == *want.mark);
}

int publish(shmbus::Bus& bus, std::uint64_t count) {
  auto out = bus.publisher<Ticks>({.keep = 100});
  if (!out) return report(out.error());
  for (std::uint64_t i = 1; i <= count; ++i) {
    if (auto sent = out->publish(line_of(i), 20s); !sent) return report(sent.error());
  }
  return 0;
}

int subscribe(shmbus::Bus& bus, std::uint64_t count) {
  auto in =
      bus.subscribe<Ticks>({.from = shmbus::From::oldest, .when_slow = shmbus::WhenSlow::hold});
  if (!in) return report(in.error());
  std::printf("there\n");
  std::fflush(stdout);
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto event = in->next(20s);
    if (!event) return report(event.error());
    if (!is_line(**event)) return 1;
    sum += (**event).number;
  }
  std::printf("%lu\n", sum);
  return 0;
}

int serve(shmbus::Bus& bus) {
  auto server = bus.serve();
  if (!server) return report(server.error());
  auto lines =
      server->on<Lines>([](const Query& wanted, shmbus::Writer<Line>& out) -> shmbus::Result<void> {
        for (std::uint64_t i = 1; i <= wanted.count; ++i) {
          if (i == wanted.fail_at) return shmbus::fail(shmbus::ErrorKind::rejected, "no more", 42);
          if (auto put = out.put(line_of(i)); !put) return put;
        }
        return {};
      });
  auto append = server->on<Append>([](shmbus::Reader<Line>& in) -> shmbus::Result<Sum> {
    Sum sum{};
    while (auto line = in.next()) {
      if (!is_line(**line)) return shmbus::fail(shmbus::ErrorKind::rejected, "no line");
      ++sum.lines;
      sum.sum += (**line).number;
    }
    if (!in.complete()) return shmbus::fail(shmbus::ErrorKind::cancelled, "not all lines came");
    return sum;
  });
  auto echo = server->on<Echo>(
      [](shmbus::Reader<Line>& in, shmbus::Writer<Line>& out) -> shmbus::Result<void> {
        while (auto line = in.next()) {
          if (auto put = out.put(**line); !put) return put;
        }
        return {};
      });
  if (!lines || !append || !echo) return 1;
  return server->run({}) ? 0 : 1;
}

/// Prints "records sum end".
template <class Stream>
void read_all(Stream& stream) {
  std::uint64_t records = 0;
  std::uint64_t sum = 0;
  while (auto line = stream.next(20s)) {
    ++records;
    if (is_line(**line)) sum += (**line).number;
  }
  auto end = stream.end();
  std::printf("%lu %lu %s %u\n", records, sum,
              end ? "ok" : std::string(shmbus::to_string(end.error().kind)).c_str(),
              end ? 0U : static_cast<unsigned>(end.error().code));
}

int call(shmbus::Bus& bus, std::uint64_t count) {
  auto lines = bus.caller<Lines>();
  auto append = bus.caller<Append>();
  auto echo = bus.caller<Echo>();
  if (!lines) return report(lines.error());
  if (!append) return report(append.error());
  if (!echo) return report(echo.error());
  for (const std::uint64_t fail_at : {std::uint64_t{0}, count / 2}) {
    auto found = lines->open({count, fail_at}, {.window = 4096});
    if (!found) return report(found.error());
    read_all(*found);
  }
  auto out = append->open({.window = 4096});
  if (!out) return report(out.error());
  for (std::uint64_t i = 1; i <= count; ++i) {
    if (auto put = out->put(line_of(i), 20s); !put) return report(put.error());
  }
  auto sum = out->finish();
  if (!sum) return report(sum.error());
  std::printf("%lu %lu\n", (*sum)->lines, (*sum)->sum);
  auto both = echo->open({.window = 4096});
  if (!both) return report(both.error());
  for (std::uint64_t i = 1; i <= 20; ++i) {
    if (auto put = both->put(line_of(i), 20s); !put) return report(put.error());
  }
  if (auto closed = both->close(); !closed) return report(closed.error());
  read_all(*both);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string_view role = argv[2];
  const std::uint64_t count = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
  auto bus = shmbus::Bus::open(argv[1], {.label = "C++ peer"});
  if (!bus) return report(bus.error());
  if (role == "publish") return publish(*bus, count);
  if (role == "subscribe") return subscribe(*bus, count);
  return role == "serve" ? serve(*bus) : call(*bus, count);
}
