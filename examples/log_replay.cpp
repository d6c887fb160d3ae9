// Replays the recorded log over the bus, round after round, and checks every reply:
//   log_replay BUS LOG EXPECTED REPLIES SECONDS
// For SECONDS, and at least once, many commands are under way at a time. The last round sends one
// command at a time: its latencies are the table at the end, its replies go to the file REPLIES.
// Exit code 0: every reply of every round is the one in EXPECTED (examples/log/expected.py).
#include <unistd.h>

#include "log_reader.hpp"
#include "log_sender.hpp"
#include "report.hpp"

namespace {

using log_commands::Record;
using log_reader::Entry;

class Replay {
 public:
  Replay(shmbus::Bus& bus, std::vector<Entry> log, std::vector<Record> expected)
      : bus_(&bus), log_(std::move(log)), expected_(std::move(expected)), replies_(log_.size()) {}

  shmbus::Result<void> run(std::chrono::duration<double> time) {
    const auto began = Clock::now();
    do {
      const auto round_began = Clock::now();
      if (auto done = round({.window = window}); !done) return done;
      fastest_ = std::min<std::chrono::duration<double>>(fastest_, Clock::now() - round_began);
    } while (Clock::now() - began < time);
    return round({.window = 1, .latencies = &latencies_});
  }

  void save_replies(const std::string& path) const {
    std::ofstream file(path);
    for (std::size_t i = 0; i < log_.size(); ++i) {
      std::array<char, 80> line;
      std::snprintf(line.data(), line.size(), "%llu %016llx %llu %u\n",
                    static_cast<unsigned long long>(log_[i].seq),
                    static_cast<unsigned long long>(replies_[i].checksum),
                    static_cast<unsigned long long>(replies_[i].size), replies_[i].status);
      file << line.data();
    }
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
  }

  /// True when all is well.
  bool print_outcome() {
    std::printf("\n");
    latencies_.print();
    std::printf("\n%llu rounds of %zu commands; %zu under way at each handler: up to %.0f/s\n",
                static_cast<unsigned long long>(rounds_), log_.size(), window,
                static_cast<double>(log_.size()) / fastest_.count());
    for (const auto& [kind, count] : tally_.errors) {
      std::printf("told %s: %llu\n", std::string(shmbus::to_string(kind)).c_str(),
                  static_cast<unsigned long long>(count));
    }
    std::printf("%llu replies, %llu wrong, %llu damaged, %llu sent again\n",
                static_cast<unsigned long long>(tally_.replies),
                static_cast<unsigned long long>(wrong_),
                static_cast<unsigned long long>(tally_.damaged),
                static_cast<unsigned long long>(tally_.again));
    return wrong_ == 0 && tally_.damaged == 0;
  }

 private:
  /// One pass over the log, on files of its own, each reply compared.
  shmbus::Result<void> round(LogSender::Options options) {
    ++rounds_;
    const std::string prefix = std::to_string(::getpid()) + "/" + std::to_string(rounds_) + "/";
    LogSender sender(*bus_, prefix, tally_, options);
    std::fill(replies_.begin(), replies_.end(), Record{0, 0, no_reply, 0});
    for (std::size_t i = 0; i < log_.size(); ++i) {
      if (auto sent = sender.send(log_[i], replies_[i]); !sent) return sent;
    }
    if (auto done = sender.finish_all(); !done) return done;
    for (std::size_t i = 0; i < log_.size(); ++i) compare(i);
    return sender.clear();
  }

  void compare(std::size_t i) {
    if (replies_[i] == expected_[i]) return;
    if (++wrong_ <= 10) {
      std::printf("wrong reply in round %llu: %s #%llu\n", static_cast<unsigned long long>(rounds_),
                  log_[i].name.c_str(), static_cast<unsigned long long>(log_[i].seq));
    }
  }

  static constexpr std::uint32_t no_reply = ~0U;
  static constexpr std::size_t window = 16;

  shmbus::Bus* bus_;
  std::vector<Entry> log_;
  std::vector<Record> expected_;
  std::vector<Record> replies_;
  Tally tally_;
  Latencies latencies_;
  std::chrono::duration<double> fastest_ = std::chrono::hours(1);
  std::uint64_t rounds_ = 0;
  std::uint64_t wrong_ = 0;
};

int replay(char** argv) {
  auto log = log_reader::read_log(argv[2]);
  auto expected = log_reader::read_expected(argv[3]);
  if (log.empty() || log.size() != expected.size()) {
    throw std::runtime_error("the log and the expected replies differ in length");
  }
  auto bus = shmbus::Bus::open(argv[1], {.label = "replay"});
  if (!bus) return report(bus.error());
  Replay replay(*bus, std::move(log), std::move(expected));
  const auto ran = replay.run(std::chrono::duration<double>(std::stod(argv[5])));
  const bool all_well = replay.print_outcome();
  if (!ran) return report(ran.error());
  replay.save_replies(argv[4]);
  return all_well ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: %s BUS LOG EXPECTED REPLIES SECONDS\n", argv[0]);
    return 2;
  }
  try {
    return replay(argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
