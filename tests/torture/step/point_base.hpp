// What each kind of point has in common: the world, the subject that is cut off, its peers, and
// what is found wrong.
#pragma once

#include <chrono>
#include <string>

#include "torture/step/point.hpp"
#include "torture/support/bus_state.hpp"

namespace shmbus::torture {

class PointBase {
 public:
  PointBase(const PointBase&) = delete;
  PointBase& operator=(const PointBase&) = delete;
  PointResult play(const Target& target);

 protected:
  /// `limit`: within which each peer has to end.
  PointBase(const Operation& operation, Peers peers, std::chrono::seconds limit);
  virtual ~PointBase();

  /// Makes the bus and the peers, and the subject, which stands before its operation.
  virtual bool set_the_scene() = 0;
  /// The subject has been cut off: how do the others fare, and what is left?
  virtual void see_the_rest() = 0;

  void problem(std::uint64_t& counter, const std::string& what);
  bool expect(bool good, const char* what);
  bool make_the_bus();
  bool prepare_the_subject();

  test::Child peer(int (*body)(World&));
  test::Child peer(int (*body)(World&, WaitMode));
  [[nodiscard]] bool parked() const { return world_.peers == Peers::parked; }
  /// Until a peer has raised the flag so often.
  [[nodiscard]] bool ready(const std::atomic<int>& flag, int least = 1) const;
  static bool stands(const test::Child& child, const std::atomic<int>& reached);

  /// Runs a newcomer, who must succeed soon.
  void newcomer(int (*body)(World&), const char* what);
  void finish(test::Child& child, const char* who);
  void note(const Stopwatch& clock);

  template <class Clean>
  void expect_nothing_left(const char* when, Clean clean) {
    if (test::eventually(clean, std::chrono::seconds(5))) return;
    problem(result_.summary.leaked, "left " + std::string(when) + ": " + what_is_left());
  }
  /// Findings of the doctor, and files.
  void examine();

  const Operation& operation_;
  std::string path_;
  test::Shared<Ledger> ledger_;
  World world_;
  SegmentWatch watch_;
  PointResult result_;
  test::Child subject_;
  test::Child reclaimer_;

 private:
  [[nodiscard]] std::string what_is_left() const;
  void judge_exit(int code, const char* who);

  const std::chrono::seconds limit_;
};

}  // namespace shmbus::torture
