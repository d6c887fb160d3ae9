// One kill in an operation on streams: what the other side was given, and what is left.
#include <sys/wait.h>

#include <csignal>

#include "torture/step/point_base.hpp"
#include "torture/step/stream_peers.hpp"
#include "torture/step/subject.hpp"

namespace shmbus::torture {
namespace {

using test::Child;
using namespace std::chrono_literals;

bool has_ended(const Child& child) {
  siginfo_t info{};
  const auto pid = static_cast<id_t>(child.pid());
  return ::waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

class StreamPoint final : public PointBase {
 public:
  StreamPoint(const Operation& operation, Peers peers)
      : PointBase(operation, peers, 20s), scene_(*operation.streams) {}

 private:
  bool set_the_scene() override {
    if (!make_the_bus()) return false;
    if (scene_.handler) {
      handler_ = peer(serve_streams);
      if (!expect(ready(book().serving), "the handler")) return false;
    }
    if (world_.peers == Peers::mid_recovery) {
      reclaimer_ = peer(reclaim_stream_and_stop);
      if (!expect(ready(ledger_->reclaimer_ready), "the reclaimer")) return false;
    }
    if (scene_.dead_caller && !meet_the_dead()) return false;
    // Its handler is free before the subject's stream begins.
    if (scene_.handler && reclaimer_.pid() > 0) {
      if (!scene_.dead_caller && !meet_the_dead()) return false;
      if (!let_it_die()) return false;
    }
    return prepare_the_subject() && set_the_peers();
  }

  bool set_the_peers() {
    if (world_.peers == Peers::mid_step) ledger_->armed = 1;
    if (scene_.callers) {
      reader_ = peer(read_beside);
      writer_ = peer(put_beside);
      if (!expect(ready(book().beside_open, 2), "the callers")) return false;
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
    return expect(ready(book().left_behind), "the one that dies");
  }
  bool let_it_die() {
    dead_.kill();
    ledger_->go = 1;
    // Its handler may have been faster; then there is nothing to stop at.
    const bool there = test::eventually(
        [&] { return has_ended(reclaimer_) || is_stopped(reclaimer_.pid()); }, 10s);
    return expect(there, "stop the reclaimer");
  }

  void see_the_rest() override {
    see_the_others();
    judge();
    clear_the_scene();
  }

  void see_the_others() {
    ledger_->armed = 0;  // a peer that has not come to its place does not stop there later
    test::nap(1ms);
    for (const Child* stopped : {&handler_, &writer_, &reader_, &reclaimer_}) {
      if (stopped->pid() > 0) stopped->signal(SIGCONT);
    }
    finish(reclaimer_, "the stopped reclaimer");
    if (!scene_.handler) {
      const Stopwatch clock;
      handler_ = peer(serve_streams);
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

  /// Callers that live get an end, and one that is possible.
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
    expect_nothing_left("in the end", [&] {
      return peer(close_the_books).wait(10s) == 0 && census_of(path_) == test::Census{};
    });
    examine();
  }

  StreamBook& book() { return ledger_->streams; }

  const StreamScene scene_;
  Child handler_;
  Child reader_;
  Child writer_;
  Child dead_;
};

}  // namespace

PointResult try_stream_point(const Operation& operation, Peers peers, const Target& target) {
  return StreamPoint(operation, peers).play(target);
}

}  // namespace shmbus::torture
