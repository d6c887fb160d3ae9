#include "schedule/stage.hpp"

#include <cstring>

#include "os/futex.hpp"
#include "recovery/participant.hpp"
#include "schedule/eventing.hpp"
#include "schedule/streaming.hpp"

namespace shmbus::schedule {
namespace {

constexpr std::size_t large_bytes = 200;  // more than a line holds, both ways
constexpr std::uint64_t handler_ns = 5'000'000;
constexpr std::uint64_t prompt_ns = 50'000'000;  // handlers sweep each 100 ms, or later

Stage* only = nullptr;

std::span<const std::byte> bytes_of(const std::uint64_t& value) noexcept {
  return std::as_bytes(std::span(&value, 1));
}
std::span<std::byte> room_of(std::uint64_t& value) noexcept {
  return std::as_writable_bytes(std::span(&value, 1));
}

/// Large payloads are the number again and again: torn ones show. Where they lie in the segment,
/// the memory model is told that they are read or written.
void spread(std::span<std::byte> bytes, std::uint64_t value) noexcept {
  Stage::the().scheduler().touch(bytes.data(), bytes.size(), true);
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    std::memcpy(bytes.data() + at, &value, 8);
  }
}
bool gather(std::span<const std::byte> bytes, std::uint64_t& value) noexcept {
  if (bytes.size() < 8) return false;
  Stage::the().scheduler().touch(bytes.data(), bytes.size(), false);
  std::memcpy(&value, bytes.data(), 8);
  for (std::size_t at = 8; at + 8 <= bytes.size(); at += 8) {
    if (std::memcmp(bytes.data() + at, &value, 8) != 0) return false;
  }
  return true;
}

Status handle(Context& context) {
  if (const auto status = serve_stream(context)) return *status;
  Stage& stage = Stage::the();
  std::uint64_t command = 0;
  stage.must(gather(context.request(), command), "a handler was given a torn request");
  stage.must(stage.ledger.ran(command, stage.scheduler().running()));
  stage.scheduler().say("runs it");
  stage.scheduler().effect();
  if (stage.flags[Stage::die_in_handler] != 0) stage.scheduler().die();
  if (stage.flags[Stage::take_time] != 0) wait::pause_for(handler_ns);
  if (context.one_way()) return Status::ok();
  const auto reply = context.reply_buffer(context.request().size());
  stage.must(reply.size() == context.request().size(), "there is no room for the reply");
  spread(reply, Ledger::answer(command));
  return Status::ok();
}

}  // namespace

Stage& Stage::the() noexcept { return *only; }

void Stage::clear() noexcept {
  only = this;
  scheduler_->on_kill([this](std::size_t who) {
    ledger.died(who);
    has_name &= ~(1U << who);
  });
  ledger.clear();
  events = {};
  streams = {};
  stream_cancelled = false;
  held = {};
  flags = {};
  has_name = 0;
}

Peer::Peer() {
  auto core = detail::BusCore::open("bus", {});
  Stage::the().must(core.has_value(), "cannot join");
  bus_ = *core;
}

// --- handling --------------------------------------------------------------------------------

Handling::Handling(Peer& peer, Order order, std::uint32_t hot_lanes, bool stand_by)
    : self_(Stage::the().scheduler().running()),
      core_(peer.bus(), {.label = "handler",
                         .wait = WaitMode::blocking,
                         .order = order,
                         .hot_lanes = hot_lanes,
                         .stand_by = stand_by}) {}

Handling::~Handling() { note_name(false); }

/// Of those who were told that the name is theirs, and who live, there is one.
void Handling::note_name(bool has) {
  Stage& stage = Stage::the();
  const std::uint32_t mine = 1U << self_;
  if (!has) {
    stage.has_name &= ~mine;
    return;
  }
  for (std::size_t other = 0; other < views; ++other) {
    const bool too = other != self_ && (stage.has_name >> other & 1U) != 0;
    stage.must(!too, "a name has two owners");
  }
  stage.has_name |= mine;
}

bool Handling::stand_by() {
  const auto owns = core_.stand_by(std::chrono::milliseconds(5));
  Stage::the().must(owns.has_value(), "a server that stands by gets an error");
  if (*owns) note_name(true);
  return *owns;
}

bool Handling::take_name(std::string_view name) {
  auto handler = detail::Handler::make(&handle, &detail::run_raw<Status (*)(Context&)>);
  const auto added = core_.add(CommandName(name), std::move(handler), {}, {});
  if (added && name == the_name && !core_.standing_by()) note_name(true);
  if (added) return true;
  Stage& stage = Stage::the();
  if (added.error().kind == ErrorKind::limit_reached) {
    stage.must(!World::the().bound(CommandName(name)),
               "told that there is no endpoint, when somebody has the name");
  } else {
    stage.must(added.error().kind == ErrorKind::already_registered, "a name cannot be registered");
  }
  return false;
}

void Handling::give_up_name() {
  note_name(false);
  Stage::the().must(core_.remove(CommandName(the_name)).has_value(), "a name cannot be given up");
}

void Handling::serve() {
  Stage& stage = Stage::the();
  while (!stage.scheduler().clients_over()) idle();
}

void Handling::idle(Duration how_long) {
  Stage::the().must(core_.run_for(how_long).has_value(), "a server lost its endpoint");
}

void Handling::poll() {
  Stage::the().must(core_.poll(64).has_value(), "a server lost its endpoint");
}

// --- calling ---------------------------------------------------------------------------------

Calling::Calling(Peer& peer, CallerOptions options, bool ordered)
    : self_(Stage::the().scheduler().running()), ordered_(ordered) {
  options.wait = WaitMode::blocking;
  auto* core = new detail::CallerCore(std::make_shared<detail::Port>(peer.bus()),
                                      CommandName(the_name), options, {});
  raw_ = RawCaller(detail::CallerRef(core, &core->count));
  raw_.on_lost(&Calling::on_lost, this);
}

void Calling::settle(std::uint64_t command, const Result<std::uint64_t>& reply) {
  Stage& stage = Stage::the();
  stage.scheduler().say(reply ? "has its reply" : "is told an error");
  if (!reply) {
    const Told told = told_by(reply.error());
    stage.must(!insists_ || told != Told::never_ran,
               "a caller that waits for a successor is refused");
    return stage.must(stage.ledger.told(command, told));
  }
  stage.must(*reply == Ledger::answer(command), "a caller was given a wrong reply");
  stage.must(stage.ledger.told(command, Told::reply));
}

std::uint64_t Calling::call(Duration timeout) {
  Stage& stage = Stage::the();
  const std::uint64_t command = stage.ledger.send(self_, false, ordered_);
  std::uint64_t reply = 0;
  const std::uint64_t began = stage.scheduler().now();
  const auto size = raw_.call(bytes_of(command), room_of(reply), timeout);
  const auto held_up = [&](std::size_t who) { return stage.scheduler().was_held_up(who); };
  stage.must(
      !prompt_ || held_up(self_) || held_up(0) || stage.scheduler().now() - began < prompt_ns,
      "a command waited for a sweep");
  stage.ledger.sent(command);
  if (!size) {
    settle(command, tl::unexpected<Error>(size.error()));
    return command;
  }
  stage.must(*size == sizeof reply, "a caller was given a cut reply");
  settle(command, reply);
  return command;
}

void Calling::warm_up(Duration timeout) {
  const bool answered = Stage::the().ledger.answered(call(timeout));
  Stage::the().must(answered, "the scene does not even begin");
}

void Calling::call_large(Duration timeout) {
  Stage& stage = Stage::the();
  const std::uint64_t command = stage.ledger.send(self_, false, ordered_);
  auto loan = raw_.loan(large_bytes, large_bytes);
  if (!loan) return stage.ledger.not_sent(command);
  spread(loan->bytes(), command);
  auto view = loan->call(timeout);
  stage.ledger.sent(command);
  if (!view) return settle(command, tl::unexpected<Error>(view.error()));
  std::uint64_t reply = 0;
  stage.must(gather(view->bytes(), reply), "a caller was given a torn reply");
  settle(command, reply);
}

Pended Calling::start() {
  Stage& stage = Stage::the();
  const std::uint64_t command = stage.ledger.send(self_, false, ordered_);
  auto pending = raw_.start(bytes_of(command), sizeof command);
  stage.ledger.sent(command);
  if (!pending) {
    settle(command, tl::unexpected<Error>(pending.error()));
    return {command, {}};
  }
  return {command, std::move(*pending)};
}

void Calling::drop(Pended call) {
  Stage& stage = Stage::the();
  if (call.pending.valid()) stage.must(stage.ledger.told(call.command, Told::unknown));
}

void Calling::finish(Pended& call) {
  if (!call.pending.valid()) return;  // it was told why
  auto view = call.pending.wait();
  if (!view) return settle(call.command, tl::unexpected<Error>(view.error()));
  std::uint64_t reply = 0;
  Stage::the().must(gather(view->bytes(), reply), "a caller was given a cut reply");
  settle(call.command, reply);
}

void Calling::send() {
  Stage& stage = Stage::the();
  const std::uint64_t command = stage.ledger.send(self_, true, ordered_);
  const auto sequence = raw_.send(bytes_of(command));
  if (!sequence) return stage.ledger.not_sent(command);
  stage.ledger.number(command, *sequence);
  stage.ledger.sent(command);
}

void Calling::flush() { Stage::the().must(raw_.flush().has_value(), "cannot flush"); }

void Calling::on_lost(void* self, std::uint64_t sequence, ErrorKind why) {
  Stage& stage = Stage::the();
  const auto* caller = static_cast<Calling*>(self);
  stage.must(stage.ledger.lost(caller->self_, sequence, told_by({why, 0, 0, {}})));
}

// --- afterwards ------------------------------------------------------------------------------

std::string Stage::afterwards(const Scene& scene) {
  std::array<bool, fibers_max> dead{};
  for (std::size_t i = 0; i < scene.parts.size(); ++i) dead[i] = scheduler_->killed(i);
  std::string wrong = scheduler_->run_alone([&] {
    Peer peer;
    // The process that was killed last may have left it to the next to begin again.
    for (int i = 0; i < 2; ++i) recovery::reclaim_all(peer.attachment());
    must(recovery::reclaim_all(peer.attachment()) == 0, "recovery does not come to an end");
    if (scene.name.starts_with("events")) free_event_lanes(peer);
    Handling successor(peer);
    must(successor.take_name(), "the name is still taken");
    Calling fresh(peer);
    for (int i = 0; i < 3; ++i) {
      auto call = fresh.start();
      for (int j = 0; j < 8 && !call.pending.ready(); ++j) successor.poll();
      must(call.pending.ready(), "a successor does not answer");
      fresh.finish(call);
    }
    successor.idle();
    recovery::reclaim_all(peer.attachment());
  });
  if (!wrong.empty()) return "afterwards: " + wrong;
  wrong = ledger.judge([&](std::size_t caller) { return caller < dead.size() && dead[caller]; });
  if (!wrong.empty()) return wrong;
  wrong = World::the().leftovers();
  return wrong.empty() ? "" : "left behind: " + wrong;
}

}  // namespace shmbus::schedule
