// What other threads may ask of a server: a task between two commands, another handler for a name.
#include <utility>

#include "base/testpoint.hpp"
#include "serve/server_core.hpp"
#include "words/table.hpp"

namespace shmbus {

namespace detail {

namespace {

/// Tasks that are done in one go, those that they post included: a task that posts itself again and
/// again must not keep the server from its commands.
constexpr std::uint32_t tasks_in_a_row = 4096;

}  // namespace

Result<void> ServerCore::post(Task task) {
  if (!attachment().intact()) return bus_->not_intact();
  if (!task && task.move_threw()) return move_threw("task");
  if (!task) return fail(ErrorKind::overloaded, "out of memory for the task");
  mailbox_.post(std::move(task));
  return {};
}

/// Between two commands: handlers that were removed go, tasks are done. False when there is no
/// going on.
bool ServerCore::attend() {
  // SYNC serve.mail
  const std::uint32_t seen =
      loop_flags_.fetch_and(serve::loop_flag::lost_ownership, std::memory_order_acquire);
  handlers_.drop_removed();
  if ((seen & serve::loop_flag::room) != 0) look_for_room();
  if ((seen & serve::loop_flag::mail) != 0) {
    const bool inside = std::exchange(running_, true);  // a task must not poll either
    std::uint32_t left = tasks_in_a_row;
    while (left != 0 && !task_error_) {
      const Task task = mailbox_.next();
      if (!task) break;
      Task::What what;
      if (!task(what)) {
        task_error_ = Error{ErrorKind::rejected, handler_threw, 0, "a task of post() threw: "};
        task_error_->message.append(what.view());
      }
      --left;
    }
    if (left == 0 || task_error_)
      loop_flags_.fetch_or(serve::loop_flag::mail, std::memory_order_relaxed);
    running_ = inside;
    handlers_.drop_removed();
  }
  return !task_error_ && !told_to_end();
}

Result<void> ServerCore::tasks_went_well() noexcept {
  if (!task_error_) return {};
  const Error error = *task_error_;
  task_error_.reset();
  return tl::unexpected<Error>(error);
}

namespace {

/// On its way through the mailbox; told as dropped if it is destroyed there.
struct Parcel {
  Parcel(std::shared_ptr<SwapState> state, Handler with) noexcept
      : swap(std::move(state)), handler(std::move(with)) {}
  Parcel(Parcel&&) noexcept = default;
  Parcel& operator=(Parcel&&) = delete;
  Parcel(const Parcel&) = delete;
  Parcel& operator=(const Parcel&) = delete;
  ~Parcel() {
    if (swap) swap->move_to(SwapStage::dropped);
  }
  std::shared_ptr<SwapState> swap;
  Handler handler;
};

}  // namespace

Result<Swap> ServerCore::replace(const CommandName& name, Handler handler, const Schema& schema) {
  if (!attachment().intact()) return bus_->not_intact();
  if (!handler && handler.move_threw()) return move_threw("handler");
  if (!handler) return fail(ErrorKind::overloaded, "out of memory for the handler");
  const auto record = names::find(bus_->view(), name);
  if (!record) return fail(ErrorKind::not_registered, "this server does not have that name");
  auto state = std::make_shared<SwapState>();
  std::string text(schema.text);
  auto posted = roster_.exchange(*record, name.text, schema, [&](serve::Roster::Exchange exchange) {
    auto install = [this, record = *record, exchange, types = schema, text = std::move(text),
                    parcel = Parcel(state, std::move(handler))]() mutable {
      if (!roster_.is_current(record, exchange.registration)) return;
      if (exchange.new_types) {
        types.text = text;
        publish_types(record, types);
      }
      SHMBUS_TESTPOINT("handler.swap");
      handlers_.replace(record, std::move(parcel.handler), std::move(parcel.swap));
    };
    mailbox_.post(Task::make(std::move(install)));
  });
  if (!posted) return tl::unexpected<Error>(posted.error());
  return Swap(std::move(state));
}

}  // namespace detail

SwapStage Swap::stage() const noexcept { return state_ ? state_->stage() : SwapStage::dropped; }

bool Swap::wait(SwapStage stage, Duration timeout) const noexcept {
  return state_ ? state_->wait(stage, timeout) : stage == SwapStage::dropped;
}

Result<void> Server::post_task(detail::Task task) noexcept {
  if (!core_) return fail(ErrorKind::invalid_argument, "this server is empty: it was moved from");
  return detail::without_throwing([&] { return core_->post(std::move(task)); });
}

Result<Swap> Server::exchange(CommandName name, detail::Handler handler,
                              const Schema& schema) noexcept {
  if (!core_) return fail(ErrorKind::invalid_argument, "this server is empty: it was moved from");
  return detail::without_throwing([&] { return core_->replace(name, std::move(handler), schema); });
}

}  // namespace shmbus
