#include "torture/storm/round.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <deque>

#include "shmbus/shmbus.hpp"
#include "support/child.hpp"
#include "torture/storm/judge.hpp"
#include "torture/storm/roles.hpp"
#include "torture/support/bus_state.hpp"

namespace shmbus::torture {
namespace {

using test::Child;

constexpr std::uint64_t freeze_ns = 300'000'000;  ///< a nap this much longer: nobody was running

class Round {
 public:
  Round(const Weather& weather, std::uint64_t seed)
      : weather_(weather),
        random_(seed),
        path_("/dev/shm/shmbus-storm." + std::to_string(::getpid())) {
    ::unlink(path_.c_str());
  }
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;
  ~Round() { ::unlink(path_.c_str()); }

  RoundResult play(std::chrono::nanoseconds length) {
    make_bus();
    if (weather_.daemon) daemon_ = start_daemon();
    for (unsigned i = 0; i < weather_.handlers; ++i) handlers_.push_back(start_handler(i));
    for (unsigned i = 0; i < weather_.callers; ++i) callers_.push_back(start_caller());
    rage(length);
    reckon();
    return std::move(result_);
  }

 private:
  struct Caller {
    Child process;
    std::uint32_t life;
  };
  struct Stopped {
    pid_t pid;
    std::uint64_t until;
  };

  void make_bus() {
    Child maker([this] {
      OpenOptions options;
      options.default_timeout = long_timeout;
      options.capacities = {.participants = 16,
                            .names = 8,
                            .endpoints = 4,
                            .lanes = 24,
                            .cells_per_lane = weather_.cells,
                            .inbox_slots = 64,
                            .extents = 64,
                            .extent_bytes = 16384};
      return Bus::open(path_, options) ? 0 : 1;
    });
    if (maker.wait() != 0) problem(result_.summary.hung, "cannot make a bus");
  }

  Role role() { return {path_, *book_, weather_, random_()}; }

  Child start_handler(unsigned which) {
    book_->serving[which] = false;
    return Child([this, which, role = role()] { return torture::serve_for_ever(role, which); });
  }
  Caller start_caller() {
    const auto life = static_cast<std::uint32_t>(++lives_ % lives_max);
    return {Child([life, role = role()] { return call_for_ever(role, life); }), life};
  }
  Child start_daemon() {
    return Child([this] {
      const char* folder = std::getenv("SHMBUS_BIN");
      const std::string program =
          std::string(folder != nullptr ? folder : SHMBUS_BIN_DIR) + "/shmbusd";
      ::execl(program.c_str(), "shmbusd", "--bus", path_.c_str(), "--log-level", "error", nullptr);
      return 127;
    });
  }

  void rage(std::chrono::nanoseconds length) {
    const auto until = now_ns() + static_cast<std::uint64_t>(length.count());
    auto last = now_ns();
    while (now_ns() < until && book_->next_block < ids_max / block_ids && lives_ + 1 < lives_max) {
      test::nap(std::chrono::microseconds(random_() % (2 * weather_.pause_us)));
      const auto now = now_ns();
      if (now - last > freeze_ns + weather_.pause_us * 2'000ULL) book_->frozen_until = now;
      last = now;
      go_on_after(now);
      strike(now);
    }
    go_on_after(~0ULL);
    book_->stop = true;
  }

  /// Those whose stop is over.
  void go_on_after(std::uint64_t now) {
    std::erase_if(stopped_, [&](const Stopped& one) {
      if (one.until > now) return false;
      ::kill(one.pid, SIGCONT);
      return true;
    });
  }

  void strike(std::uint64_t now) {
    const auto lot = random_() % 8;
    if (weather_.stops && lot < 2) {
      stop_somebody(now);
    } else if (weather_.kill_daemon && lot == 2) {
      kill(daemon_);
      daemon_ = start_daemon();
    } else if (weather_.restart_handlers && lot == 3) {
      const auto which = random_() % handlers_.size();
      end(handlers_[which]);
      ++result_.restarts;
      handlers_[which] = start_handler(static_cast<unsigned>(which));
    } else if (weather_.kill_handlers && (!weather_.kill_callers || lot % 2 == 0)) {
      const auto which = random_() % handlers_.size();
      // Mostly those that work: killed at their start again and again nobody gets anything done.
      if (!book_->serving[which] && random_() % 8 != 0) return;
      kill(handlers_[which]);
      // Sometimes nobody is there for a while.
      if (random_() % 8 == 0) test::nap(std::chrono::microseconds(random_() % 20'000));
      handlers_[which] = start_handler(static_cast<unsigned>(which));
    } else if (weather_.kill_callers) {
      auto& victim = callers_[random_() % callers_.size()];
      book_->lives[victim.life].killed = 1;
      kill(victim.process);
      victim = start_caller();
    }
  }

  void forget_stop(pid_t pid) {
    std::erase_if(stopped_, [pid](const Stopped& one) { return one.pid == pid; });
  }

  void kill(Child& process) {
    forget_stop(process.pid());
    process.kill();
    ++result_.kills;
  }

  /// In good order; one that does not end has hung.
  void end(Child& process) {
    if (process.pid() <= 0) return;
    forget_stop(process.pid());
    process.signal(SIGCONT);
    process.signal(SIGTERM);
    const int code = process.wait(std::chrono::seconds(20));
    if (code == test::ended_by(SIGTERM)) return;  // before it had asked for the signal
    if (code != 0) problem(result_.summary.hung, "a handler ended with " + std::to_string(code));
  }

  void stop_somebody(std::uint64_t now) {
    const auto pick = random_() % (callers_.size() + handlers_.size() + (weather_.daemon ? 1 : 0));
    const Child& victim = pick < callers_.size() ? callers_[pick].process
                          : pick < callers_.size() + handlers_.size()
                              ? handlers_[pick - callers_.size()]
                              : daemon_;
    if (victim.pid() <= 0) return;
    victim.signal(SIGSTOP);
    stopped_.push_back({victim.pid(), now + random_() % 60'000'000});
    ++result_.stops;
  }

  void problem(std::uint64_t& counter, const std::string& what) {
    ++counter;
    std::printf("  %s\n", what.c_str());
  }

  void reckon() {
    for (auto& caller : callers_) {
      const int code = caller.process.wait(std::chrono::seconds(60));
      if (code != 0) problem(result_.summary.hung, "a caller ended with " + std::to_string(code));
    }
    callers_.clear();
    const auto others = weather_.handlers + (weather_.daemon ? 1U : 0U);
    expect({.participants = others, .endpoints = weather_.handlers}, "after the callers");
    for (auto& handler : handlers_) end(handler);
    handlers_.clear();
    daemon_.kill();
    expect({}, "in the end");
    const auto findings = doctor_findings(path_);
    if (!findings.empty()) problem(result_.summary.other, "doctor: " + findings);
    if (!files_left(path_).empty()) problem(result_.summary.leaked, "files: " + files_left(path_));

    auto& sum = result_.summary;
    const Tally tally = judge(*book_, weather_, sum);
    if (book_->misordered != 0) {
      problem(sum.other, std::to_string(book_->misordered) + " started out of order");
    }
    if (book_->damaged != 0) {
      problem(sum.lost, std::to_string(book_->damaged) + " requests were damaged");
    }
    result_.commands = tally.sent;
    result_.slowest_ns = book_->slowest_ns;
    sum.points = result_.kills + result_.stops + result_.restarts;
    if (sum.lost + sum.duplicated + sum.hung + sum.leaked + sum.other == 0) {
      sum.recovered = sum.points;
    }
    result_.counts =
        "sent=" + std::to_string(tally.sent) + " ok=" + std::to_string(tally.ok) +
        " one-way=" + std::to_string(tally.one_way) + " not-run=" + std::to_string(tally.not_run) +
        " died=" + std::to_string(tally.died) + " dropped=" + std::to_string(tally.dropped) +
        " gave-up=" + std::to_string(tally.gave_up) + " untold=" + std::to_string(tally.untold);
  }

  /// Others may still be at it, a handler draining what the dead have sent, say.
  void expect(const test::Census& wanted, const char* when) {
    const bool clean = test::eventually(
        [&] {
          Child([this] {
            auto bus = Bus::open(path_, {.label = "storm reclaimer"});
            return bus && bus->reclaim() ? 0 : 1;
          }).wait();
          return census_of(path_) == wanted;
        },
        std::chrono::seconds(10));
    if (clean) return;
    std::ostringstream text;
    text << "left " << when << ": " << census_of(path_) << ", expected " << wanted << "\n"
         << doctor_findings(path_);
    problem(result_.summary.leaked, text.str());
    if (std::getenv("SHMBUS_KEEP") != nullptr) {
      std::system(("cp " + path_ + " /tmp/shmbus-storm-kept").c_str());
    }
  }

  Weather weather_;
  std::mt19937_64 random_;
  std::string path_;
  SharedBook book_;
  Child daemon_;
  std::vector<Child> handlers_;
  std::vector<Caller> callers_;
  std::vector<Stopped> stopped_;
  std::uint64_t lives_ = 0;
  RoundResult result_;
};

}  // namespace

RoundResult play_round(const Weather& weather, std::uint64_t seed,
                       std::chrono::nanoseconds length) {
  return Round(weather, seed).play(length);
}

}  // namespace shmbus::torture
