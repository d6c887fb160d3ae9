// The public classes of the caller's side: thin handles on CallerCore.
#include "shmbus/caller.hpp"

#include <utility>

#include "call/caller_core.hpp"

namespace shmbus {

namespace {

/// Cold, and returning what its caller returns: the usual case is then a plain jump.
template <class T>
[[gnu::cold, gnu::noinline]] Result<T> empty_handle() noexcept {
  return fail(ErrorKind::invalid_argument, "this handle is empty: it was moved from or used up");
}

}  // namespace

namespace detail {

void destroy(CallerCore* core) noexcept { delete core; }

tl::unexpected<Error> reply_size_mismatch(std::size_t got, std::size_t want) noexcept {
  Error error{ErrorKind::type_mismatch, 0, 0, {}};
  error.message.append("the reply has ")
      .append(got)
      .append(" bytes, its type ")
      .append(want)
      .append(": both sides must be built with the same Command");
  return tl::unexpected<Error>(error);
}

tl::unexpected<Error> reply_value_invalid(std::string_view member) noexcept {
  Error error{ErrorKind::corrupted, 0, 0, {}};
  error.message.append("'").append(member).append("' of the reply holds no value of its type");
  return tl::unexpected<Error>(error);
}

}  // namespace detail

ReplyView::ReplyView(ReplyView&& other) noexcept { *this = std::move(other); }

ReplyView& ReplyView::operator=(ReplyView&& other) noexcept {
  if (this == &other) return *this;
  if (core_) core_->give_back(block_);
  core_ = std::move(other.core_);
  block_ = std::exchange(other.block_, {});
  size_ = std::exchange(other.size_, 0);
  std::copy(std::begin(other.inline_), std::end(other.inline_), std::begin(inline_));
  return *this;
}

ReplyView::~ReplyView() {
  if (core_) core_->give_back(block_);
}

Pending::Pending(Pending&& other) noexcept { *this = std::move(other); }

Pending& Pending::operator=(Pending&& other) noexcept {
  if (this == &other) return *this;
  if (core_) core_->give_up(*this);
  core_ = std::move(other.core_);
  lane_ = std::exchange(other.lane_, nullptr);
  seq_ = other.seq_;
  deadline_ticks_ = other.deadline_ticks_;
  made_for_ = other.made_for_;
  cell_ = other.cell_;
  traced_ = other.traced_;
  reply_ = std::exchange(other.reply_, {});
  return *this;
}

Pending::~Pending() {
  if (core_) core_->give_up(*this);
}

bool Pending::ready() const noexcept { return !core_ || core_->ready(*this); }

Result<ReplyView> Pending::wait() noexcept {
  if (!core_ || lane_ == nullptr) return empty_handle<ReplyView>();
  return core_->wait(*this);
}

void Pending::cancel() noexcept {
  if (core_) core_->cancel(*this);
}

void Pending::start_clock() noexcept {
  if (core_ && deadline_ticks_ == 0) deadline_ticks_ = core_->usual_deadline();
}

Loan::Loan(Loan&& other) noexcept { *this = std::move(other); }

Loan& Loan::operator=(Loan&& other) noexcept {
  if (this == &other) return *this;
  if (core_) {
    core_->give_back(request_);
    core_->give_back(reply_);
  }
  core_ = std::move(other.core_);
  request_ = std::exchange(other.request_, {});
  reply_ = std::exchange(other.reply_, {});
  size_ = std::exchange(other.size_, 0);
  return *this;
}

Loan::~Loan() {
  if (!core_) return;
  core_->give_back(request_);
  core_->give_back(reply_);
}

Result<Pending> Loan::start(Duration timeout) noexcept {
  if (!core_ || request_.data == nullptr) return empty_handle<Pending>();
  return core_->start(*this, timeout);
}

Result<ReplyView> Loan::call(Duration timeout) noexcept {
  auto pending = start(timeout);
  if (!pending) return tl::unexpected<Error>(pending.error());
  return pending->wait();
}

Result<void> Loan::send(Duration timeout) noexcept {
  if (!core_ || request_.data == nullptr) return empty_handle<void>();
  return core_->send(*this, timeout);
}

Result<std::size_t> RawCaller::call(std::span<const std::byte> request, std::span<std::byte> reply,
                                    Duration timeout) noexcept {
  if (!core_) return empty_handle<std::size_t>();
  return core_->call(request, reply, timeout);
}

Result<Pending> RawCaller::start(std::span<const std::byte> request, std::size_t reply_capacity,
                                 Duration timeout) noexcept {
  if (!core_) return empty_handle<Pending>();
  return core_->start(request, reply_capacity, timeout);
}

Result<std::uint64_t> RawCaller::send(std::span<const std::byte> request, Notify notify,
                                      Duration timeout) noexcept {
  if (!core_) return empty_handle<std::uint64_t>();
  return core_->send(request, notify, timeout);
}

Result<void> RawCaller::flush() noexcept {
  if (!core_) return empty_handle<void>();
  return core_->flush();
}

Result<Loan> RawCaller::loan(std::size_t bytes, std::size_t reply_capacity) noexcept {
  if (!core_) return empty_handle<Loan>();
  return core_->loan(bytes, reply_capacity);
}

void RawCaller::on_lost(OnLost callback, void* user) noexcept {
  if (core_) core_->on_lost(callback, user);
}

std::uint64_t RawCaller::lost() const noexcept { return core_ ? core_->lost() : 0; }

Result<int> RawCaller::fd() noexcept {
  if (!core_) return empty_handle<int>();
  return core_->fd();
}

Duration RawCaller::usual_timeout() const noexcept {
  return core_ ? core_->usual_timeout() : Duration::zero();
}

Result<void> RawCaller::poll() noexcept {
  if (!core_) return empty_handle<void>();
  return core_->poll();
}

}  // namespace shmbus
