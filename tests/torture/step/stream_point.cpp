// One kill in an operation on streams: what the other side was given, and what is left.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <sstream>

#include "torture/step/point.hpp"
#include "torture/step/stream_peers.hpp"
#include "torture/step/subject.hpp"
#include "torture/support/bus_state.hpp"

namespace shmbus::torture {
namespace {

using test::Child;
using namespace std::chrono_literals;

bool has_ended(const Child& child) {
  siginfo_t info{};
  const auto pid = static_cast<id_t>(child.pid());
  return ::waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

class StreamPoint {
 public:
  StreamPoint(const Operation& operation, Peers peers)
      : operation_(operation),
        scene_(*operation.streams),
        path_("/dev/shm/shmbus-step." + std::to_string(::getpid())),
        world_{path_, *ledger_, peers},
        watch_(path_, true) {
    ::unlink(path_.c_str());
  }
  StreamPoint(const StreamPoint&) = delete;
  StreamPoint& operator=(const StreamPoint&) = delete;
  ~StreamPoint() { ::unlink(path_.c_str()); }

  PointResult play(const Target& target) {
    result_.summary.points = 1;
    if (set_the_scene()) {
      run_on(0);
      result_.walk = walk(subject_.pid(), *ledger_, watch_, target);
      run_on(std::nullopt);
      if (result_.walk.stuck) problem(result_.summary.hung, "the operation does not end");
      subject_.kill();
      see_the_others();
      judge();
      clear_the_scene();
    }
    auto& sum = result_.summary;
    if (sum.lost + sum.duplicated + sum.hung + sum.leaked + sum.other == 0) sum.recovered = 1;
    return std::move(result_);
  }

 private:
  void problem(std::uint64_t& counter, const std::string& what) {
    ++counter;
    result_.problems += "  " + what + "\n";
  }
  bool expect(bool good, const char* what) {
    if (!good) problem(result_.summary.other, std::string("setting the scene: ") + what);
    return good;
  }
  Child peer(int (*body)(World&)) {
    return Child([this, body] { return body(world_); });
  }
  [[nodiscard]] WaitMode wait() const {
    return world_.peers == Peers::parked ? WaitMode::blocking : WaitMode::adaptive;
  }
  Child handler() {
    return Child([this] { return serve_streams(world_, wait()); });
  }
  Child caller(bool reads) {
    return Child([this, reads] { return stream_beside(world_, wait(), reads); });
  }
  bool stands(const Child& child, const std::atomic<int>& reached) {
    return test::eventually([&] { return reached != 0 && is_stopped(child.pid()); }, 10s);
  }

  bool set_the_scene() {
    Child maker([this] { return Bus::open(path_, tiny_bus()) ? 0 : 1; });
    if (!expect(maker.wait() == 0, "make the bus")) return false;
    watch_.look_for_file();
    if (scene_.handler) {
      handler_ = handler();
      if (!expect(wait_for(book().serving), "the handler")) return false;
    }
    if (world_.peers == Peers::mid_recovery) {
      reclaimer_ = peer(reclaim_stream_and_stop);
      if (!expect(wait_for(ledger_->reclaimer_ready), "the reclaimer")) return false;
    }
    if (scene_.dead_caller && !meet_the_dead()) return false;
    // Its handler is free before the subject's stream begins.
    if (scene_.handler && reclaimer_.pid() > 0) {
      if (!scene_.dead_caller && !meet_the_dead()) return false;
      if (!let_it_die()) return false;
    }
    subject_ = Child([this] { return be_subject(world_, operation_); });
    if (!expect(wait_for(ledger_->prepared), "prepare the subject")) return false;
    return set_the_peers();
  }

  bool set_the_peers() {
    if (world_.peers == Peers::mid_step) ledger_->armed = 1;
    if (scene_.callers) {
      reader_ = caller(true);
      writer_ = caller(false);
      if (!expect(wait_for(book().beside_open, 2), "the callers")) return false;
      if (world_.peers == Peers::mid_step &&
          !expect(stands(writer_, ledger_->caller_reached), "stop the one that puts")) {
        return false;
      }
    }
    if (!scene_.handler && reclaimer_.pid() > 0) return meet_the_dead() && let_it_die();
    dead_.kill();
    return true;
  }

  bool meet_the_dead() {
    dead_ = peer(die_in_stream);
    return expect(wait_for(book().left_behind), "the one that dies");
  }
  bool let_it_die() {
    dead_.kill();
    ledger_->go = 1;
    // Its handler may have been faster; then there is nothing to stop at.
    const bool there = test::eventually(
        [&] { return has_ended(reclaimer_) || is_stopped(reclaimer_.pid()); }, 10s);
    return expect(there, "stop the reclaimer");
  }

  void newcomer(int (*body)(World&), const char* what) {
    const Stopwatch clock;
    const int code = peer(body).wait(20s);
    note(clock);
    if (code != 0) {
      problem(result_.summary.hung, std::string(what) + " ended with " + std::to_string(code));
    }
  }
  void note(const Stopwatch& clock) {
    result_.slowest_ms = std::max(result_.slowest_ms, clock.ms());
  }
  void finish(Child& child, const char* who) {
    if (child.pid() <= 0) return;
    const Stopwatch clock;
    const int code = child.wait(20s);
    note(clock);
    if (code != 0) {
      problem(result_.summary.hung, std::string(who) + " ended with " + std::to_string(code));
    }
  }

  void see_the_others() {
    ledger_->armed = 0;  // whoever has not come to its place does not stop there later
    test::nap(1ms);
    for (const Child* stopped : {&handler_, &writer_, &reader_, &reclaimer_}) {
      if (stopped->pid() > 0) stopped->signal(SIGCONT);
    }
    finish(reclaimer_, "the stopped reclaimer");
    if (!scene_.handler) {
      const Stopwatch clock;
      handler_ = handler();
      if (!test::eventually([&] { return book().serving != 0; }, 10s)) {
        problem(result_.summary.hung, "no successor can register");
      }
      note(clock);
    }
    finish(reader_, "the caller that reads");
    finish(writer_, "the caller that puts");
    newcomer(stream_afresh, "a fresh caller");
    if (!scene_.handler) return;
    // What it does for the dead comes to an end.
    for (const auto number : {stream_id::subject, stream_id::dead}) {
      auto& note = book().streams[number];
      if (test::eventually([&] { return note.ends == note.starts; }, 10s)) continue;
      problem(result_.summary.hung, "a handler does not learn that its caller has died");
    }
  }

  void judge() {
    for (std::uint64_t number = 0; number < stream_id::count; ++number) {
      const auto& note = book().streams[number];
      const bool fresh = number == stream_id::fresh;
      if (!fresh && note.starts > 1) wrong(result_.summary.duplicated, number, "started twice");
      judge_end(number, note);
      judge_way(number, note.from_handler, !scene_.handler && !fresh);
      judge_way(number, note.to_handler, number < stream_id::beside || number == stream_id::dead);
    }
    if (book().wrong != 0) {
      problem(result_.summary.duplicated,
              std::to_string(book().wrong) + " records torn or out of order");
    }
  }
  void wrong(std::uint64_t& counter, std::uint64_t number, const std::string& what) {
    problem(counter, "stream " + std::to_string(number) + ": " + what);
  }

  /// Callers that live are told an end, and one that may be.
  void judge_end(std::uint64_t number, const StreamNote& note) {
    const auto end = note.end.load();
    if (end == StreamEnd::wrong) wrong(result_.summary.other, number, "an end that cannot be");
    const bool lives = number >= stream_id::beside && number < stream_id::dead && scene_.callers;
    if (!lives) return;
    if (end == StreamEnd::open) wrong(result_.summary.hung, number, "never ended");
    if (end == StreamEnd::not_run && note.starts != 0) {
      wrong(result_.summary.duplicated, number, "started, and its caller was told that it was not");
    }
    if (end == StreamEnd::ok && note.starts == 0) wrong(result_.summary.lost, number, "never run");
  }

  /// A reader that came to an end has read all that was put; of one that was killed in put(), one
  /// more record may be there.
  void judge_way(std::uint64_t number, const StreamWay& way, bool writer_dies) {
    const std::uint64_t put = way.put;
    const std::uint64_t read = way.read;
    if (read > put + (writer_dies ? 1 : 0)) {
      wrong(result_.summary.duplicated, number,
            std::to_string(put) + " records were put and " + std::to_string(read) + " read");
    }
    if (way.read_to_end != 0 && read < put) {
      wrong(result_.summary.lost, number,
            std::to_string(put) + " records were put and " + std::to_string(read) +
                " read before the end");
    }
  }

  void clear_the_scene() {
    handler_.kill();
    const bool clean = test::eventually(
        [&] { return peer(close_the_books).wait(10s) == 0 && census_of(path_) == test::Census{}; },
        5s);
    if (!clean) {
      std::ostringstream text;
      text << "left in the end: " << census_of(path_) << "; " << doctor_findings(path_);
      problem(result_.summary.leaked, text.str());
    }
    const auto findings = doctor_findings(path_, 1ms);
    if (!findings.empty()) problem(result_.summary.other, "doctor: " + findings);
    if (!files_left(path_).empty()) problem(result_.summary.leaked, "files: " + files_left(path_));
  }

  StreamBook& book() { return ledger_->streams; }

  const Operation& operation_;
  const StreamScene scene_;
  std::string path_;
  test::Shared<Ledger> ledger_;
  World world_;
  SegmentWatch watch_;
  PointResult result_;
  Child subject_;
  Child handler_;
  Child reader_;
  Child writer_;
  Child dead_;
  Child reclaimer_;
};

}  // namespace

PointResult try_stream_point(const Operation& operation, Peers peers, const Target& target) {
  return StreamPoint(operation, peers).play(target);
}

}  // namespace shmbus::torture
