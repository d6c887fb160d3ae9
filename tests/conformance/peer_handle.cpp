// The peer of C++, the handler's side: README.md says what it does.
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

#include "peer.hpp"

namespace conformance {
namespace {

using namespace std::chrono_literals;
using shmbus::Context;
using shmbus::ErrorKind;
using shmbus::Status;

Status reply(Context& command, std::span<const std::byte> bytes) {
  const auto room = command.reply_buffer(bytes.size());
  if (!room.empty()) std::memcpy(room.data(), bytes.data(), bytes.size());
  return Status::ok();  // without room the caller gets too_large
}
Status reply(Context& command, const std::string& text) {
  return reply(command, std::as_bytes(std::span(text)));
}

Status on_echo(Context& command) { return reply(command, command.request()); }

/// Calls `name` and returns what became of it.
shmbus::Error call_inside(shmbus::Bus& bus, const char* name, shmbus::WhenVacant vacant) {
  auto caller = bus.caller(std::string_view(name), {.when_vacant = vacant});
  if (!caller) return caller.error();
  const auto size = caller->call({}, {}, shmbus::forever);
  return size ? shmbus::Error{} : size.error();
}

Status on_stay(Context& command) {
  say("started stay");
  for (;; std::this_thread::sleep_for(1ms)) {
    if (command.cancelled()) {
      say("cancelled stay");
      return Status::reject(9, "stopped");
    }
    if (command.caller_gone()) {
      say("gone stay");
      return Status::ok();
    }
  }
}
Status on_remaining(Context& command) {
  const auto left = command.remaining();
  if (left == shmbus::forever) return reply(command, std::string("none"));
  return reply(command, std::to_string(left / 1ms));
}

Status on_later(Context& command) {
  const auto request = command.request();
  std::thread([bytes = Bytes(request.begin(), request.end()),
               responder = command.defer()]() mutable {
    std::this_thread::sleep_for(5ms);
    (void)responder.reply(bytes);
  }).detach();
  return Status::ok();
}
Status on_drop(Context& command) {
  const auto dropped = command.defer();
  return Status::ok();
}

Status on_point(Context& command) {
  std::int32_t point[2];
  if (command.request().size() != sizeof point) {
    return Status::refuse(ErrorKind::invalid_argument, "no point");
  }
  std::memcpy(point, command.request().data(), sizeof point);
  const std::int32_t sum = point[0] + point[1];
  return reply(command, std::as_bytes(std::span(&sum, 1)));
}
Status on_grown(Context& command) {
  std::uint32_t parts[4] = {};
  const auto request = command.request();
  std::memcpy(parts, request.data(), std::min(request.size(), sizeof parts));
  const std::uint32_t sum = parts[0] + ((parts[3] & 255U) == 1 ? parts[2] : 0);
  return reply(command, std::as_bytes(std::span(&sum, 1)));
}

Status stop_with(const char* name, ErrorKind kind) {
  say("stopped %s %s", name, std::string(to_string(kind)).c_str());
  return Status::reject(8, "stopped");
}
Status no_stream() { return Status::refuse(ErrorKind::invalid_argument, "no stream"); }

Status on_out(Context& command) {
  const auto request = command.request();
  const std::string text(static_cast<const char*>(static_cast<const void*>(request.data())),
                         request.size());
  unsigned long count = 0;
  unsigned long size = 0;
  shmbus::RawWriter out(command);
  if (sscanf(text.c_str(), "%lu %lu", &count, &size) != 2 || !out.valid()) return no_stream();
  const Bytes record = pattern(size);
  for (unsigned long i = 0; i < count; ++i) {
    const auto put = out.put(record, shmbus::forever);
    if (!put) return stop_with("out", put.error().kind);
  }
  return Status::ok();
}
Status on_in(Context& command) {
  shmbus::RawReader in(command);
  if (!in.valid()) return no_stream();
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (;; ++count) {
    const auto record = in.next(shmbus::forever);
    if (!record && record.error().kind != ErrorKind::stream_ended) {
      return stop_with("in", record.error().kind);
    }
    if (!record) return reply(command, std::to_string(count) + " " + std::to_string(bytes));
    bytes += record->size();
  }
}
Status on_both(Context& command) {
  shmbus::RawReader in(command);
  shmbus::RawWriter out(command);
  if (!in.valid() || !out.valid()) return no_stream();
  for (;;) {
    const auto record = in.next(shmbus::forever);
    if (!record && record.error().kind == ErrorKind::stream_ended) return Status::ok();
    if (!record) return stop_with("both", record.error().kind);
    const auto put = out.put(*record, shmbus::forever);
    if (!put) return stop_with("both", put.error().kind);
  }
}

constexpr shmbus::Schema schema(std::string_view text, std::uint32_t request) {
  return {text, shmbus::detail::hash_name(text), request, 4};
}

/// Registers names until one fails.
class Names {
 public:
  Names(shmbus::Server& server, shmbus::Registration how) : server_(server), how_(how) {}
  template <class F>
  Names& on(std::string_view name, F handler, const shmbus::Schema& types = {}) {
    if (failed) return *this;
    const auto added = server_.on(name, types, std::move(handler), how_);
    failed = !added;
    if (!added) say("%s", line_of(added.error()).c_str());
    return *this;
  }
  bool failed = false;

 private:
  shmbus::Server& server_;
  shmbus::Registration how_;
};

bool add_all(shmbus::Bus& bus, shmbus::Server& server, std::string_view how, long& tally) {
  using enum shmbus::WhenVacant;
  const bool group = how == "join";
  Names names(server, {group ? shmbus::Sharing::group : shmbus::Sharing::exclusive});
  names.on("echo", on_echo).on("größe.エコー", on_echo);
  names.on("refuse", [](Context&) { return Status::reject(42, "nein: größer"); });
  names.on("forbid",
           [](Context&) { return Status::refuse(ErrorKind::not_permitted, "not you", 7); });
  names.on("because", [&bus](Context&) {
    return Status::reject(5, "below").because(call_inside(bus, "absent", fail), "absent");
  });
  names.on("nested", [&bus](Context&) {
    return Status::reject(6, to_string(call_inside(bus, "stay.never", wait).kind));
  });
  names.on("stay", on_stay).on("remaining", on_remaining);
  names.on("who",
           [](Context& command) { return reply(command, std::to_string(command.caller().pid)); });
  names.on("later", on_later).on("drop", on_drop);
  names.on("tally", [&tally](Context&) { return ++tally, Status::ok(); });
  names.on("total", [&tally](Context& command) { return reply(command, std::to_string(tally)); });
  names.on("point", on_point, schema("{x:i32@0,y:i32@4}8/4->i32", 8));
  names.on("grown", on_grown, schema("{a:u32@0,b:opt<u32>@8}16/8->u32", 16));
  names.on("out", on_out).on("in", on_in).on("both", on_both);
  return !names.failed;
}

shmbus::Result<void> serve(std::string_view path, std::string_view how) {
  using shmbus::Result;
  auto bus = shmbus::Bus::open(path);
  if (!bus) return tl::unexpected<shmbus::Error>(bus.error());
  auto stop = shmbus::stop_on_signals();
  if (!stop) return tl::unexpected<shmbus::Error>(stop.error());
  auto server = bus->serve({.stand_by = how == "take-over"});
  if (!server) return tl::unexpected<shmbus::Error>(server.error());
  long tally = 0;
  if (!add_all(*bus, *server, how, tally)) std::exit(1);
  if (how == "take-over") {
    const auto taken = server->take_over(5s);
    if (!taken) return taken;
  }
  say("ready");
  const auto ran = server->run(stop->token());
  if (ran && server->replaced()) say("replaced");
  return ran;
}

}  // namespace

int run_handler(std::string_view path, std::string_view how) {
  const auto served = serve(path, how);
  if (served) return 0;
  say("%s", line_of(served.error()).c_str());
  return 1;
}

}  // namespace conformance
