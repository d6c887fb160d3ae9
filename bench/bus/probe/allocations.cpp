#include "bus/probe/allocations.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <optional>
#include <stop_token>

#include "bus/commands.hpp"
#include "bus/private_bus.hpp"
#include "bus/probe/heap_count.hpp"
#include "harness/measure.hpp"

namespace shmbus::bench {
namespace {

constexpr std::size_t kSmall = 40;
constexpr std::size_t kLarge = 1024;
constexpr unsigned kTurns = 500;
constexpr unsigned kOutstanding = 8;

struct Counts {
  std::uint64_t allocations;
  std::uint64_t commands;
};
using LargeEcho = Command<"bench.large", Block<kLarge>, Block<kLarge>>;
using Counting = Command<"bench.counts", Nothing, Counts>;
using Stop = Command<"bench.stop", Nothing>;

template <std::size_t Bytes>
void answer(const Block<Bytes>& in, Block<Bytes>& out) {
  EchoServer<Bytes> echo;
  echo.take(in.bytes());
  echo.reply(out.bytes());
}

void serve(const char* path) {
  Bus bus = value_of("open", Bus::open(path));
  Server server = value_of("serve", bus.serve());
  std::stop_source stop;
  std::uint64_t commands = 0;
  value_of("on", server.on<Echo<kSmall>>([&](const Block<kSmall>& in, Block<kSmall>& out) {
    ++commands;
    answer(in, out);
  }));
  value_of("on", server.on<LargeEcho>([&](const Block<kLarge>& in, Block<kLarge>& out) {
    ++commands;
    answer(in, out);
  }));
  value_of("on", server.on<Note<kSmall>>([&](const Block<kSmall>&) { ++commands; }));
  value_of("on", server.on<Counting>([&](const Nothing&, Counts& out) {
    out = {heap_allocations(), commands};
  }));
  value_of("on", server.on<Stop>([&](const Nothing&) { stop.request_stop(); }));
  value_of("run", server.run(stop.get_token()));
}

class Client {
 public:
  explicit Client(Bus& bus)
      : echo_(value_of("caller", bus.caller<Echo<kSmall>>())),
        large_(value_of("caller", bus.caller<LargeEcho>())),
        note_(value_of("caller", bus.caller<Note<kSmall>>())),
        counting_(value_of("caller", bus.caller<Counting>())),
        stop_(value_of("caller", bus.caller<Stop>())) {}

  void turn() {
    call();
    start();
    loan();
    send();
  }
  [[nodiscard]] std::uint64_t commands() const noexcept { return commands_; }

  /// Of both processes; every command so far has run when it returns.
  [[nodiscard]] std::uint64_t allocations() {
    const Counts counts = value_of("call", counting_.call({}));
    if (counts.commands != commands_) {
      throw DataLost("not every command ran once");
    }
    return counts.allocations + heap_allocations();
  }
  void stop() { (void)value_of("call", stop_.call({})); }

 private:
  void call() {
    EchoCaller<kSmall> check;
    Block<kSmall> request;
    check.fill(request.bytes());
    check.check(value_of("call", echo_.call(request)).bytes());
    ++commands_;
  }
  void start() {
    EchoCaller<kSmall> check;
    Block<kSmall> request;
    check.fill(request.bytes());
    std::array<std::optional<TypedPending<Block<kSmall>>>, kOutstanding> pending;
    for (auto& one : pending) {
      one.emplace(value_of("start", echo_.start(request)));
    }
    for (auto& one : pending) {
      check.check(value_of("wait", one->wait())->bytes());
    }
    commands_ += kOutstanding;
  }
  void loan() {
    EchoCaller<kLarge> check;
    auto request = value_of("loan", large_.loan());
    check.fill(request->bytes());
    check.check(value_of("call", request.call())->bytes());
    ++commands_;
  }
  void send() {
    Block<kSmall> note;
    payload::write<kSmall>(note.bytes(), 1);
    value_of("send", note_.send(note, Notify::later));
    value_of("flush", note_.flush());
    auto loaned = value_of("loan", note_.loan());
    *loaned = note;
    value_of("send", loaned.send());
    commands_ += 2;
  }

  Caller<Echo<kSmall>> echo_;
  Caller<LargeEcho> large_;
  Caller<Note<kSmall>> note_;
  Caller<Counting> counting_;
  Caller<Stop> stop_;
  std::uint64_t commands_ = 0;
};

void measure(const char* path) {
  Bus bus = value_of("open", Bus::open(path));
  value_of("wait", bus.wait_until_available(Stop::name, std::chrono::seconds(10)));
  Client client(bus);
  const auto turns = [&] {
    for (unsigned i = 0; i < kTurns; ++i) {
      client.turn();
    }
  };
  turns();
  const std::uint64_t allocations = client.allocations();
  const std::uint64_t commands = client.commands();
  turns();
  std::printf("%llu %llu\n",
              static_cast<unsigned long long>(client.allocations() - allocations),  // NOLINT
              static_cast<unsigned long long>(client.commands() - commands));       // NOLINT
  client.stop();
}

}  // namespace

void count_allocations(const char* path) {
  const pid_t handler = ::fork();
  if (handler == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      serve(path);
      ::_exit(0);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "handler: %s\n", error.what());
      ::_exit(1);
    }
  }
  measure(path);
  int status = 0;
  if (::waitpid(handler, &status, 0) != handler || status != 0) {
    throw std::runtime_error("the handler failed");
  }
}

}  // namespace shmbus::bench
