// Handlers and callers of the tests of the bridge.
//   serve BUS MACHINE LEDGER [NAME...]   handlers; each command of work.add is a line of LEDGER
//   call BUS COUNT TIMEOUT_MS WORK_MS RESULTS   calls work.add; each outcome is a line of RESULTS
//   echo BUS BYTES [NAME]                calls bytes.echo with so many bytes, compares
//   error BUS NAME                       calls it, prints what its error says
//   bench BUS COUNT | bare URL COUNT     median and p99 of a call; of a request of libnats
#include <fcntl.h>
#include <nats/nats.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "shmbus/shmbus.hpp"

namespace {

using namespace std::chrono_literals;
using shmbus::Context;
using shmbus::Nothing;
using shmbus::Status;
using shmbus::String;

struct Work {
  std::uint64_t id;
  std::int64_t deadline_ns;  // monotonic: the machines of a test share their clock
  std::uint32_t ms;
};
struct Done {
  std::uint64_t id;
  String<24> machine;
};
using Add = shmbus::Command<"work.add", Work, Done>;
struct Caller {
  String<64> label;
  String<55> trace;
  std::uint32_t left_ms;
};
using WhoAmI = shmbus::Command<"who.am.i", Nothing, Caller>;
using Refuse = shmbus::Command<"bad.refuse", Nothing, std::uint32_t>;
using Nested = shmbus::Command<"bad.nested", Nothing, std::uint32_t>;
using Die = shmbus::Command<"bad.die", Nothing, std::uint32_t>;
using Long = shmbus::Command<"text.long", Nothing, String<2000>>;
using Cancelled = shmbus::Command<"work.cancelled", Nothing, std::uint32_t>;

std::int64_t monotonic_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

void require(const shmbus::Result<void>& done) {
  if (done) return;
  std::fprintf(stderr, "%s\n", std::string(done.error().message.view()).c_str());
  std::exit(1);
}

void append(int fd, const std::string& line) {
  if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
}

int serve(char** argv, int names) {
  auto bus = shmbus::Bus::open(argv[0]);
  if (!bus) return 1;
  const std::string machine = argv[1];
  const int ledger = ::open(argv[2], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (ledger < 0) return 1;
  auto server = bus->serve({.label = "handlers"});
  if (!server) return 1;
  std::uint32_t cancelled = 0;
  const auto wanted = [&](std::string_view name) {
    if (names == 0) return true;
    return std::any_of(argv + 3, argv + 3 + names, [&](const char* one) { return one == name; });
  };
  if (wanted("work.add")) {
    require(server->on<Add>([&](const Work& work, Done& done, Context& context) {
      append(ledger, std::to_string(work.id) + " " + machine + " " +
                         std::to_string(work.deadline_ns - monotonic_ns()) + "\n");
      const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(work.ms);
      while (std::chrono::steady_clock::now() < until) {
        if (context.cancelled()) {
          ++cancelled;
          return Status::reject(2, "cancelled");
        }
        std::this_thread::sleep_for(1ms);
      }
      done.id = work.id;
      (void)done.machine.assign(machine);
      return Status::ok();
    }));
  }
  if (wanted("others")) {
    require(server->on<WhoAmI>([](const Nothing&, Caller& out, Context& context) {
      (void)out.label.assign(context.caller().label.view());
      (void)out.trace.assign(context.trace().traceparent().view());
      out.left_ms = static_cast<std::uint32_t>(context.remaining() / 1ms);
      return Status::ok();
    }));
    require(server->on<Refuse>(
        [](const Nothing&, std::uint32_t&) { return Status::reject(-17, "not today"); }));
    require(server->on<Nested>([](const Nothing&, std::uint32_t&) {
      const shmbus::Error below{shmbus::ErrorKind::handler_died_after_start, 0, 0, {}};
      return Status::reject(7, "no stock").because(below, "stock.take");
    }));
    require(server->on<Die>([](const Nothing&) -> std::uint32_t { std::_Exit(3); }));
    require(server->on<Cancelled>([&](const Nothing&) { return cancelled; }));
    require(server->on<Long>([](const Nothing&, String<2000>& text) {
      return text.assign(std::string(2000, 'x')) ? Status::ok()
                                                 : Status::reject(1, "it is too long");
    }));
    require(server->on("bytes.echo", [](Context& context) {
      const auto request = context.request();
      const auto reply = context.reply_buffer(request.size());
      if (reply.size() < request.size()) return Status::ok();
      std::copy(request.begin(), request.end(), reply.begin());
      return Status::ok();
    }));
  }
  std::puts("ready");
  std::fflush(stdout);
  auto stop = shmbus::stop_on_signals();
  if (!stop) return 1;
  (void)server->run(stop->token());
  return 0;
}

int call(char** argv) {
  auto bus = shmbus::Bus::open(argv[0]);
  if (!bus) return 1;
  const auto count = std::strtoull(argv[1], nullptr, 10);
  const auto timeout = std::chrono::milliseconds(std::strtoul(argv[2], nullptr, 10));
  const auto work_ms = static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10));
  const int results = ::open(argv[4], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  auto add = bus->caller<Add>({.on_caller_exit = shmbus::OnCallerExit::cancel});
  if (!add || results < 0) return 1;
  const auto base = static_cast<std::uint64_t>(::getpid()) << 32U;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto began = monotonic_ns();
    const auto deadline = began + std::chrono::nanoseconds(timeout).count();
    const auto reply = add->call({base + i, deadline, work_ms}, timeout);
    const auto took_us = (monotonic_ns() - began) / 1000;
    const std::string outcome = reply ? (reply->id == base + i ? "ok" : "wrong")
                                      : std::string(to_string(reply.error().kind)) +
                                            (may_have_started(reply.error()) ? "+" : "-");
    append(results,
           std::to_string(base + i) + " " + outcome + " " + std::to_string(took_us) + "\n");
    if (!reply && !may_have_started(reply.error())) std::this_thread::sleep_for(5ms);
  }
  return 0;
}

int echo(char** argv, std::string_view name) {
  auto bus = shmbus::Bus::open(argv[0]);
  const auto bytes = std::strtoull(argv[1], nullptr, 10);
  if (!bus) return 1;
  auto caller = bus->caller(shmbus::CommandName(name));
  if (!caller) return 1;
  std::vector<std::byte> request(bytes);
  for (std::size_t i = 0; i < bytes; ++i) request[i] = static_cast<std::byte>(i * 7 + i / 251);
  std::vector<std::byte> reply(bytes);
  const auto got = caller->call(request, reply, 20s);
  if (!got) {
    std::printf("%s %s\n", std::string(to_string(got.error().kind)).c_str(),
                std::string(got.error().message.view()).c_str());
    return 1;
  }
  std::puts(*got == bytes && reply == request ? "same" : "different");
  return 0;
}

int error(char** argv) {
  auto bus = shmbus::Bus::open(argv[0]);
  if (!bus) return 1;
  auto caller = bus->caller(shmbus::CommandName(std::string_view(argv[1])));
  if (!caller) return 1;
  std::byte reply[104];
  const auto got = caller->call({}, reply, 2s);
  if (got) return std::puts("no error"), 1;
  const auto& e = got.error();
  std::printf("%s %d %s", std::string(to_string(e.kind)).c_str(), e.code,
              may_have_started(e) ? "started" : "unstarted");
  for (const auto cause : e.causes) {
    std::printf(" <- %s %s", std::string(cause.command).c_str(),
                std::string(to_string(cause.kind)).c_str());
  }
  std::printf(" | %s\n", std::string(e.message.view()).c_str());
  return 0;
}

void print_percentiles(std::vector<double>& us) {
  std::sort(us.begin(), us.end());
  std::printf("%.1f %.1f\n", us[us.size() / 2], us[us.size() * 99 / 100]);
}

template <class F>
int measure(std::size_t count, F&& once) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> us;
  for (std::size_t i = 0; i < count + count / 10; ++i) {
    const auto began = Clock::now();
    if (!once()) return 1;
    const double took = std::chrono::duration<double, std::micro>(Clock::now() - began).count();
    if (i >= count / 10) us.push_back(took);
  }
  print_percentiles(us);
  return 0;
}

int bench(char** argv) {
  auto bus = shmbus::Bus::open(argv[0]);
  if (!bus) return 1;
  auto add = bus->caller<Add>();
  if (!add) return 1;
  return measure(std::strtoul(argv[1], nullptr, 10), [&] {
    return add->call({1, monotonic_ns() + 1'000'000'000, 0}, 1s).has_value();
  });
}

void reply_same(natsConnection* nc, natsSubscription* /*sub*/, natsMsg* message, void* /*user*/) {
  (void)natsConnection_Publish(nc, natsMsg_GetReply(message), natsMsg_GetData(message),
                               natsMsg_GetDataLength(message));
  natsMsg_Destroy(message);
}

int bare(char** argv) {
  natsOptions* options = nullptr;
  natsConnection* caller = nullptr;
  natsConnection* handler = nullptr;
  natsSubscription* subscription = nullptr;
  if (natsOptions_Create(&options) != NATS_OK || natsOptions_SetURL(options, argv[0]) != NATS_OK ||
      natsOptions_SetSendAsap(options, true) != NATS_OK ||
      natsConnection_Connect(&caller, options) != NATS_OK ||
      natsConnection_Connect(&handler, options) != NATS_OK ||
      natsConnection_Subscribe(&subscription, handler, "bare.echo", &reply_same, nullptr) !=
          NATS_OK ||
      natsConnection_Flush(handler) != NATS_OK) {
    return 1;
  }
  const int result = measure(std::strtoul(argv[1], nullptr, 10), [&] {
    char request[20] = {};  // NOLINT: as many bytes as the bench sends
    natsMsg* reply = nullptr;
    const auto s =
        natsConnection_Request(&reply, caller, "bare.echo", request, sizeof request, 1000);
    natsMsg_Destroy(reply);
    return s == NATS_OK;
  });
  std::fflush(stdout);
  std::_Exit(result);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "serve" && argc >= 5) return serve(argv + 2, argc - 5);
  if (what == "call" && argc == 7) return call(argv + 2);
  if (what == "echo" && argc == 4) return echo(argv + 2, "bytes.echo");
  if (what == "echo" && argc == 5) return echo(argv + 2, argv[4]);
  if (what == "error" && argc == 4) return error(argv + 2);
  if (what == "bench" && argc == 4) return bench(argv + 2);
  if (what == "bare" && argc == 4) return bare(argv + 2);
  return 2;
}
