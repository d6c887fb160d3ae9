#include "serve/cancellation.hpp"

#include "serve/server_core.hpp"
#include "shmbus/context.hpp"
#include "trace/current_command.hpp"
#include "trace/here.hpp"

namespace shmbus {

namespace serve {
namespace {
constexpr std::uint64_t probe_interval_ns = 1'000'000;
}  // namespace

bool CallerProbe::gone(const Started& command) noexcept {
  if (command.caller_left()) return true;
  const std::uint64_t now = wait::ticks();
  if (now < next_) return false;
  next_ = now + command.bus->rate.from_ns(probe_interval_ns);
  return command.bus->dead(command.caller);
}

}  // namespace serve

namespace detail {

EnclosingCommand EnclosingCommand::of_this_thread() noexcept {
  const Invocation* call = this_thread.running;
  return EnclosingCommand(call != nullptr && call->server->attachment().intact() ? call : nullptr);
}

std::uint64_t EnclosingCommand::deadline_ticks() const noexcept { return call_->deadline_ticks; }

std::uint64_t EnclosingCommand::id() const noexcept {
  constexpr unsigned seq_bits = 48;
  if (call_ == nullptr) return 0;
  return (std::uint64_t{call_->lane->index()} << seq_bits) | call_->taken.word().seq();
}

TraceContext EnclosingCommand::trace() const noexcept {
  return call_->span ? call_->span->context : TraceContext{};
}

bool EnclosingCommand::cancelled() const noexcept { return call_->cancelled(); }

layout::Word32& EnclosingCommand::events() const noexcept {
  return call_->lane->head().events.count;
}

}  // namespace detail

Shield::Shield() noexcept : hidden_(detail::this_thread.running) {
  if (hidden_ == nullptr) return;
  const trace::Here here = trace::here();
  detail::this_thread.running = nullptr;
  trace_.enter(here.context, here.attempt, here.decided);
}

Shield::~Shield() {
  if (hidden_ == nullptr) return;
  trace_.leave();
  detail::this_thread.running = hidden_;
}

}  // namespace shmbus
