#pragma once
// A bus of its own with one server that never runs by itself, and callers for it: what is counted.

#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "bus/commands.hpp"
#include "bus/private_bus.hpp"
#include "instructions/traps.hpp"

namespace shmbus::bench {

struct PairSetup {
  std::size_t bytes = 0;  ///< of requests and replies
  std::size_t many = 0;   ///< commands that are sent together
  ServeOptions serve{.wait = WaitMode::spinning};
  CallerOptions caller{.wait = WaitMode::spinning};
  Registration how{};
  std::optional<Policy> policy{};
  Timing timing = Timing::sampled;
};

inline constexpr const char* counted_name = "bench.count";

/// A bus and its server, without handlers yet.
class Pair {
 public:
  explicit Pair(const PairSetup& setup)
      : bus_(open(place_.path(), setup.timing)),
        server_(value_of("serve", bus_.serve(setup.serve))) {
    if (setup.policy) value_of("policy", bus_.set_policy(counted_name, *setup.policy));
  }

  [[nodiscard]] Bus& bus() noexcept { return bus_; }
  [[nodiscard]] Server& server() noexcept { return server_; }
  /// Some turns of the loop behind Server::run: runs what is there until it finds nothing. Returns
  /// how many commands it ran.
  std::size_t turn() {
    const auto ran = server_.run_for(Duration::zero());
    if (!ran) [[unlikely]]
      throw_error("run_for", ran.error());
    return *ran;
  }

 private:
  static Bus open(const std::string& path, Timing timing) {
    const RealTime while_clocks_are_compared;
    return value_of("open", Bus::open(path, {.label = "bench", .timing = timing}));
  }
  PrivateBus place_;
  Bus bus_;
  Server server_;
};

inline std::uint64_t first_word(std::span<const std::byte> bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof word);
  return word;
}

// Each of these serves its name with a handler that does next to nothing: the reply is as large as
// the request, and begins with its first word. It may end by single steps, to find where its reply
// is committed. `call`, `start` and `send` each make one command.

/// By bytes, which are copied.
class ByValue {
 public:
  static void serve(Server& server, const Registration& how, bool steps = false) {
    value_of("on", server.on(counted_name, steps ? answer<true> : answer<false>, how));
  }
  ByValue(Bus& bus, const PairSetup& setup)
      : caller_(value_of("caller", bus.caller(counted_name, setup.caller))),
        request_(setup.bytes, std::byte{42}),
        reply_(setup.bytes),
        many_(setup.many * setup.bytes, std::byte{42}) {}

  void call() {
    const auto size = caller_.call(request_, reply_);
    if (!size) [[unlikely]]
      throw_error("call", size.error());
  }
  Pending start() { return value_of("start", caller_.start(request_, reply_.size())); }
  void send() {
    const auto sent = caller_.send(request_);
    if (!sent) [[unlikely]]
      throw_error("send", sent.error());
  }
  void send_many() {
    const auto sent = caller_.send_many(many_, request_.size());
    if (!sent) [[unlikely]]
      throw_error("send_many", sent.error());
  }
  [[nodiscard]] bool is_answer(std::span<const std::byte> reply) const {
    return reply.size() == request_.size() && first_word(reply) == first_word(request_);
  }
  [[nodiscard]] bool has_answer() const { return is_answer(reply_); }

 private:
  template <bool Steps>
  static Status answer(Context& context) {
    const auto request = context.request();
    if (context.one_way()) return Status::ok();
    const auto reply = context.reply_buffer(request.size());
    std::memcpy(reply.data(), request.data(), sizeof(std::uint64_t));
    if constexpr (Steps) step_from_here();
    return Status::ok();
  }

  RawCaller caller_;
  std::vector<std::byte> request_;
  std::vector<std::byte> reply_;
  std::vector<std::byte> many_;
};

/// What a caller of the public functions executes itself: as ByValue, but there is nothing behind.
class NothingCalled {
 public:
  void call() {
    const auto size = call_nothing(request_, reply_);
    if (!size) [[unlikely]]
      throw_error("call", size.error());
  }
  void send() {
    const auto sent = send_nothing(request_);
    if (!sent) [[unlikely]]
      throw_error("send", sent.error());
  }

 private:
  [[gnu::noinline]] static Result<std::size_t> call_nothing(std::span<const std::byte>,
                                                            std::span<std::byte>,
                                                            Duration = default_timeout) noexcept {
    asm volatile("");
    return 0;
  }
  [[gnu::noinline]] static Result<std::uint64_t> send_nothing(std::span<const std::byte>,
                                                              Notify = Notify::now,
                                                              Duration = default_timeout) noexcept {
    asm volatile("");
    return 0;
  }
  std::vector<std::byte> request_{64};
  std::vector<std::byte> reply_{64};
};

/// By bytes in loaned memory.
class Loaned {
 public:
  static void serve(Server& server, const Registration& how, bool steps = false) {
    ByValue::serve(server, how, steps);
  }
  Loaned(Bus& bus, const PairSetup& setup)
      : caller_(value_of("caller", bus.caller(counted_name, setup.caller))), bytes_(setup.bytes) {}

  void call() {
    auto request = loan();
    const auto reply = request.call();
    if (!reply) [[unlikely]]
      throw_error("call", reply.error());
    answered_ = is_answer(reply->bytes());
  }
  Pending start() { return value_of("start", loan().start()); }
  [[nodiscard]] bool is_answer(std::span<const std::byte> reply) const {
    return reply.size() == bytes_ && first_word(reply) == bytes_;
  }
  [[nodiscard]] bool has_answer() const { return answered_; }

 private:
  Loan loan() {
    auto loan = caller_.loan(bytes_, bytes_);
    if (!loan) [[unlikely]]
      throw_error("loan", loan.error());
    std::memcpy(loan->bytes().data(), &bytes_, sizeof bytes_);
    return std::move(*loan);
  }
  RawCaller caller_;
  std::size_t bytes_;
  bool answered_ = false;
};

/// One-way, to a handler that takes several at a time.
template <std::size_t Bytes>
class ToBatches {
 public:
  static void serve(Server& server, const Registration&) {
    value_of("on", server.on_batch<Note<Bytes>>([](std::span<const Block<Bytes>>) {}));
  }
  ToBatches(Bus& bus, const PairSetup& setup)
      : caller_(value_of("caller", bus.caller<Note<Bytes>>(setup.caller))), many_(setup.many) {
    for (auto& block : many_) std::memset(block.bytes(), 42, Bytes);
  }
  void send_many() {
    const auto sent = caller_.send_many(many_);
    if (!sent) [[unlikely]]
      throw_error("send_many", sent.error());
  }

 private:
  Caller<Note<Bytes>> caller_;
  std::vector<Block<Bytes>> many_;
};

/// By types.
template <std::size_t Bytes>
class Typed {
 public:
  static void serve(Server& server, const Registration& how, bool steps = false) {
    value_of("on", steps ? server.on<Echo<Bytes>>(answer<true>, how)
                         : server.on<Echo<Bytes>>(answer<false>, how));
    value_of("on", server.on<Note<Bytes>>([](const Block<Bytes>&) {}, how));
  }
  Typed(Bus& bus, const PairSetup& setup)
      : caller_(value_of("caller", bus.caller<Echo<Bytes>>(setup.caller))),
        sender_(value_of("caller", bus.caller<Note<Bytes>>(setup.caller))) {
    std::memset(request_.bytes(), 42, Bytes);
  }

  void call() {
    const auto reply = caller_.call(request_);
    if (!reply) [[unlikely]]
      throw_error("call", reply.error());
    answer_ = reply->words[0];
  }
  TypedPending<Block<Bytes>> start() { return value_of("start", caller_.start(request_)); }
  void send() {
    const auto sent = sender_.send(request_);
    if (!sent) [[unlikely]]
      throw_error("send", sent.error());
  }
  [[nodiscard]] bool is_answer(std::span<const std::byte> reply) const {
    return first_word(reply) == request_.words[0];
  }
  [[nodiscard]] bool has_answer() const { return answer_ == request_.words[0]; }

 private:
  template <bool Steps>
  static void answer(const Block<Bytes>& in, Block<Bytes>& out) {
    out.words[0] = in.words[0];
    if constexpr (Steps) step_from_here();
  }
  Caller<Echo<Bytes>> caller_;
  Caller<Note<Bytes>> sender_;
  Block<Bytes> request_;
  std::uint64_t answer_ = 0;
};

}  // namespace shmbus::bench
