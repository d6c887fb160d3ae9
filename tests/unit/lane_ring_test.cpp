// The lane as a ring, on three stages: a million commands pass through eight cells in order, with
// replies at once, replies out of order, and one-way commands, from two mappings of the segment.
#include <deque>

#include "support/catch.hpp"
#include "support/lane_ends.hpp"
#include "support/stage.hpp"

using namespace shmbus;
using test::Step;

namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t commands = 100'000;
#else
constexpr std::uint64_t commands = 1'000'000;
#endif

constexpr std::uint64_t answer_to(std::uint64_t value) { return value * 3 + 1; }

/// Publishes as long as there is room, checks each answer in the order of publishing.
class Asker {
 public:
  explicit Asker(std::shared_ptr<detail::BusCore> core) : end_(std::move(core)) {}
  Step step() {
    if (received_ == commands) return Step::finished;
    bool worked = false;
    while (next_ < commands && end_->has_room()) {
      waiting_.push_back({end_.publish(next_), next_});
      ++next_;
      worked = true;
    }
    while (!waiting_.empty()) {
      const auto got = end_.reply(waiting_.front().ticket);
      if (!got) break;
      if (*got != answer_to(waiting_.front().value)) return Step::failed;
      waiting_.pop_front();
      ++received_;
      worked = true;
    }
    return worked ? Step::worked : Step::idle;
  }

 private:
  struct Waiting {
    lane::Ticket ticket;
    std::uint64_t value;
  };
  test::CallerEnd end_;
  std::deque<Waiting> waiting_;
  std::uint64_t next_ = 0;
  std::uint64_t received_ = 0;
};

/// Takes in order; answers `hold` commands at a time, the newest first.
class Answerer {
 public:
  Answerer(std::shared_ptr<detail::BusCore> core, std::size_t hold)
      : end_(std::move(core)), hold_(hold) {}
  Step step() {
    if (answered_ == commands) return Step::finished;
    bool worked = false;
    while (const auto taken = end_.take()) {
      if (test::OwnerEnd::number(*taken) != next_++) return Step::failed;
      held_.push_back(*taken);
      worked = true;
      if (held_.size() >= hold_) flush();
    }
    if (!worked) flush();
    return worked ? Step::worked : Step::idle;
  }

 private:
  void flush() {
    for (; !held_.empty(); held_.pop_back(), ++answered_) {
      end_.answer(held_.back(), answer_to(test::OwnerEnd::number(held_.back())));
    }
  }
  test::OwnerEnd end_;
  std::size_t hold_;
  std::vector<serve::Taken> held_;
  std::uint64_t next_ = 0;
  std::uint64_t answered_ = 0;
};

/// One-way: publishes, collects when there is no room, ends when all are collected.
class Sender {
 public:
  explicit Sender(std::shared_ptr<detail::BusCore> core) : end_(std::move(core)) {}
  Step step() {
    bool worked = false;
    while (next_ < commands && end_->has_room()) {
      (void)end_.publish(next_++, true);
      worked = true;
    }
    const auto before = end_->outstanding();
    if (!end_.collect().empty()) return Step::failed;
    if (next_ == commands && end_->outstanding() == 0) return Step::finished;
    return worked || end_->outstanding() != before ? Step::worked : Step::idle;
  }

 private:
  test::CallerEnd end_;
  std::uint64_t next_ = 0;
};

class Sink {
 public:
  explicit Sink(std::shared_ptr<detail::BusCore> core) : end_(std::move(core)) {}
  Step step() {
    if (next_ == commands) return Step::finished;
    const auto taken = end_.take();
    if (!taken) return Step::idle;
    if (taken->word().phase() != layout::Phase::send) return Step::failed;
    if (test::OwnerEnd::number(*taken) != next_++) return Step::failed;
    end_.done(*taken);
    return Step::worked;
  }

 private:
  test::OwnerEnd end_;
  std::uint64_t next_ = 0;
};

/// The bus as a part sees it: two threads share one mapping, where ThreadSanitizer can watch them;
/// on the other stages each part has a mapping of its own.
class Meeting {
 public:
  explicit Meeting(test::Stage stage) {
    if (stage == test::Stage::two_threads) shared_ = test::join(bus_.path(), test::one_lane());
  }
  [[nodiscard]] std::shared_ptr<detail::BusCore> core() const {
    return shared_ ? shared_ : test::join(bus_.path(), test::one_lane());
  }

 private:
  test::TempBus bus_;
  std::shared_ptr<detail::BusCore> shared_;
};

constexpr test::Stage stages[] = {test::Stage::one_thread, test::Stage::two_threads,
                                  test::Stage::two_processes};

}  // namespace

TEST_CASE("a million calls wrap around eight cells in order", "[lane]") {
  for (const auto stage : stages) {
    INFO(test::to_string(stage));
    const Meeting meeting(stage);
    CHECK(test::play(
        stage, [&] { return std::make_unique<Asker>(meeting.core()); },
        [&] { return std::make_unique<Answerer>(meeting.core(), 1); }));
  }
}

TEST_CASE("replies out of order reach their own call", "[lane]") {
  // The owner answers five at a time, the newest first: cells become free out of order, so the
  // links between them are soon a random permutation.
  for (const auto stage : stages) {
    INFO(test::to_string(stage));
    const Meeting meeting(stage);
    CHECK(test::play(
        stage, [&] { return std::make_unique<Asker>(meeting.core()); },
        [&] { return std::make_unique<Answerer>(meeting.core(), 5); }));
  }
}

TEST_CASE("a million one-way commands are done, in order, and none is lost", "[lane]") {
  for (const auto stage : stages) {
    INFO(test::to_string(stage));
    const Meeting meeting(stage);
    CHECK(test::play(
        stage, [&] { return std::make_unique<Sender>(meeting.core()); },
        [&] { return std::make_unique<Sink>(meeting.core()); }));
  }
}
