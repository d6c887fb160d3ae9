#pragma once
// Round trips through the bus: a caller, a handler, and if asked for a crowd of idle callers, each
// with a lane of its own.

#include <stop_token>

#include "bus/commands.hpp"
#include "bus/crowd.hpp"
#include "bus/private_bus.hpp"
#include "harness/measure.hpp"

namespace shmbus::bench {

struct EchoPlan {
  WaitMode wait = WaitMode::spinning;  ///< of both sides
  Order order = Order::per_caller;
  Capacities capacities{};
  std::uint32_t hot_lanes = 8;
  double work_ns = 0;           ///< of the handler
  double paced_per_second = 0;  ///< 0: one call after the other
  std::uint32_t idle_callers = 0;
  Policy policy{};
  const char* policy_of = nullptr;       ///< the name that has it
  Sharing sharing = Sharing::exclusive;  ///< of the handler
  InGroup in_group = InGroup::least_busy;
};

/// By value up to 256 B, above in memory of the segment, where the reply lands too.
inline constexpr std::size_t kByValueMax = 256;

template <std::size_t Bytes>
void call_once(Caller<Echo<Bytes>>& caller, EchoCaller<Bytes>& echo, bool last = false) {
  const auto fill = [&](Block<Bytes>& request) {
    last ? echo.fill_end(request.bytes()) : echo.fill(request.bytes());
  };
  if constexpr (Bytes <= kByValueMax) {
    Block<Bytes> request;
    fill(request);
    const auto reply = caller.call(request);
    if (!reply) [[unlikely]] {
      throw_error("call", reply.error());
    }
    if (!last) {
      echo.check(reply->bytes());
    }
  } else {
    auto loan = value_of("loan", caller.loan());
    fill(*loan);
    const auto reply = loan.call();
    if (!reply) [[unlikely]] {
      throw_error("call", reply.error());
    }
    if (!last) {
      echo.check((*reply)->bytes());
    }
  }
}

template <std::size_t Bytes>
void call_role(RoleContext& context, const PrivateBus& place, const EchoPlan& plan,
               const Crowd& crowd) {
  context.barrier();
  Bus bus = place.open();
  auto caller =
      value_of("caller", bus.caller<Echo<Bytes>>({.wait = plan.wait, .in_group = plan.in_group}));
  crowd.wait_until_attached();
  if (plan.policy_of != nullptr) value_of("policy", bus.set_policy(plan.policy_of, plan.policy));
  EchoCaller<Bytes> echo;
  const auto call = [&] { call_once<Bytes>(caller, echo); };
  if (plan.paced_per_second > 0) {
    measure_paced_calls(context, plan.paced_per_second, call);
  } else {
    measure_calls(context, call);
  }
  context.ask_to_stop();  // the crowd
  call_once<Bytes>(caller, echo, true);
  context.report().operations = echo.count();
}

template <std::size_t Bytes>
void serve_role(RoleContext& context, const PrivateBus& place, const EchoPlan& plan) {
  Bus bus = place.open();
  auto server = value_of(
      "serve", bus.serve({.wait = plan.wait, .order = plan.order, .hot_lanes = plan.hot_lanes}));
  std::stop_source stop;
  EchoServer<Bytes> echo;
  const Ticks work = ns_to_ticks(plan.work_ns);
  const auto answer = [&](const Block<Bytes>& in, Block<Bytes>& out) {
    echo.take(in.bytes());
    if (work != 0) {
      burn(work);
    }
    echo.reply(out.bytes());
    if (echo.ended()) [[unlikely]] {
      stop.request_stop();
    }
  };
  value_of("on", server.template on<Echo<Bytes>>(answer, {.sharing = plan.sharing}));
  context.barrier();
  value_of("run", server.run(stop.get_token()));
  context.report().operations = echo.count() - 1;  // the end was answered too
}

/// The role that attaches the idle callers: threads that made one call each and then sleep.
template <std::size_t Bytes>
void crowd_role(RoleContext& context, const PrivateBus& place, const Crowd& crowd) {
  context.barrier();
  Bus bus = place.open();
  crowd.attach_and_wait(context, [&] {
    auto caller = value_of("caller", bus.caller<Echo<Bytes>>());
    EchoCaller<Bytes> echo;
    call_once<Bytes>(caller, echo);
    return caller;
  });
  context.report().operations = crowd.size();
}

template <std::size_t Bytes>
[[nodiscard]] RoundResult run_bus_echo(const RoundBudget& budget, const EchoPlan& plan) {
  PrivateBus place(plan.capacities);
  Crowd crowd(plan.idle_callers);
  RoleGroup group(budget);
  group.add("caller", 0,
            [&](RoleContext& context) { call_role<Bytes>(context, place, plan, crowd); });
  group.add("handler", 1, [&](RoleContext& context) { serve_role<Bytes>(context, place, plan); });
  if (plan.idle_callers != 0) {
    group.add("idle callers", 2,
              [&](RoleContext& context) { crowd_role<Bytes>(context, place, crowd); });
  }
  RoundResult result = group.run(0);
  if (result.status != RoundResult::Status::ok) {
    return result;
  }
  const std::uint64_t called = group.report(0).operations + plan.idle_callers;
  const std::uint64_t served = group.report(1).operations;
  if (called != served) {
    return RoundResult::fail("called " + std::to_string(called) + " times but served " +
                             std::to_string(served));
  }
  return result;
}

}  // namespace shmbus::bench
