// The public classes of the handler's side: thin handles on ServerCore.
#include "shmbus/server.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "layout/participant.hpp"
#include "layout/text.hpp"
#include "serve/deferred_reply.hpp"
#include "serve/hand_over.hpp"
#include "serve/server_core.hpp"
#include "words/directory.hpp"
#include "words/table.hpp"

namespace shmbus {

namespace {

detail::Invocation& invocation(detail::Frame* frame) noexcept {
  return *static_cast<detail::Invocation*>(frame);  // the library makes no other kind
}

Error empty_server() noexcept {
  return {ErrorKind::invalid_argument, 0, 0, "this handle is empty: it was moved from or used up"};
}

}  // namespace

// --- Context ---------------------------------------------------------------------------------

std::string_view Context::name() const noexcept {
  // Published names never change, so the view may point at a copy made once for each thread.
  thread_local names::NameText text;
  text = names::text_of(invocation(frame_).server->attachment().view,
                        invocation(frame_).taken.word().code());
  return text.view();
}

Duration Context::remaining() const noexcept {
  const auto& call = invocation(frame_);
  if (call.deadline_ticks == 0) return forever;
  const std::uint64_t now = wait::ticks();
  if (now >= call.deadline_ticks) return Duration::zero();
  const auto& rate = call.server->attachment().rate;
  return Duration(static_cast<std::int64_t>(rate.to_ns(call.deadline_ticks - now)));
}

bool Context::cancelled() const noexcept {
  const auto& call = invocation(frame_);
  return call.lane->cancel_asked(call.taken.cell) || (call.with_caller && call.cancelled());
}

std::uint32_t Context::queued() const noexcept { return invocation(frame_).lane->queued(); }

bool Context::end_of_batch() const noexcept { return !invocation(frame_).lane->waiting(); }

bool Context::take_next(std::span<std::byte> into) noexcept {
  auto& call = invocation(frame_);
  return call.server->take_next(call, into);
}

bool Context::caller_gone() const noexcept { return invocation(frame_).started().caller_left(); }

std::stop_token Context::stop_token() noexcept {
  auto& call = invocation(frame_);
  auto& watch = call.token;
  if (!watch) watch = detail::watch_for_stop(*call.server->gate(), call.started());
  if (!watch) return {};
  call.slow_path = true;
  return watch->token();
}

CallerInfo Context::caller() const noexcept {
  const auto& view = invocation(frame_).server->attachment().view;
  const std::uint32_t index = invocation(frame_).lane->party().index();
  if (index >= view.capacities().participants) return {};
  const auto& caller = view.participant(index);
  layout::TextBuffer<8> buffer{};
  return {caller.pid.load(std::memory_order_relaxed), caller.uid.load(std::memory_order_relaxed),
          layout::load_text(caller.label, buffer)};
}

TraceContext Context::trace() const noexcept {
  const auto& call = invocation(frame_);
  return call.span ? call.span->context : TraceContext{};
}

std::uint32_t Context::attempt() const noexcept {
  const auto& call = invocation(frame_);
  return call.span ? call.span->attempt : 1;
}

Tail& Context::no_tail() noexcept {
  thread_local Tail none;
  return none = {};
}

Responder Context::defer() noexcept {
  auto& call = invocation(frame_);
  if (call.one_way || call.deferred) return {};
  std::unique_ptr<detail::DeferredReply> state(new (std::nothrow) detail::DeferredReply());
  if (!state) return {};
  auto& lane = *call.lane;
  auto counted = detail::without_throwing([&]() -> Result<void> {
    if (!lane.deferred) lane.deferred = std::make_shared<std::atomic<std::uint32_t>>(0);
    state->life =
        call.life != nullptr ? *call.life : call.server->handler_life(call.taken.word().code());
    return {};
  });
  if (!counted) return {};
  lane.deferred->fetch_add(1, std::memory_order_relaxed);
  state->bus = call.server->bus();
  state->gate = call.server->gate();
  state->lane_deferred = lane.deferred;
  state->target = call.target;
  state->command = call.started();
  state->deadline_ticks = call.deadline_ticks;
  state->request_window = std::exchange(call.request_window, {});
  state->reply_window = std::exchange(call.reply_window, {});
  if (call.span) {
    state->span = call.span;
    state->id = call.id();
  }
  call.deferred = true;
  return Responder(std::move(state));
}

// --- Responder -------------------------------------------------------------------------------

namespace {

/// Commits through the gate; the handler's process may have left the endpoint meanwhile.
template <class Commit>
Result<void> answer(detail::DeferredReply* state, Commit commit, ErrorKind error = ErrorKind::none,
                    std::int32_t code = 0) noexcept {
  if (state == nullptr || state->answered) return tl::unexpected<Error>(empty_server());
  if (!state->bus->attachment().intact()) return state->bus->not_intact();
  state->answered = true;
  state->stop.reset();
  // After the answer, and without the lock: the last of an exchanged handler goes with it.
  const auto last = std::move(state->life);
  const auto& bus = state->bus->attachment();
  const bool answered = detail::answer_through(*state->gate, bus, *state->lane_deferred, [&] {
    if (state->span) {
      if (state->target.needed != 0 && error == ErrorKind::none) error = ErrorKind::too_large;
      trace::end_handler(bus, *state->span, false, state->id, error, code);
    }
    commit(state->target);
  });
  if (answered) return {};
  return fail(ErrorKind::abandoned, "the server has left: its caller got an error");
}

}  // namespace

Responder::Responder(std::unique_ptr<detail::DeferredReply> state) noexcept
    : state_(state.release()) {}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    Responder old(std::move(*this));
    state_ = std::move(other.state_);
  }
  return *this;
}

Responder::~Responder() {
  if (state_ && !state_->answered) {
    (void)answer(
        state_.get(), [](serve::ReplyTarget& target) { target.commit_code(StatusCode::abandoned); },
        ErrorKind::abandoned);
  }
}

void Responder::Delete::operator()(detail::DeferredReply* state) const noexcept { delete state; }

std::span<std::byte> Responder::buffer(std::size_t bytes) noexcept {
  if (!state_ || state_->answered) return {};
  state_->target.needed = 0;  // who asked for too much may ask for less
  return state_->target.buffer(bytes);
}

Result<void> Responder::reply() noexcept {
  return answer(state_.get(), [](serve::ReplyTarget& target) { target.commit(); });
}

Result<void> Responder::reply(std::span<const std::byte> bytes) noexcept {
  const auto memory = buffer(bytes.size());
  if (!memory.empty()) std::memcpy(memory.data(), bytes.data(), memory.size());
  return reply();
}

Result<void> Responder::reject(std::int32_t code, std::string_view message) noexcept {
  return reject(Status::reject(code, message));
}

Result<void> Responder::reject(const Status& status) noexcept {
  return answer(
      state_.get(), [&](serve::ReplyTarget& target) { target.commit_status(status); },
      status.kind(), status.code());
}

TraceContext Responder::trace() const noexcept {
  return state_ && !state_->answered && state_->span ? state_->span->context : TraceContext{};
}

bool Responder::cancelled() const noexcept {
  if (!state_ || !state_->bus->attachment().intact()) return true;
  return state_->answered || state_->probe.cancelled(state_->command);
}

std::stop_token Responder::stop_token() noexcept {
  if (!state_ || state_->answered || !state_->bus->attachment().intact()) return {};
  if (!state_->stop) state_->stop = detail::watch_for_stop(*state_->gate, state_->command);
  return state_->stop ? state_->stop->token() : std::stop_token{};
}

// --- Server ----------------------------------------------------------------------------------

namespace {

/// Inside one of its own handlers a server only ends: the process that polls it lets go of it.
void end(std::shared_ptr<detail::ServerCore>& core) noexcept {
  if (core && detail::is_serving(*core)) {
    auto& ending = *core;
    ending.end_inside(std::move(core));
  }
  if (core && core->end_on_worker(core)) return;
  core.reset();
}

/// Polls by `f(core)`. The handle, and with it `handle`, may go meanwhile.
template <class F>
auto polling(const std::shared_ptr<detail::ServerCore>& handle, F f) {
  auto& core = *handle;
  struct LetGo {
    detail::ServerCore& core;
    ~LetGo() { (void)core.take_kept(); }
  };
  const LetGo at_the_end{core};
  const detail::Serving here(core);
  return f(core);
}

}  // namespace

Server& Server::operator=(Server&& other) noexcept {
  if (this == &other) return *this;
  auto old = std::exchange(core_, std::move(other.core_));
  end(old);
  return *this;
}
Server::~Server() { end(core_); }

Result<void> Server::add(CommandName name, detail::Handler handler, const Schema& schema,
                         const Registration& how) noexcept {
  if (!core_) return tl::unexpected<Error>(empty_server());
  return detail::without_throwing(
      [&] { return core_->add(name, std::move(handler), schema, how); });
}

Result<void> Server::off(std::string_view name) noexcept {
  if (!core_) return tl::unexpected<Error>(empty_server());
  return detail::without_throwing([&] { return core_->remove(name); });
}

Result<std::size_t> Server::poll(std::size_t budget) {
  if (!core_) return tl::unexpected<Error>(empty_server());
  return polling(core_, [&](detail::ServerCore& core) { return core.poll(budget); });
}

Result<void> Server::run(const std::stop_token& stop) {
  if (!core_) return tl::unexpected<Error>(empty_server());
  return polling(core_, [&](detail::ServerCore& core) { return core.run(stop); });
}

Result<std::size_t> Server::run_for(Duration timeout) {
  if (!core_) return tl::unexpected<Error>(empty_server());
  return polling(core_, [&](detail::ServerCore& core) { return core.run_for(timeout); });
}

Result<int> Server::fd() noexcept {
  if (!core_) return tl::unexpected<Error>(empty_server());
  return detail::without_throwing([&] { return core_->fd(); });
}

Result<void> Server::take_over(Duration timeout, IfUnresponsive if_unresponsive) noexcept {
  if (!core_) return tl::unexpected<Error>(empty_server());
  return detail::without_throwing([&] { return core_->take_over(timeout, if_unresponsive); });
}

Result<bool> Server::stand_by(Duration timeout) noexcept {
  if (!core_) return tl::unexpected<Error>(empty_server());
  return detail::without_throwing([&] { return core_->stand_by(timeout); });
}

bool Server::replaced() const noexcept { return core_ != nullptr && core_->replaced(); }

bool Server::draining() const noexcept { return core_ != nullptr && core_->draining(); }

}  // namespace shmbus
