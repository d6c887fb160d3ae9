// The public classes of the caller's side: thin handles on CallerCore.
#include "shmbus/caller.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "call/caller_core.hpp"
#include "call/stream_call.hpp"
#include "lane/reporting.hpp"
#include "session/core.hpp"
#include "session/empty_handle.hpp"

namespace shmbus {

namespace detail {

namespace {

/// Callers that were destroyed by their own OnLost callback, until nothing of them is on the stack.
struct Doomed {
  Doomed() noexcept = default;
  Doomed(const Doomed&) = delete;
  Doomed& operator=(const Doomed&) = delete;
  ~Doomed() { clear(); }
  void clear() noexcept {
    while (!cores.empty()) {
      const std::unique_ptr<CallerCore> last(cores.back());
      cores.pop_back();
    }
  }
  std::vector<CallerCore*> cores;
};
thread_local Doomed doomed;

}  // namespace

void destroy(CallerCore* core) noexcept {
  if (reports_under_way == 0) [[likely]] {
    doomed.clear();
    delete core;
    return;
  }
  (void)without_throwing([core]() -> Result<void> {
    doomed.cores.push_back(core);
    return {};
  });
}

void give_back(CallerCore& core, Block& block) noexcept { core.give_back(block); }

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

void Pending::give_up() noexcept { core_->give_up(*this); }

bool Pending::ready() const noexcept { return !core_ || core_->ready(*this); }

bool Pending::wait_ready(Duration limit) noexcept {
  return !core_ || lane_ == nullptr || core_->wait_ready(*this, limit);
}

Result<ReplyView> Pending::wait() noexcept {
  if (!core_ || lane_ == nullptr) return detail::empty_handle<ReplyView>();
  return core_->wait(*this);
}

void Pending::cancel() noexcept {
  if (core_) core_->cancel(*this);
}

void Pending::start_clock() noexcept {
  if (core_ && deadline_ticks_ == 0) deadline_ticks_ = core_->usual_deadline();
}

Result<Pending> Loan::start(Duration timeout) noexcept {
  if (!core_ || request_.data == nullptr) return detail::empty_handle<Pending>();
  return core_->start(*this, timeout);
}

Result<ReplyView> Loan::call(Duration timeout) noexcept {
  if (!core_ || request_.data == nullptr) return detail::empty_handle<ReplyView>();
  return core_->call(*this, timeout);
}

Result<void> Loan::send(Duration timeout) noexcept {
  if (!core_ || request_.data == nullptr) return detail::empty_handle<void>();
  return core_->send(*this, timeout);
}

Result<Pending> RawCaller::start(std::span<const std::byte> request, std::size_t reply_capacity,
                                 Duration timeout, Notify notify) noexcept {
  if (!core_) return detail::empty_handle<Pending>();
  return core_->start(request, reply_capacity, timeout, notify);
}

Result<void> RawCaller::flush() noexcept {
  if (!core_) return detail::empty_handle<void>();
  return core_->flush();
}

Result<Loan> RawCaller::loan(std::size_t bytes, std::size_t reply_capacity) noexcept {
  if (!core_) return detail::empty_handle<Loan>();
  return core_->loan(bytes, reply_capacity);
}

Result<RawStream> RawCaller::open(std::span<const std::byte> request, const StreamOptions& options,
                                  Records records, std::size_t reply_capacity) noexcept {
  if (!core_) return detail::empty_handle<RawStream>();
  auto call = core_->open_stream(request, reply_capacity, options, records);
  if (!call) return tl::unexpected<Error>(call.error());
  return RawStream(std::move(*call));
}

void RawCaller::on_lost(OnLost callback, void* user) noexcept {
  if (core_) core_->on_lost(callback, user);
}

std::uint64_t RawCaller::lost() const noexcept { return core_ ? core_->lost() : 0; }

Result<int> RawCaller::fd() noexcept {
  if (!core_) return detail::empty_handle<int>();
  return core_->fd();
}

Duration RawCaller::usual_timeout() const noexcept {
  return core_ ? core_->usual_timeout() : Duration::zero();
}

Result<void> RawCaller::poll() noexcept {
  if (!core_) return detail::empty_handle<void>();
  return core_->poll();
}

}  // namespace shmbus
