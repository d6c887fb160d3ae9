// The handler's side: register names, run their handlers.
//
// Threads   One thread at a time may use a Server; replace() and post() any thread of the process,
//           at any time. Handlers run on the thread that polls. A Responder may be answered from
//           any thread of the process.
// Lifetime  A Server keeps its bus open. Destroying it unregisters its names; commands that it had
//           not started fail with not_registered.
// Memory    A small request is handed over as a private copy. A large one lies in the segment,
//           where a faulty caller can still write while the handler reads: treat it as volatile,
//           copy what you validate.
//           One that was replaced keeps answering what its handlers had deferred; destroy it when
//           that is done.
// User code An exception that leaves a handler becomes a rejection (handler_threw); one that leaves
//           a task of post() ends run(), run_for() or poll() with an error, and the next call of it
//           goes on. A handler may destroy its own Server, or its Bus: it is finished, commands
//           behind it end with not_registered, and run() returns. A thread that ends in a handler
//           (pthread_exit, pthread_cancel) unwinds run(): the command ends with `abandoned`,
//           another thread may serve on. What throws when it is moved or copied is not registered.
// Fork      A forked child gets `forked` from every operation.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shmbus/command.hpp"
#include "shmbus/context.hpp"
#include "shmbus/error.hpp"
#include "shmbus/export.hpp"
#include "shmbus/handler.hpp"
#include "shmbus/handler_swap.hpp"
#include "shmbus/options.hpp"
#include "shmbus/schema.hpp"
#include "shmbus/typed_handler.hpp"
#include "shmbus/typed_stream.hpp"

namespace shmbus {

namespace detail {
class ServerCore;
}  // namespace detail

class SHMBUS_API Server {
 public:
  Server() noexcept = default;
  explicit Server(std::shared_ptr<detail::ServerCore> core) noexcept : core_(std::move(core)) {}
  Server(Server&& other) noexcept = default;
  Server& operator=(Server&& other) noexcept;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Registers C's name. already_registered names the live owner. The handler may be anything that
  /// can be called in one of the shapes that typed_handler.hpp lists; one that cannot does not
  /// compile.
  template <class C, class F>
  requires(!std::is_member_function_pointer_v<F>) Result<void> on(F handler,
                                                                  const Registration& how = {})
  noexcept {
    static_assert(detail::HandlerFits<C, F>::value);
    return add(C::name, detail::Handler::make(std::move(handler), &detail::run_typed<C, F>),
               schema_of<C>, how);
  }
  /// Registers a member function. `object` must live as long as the name is registered.
  template <class C, class M, class Object>
  requires std::is_member_function_pointer_v<M> Result<void> on(M member, Object& object,
                                                                const Registration& how = {})
  noexcept { return on<C>(detail::BoundMember<M, Object>{member, &object}, how); }
  /// Registers a handler that takes several one-way commands at a time: `handler(std::span<const
  /// Request>)` or `handler(std::span<const Request>, Context&)`, returning void or Status. It gets
  /// what one caller has waiting, in order, at most `max` of them (up to batch_max). All of a batch
  /// are started at once: if this process dies in the handler, all of them are lost, and so
  /// reported. A call comes alone and is answered with nothing. Requests are of a fixed size up to
  /// 40 bytes; replies are Nothing.
  template <class C, class F>
  Result<void> on_batch(F handler, std::size_t max = detail::batch_max) noexcept {
    using Batch = detail::BatchHandler<C, F>;
    return add(C::name, detail::Handler::make(Batch(std::move(handler), max), &Batch::run),
               schema_of<C>, {});
  }
  /// Registers a handler of bytes: `Status handler(shmbus::Context&)`.
  template <class F>
  requires std::is_invocable_r_v<Status, F&, Context&> Result<void> on(std::string_view name,
                                                                       F handler,
                                                                       const Registration& how = {})
  noexcept {
    return add(name, detail::Handler::make(std::move(handler), &detail::run_raw<F>), {}, how);
  }
  /// The same with types: for those who know them as text alone.
  template <class F>
  requires std::is_invocable_r_v<Status, F&, Context&> Result<void> on(std::string_view name,
                                                                       const Schema& schema,
                                                                       F handler,
                                                                       const Registration& how = {})
  noexcept {
    return add(name, detail::Handler::make(std::move(handler), &detail::run_raw<F>), schema, how);
  }
  Result<void> off(std::string_view name) noexcept;

  /// Exchanges the handler of a name that this server has, between two commands: each command is
  /// run by one of the two, none is lost, refused or delayed, callers notice nothing. Any thread;
  /// a server that sleeps is woken. It happens at the start of the next turn of poll() or run(),
  /// also when it is asked for inside a handler; several that a post()ed task asks for, together.
  /// The old handler is destroyed then, or when the last command that it deferred is answered, by
  /// the thread that does it: see Swap. not_registered; type_mismatch unless the old types and the
  /// new ones may call each other (see schema.hpp).
  template <class C, class F>
  requires(!std::is_member_function_pointer_v<F>)
      [[nodiscard]] Result<Swap> replace(F handler) noexcept {
    static_assert(detail::HandlerFits<C, F>::value);
    return exchange(C::name, detail::Handler::make(std::move(handler), &detail::run_typed<C, F>),
                    schema_of<C>);
  }
  template <class C, class M, class Object>
  requires std::is_member_function_pointer_v<M>
  [[nodiscard]] Result<Swap> replace(M member, Object& object) noexcept {
    return replace<C>(detail::BoundMember<M, Object>{member, &object});
  }
  /// A handler of bytes leaves the types as they were registered, unless it names some.
  template <class F>
  requires std::is_invocable_r_v<Status, F&, Context&>
  [[nodiscard]] Result<Swap> replace(std::string_view name, F handler,
                                     const Schema& schema = {}) noexcept {
    return exchange(name, detail::Handler::make(std::move(handler), &detail::run_raw<F>), schema);
  }

  /// Runs `task()` once on the thread that serves, between two commands; any thread may ask. There
  /// it may use this server, but not poll it. Never run when the server is destroyed first. What it
  /// throws is what run() returns: `rejected`, with the code handler_threw.
  template <class F>
  requires std::is_invocable_v<F&> Result<void> post(F task)
  noexcept { return post_task(detail::Task::make(std::move(task))); }

  /// Runs what is ready, at most `budget` commands; returns how many. Never blocks.
  Result<std::size_t> poll(std::size_t budget = 256);
  /// Runs commands until a stop is requested, sleeping when there is nothing to do. What was
  /// committed before the stop is run before it returns. Also returns when another server has taken
  /// over everything, once its own deferred answers are given.
  Result<void> run(const std::stop_token& stop);
  /// Runs what is ready or arrives before `timeout`; returns how many commands ran.
  Result<std::size_t> run_for(Duration timeout);
  /// Readable when poll() has something to do. Coalesces; call poll() until it returns 0.
  /// Starts one helper thread the first time.
  Result<int> fd() noexcept;

  /// For a server that stands by (ServeOptions::stand_by): takes the names of its handlers from the
  /// server that has them, while it runs. Callers notice nothing: what is queued stays where it is
  /// and runs here, in order; what the other one has deferred, it still answers. Names that nobody
  /// serves are registered as usual.
  ///   already_registered  the other one serves names that are not among these handlers
  ///   type_mismatch       its callers would not fit these handlers
  ///   timed_out           it does not poll, or cannot be replaced yet: it goes on as before
  ///   not_permitted       it is to be killed, and must not be
  Result<void> take_over(Duration timeout,
                         IfUnresponsive if_unresponsive = IfUnresponsive::fail) noexcept;
  /// For a server that stands by: waits until nobody serves the names of its handlers, because who
  /// did has died or left, then takes them. False when `timeout` is over first.
  Result<bool> stand_by(Duration timeout) noexcept;
  /// Another server has taken over all that this one had. run() has returned, or will.
  [[nodiscard]] bool replaced() const noexcept;
  /// It was replaced, and some of its Responders have yet to answer: keep it until they have.
  [[nodiscard]] bool draining() const noexcept;

  [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }

 private:
  Result<void> add(CommandName name, detail::Handler handler, const Schema& schema,
                   const Registration& how) noexcept;
  Result<Swap> exchange(CommandName name, detail::Handler handler, const Schema& schema) noexcept;
  Result<void> post_task(detail::Task task) noexcept;
  std::shared_ptr<detail::ServerCore> core_;
};

}  // namespace shmbus
