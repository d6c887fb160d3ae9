// The caller's side: thin over RawCaller, Loan, Pending and ReplyView. What fails is cold.
#include "c/handles.hpp"
#include "session/core.hpp"

namespace shmbus::capi {

int no_node(shmbus_error_t* error) noexcept {
  return refuse(error, ErrorKind::overloaded, "out of memory");
}

void let_go(shmbus_caller_t* caller) noexcept {
  if (--caller->handles != 0) return;
  if (caller->lost.drop != nullptr) caller->lost.drop(caller->lost.context);
  delete caller;
}

namespace {

constexpr std::int64_t poll_ns = 10'000'000;  // deadlines and deaths are found within this

template <class Handle>
void take_back(Nodes<Handle> shmbus_caller_t::*nodes, Handle* handle) noexcept {
  auto* const owner = handle->owner;
  std::destroy_at(&handle->result);
  (owner->*nodes).put(handle);
  let_go(owner);
}
void take_back(shmbus_loan_t* loan) noexcept { take_back(&shmbus_caller_t::loans, loan); }
void take_back(shmbus_reply_t* reply) noexcept { take_back(&shmbus_caller_t::replies, reply); }
void take_back(shmbus_pending_t* pending) noexcept {
  --pending->owner->pending;
  take_back(&shmbus_caller_t::calls, pending);
}

void report_lost(void* user, std::uint64_t sequence, ErrorKind why) {
  const auto& lost = static_cast<shmbus_caller_t*>(user)->lost;
  lost.call(lost.context, sequence, static_cast<std::int32_t>(why));
}

bool options_of(const shmbus_caller_options_t& given, CallerOptions& out) noexcept {
  bool fails_when_full = false;
  const bool known =
      read_enum(given.wait, 3, out.wait) && read_enum(given.when_vacant, 2, out.when_vacant) &&
      read_enum(given.when_full, 2, fails_when_full) &&
      read_enum(given.on_caller_exit, 2, out.on_caller_exit) &&
      read_enum(given.inherit, 3, out.inherit) && read_enum(given.in_group, 2, out.in_group);
  out.when_full = fails_when_full ? WhenFull::fail : WhenFull::wait;
  if (given.trace_ratio < 0) out.trace_ratio = 0;
  if (given.trace_ratio > 0) out.trace_ratio = given.trace_ratio;
  return known;
}

int send(shmbus_caller_t* caller, const void* request, size_t size, Notify notify,
         int64_t timeout_ns, uint64_t* sequence, shmbus_error_t* error) {
  if (caller == nullptr || !readable(request, size)) [[unlikely]]
    return no_argument(error);
  const auto sent = caller->raw.send(bytes_of(request, size), notify, Duration(timeout_ns));
  if (!sent) [[unlikely]]
    return report(error, sent.error());
  if (sequence != nullptr) *sequence = *sent;
  return SHMBUS_OK;
}

}  // namespace
}  // namespace shmbus::capi

using namespace shmbus;

extern "C" {

int shmbus_caller_new(shmbus_bus_t* bus, const char* name, const shmbus_caller_options_t* options,
                      shmbus_caller_t** caller, shmbus_error_t* error) {
  if (bus == nullptr || name == nullptr || caller == nullptr) return capi::no_argument(error);
  shmbus_caller_options_t given;
  CallerOptions how;
  if (!capi::read_options(options, &given, sizeof given) || !capi::options_of(given, how)) {
    return capi::bad_options(error);
  }
  const auto types = capi::schema_of_text(given.schema);
  if (!types) return capi::report(error, types.error());
  auto raw = bus->bus.caller(std::string_view(name), how, *types);
  if (!raw) return capi::report(error, raw.error());
  auto* const made = new (std::nothrow) shmbus_caller_t;
  if (made == nullptr) return capi::no_node(error);
  made->raw = std::move(*raw);
  *caller = made;
  return SHMBUS_OK;
}

void shmbus_caller_free(shmbus_caller_t* caller) {
  if (caller != nullptr) capi::let_go(caller);
}

int shmbus_caller_call(shmbus_caller_t* caller, const void* request, size_t request_size,
                       void* reply, size_t reply_capacity, size_t* reply_size, int64_t timeout_ns,
                       shmbus_error_t* error) {
  if (caller == nullptr || !capi::readable(request, request_size) ||
      !capi::readable(reply, reply_capacity)) [[unlikely]] {
    return capi::no_argument(error);
  }
  const auto size = caller->raw.call(capi::bytes_of(request, request_size),
                                     capi::bytes_of(reply, reply_capacity), Duration(timeout_ns));
  if (!size) [[unlikely]]
    return capi::report(error, size.error());
  if (reply_size != nullptr) *reply_size = *size;
  return SHMBUS_OK;
}

int shmbus_caller_start(shmbus_caller_t* caller, const void* request, size_t request_size,
                        size_t reply_capacity, int64_t timeout_ns, shmbus_pending_t** pending,
                        shmbus_error_t* error) {
  if (caller == nullptr || pending == nullptr || !capi::readable(request, request_size))
      [[unlikely]] {
    return capi::no_argument(error);
  }
  const int kind = capi::hand_out(caller, caller->calls, pending, error, [&] {
    return caller->raw.start(capi::bytes_of(request, request_size), reply_capacity,
                             Duration(timeout_ns));
  });
  if (kind == SHMBUS_OK) [[likely]]
    ++caller->pending;
  return kind;
}

int shmbus_caller_send(shmbus_caller_t* caller, const void* request, size_t request_size,
                       int64_t timeout_ns, uint64_t* sequence, shmbus_error_t* error) {
  return capi::send(caller, request, request_size, Notify::now, timeout_ns, sequence, error);
}

int shmbus_caller_send_later(shmbus_caller_t* caller, const void* request, size_t request_size,
                             int64_t timeout_ns, uint64_t* sequence, shmbus_error_t* error) {
  return capi::send(caller, request, request_size, Notify::later, timeout_ns, sequence, error);
}

int shmbus_caller_send_many(shmbus_caller_t* caller, const void* requests, size_t each,
                            size_t count, int64_t timeout_ns, size_t* sent, shmbus_error_t* error) {
  std::size_t bytes = 0;
  if (caller == nullptr || sent == nullptr || __builtin_mul_overflow(each, count, &bytes) ||
      !capi::readable(requests, bytes)) {
    return capi::no_argument(error);
  }
  if (count == 0) {
    *sent = 0;
    return SHMBUS_OK;
  }
  const auto some = caller->raw.send_many(capi::bytes_of(requests, bytes), each, Notify::now,
                                          Duration(timeout_ns));
  if (!some) return capi::report(error, some.error());
  *sent = *some;
  return SHMBUS_OK;
}

int shmbus_caller_flush(shmbus_caller_t* caller, shmbus_error_t* error) {
  if (caller == nullptr) return capi::no_argument(error);
  return capi::report(error, caller->raw.flush());
}

int shmbus_caller_on_lost(shmbus_caller_t* caller, const shmbus_lost_t* lost,
                          shmbus_error_t* error) {
  if (caller == nullptr || (lost != nullptr && lost->call == nullptr)) {
    return capi::no_argument(error);
  }
  const shmbus_lost_t before =
      std::exchange(caller->lost, lost == nullptr ? shmbus_lost_t{} : *lost);
  caller->raw.on_lost(lost == nullptr ? nullptr : &capi::report_lost, caller);
  if (before.drop != nullptr) before.drop(before.context);
  return SHMBUS_OK;
}

uint64_t shmbus_caller_lost(const shmbus_caller_t* caller) {
  return caller == nullptr ? 0 : caller->raw.lost();
}

int shmbus_caller_fd(shmbus_caller_t* caller, int* fd, shmbus_error_t* error) {
  if (caller == nullptr || fd == nullptr) return capi::no_argument(error);
  const auto found = caller->raw.fd();
  if (!found) return capi::report(error, found.error());
  *fd = *found;
  return SHMBUS_OK;
}

int shmbus_caller_poll(shmbus_caller_t* caller, shmbus_error_t* error) {
  if (caller == nullptr) return capi::no_argument(error);
  return capi::report(error, caller->raw.poll());
}

int64_t shmbus_caller_next_poll_ns(const shmbus_caller_t* caller) {
  return caller == nullptr || caller->pending == 0 ? SHMBUS_FOREVER : capi::poll_ns;
}

int shmbus_caller_loan(shmbus_caller_t* caller, size_t size, size_t reply_capacity,
                       shmbus_loan_t** loan, void** data, shmbus_error_t* error) {
  if (caller == nullptr || loan == nullptr) [[unlikely]]
    return capi::no_argument(error);
  const int kind = capi::hand_out(caller, caller->loans, loan, error,
                                  [&] { return caller->raw.loan(size, reply_capacity); });
  if (kind == SHMBUS_OK && data != nullptr) *data = (*loan)->value().bytes().data();
  return kind;
}

void* shmbus_loan_data(shmbus_loan_t* loan, size_t* size) {
  if (size != nullptr) *size = loan == nullptr ? 0 : loan->value().bytes().size();
  return loan == nullptr ? nullptr : loan->value().bytes().data();
}

void shmbus_loan_shrink(shmbus_loan_t* loan, size_t size) {
  if (loan != nullptr) loan->value().shrink(size);
}

int shmbus_loan_call(shmbus_loan_t* loan, int64_t timeout_ns, shmbus_reply_t** reply,
                     shmbus_error_t* error) {
  if (loan == nullptr || reply == nullptr) [[unlikely]]
    return capi::no_argument(error);
  auto* const owner = loan->owner;
  const int kind = capi::hand_out(owner, owner->replies, reply, error,
                                  [&] { return loan->value().call(Duration(timeout_ns)); });
  if (kind == SHMBUS_OK) [[likely]]
    capi::take_back(loan);
  return kind;
}

int shmbus_loan_start(shmbus_loan_t* loan, int64_t timeout_ns, shmbus_pending_t** pending,
                      shmbus_error_t* error) {
  if (loan == nullptr || pending == nullptr) [[unlikely]]
    return capi::no_argument(error);
  auto* const owner = loan->owner;
  const int kind = capi::hand_out(owner, owner->calls, pending, error,
                                  [&] { return loan->value().start(Duration(timeout_ns)); });
  if (kind == SHMBUS_OK) [[likely]] {
    ++owner->pending;
    capi::take_back(loan);
  }
  return kind;
}

int shmbus_loan_send(shmbus_loan_t* loan, int64_t timeout_ns, shmbus_error_t* error) {
  if (loan == nullptr) [[unlikely]]
    return capi::no_argument(error);
  if (const auto sent = loan->value().send(Duration(timeout_ns)); !sent) [[unlikely]] {
    return capi::report(error, sent.error());
  }
  capi::take_back(loan);
  return SHMBUS_OK;
}

void shmbus_loan_drop(shmbus_loan_t* loan) {
  if (loan != nullptr) capi::take_back(loan);
}

int shmbus_pending_ready(const shmbus_pending_t* pending) {
  return pending == nullptr || pending->value().ready() ? 1 : 0;
}

int shmbus_pending_wait_ready(shmbus_pending_t* pending, int64_t timeout_ns) {
  return pending == nullptr || pending->value().wait_ready(Duration(timeout_ns)) ? 1 : 0;
}

int shmbus_pending_wait(shmbus_pending_t* pending, shmbus_reply_t** reply, shmbus_error_t* error) {
  if (pending == nullptr || reply == nullptr) [[unlikely]] {
    shmbus_pending_drop(pending);
    return capi::no_argument(error);
  }
  auto* const owner = pending->owner;
  const int kind =
      capi::hand_out(owner, owner->replies, reply, error, [&] { return pending->value().wait(); });
  capi::take_back(pending);
  return kind;
}

void shmbus_pending_cancel(shmbus_pending_t* pending) {
  if (pending != nullptr) pending->value().cancel();
}

void shmbus_pending_drop(shmbus_pending_t* pending) {
  if (pending != nullptr) capi::take_back(pending);
}

const void* shmbus_reply_data(const shmbus_reply_t* reply, size_t* size) {
  if (size != nullptr) *size = reply == nullptr ? 0 : reply->value().bytes().size();
  return reply == nullptr ? nullptr : reply->value().bytes().data();
}

void shmbus_reply_drop(shmbus_reply_t* reply) {
  if (reply != nullptr) capi::take_back(reply);
}

}  // extern "C"
