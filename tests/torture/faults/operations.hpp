// Everything that a user of the library can do, and the daemon, as operations that can be done once
// with a fault and once more without. They take no memory of their own: it may be refused.
#pragma once

#include <array>
#include <csignal>
#include <functional>
#include <optional>

#include "daemon/run.hpp"
#include "daemon/sources.hpp"
#include "inspect/snapshot.hpp"
#include "tally.hpp"

namespace shmbus::torture {

struct Env {
  std::string path;
  std::optional<Bus> bus;
  std::optional<Server> server;
  std::optional<RawCaller> caller;
};

using Body = std::function<Result<void>(Env&)>;

struct Operation {
  std::string name;
  Body prepare;  ///< without faults
  Body run;      ///< with one
};

template <class T>
Result<void> keep(Result<T> result, std::optional<T>& into) {
  if (!result) return tl::unexpected<Error>(result.error());
  into = std::move(*result);
  return {};
}
template <class T>
Result<void> drop(const Result<T>& result) {
  if (!result) return tl::unexpected<Error>(result.error());
  return {};
}

inline OpenOptions options() {
  auto out = small_bus();
  out.default_timeout = 2s;
  return out;
}

inline Result<void> open_bus(Env& env) { return keep(Bus::open(env.path, options()), env.bus); }

inline Result<void> with_server(Env& env) {
  if (auto done = open_bus(env); !done) return done;
  if (auto done = keep(env.bus->serve(), env.server); !done) return done;
  return env.server->on("mine", [](Context&) { return Status::ok(); });
}

inline Body with_caller(std::string name, CallerOptions how = {}) {
  return [=](Env& env) -> Result<void> {
    if (auto done = open_bus(env); !done) return done;
    if (auto done = keep(env.bus->caller(std::string_view(name), how), env.caller); !done) {
      return done;
    }
    return drop(env.caller->call({}, {}));
  };
}

/// A call whose reply must be the request.
inline Body echo(std::size_t bytes) {
  return [=](Env& env) -> Result<void> {
    static std::array<std::byte, 4096> request;  // not from the heap, which may say no
    static std::array<std::byte, 4096> reply;
    request.fill(std::byte{0x42});
    reply.fill(std::byte{0});
    const auto got = env.caller->call({request.data(), bytes}, {reply.data(), bytes});
    if (!got) return tl::unexpected<Error>(got.error());
    if (*got != bytes ||
        !std::equal(reply.begin(), reply.begin() + static_cast<long>(bytes), request.begin()))
      return fail(ErrorKind::none, "a wrong reply");
    return {};
  };
}

/// A stream from its opening to its end; three records of 100 bytes each way that it has, which
/// take more than the window.
inline Body stream(Records way) {
  return [=](Env& env) -> Result<void> {
    static const std::array<std::byte, 100> record{};
    auto stream = env.caller->open({}, {.window = 256, .timeout = 2s}, way);
    if (!stream) return drop(stream);
    const bool puts = way != Records::from_handler;
    const bool reads = way != Records::to_handler;
    for (int i = 0; i < 3; ++i) {
      if (auto put = puts ? stream->put(record) : Result<void>{}; !put) return stream->end();
      if (!reads) continue;
      const auto got = stream->next();
      if (!got && got.error().kind == ErrorKind::stream_ended) return stream->end();
      if (!got) return drop(got);
      if (got->size() != record.size()) return fail(ErrorKind::none, "a wrong record");
    }
    return stream->end();
  };
}

inline void add_streams(std::vector<Operation>& all) {
  const Body caller = [](Env& env) -> Result<void> {
    if (auto done = open_bus(env); !done) return done;
    if (auto done = keep(env.bus->caller("stream", {.wait = WaitMode::blocking}), env.caller);
        !done) {
      return done;
    }
    return stream(Records::from_handler)(env);
  };
  all.push_back({"stream from a handler", caller, stream(Records::from_handler)});
  all.push_back({"stream to a handler", caller, stream(Records::to_handler)});
  all.push_back({"stream both ways", caller, stream(Records::both)});
}

inline Result<void> subscribe_and_publish(Env& env) {
  auto in = env.bus->subscribe("event", {.from = From::now});
  if (!in) return drop(in);
  auto out = env.bus->publisher("event", {.keep = 1});
  if (!out) return drop(out);
  static const std::array<std::byte, 40> event{};
  if (auto sent = out->publish(event); !sent) return drop(sent);
  const auto got = in->next(1s);
  if (!got) return drop(got);
  return got->bytes().size() == event.size() ? Result<void>{}
                                             : fail(ErrorKind::none, "a wrong event");
}

/// One round of the daemon: it finds the dead, takes its census, and a signal to stop.
inline Result<void> daemon_round(Env& env) {
  const daemon::Log log(daemon::Level::error, false);
  const daemon::Notifier notifier;
  daemon::block_stop_signals();
  auto core = shmbus::detail::BusCore::open(env.path, {options(), true});
  if (!core) return tl::unexpected<Error>(core.error());
  ::raise(SIGTERM);
  return drop(daemon::supervise(**core, 1'000'000, log, notifier));
}

inline std::vector<Operation> operations() {
  const Body nothing = [](Env&) -> Result<void> { return {}; };
  std::vector<Operation> all;
  all.push_back({"create",
                 [](Env& env) -> Result<void> {
                   env.path += ".new";
                   return {};
                 },
                 open_bus});
  all.push_back({"open", nothing, open_bus});
  all.push_back({"serve", open_bus, [](Env& env) -> Result<void> {
                   if (auto done = keep(env.bus->serve(), env.server); !done) return done;
                   return env.server->on("mine", [](Context&) { return Status::ok(); });
                 }});
  all.push_back({"first call", open_bus, [](Env& env) -> Result<void> {
                   if (auto done = keep(env.bus->caller("echo"), env.caller); !done) return done;
                   return echo(16)(env);
                 }});
  all.push_back({"call", with_caller("echo"), echo(16)});
  all.push_back({"large call", with_caller("echo"), echo(3000)});
  all.push_back({"sleeping call", with_caller("slow", {.wait = WaitMode::blocking}), echo(16)});
  all.push_back({"call that times out", with_caller("slow"), [](Env& env) -> Result<void> {
                   const auto got = env.caller->call({}, {}, 1ms);
                   if (!got && got.error().kind == ErrorKind::timed_out) return {};
                   return drop(got);
                 }});
  all.push_back({"send", with_caller("echo"), [](Env& env) -> Result<void> {
                   static const std::array<std::byte, 2000> large{};
                   if (auto sent = env.caller->send(large); !sent) return drop(sent);
                   return env.caller->flush();
                 }});
  all.push_back({"start, wait", with_caller("slow"), [](Env& env) -> Result<void> {
                   auto first = env.caller->start({}, 1000);
                   if (!first) return drop(first);
                   auto second = env.caller->start({}, 0);
                   if (second) second->cancel();
                   return drop(first->wait());
                 }});
  add_streams(all);
  all.push_back({"subscribe, publish", open_bus, subscribe_and_publish});
  all.push_back({"caller's fd", with_caller("echo"), [](Env& env) -> Result<void> {
                   if (auto fd = env.caller->fd(); !fd) return drop(fd);
                   return env.caller->poll();
                 }});
  all.push_back({"server's fd", with_server, [](Env& env) -> Result<void> {
                   if (auto fd = env.server->fd(); !fd) return drop(fd);
                   return drop(env.server->poll());
                 }});
  all.push_back({"run", with_server,
                 [](Env& env) -> Result<void> { return drop(env.server->run_for(3ms)); }});
  all.push_back({"off", with_server, [](Env& env) -> Result<void> {
                   const auto gone = env.server->off("mine");
                   if (!gone && gone.error().kind != ErrorKind::not_registered) return gone;
                   return env.server->on("mine", [](Context&) { return Status::ok(); });
                 }});
  all.push_back({"take over", open_bus, [](Env& env) -> Result<void> {
                   if (auto done = keep(env.bus->serve(), env.server); !done) return done;
                   return env.server->on("gone", [](Context&) { return Status::ok(); });
                 }});
  all.push_back({"reclaim", open_bus, [](Env& env) { return drop(env.bus->reclaim()); }});
  all.push_back({"wait until available", open_bus, [](Env& env) -> Result<void> {
                   const auto none = env.bus->wait_until_available("nobody", 2ms);
                   if (!none && none.error().kind == ErrorKind::timed_out) return {};
                   return drop(none);
                 }});
  all.push_back({"snapshot", nothing, [](Env& env) {
                   return shmbus::detail::without_throwing(
                       [&] { return drop(inspect::take_snapshot(env.path)); });
                 }});
  all.push_back({"daemon", nothing, [](Env& env) {
                   return shmbus::detail::without_throwing([&] { return daemon_round(env); });
                 }});
  all.push_back({"close",
                 [](Env& env) -> Result<void> {
                   if (auto done = with_server(env); !done) return done;
                   if (auto done = keep(env.bus->caller("echo"), env.caller); !done) return done;
                   if (auto fd = env.caller->fd(); !fd) return drop(fd);
                   return drop(env.server->fd());
                 },
                 [](Env& env) -> Result<void> {
                   env.caller.reset();
                   env.server.reset();
                   env.bus.reset();
                   return {};
                 }});
  return all;
}

}  // namespace shmbus::torture
