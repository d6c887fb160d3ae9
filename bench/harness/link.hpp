#pragma once
// Runs an echo or a one-way stream over a *link*: any means to carry bytes between two roles.
//
// A link is made in the suite's process, before the roles are forked:
//     struct SomeLink {
//       explicit SomeLink(args...);     // sockets, files, shared memory
//       End server();                   // in the server's process, first
//       End caller();                   // in the caller's process, once server() returned
//     };
//     struct End {                      // fill(std::byte* to), read(const std::byte* from)
//       template <std::size_t Bytes, class Fill> void send(Fill&& fill);
//       template <std::size_t Bytes, class Read> void receive(Read&& read);
//     };
// An end of a system that knows calls rather than messages offers instead, or as well
//       template <std::size_t Bytes, class Fill, class Read> void call(Fill&& fill, Read&& read);
//       template <std::size_t Bytes, class Echo> void serve(Echo& echo);  // until echo.ended()
// A link whose roles must leave through exit() has a member kRunsExitHandlers.

#include <string>
#include <type_traits>
#include <utility>

#include "harness/measure.hpp"
#include "harness/registry.hpp"

namespace shmbus::bench {

namespace detail {

// A role's end may need an orderly goodbye that its destructor gives; roles leave through here.
inline void leave_together(RoleContext& context) { context.barrier(); }

template <std::size_t Bytes, class End>
void call_over(RoleContext& context, End& end) {
  EchoCaller<Bytes> echo;
  const auto fill = [&](std::byte* to) { echo.fill(to); };
  const auto fill_end = [&](std::byte* to) { echo.fill_end(to); };
  const auto check = [&](const std::byte* from) { echo.check(from); };
  if constexpr (requires { end.template call<Bytes>(fill, check); }) {
    measure_calls(context, [&] { end.template call<Bytes>(fill, check); });
    end.template call<Bytes>(fill_end, [](const std::byte*) {});
  } else {
    measure_calls(context, [&] {
      end.template send<Bytes>(fill);
      end.template receive<Bytes>(check);
    });
    end.template send<Bytes>(fill_end);
  }
  context.report().operations = echo.count();
}

template <std::size_t Bytes, class End>
void serve_over(RoleContext& context, End& end) {
  EchoServer<Bytes> echo;
  if constexpr (requires { end.template serve<Bytes>(echo); }) {
    end.template serve<Bytes>(echo);
    context.report().operations = echo.count() - 1;  // the end was answered too
  } else {
    for (;;) {
      end.template receive<Bytes>([&](const std::byte* from) { echo.take(from); });
      if (echo.ended()) {
        break;
      }
      end.template send<Bytes>([&](std::byte* to) { echo.reply(to); });
    }
    context.report().operations = echo.count();
  }
}

template <class Link>
[[nodiscard]] RoundResult run_counted(RoleGroup& group, std::size_t reporting_role) {
  if constexpr (requires { Link::kRunsExitHandlers; }) {
    group.run_exit_handlers();
  }
  RoundResult result = group.run(reporting_role);
  const std::uint64_t sent = group.report(0).operations;
  const std::uint64_t served = group.report(1).operations;
  if (result.status == RoundResult::Status::ok && sent != served) {
    return RoundResult::fail("sent " + std::to_string(sent) + " but served " +
                             std::to_string(served));
  }
  return result;
}

}  // namespace detail

/// Round trips over one Link(args...); the figure is nanoseconds.
template <std::size_t Bytes, class Link, class... Args>
[[nodiscard]] RoundResult run_echo(const RoundBudget& budget, Isolation isolation, Args... args) {
  Link link(std::move(args)...);
  RoleGroup group(budget, isolation);
  group.add("caller", 0, [&](RoleContext& context) {
    context.barrier();
    auto end = link.caller();
    context.barrier();
    detail::call_over<Bytes>(context, end);
    detail::leave_together(context);
  });
  group.add("server", 1, [&](RoleContext& context) {
    auto end = link.server();
    context.barrier();
    context.barrier();
    detail::serve_over<Bytes>(context, end);
    detail::leave_together(context);
  });
  return detail::run_counted<Link>(group, 0);
}

/// A one-way stream over one Link(args...); the figure is messages per second.
template <std::size_t Bytes, class Link, class... Args>
[[nodiscard]] RoundResult run_stream(const RoundBudget& budget, Isolation isolation, Args... args) {
  Link link(std::move(args)...);
  RoleGroup group(budget, isolation);
  group.add("producer", 0, [&](RoleContext& context) {
    context.barrier();
    auto end = link.caller();
    context.barrier();
    produce(context, [&](std::uint64_t sequence) {
      end.template send<Bytes>([=](std::byte* to) { payload::write<Bytes>(to, sequence); });
    });
    end.template send<Bytes>([](std::byte* to) { payload::write<Bytes>(to, payload::kEndSeed); });
    if constexpr (requires { end.flush(); }) {
      end.flush();
    }
    detail::leave_together(context);
  });
  group.add("consumer", 1, [&](RoleContext& context) {
    auto end = link.server();
    context.barrier();
    context.barrier();
    consume<Bytes>(context, [&](StreamChecker<Bytes>& checker) {
      bool more = true;
      end.template receive<Bytes>([&](const std::byte* from) { more = checker.take(from); });
      return more;
    });
    detail::leave_together(context);
  });
  return detail::run_counted<Link>(group, 1);
}

/// A row of that, over two processes that spin.
template <std::size_t Bytes, class Link>
void add_stream_row(Registry& registry, const std::string& name, const std::string& ratio_to) {
  registry.add({.name = name,
                .payload = Bytes,
                .mode = "spin",
                .unit = Unit::per_second,
                .ratio_to = ratio_to,
                .tier = Tier::detail,
                .run_round = [](const RoundBudget& budget) {
                  return run_stream<Bytes, Link>(budget, Isolation::processes);
                }});
}

}  // namespace shmbus::bench
