#pragma once
// One-way commands from one caller to one handler. Nothing is lost: the handler checks every
// payload and its place in the order, and both sides' counts must agree.

#include <array>
#include <span>
#include <stop_token>

#include "bus/commands.hpp"
#include "bus/private_bus.hpp"
#include "harness/measure.hpp"
#include "os/fence.hpp"

namespace shmbus::bench {

struct StreamPlan {
  Capacities capacities{};
  unsigned batch = 1;         ///< commands for each notification
  unsigned many = 0;          ///< handed over together, by send_many()
  bool on_batch = false;      ///< the handler takes several at a time
  bool loaned = false;        ///< written in place instead of passed by value
  bool always_fence = false;  ///< the publisher orders its stores itself, as without membarrier
};

inline constexpr std::size_t kBatchBytesMax = 40;  ///< of what a handler takes several at a time

template <std::size_t Bytes>
class StreamProducer {
 public:
  StreamProducer(Bus& bus, const StreamPlan& plan)
      : caller_(value_of("caller", bus.caller<Note<Bytes>>({.wait = WaitMode::spinning}))),
        plan_(plan) {}

  void send(std::uint64_t seed) {
    if (plan_.loaned) {
      send_loan(seed);
    } else if (plan_.many != 0) {
      payload::write<Bytes>(gathered_[gathered_count_].bytes(), seed);
      if (++gathered_count_ == plan_.many) {
        send_gathered();
      }
    } else if (plan_.batch == 1) {
      send_value(seed, Notify::now);
    } else {
      send_value(seed, Notify::later);
      if (++unflushed_ == plan_.batch) {
        flush();
      }
    }
  }
  void end() {
    send_gathered();
    send_value(payload::kEndSeed, Notify::now);
    flush();
    if (caller_.raw().lost() != 0) {
      throw DataLost("one-way commands were reported lost");
    }
  }

 private:
  void send_value(std::uint64_t seed, Notify notify) {
    Block<Bytes> block;
    payload::write<Bytes>(block.bytes(), seed);
    const auto sent = caller_.send(block, notify);
    if (!sent) [[unlikely]] {
      throw_error("send", sent.error());
    }
  }
  void send_gathered() {
    const std::span<const Block<Bytes>> blocks(gathered_.data(), gathered_count_);
    for (std::size_t sent = 0; sent < blocks.size();) {
      sent += value_of("send_many", caller_.send_many(blocks.subspan(sent)));
    }
    gathered_count_ = 0;
  }
  void send_loan(std::uint64_t seed) {
    auto loan = value_of("loan", caller_.loan());
    payload::write<Bytes>(loan->bytes(), seed);
    value_of("send", loan.send());
  }
  void flush() {
    unflushed_ = 0;
    value_of("flush", caller_.flush());
  }

  Caller<Note<Bytes>> caller_;
  StreamPlan plan_;
  unsigned unflushed_ = 0;
  static constexpr std::size_t kManyMax = 64;
  std::array<Block<Bytes>, kManyMax> gathered_;
  std::size_t gathered_count_ = 0;
};

/// Counts what arrives, and how fast after the warm-up.
template <std::size_t Bytes>
class StreamSink {
 public:
  explicit StreamSink(double warmup_ns) : warmup_(ns_to_ticks(warmup_ns)) {}

  /// False at the end.
  [[nodiscard]] bool take(const Block<Bytes>& block) {
    if (!checker_.take(block.bytes())) [[unlikely]] {
      end_ = now_ticks();
      return false;
    }
    if (!warm_) [[unlikely]] {
      warm_up();
    }
    return true;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return checker_.count(); }
  [[nodiscard]] double per_second() const noexcept {
    return static_cast<double>(count() - warm_count_) * 1e9 / ticks_to_ns(end_ - start_);
  }

 private:
  void warm_up() noexcept {
    const Ticks now = now_ticks();
    if (start_ == 0) {
      start_ = now;
    } else if (now - start_ > warmup_) {
      start_ = now;
      warm_count_ = count();
      warm_ = true;
    }
  }

  StreamChecker<Bytes> checker_;
  Ticks warmup_;
  Ticks start_ = 0;
  Ticks end_ = 0;
  std::uint64_t warm_count_ = 0;
  bool warm_ = false;
};

template <std::size_t Bytes>
void produce_role(RoleContext& context, const PrivateBus& place, const StreamPlan& plan) {
  context.barrier();
  Bus bus = place.open();
  if (plan.always_fence) {
    if (wait::detail::publisher_must_fence.exchange(true, std::memory_order_relaxed)) {
      throw Unavailable("the kernel refuses membarrier: publishers always fence");
    }
  }
  StreamProducer<Bytes> producer(bus, plan);
  produce(context, [&](std::uint64_t sequence) { producer.send(sequence); });
  producer.end();
}

template <std::size_t Bytes>
void consume_role(RoleContext& context, const PrivateBus& place, const StreamPlan& plan) {
  Bus bus = place.open();
  auto server = value_of("serve", bus.serve({.wait = WaitMode::spinning}));
  std::stop_source stop;
  StreamSink<Bytes> sink(context.budget().warmup_ns);
  std::exception_ptr lost;  // the bus keeps what a handler throws to itself
  const auto take = [&](const Block<Bytes>& block) {
    try {
      if (!sink.take(block)) [[unlikely]] {
        stop.request_stop();
      }
    } catch (const DataLost&) {
      lost = std::current_exception();
      stop.request_stop();
    }
  };
  if constexpr (Bytes <= kBatchBytesMax) {
    value_of("on", plan.on_batch ? server.template on_batch<Note<Bytes>>(
                                       [&](std::span<const Block<Bytes>> blocks) {
                                         for (const Block<Bytes>& block : blocks) take(block);
                                       })
                                 : server.template on<Note<Bytes>>(take));
  } else {
    value_of("on", server.template on<Note<Bytes>>(take));
  }
  context.barrier();
  value_of("run", server.run(stop.get_token()));
  if (lost) {
    std::rethrow_exception(lost);
  }
  context.report().operations = sink.count();
  context.report().value = sink.per_second();
}

template <std::size_t Bytes>
[[nodiscard]] RoundResult run_bus_stream(const RoundBudget& budget, const StreamPlan& plan) {
  PrivateBus place(plan.capacities);
  RoleGroup group(budget);
  group.add("producer", 0,
            [&](RoleContext& context) { produce_role<Bytes>(context, place, plan); });
  group.add("handler", 1, [&](RoleContext& context) { consume_role<Bytes>(context, place, plan); });
  RoundResult result = group.run(1);
  const std::uint64_t sent = group.report(0).operations;
  const std::uint64_t received = group.report(1).operations;
  if (result.status == RoundResult::Status::ok && sent != received) {
    return RoundResult::fail("sent " + std::to_string(sent) + " but received " +
                             std::to_string(received));
  }
  return result;
}

}  // namespace shmbus::bench
