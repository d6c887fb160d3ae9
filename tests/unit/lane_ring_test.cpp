// The lane as a ring, on three stages: a million commands pass through eight cells in order, with
// replies at once, replies out of order, and one-way commands, from two mappings of the segment.
#include <chrono>
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
constexpr std::uint64_t fewest_commands = 100'000;

/// The numbers of the commands to send: `commands` of them. Fewer, but at least `fewest_commands`,
/// where other programs take the cores and each turn costs a time slice. `last` ends them.
class Supply {
 public:
  static constexpr std::uint64_t last = ~std::uint64_t{0};

  [[nodiscard]] bool over() const noexcept { return over_; }
  /// REQUIRES: !over().
  std::uint64_t next() noexcept {
    over_ = next_ == commands ||
            (next_ >= fewest_commands && next_ % 1024 == 0 && Clock::now() > enough_);
    return over_ ? last : next_++;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point enough_ = Clock::now() + std::chrono::seconds(10);
  std::uint64_t next_ = 0;
  bool over_ = false;
};

constexpr std::uint64_t answer_to(std::uint64_t value) { return value * 3 + 1; }

/// Publishes as long as there is room, checks each answer in the order of publishing.
class Asker {
 public:
  explicit Asker(std::shared_ptr<detail::BusCore> core) : end_(std::move(core)) {}
  Step step() {
    if (supply_.over() && waiting_.empty()) return Step::finished;
    bool worked = false;
    while (!supply_.over() && end_->has_room()) {
      const std::uint64_t number = supply_.next();
      waiting_.push_back({end_.publish(number), number});
      worked = true;
    }
    while (!waiting_.empty()) {
      const auto got = end_.reply(waiting_.front().ticket);
      if (!got) break;
      if (*got != answer_to(waiting_.front().value)) return Step::failed;
      waiting_.pop_front();
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
  Supply supply_;
};

/// Takes in order; answers `hold` commands at a time, the newest first.
class Answerer {
 public:
  Answerer(std::shared_ptr<detail::BusCore> core, std::size_t hold)
      : end_(std::move(core)), hold_(hold) {}
  Step step() {
    bool worked = false;
    while (const auto taken = end_.take()) {
      over_ = test::OwnerEnd::number(*taken) == Supply::last;
      if (!over_ && test::OwnerEnd::number(*taken) != next_++) return Step::failed;
      held_.push_back(*taken);
      worked = true;
      if (held_.size() >= hold_) flush();
    }
    if (!worked || over_) flush();
    if (over_) return Step::finished;
    return worked ? Step::worked : Step::idle;
  }

 private:
  void flush() {
    for (; !held_.empty(); held_.pop_back()) {
      end_.answer(held_.back(), answer_to(test::OwnerEnd::number(held_.back())));
    }
  }
  test::OwnerEnd end_;
  std::size_t hold_;
  std::vector<serve::Taken> held_;
  std::uint64_t next_ = 0;
  bool over_ = false;
};

/// One-way: publishes, collects when there is no room, ends when all are collected.
class Sender {
 public:
  explicit Sender(std::shared_ptr<detail::BusCore> core) : end_(std::move(core)) {}
  Step step() {
    bool worked = false;
    while (!supply_.over() && end_->has_room()) {
      (void)end_.publish(supply_.next(), true);
      worked = true;
    }
    const auto before = end_->outstanding();
    if (!end_.collect().empty()) return Step::failed;
    if (supply_.over() && end_->outstanding() == 0) return Step::finished;
    return worked || end_->outstanding() != before ? Step::worked : Step::idle;
  }

 private:
  test::CallerEnd end_;
  Supply supply_;
};

class Sink {
 public:
  explicit Sink(std::shared_ptr<detail::BusCore> core) : end_(std::move(core)) {}
  Step step() {
    const auto taken = end_.take();
    if (!taken) return Step::idle;
    if (taken->word().phase() != layout::Phase::send) return Step::failed;
    const std::uint64_t number = test::OwnerEnd::number(*taken);
    end_.done(*taken);
    if (number == Supply::last) return Step::finished;
    return number == next_++ ? Step::worked : Step::failed;
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
