// Streams: a log is written into a handler line by line, and queried line by line. One process
// serves; this one appends 10,000 lines, asks for those that say "error", and stops reading the
// rest after ten. log_stream [BUS]
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "processes.hpp"
#include "report.hpp"
#include "shmbus/shmbus.hpp"

using namespace std::chrono_literals;

struct Line {
  std::uint64_t number;
  shmbus::String<80> text;
};
struct Appended {
  std::uint64_t lines;
};
struct Query {
  shmbus::String<20> word;
};
using LogAppend = shmbus::Command<"log.append", shmbus::Stream<Line>, Appended>;
using LogQuery = shmbus::Command<"log.query", Query, shmbus::Stream<Line>>;

namespace {

constexpr std::uint64_t lines = 10'000;

int serve(const std::string& path) {
  auto bus = shmbus::Bus::open(path, {.label = "log"});
  if (!bus) return report(bus.error());
  auto server = bus->serve();
  if (!server) return report(server.error());

  std::vector<Line> log;
  auto append = server->on<LogAppend>([&](shmbus::Reader<Line>& in) -> shmbus::Result<Appended> {
    while (auto line = in.next()) log.push_back(**line);
    if (!in.complete()) return shmbus::fail(shmbus::ErrorKind::cancelled, "not all lines came");
    return Appended{log.size()};
  });
  auto query = server->on<LogQuery>(
      [&](const Query& wanted, shmbus::Writer<Line>& out) -> shmbus::Result<void> {
        for (const Line& line : log) {
          if (line.text.view().find(wanted.word.view()) == std::string_view::npos) continue;
          if (auto put = out.put(line); !put) return put;  // the caller wants no more
        }
        return {};
      });
  if (!append) return report(append.error());
  if (!query) return report(query.error());
  return server->run({}) ? 0 : 1;
}

int append(shmbus::Bus& bus, std::uint64_t& count) {
  auto log = bus.caller<LogAppend>();
  if (!log) return report(log.error());
  auto stream = log->open();
  if (!stream) return report(stream.error());
  for (std::uint64_t i = 1; i <= lines; ++i) {
    auto line = stream->loan();  // in the memory that the handler reads it from
    if (!line) return report(line.error());
    (*line)->number = i;
    (*line)->text = "all is well";
    if (i % 100 == 0) (*line)->text = "error: the disk is nearly full";
    if (auto sent = line->commit(); !sent) return report(sent.error());
  }
  auto appended = stream->finish();
  if (!appended) return report(appended.error());
  count = (*appended)->lines;
  return 0;
}

int query(shmbus::Bus& bus, std::uint64_t at_most, std::uint64_t& count) {
  auto log = bus.caller<LogQuery>();
  if (!log) return report(log.error());
  auto found = log->open({"error"}, {.window = 4096});
  if (!found) return report(found.error());
  while (auto line = found->next(5s)) {
    if (++count < at_most) continue;
    found->cancel();  // what is under way still comes, and end() passes over it
    break;
  }
  auto end = found->end();
  const bool cancelled = !end && end.error().kind == shmbus::ErrorKind::cancelled;
  return end || cancelled ? 0 : report(end.error());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "log";
  const Process handler([&] { return serve(path); });
  auto bus = shmbus::Bus::open(path, {.label = "reader"});
  if (!bus) return report(bus.error());
  if (auto there = bus->wait_until_available("log.query", 10s); !there) {
    return report(there.error());
  }
  std::uint64_t appended = 0;
  std::uint64_t all = 0;
  std::uint64_t some = 0;
  const int failed = append(*bus, appended) + query(*bus, lines, all) + query(*bus, 10, some);
  std::printf("%lu lines appended; of %lu errors %lu read\n", appended, all, some);
  return failed;
}
