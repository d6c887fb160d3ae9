#include "schedule/eventing.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "os/futex.hpp"
#include "schedule/acting.hpp"

namespace shmbus::schedule {
namespace {

using Content = std::array<std::uint64_t, 14>;  // as large as an event may be
static_assert(sizeof(Content) == small_events.event_bytes);

constexpr std::uint64_t publish_prompt_ns = 9'000'000;  // publishers look again each 10 ms
constexpr std::uint64_t next_prompt_ns = 90'000'000;    // subscribers each 100 ms

/// What the event says; 0 when it is torn.
std::uint64_t content_of(std::span<const std::byte> bytes) {
  Content content{};
  Stage::the().scheduler().touch(bytes.data(), bytes.size(), false);
  if (bytes.size() != sizeof content) return 0;
  std::memcpy(content.data(), bytes.data(), sizeof content);
  for (const std::uint64_t word : content) {
    if (word != content[0]) return 0;
  }
  return content[0];
}

bool held_up() {
  const auto& scheduler = Stage::the().scheduler();
  for (std::size_t i = 0; i < scheduler.participants(); ++i) {
    if (scheduler.was_held_up(i) || scheduler.killed(i)) return true;
  }
  return false;
}

}  // namespace

// --- publishing ------------------------------------------------------------------------------

Publishing::Publishing(Peer& peer, std::string_view topic)
    : self_(Stage::the().scheduler().running()), elsewhere_(topic != the_topic) {
  auto core = detail::PublisherCore::open(peer.bus(), CommandName(topic), small_events, {});
  if (core) {
    core_ = std::move(*core);
    return;
  }
  Stage::the().must(core.error().kind == ErrorKind::limit_reached, "a publisher cannot be made");
}

/// In place where the memory model has to be told when the event is written.
Result<std::uint64_t> Publishing::put(std::span<const std::byte> event) {
  auto& scheduler = Stage::the().scheduler();
  if (!scheduler.weak()) return core_->publish(event, default_timeout);
  const auto room = core_->loan(event.size(), default_timeout);
  if (!room) return tl::unexpected<Error>(room.error());
  scheduler.touch(room->data(), room->size(), true);
  std::copy(event.begin(), event.end(), room->begin());
  return core_->publish_loaned(event.size());
}

void Publishing::publish(int times) {
  Stage& stage = Stage::the();
  for (int i = 0; i < times; ++i) {
    Content content{};
    content.fill(stage.events.hand(elsewhere_));
    const std::uint64_t began = stage.scheduler().now();
    const auto sequence = put(std::as_bytes(std::span(content)));
    stage.must(sequence.has_value(), "a publisher waits for nobody who lives");
    stage.must(held_up() || stage.scheduler().now() - began < publish_prompt_ns,
               "a publisher was not woken");
    if (!elsewhere_) stage.must(stage.events.published(content[0], *sequence));
  }
}

// --- subscribing -----------------------------------------------------------------------------

Subscribing::Subscribing(Peer& peer, WhenSlow slow, From from)
    : self_(Stage::the().scheduler().running()), holds_(slow == WhenSlow::hold) {
  auto core = detail::SubscriberCore::open(
      peer.bus(), CommandName(the_topic),
      {.from = from, .when_slow = slow, .wait = WaitMode::blocking}, {});
  Stage::the().must(core.has_value(), "cannot subscribe");
  core_.reset(core->release());
}

void Subscribing::judge(const EventView& event) {
  Stage& stage = Stage::the();
  const std::uint64_t sequence = event.sequence();
  const std::uint64_t missed = core_->missed() - missed_;
  missed_ += missed;
  stage.must(sequence > last_, "a subscriber was given an event twice, or an older one");
  if (last_ != 0) {
    stage.must(sequence == last_ + 1 + missed, "what a subscriber missed is counted wrongly");
  }
  stage.must(!holds_ || missed == 0, "one that holds has missed an event");
  last_ = sequence;
  const std::uint64_t content = content_of(event.bytes());
  stage.must(content != 0, "a subscriber was given a torn event");
  stage.must(stage.events.read(content, sequence));
  wait::pause_for(1000);  // others have a turn
  stage.must(content_of(event.bytes()) == content, "an event was overwritten while it was read");
}

bool Subscribing::next(Duration timeout) {
  const auto event = core_->next(timeout);
  if (event) {
    judge(*event);
    return true;
  }
  Stage::the().must(event.error().kind == ErrorKind::timed_out, "a subscriber gets an error");
  return false;
}

void Subscribing::await_next() {
  Stage& stage = Stage::the();
  const std::uint64_t began = stage.scheduler().now();
  stage.must(next(std::chrono::seconds(1)), "an event does not arrive");
  stage.must(held_up() || stage.scheduler().now() - began < next_prompt_ns,
             "a subscriber was not woken");
}

void Subscribing::read_all() {
  Stage& stage = Stage::the();
  while (next(Duration(0))) {
  }
  // That an event was published before we looked orders nothing where memory is weak: it comes.
  while (stage.scheduler().weak() && last_ < stage.events.newest()) await_next();
  stage.must(last_ >= stage.events.newest(), "a subscriber does not find the newest event");
}

void free_event_lanes(Peer& peer) {
  const Publishing last(peer, "last");
  Stage::the().must(last.there(), "a lane that nobody reads is not given up");
}

}  // namespace shmbus::schedule
