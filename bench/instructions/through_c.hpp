#pragma once
// As ByValue and Loaned, but through shmbus.h on both sides: the difference of their counts is the
// overhead of the C interface.

#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "c/handles.hpp"
#include "instructions/pair.hpp"

namespace shmbus::bench {

inline void check_c(int kind) {
  if (kind != SHMBUS_OK) [[unlikely]]
    throw std::runtime_error(shmbus_kind_name(kind));
}

/// A pending call with the members that a counting side asks for.
class PendingOfC {
 public:
  explicit PendingOfC(shmbus_pending_t* pending) noexcept : pending_(pending) {}
  PendingOfC(PendingOfC&& other) noexcept : pending_(std::exchange(other.pending_, nullptr)) {}
  PendingOfC(const PendingOfC&) = delete;
  PendingOfC& operator=(const PendingOfC&) = delete;
  PendingOfC& operator=(PendingOfC&&) = delete;
  ~PendingOfC() { shmbus_pending_drop(pending_); }

  [[nodiscard]] bool ready() const { return shmbus_pending_ready(pending_) == 1; }
  /// Nothing, or the kind of the error.
  Result<void> wait() {
    shmbus_reply_t* reply = nullptr;
    const int kind = shmbus_pending_wait(std::exchange(pending_, nullptr), &reply, nullptr);
    shmbus_reply_drop(reply);
    if (kind != SHMBUS_OK) return fail(static_cast<ErrorKind>(kind), "through C");
    return {};
  }

 private:
  shmbus_pending_t* pending_;
};

template <bool InLoan>
class ThroughC {
 public:
  static void serve(Server& server, const Registration& how, bool steps = false) {
    const shmbus_handler_t handler{nullptr, steps ? answer<true> : answer<false>, nullptr};
    value_of("on", server.on(counted_name, capi::HandlerClosure(&handler), how));
  }
  ThroughC(Bus& bus, const PairSetup& setup)
      : bus_{bus, {}}, request_(setup.bytes, std::byte{42}), reply_(setup.bytes) {
    shmbus_caller_options_t options{};
    options.size = sizeof options;
    options.wait = SHMBUS_WAIT_SPINNING;
    check_c(shmbus_caller_new(&bus_, counted_name, &options, &caller_, nullptr));
  }
  ThroughC(const ThroughC&) = delete;
  ThroughC& operator=(const ThroughC&) = delete;
  ~ThroughC() { shmbus_caller_free(caller_); }

  void call() {
    if constexpr (InLoan) {
      shmbus_reply_t* reply = nullptr;
      check_c(shmbus_loan_call(loan(), SHMBUS_DEFAULT_TIMEOUT, &reply, nullptr));
      answered_ = shmbus_reply_data(reply, &size_) != nullptr && size_ == request_.size();
      shmbus_reply_drop(reply);
    } else {
      check_c(shmbus_caller_call(caller_, request_.data(), request_.size(), reply_.data(),
                                 reply_.size(), &size_, SHMBUS_DEFAULT_TIMEOUT, nullptr));
      answered_ = size_ == request_.size() && first_word(reply_) == first_word(request_);
    }
  }
  PendingOfC start() {
    shmbus_pending_t* pending = nullptr;
    if constexpr (InLoan) {
      check_c(shmbus_loan_start(loan(), SHMBUS_DEFAULT_TIMEOUT, &pending, nullptr));
    } else {
      check_c(shmbus_caller_start(caller_, request_.data(), request_.size(), reply_.size(),
                                  SHMBUS_DEFAULT_TIMEOUT, &pending, nullptr));
    }
    return PendingOfC(pending);
  }
  void send() {
    check_c(shmbus_caller_send(caller_, request_.data(), request_.size(), SHMBUS_DEFAULT_TIMEOUT,
                               nullptr, nullptr));
  }
  [[nodiscard]] bool has_answer() const { return answered_; }

 private:
  shmbus_loan_t* loan() {
    shmbus_loan_t* loan = nullptr;
    void* data = nullptr;
    check_c(shmbus_caller_loan(caller_, request_.size(), request_.size(), &loan, &data, nullptr));
    std::memcpy(data, request_.data(), sizeof(std::uint64_t));
    return loan;
  }
  template <bool Steps>
  static void answer(void* /*context*/, shmbus_context_t* command) {
    std::size_t size = 0;
    const void* const request = shmbus_context_request(command, &size);
    if (shmbus_context_one_way(command) == 1) return;
    void* const reply = shmbus_context_reply_buffer(command, size);
    std::memcpy(reply, request, sizeof(std::uint64_t));
    if constexpr (Steps) step_from_here();
  }

  shmbus_bus_t bus_;
  shmbus_caller_t* caller_ = nullptr;
  std::vector<std::byte> request_;
  std::vector<std::byte> reply_;
  std::size_t size_ = 0;
  bool answered_ = false;
};

}  // namespace shmbus::bench
