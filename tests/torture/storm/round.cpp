#include "torture/storm/round.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <deque>
#include <optional>

#include "recovery/participant.hpp"
#include "session/core.hpp"
#include "shmbus/shmbus.hpp"
#include "support/child.hpp"
#include "torture/storm/crew.hpp"
#include "torture/storm/judge.hpp"
#include "torture/storm/newsroom.hpp"
#include "torture/storm/roles.hpp"
#include "torture/storm/streamers.hpp"
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
    book_->began_ns = now_ns();
  }
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;
  ~Round() { ::unlink(path_.c_str()); }

  RoundResult play(std::chrono::nanoseconds length) {
    make_bus();
    if (weather_.daemon) daemon_ = start_daemon();
    if (weather_.events) {
      newsroom_.emplace(path_, random_());
      if (!newsroom_->open()) problem(result_.summary.hung, "nobody can subscribe");
    }
    if (weather_.streams) {
      streamers_.emplace(path_, random_());
      streamers_->open();
    }
    for (unsigned i = 0; i < weather_.handlers; ++i) {
      crews_.emplace_back(weather_, i, [this](const Post& post) { return start_handler(post); });
    }
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
      // One alone gets tables that are small enough to be exhausted.
      const bool small = weather_.owners == Owners::one && !weather_.canary;
      options.capacities = {.participants = (small ? 16U : 32U) + (weather_.events ? 12U : 0U) +
                                            (weather_.streams ? 12U : 0U),
                            .names = 12,
                            .endpoints = small ? (weather_.streams ? 8U : 4U) : endpoints_max,
                            .lanes = small ? (weather_.streams ? 36U : 24U) : lanes_max,
                            .cells_per_lane = weather_.cells,
                            .inbox_slots = 64,
                            .extents = 64,
                            .extent_bytes = 16384};
      return Bus::open(path_, options) ? 0 : 1;
    });
    if (maker.wait() != 0) problem(result_.summary.hung, "cannot make a bus");
  }

  Role role() { return {path_, *book_, weather_, random_()}; }

  Child start_handler(const Post& post) {
    book_->serving[post.number] = false;
    return Child([post, role = role()] { return serve_for_ever(role, post); });
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
      last = notice_freeze(last, now, weather_.pause_us * 2'000ULL);
      go_on_after(now);
      look_after_crews();
      strike(now);
    }
    go_on_after(~0ULL);
    book_->stop = true;
  }

  /// Nobody was running, if much more time has passed than the nap that was asked for.
  std::uint64_t notice_freeze(std::uint64_t last, std::uint64_t now, std::uint64_t nap) {
    if (now - last > freeze_ns + nap) book_->frozen_until = now;
    return now;
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
    if (newsroom_ && random_() % 3 == 0) return kill_one_of(*newsroom_);
    if (streamers_ && random_() % 3 == 0) return kill_one_of(*streamers_);
    if (weather_.stops && lot < 2) {
      stop_somebody(now);
    } else if (weather_.kill_daemon && lot == 2) {
      kill(daemon_);
      daemon_ = start_daemon();
    } else if (weather_.restart_handlers && lot == 3) {
      restart_handler();
    } else if (weather_.canary && lot >= 6) {
      change_route();
    } else if (weather_.owners == Owners::relay && lot >= 6) {
      auto& crew = any_crew();
      result_.restarts += crew.send_successor(random_()) ? 1 : 0;
    } else if (weather_.kill_handlers && (!weather_.kill_callers || lot % 2 == 0)) {
      kill_handler();
    } else if (weather_.kill_callers) {
      auto& victim = callers_[random_() % callers_.size()];
      book_->lives[victim.life].killed = 1;
      kill(victim.process);
      victim = start_caller();
    }
  }

  template <class Group>
  void kill_one_of(Group& group) {
    auto& members = group.members();
    if (members.empty()) return;
    auto& victim = members[random_() % members.size()];
    if (victim.process.pid() <= 0) return;
    kill(victim.process);
    group.replace(victim);
  }

  Crew& any_crew() { return crews_[random_() % crews_.size()]; }

  void restart_handler() {
    auto& crew = any_crew();
    const auto which = random_() % crew.size();
    end(crew.at(which).process);
    ++result_.restarts;
    crew.replace(which);
  }

  void kill_handler() {
    auto& crew = any_crew();
    const auto which = random_() % crew.size();
    // Mostly those that work: killed at their start again and again nobody gets anything done.
    const unsigned idle_too = weather_.owners == Owners::relay ? 2 : 8;
    if (!book_->serving[crew.at(which).post.number] && random_() % idle_too != 0) return;
    kill(crew.at(which).process);
    // Sometimes nobody is there for a while.
    if (random_() % 8 == 0) test::nap(std::chrono::microseconds(random_() % 20'000));
    crew.replace(which);
  }

  /// One who is still at it is killed.
  void change_route() {
    if (router_.pid() > 0) kill(router_);
    const auto name = static_cast<unsigned>(random_() % weather_.handlers);
    router_ = Child([name, role = role()] { return torture::change_route(role, name); });
  }

  void look_after_crews() {
    for (auto& crew : crews_) {
      const auto ended = crew.look_after();
      result_.handed_over += ended.handed_over;
      result_.kills += ended.shot;
      if (ended.wrong == 0) continue;
      problem(result_.summary.hung, "a handler ended with " + std::to_string(ended.wrong));
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

  /// The process that was stopped goes on meanwhile: nobody is to wait for that one for longer.
  int wait_for(Child& process) {
    auto last = now_ns();
    for (int naps = 0; naps < 30'000 && !Crew::has_ended(process); ++naps) {
      test::nap(std::chrono::milliseconds(1));
      last = notice_freeze(last, now_ns(), 0);
      go_on_after(last);
    }
    return process.wait(std::chrono::seconds(1));
  }

  /// In good order; one that does not end has hung.
  void end(Child& process) {
    if (process.pid() <= 0) return;
    forget_stop(process.pid());
    process.signal(SIGCONT);
    process.signal(SIGTERM);
    const int code = wait_for(process);
    if (code == test::ended_by(SIGTERM)) return;  // before it had asked for the signal
    if (code == not_given && weather_.owners == Owners::relay) return;
    if (code == test::ended_by(SIGKILL) && weather_.by_force) return;  // shot by who takes over
    if (code != 0) problem(result_.summary.hung, "a handler ended with " + std::to_string(code));
  }

  void stop_somebody(std::uint64_t now) {
    std::vector<pid_t> all{daemon_.pid(), router_.pid()};
    for (const auto& caller : callers_) all.push_back(caller.process.pid());
    for (auto& crew : crews_) {
      for (std::size_t i = 0; i < crew.size(); ++i) all.push_back(crew.at(i).process.pid());
    }
    if (newsroom_) {
      for (const auto& member : newsroom_->members()) all.push_back(member.process.pid());
    }
    if (streamers_) {
      for (const auto& member : streamers_->members()) all.push_back(member.process.pid());
    }
    const pid_t victim = all[random_() % all.size()];
    if (victim <= 0) return;
    ::kill(victim, SIGSTOP);
    stopped_.push_back({victim, now + random_() % 60'000'000});
    ++result_.stops;
  }

  void problem(std::uint64_t& counter, const std::string& what) {
    ++counter;
    std::printf("  %s\n", what.c_str());
  }

  void reckon() {
    (void)router_.wait();
    auto last = now_ns();
    const auto until = last + 60'000'000'000;
    for (auto& caller : callers_) {
      // The last ones of a relay may still be changing owners.
      while (!Crew::has_ended(caller.process) && now_ns() < until) {
        look_after_crews();
        last = notice_freeze(last, now_ns(), 0);
        test::nap(std::chrono::milliseconds(1));
      }
      const int code = caller.process.wait(std::chrono::seconds(1));
      if (code != 0) problem(result_.summary.hung, "a caller ended with " + std::to_string(code));
    }
    callers_.clear();
    if (newsroom_) newsroom_->close(result_.summary);
    if (streamers_) streamers_->close(result_.summary);
    expect([this] { return census_of_crews(); }, "after the callers");
    for (auto& crew : crews_) {
      for (std::size_t i = 0; i < crew.size(); ++i) end(crew.at(i).process);
    }
    crews_.clear();
    daemon_.kill();
    expect([] { return test::Census{}; }, "in the end");
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
        " gave-up=" + std::to_string(tally.gave_up) + " untold=" + std::to_string(tally.untold) +
        (newsroom_ ? newsroom_->counts() : "") + (streamers_ ? streamers_->counts() : "");
  }

  /// Each of a group has a slot; of a relay one has it, and others wait.
  test::Census census_of_crews() {
    look_after_crews();
    test::Census wanted{.participants = weather_.daemon ? 1U : 0U};
    for (const auto& crew : crews_) {
      const auto size = static_cast<std::uint32_t>(crew.size());
      wanted.participants += size;
      wanted.endpoints += weather_.owners == Owners::relay ? 1 : size;
    }
    return wanted;
  }

  /// A name may move to another slot than the one where commands wait: two race for it while nobody
  /// serves it, a canary is promoted, a caller was stopped before it sent to a member that had gone
  /// meanwhile. Living callers have been told; what those left that have ended is dropped when
  /// somebody needs their lanes, as here.
  int reclaim() {
    auto bus = detail::BusCore::open(path_, {{.create = false, .label = "storm reclaimer"}, false});
    if (!bus) return 1;
    recovery::reclaim_all((*bus)->attachment());
    if (weather_.owners != Owners::relay && !weather_.shared()) return 0;
    if (recovery::drop_stranded_lanes((*bus)->attachment()) != 0) {
      recovery::reclaim_all((*bus)->attachment());
    }
    return 0;
  }

  /// Others may still be at it, a handler draining what the dead have sent, say.
  template <class Wanted>
  void expect(Wanted wanted, const char* when) {
    const bool clean = test::eventually(
        [&] {
          Child([this] { return reclaim(); }).wait();
          return census_of(path_) == wanted();
        },
        std::chrono::seconds(10));
    if (clean) return;
    std::ostringstream text;
    text << "left " << when << ": " << census_of(path_) << ", expected " << wanted() << "\n"
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
  Child router_;
  std::optional<Newsroom> newsroom_;
  std::optional<Streamers> streamers_;
  std::deque<Crew> crews_;
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
