// What shmbus.h costs beyond the C++ interface: the same command through both, caller and server in
// one thread. A row of C less that of C++ is the overhead of both sides together: for a send one
// function of each side, for a call five of the caller and three of the handler.

#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "bus/private_bus.hpp"
#include "c/handles.hpp"

namespace {

using namespace shmbus;

constexpr std::size_t batch = 32;

void check(int kind) {
  if (kind != SHMBUS_OK) [[unlikely]]
    throw std::runtime_error(shmbus_kind_name(kind));
}

class ThroughCxx {
 public:
  explicit ThroughCxx(std::size_t bytes)
      : bytes_(bytes),
        bus_(place_.open()),
        server_(bench::value_of("serve", bus_.serve({.wait = WaitMode::spinning}))) {
    bench::value_of("on", server_.on("echo", [](Context& context) {
      const auto request = context.request();
      if (context.one_way()) return Status::ok();
      std::memcpy(context.reply_buffer(request.size()).data(), request.data(), request.size());
      return Status::ok();
    }));
    caller_ = bench::value_of("caller", bus_.caller("echo", {.wait = WaitMode::spinning}));
  }
  void send() {
    for (std::size_t i = 0; i < batch; ++i) {
      bench::value_of("send", caller_.send(std::span(request_).first(bytes_)));
    }
    for (std::size_t ran = 0; ran < batch;) ran += bench::value_of("poll", server_.poll());
  }
  void call() {
    for (auto& pending : pending_) {
      pending = bench::value_of("start", caller_.start(std::span(request_).first(bytes_), bytes_));
    }
    for (std::size_t ran = 0; ran < batch;) ran += bench::value_of("poll", server_.poll());
    for (auto& pending : pending_) {
      const auto reply = bench::value_of("wait", pending.wait());
      if (reply.bytes().size() != bytes_) throw std::runtime_error("another reply");
    }
  }

 private:
  std::size_t bytes_;
  bench::PrivateBus place_;
  Bus bus_;
  Server server_;
  RawCaller caller_;
  alignas(64) std::array<std::byte, 1024> request_{};
  std::array<Pending, batch> pending_;
};

class ThroughC {
 public:
  explicit ThroughC(std::size_t bytes) : bytes_(bytes), bus_{place_.open(), {}} {
    shmbus_serve_options_t serve{};
    serve.size = sizeof serve;
    serve.wait = SHMBUS_WAIT_SPINNING;
    check(shmbus_server_new(&bus_, &serve, &server_, nullptr));
    const shmbus_handler_t handler{nullptr, echo, nullptr};
    check(shmbus_server_on(server_, "echo", &handler, nullptr, nullptr));
    shmbus_caller_options_t options{};
    options.size = sizeof options;
    options.wait = SHMBUS_WAIT_SPINNING;
    check(shmbus_caller_new(&bus_, "echo", &options, &caller_, nullptr));
  }
  ThroughC(const ThroughC&) = delete;
  ThroughC& operator=(const ThroughC&) = delete;
  ~ThroughC() {
    shmbus_caller_free(caller_);
    shmbus_server_free(server_);
  }
  void send() {
    for (std::size_t i = 0; i < batch; ++i) {
      check(shmbus_caller_send(caller_, request_.data(), bytes_, SHMBUS_DEFAULT_TIMEOUT, nullptr,
                               nullptr));
    }
    run();
  }
  void call() {
    for (auto& pending : pending_) {
      check(shmbus_caller_start(caller_, request_.data(), bytes_, bytes_, SHMBUS_DEFAULT_TIMEOUT,
                                &pending, nullptr));
    }
    run();
    for (auto* pending : pending_) {
      shmbus_reply_t* reply = nullptr;
      std::size_t size = 0;
      check(shmbus_pending_wait(pending, &reply, nullptr));
      if (shmbus_reply_data(reply, &size) == nullptr || size != bytes_) {
        throw std::runtime_error("another reply");
      }
      shmbus_reply_drop(reply);
    }
  }

 private:
  void run() {
    std::size_t some = 0;
    for (std::size_t ran = 0; ran < batch; ran += some) {
      check(shmbus_server_poll(server_, 0, &some, nullptr));
    }
  }
  static void echo(void* /*context*/, shmbus_context_t* command) {
    std::size_t size = 0;
    const void* const request = shmbus_context_request(command, &size);
    if (shmbus_context_one_way(command) == 1) return;
    std::memcpy(shmbus_context_reply_buffer(command, size), request, size);
  }

  std::size_t bytes_;
  bench::PrivateBus place_;
  shmbus_bus_t bus_;
  shmbus_server_t* server_ = nullptr;
  shmbus_caller_t* caller_ = nullptr;
  alignas(64) std::array<std::byte, 1024> request_{};
  std::array<shmbus_pending_t*, batch> pending_{};
};

template <class Through>
void measure(benchmark::State& state, void (Through::*round)()) {
  Through pair(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) (pair.*round)();
  state.counters["command"] = benchmark::Counter(
      batch, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
void call_through_cxx(benchmark::State& state) { measure(state, &ThroughCxx::call); }
void call_through_c(benchmark::State& state) { measure(state, &ThroughC::call); }
void send_through_cxx(benchmark::State& state) { measure(state, &ThroughCxx::send); }
void send_through_c(benchmark::State& state) { measure(state, &ThroughC::send); }

BENCHMARK(send_through_cxx)->Arg(32);
BENCHMARK(send_through_c)->Arg(32);
BENCHMARK(call_through_cxx)->Arg(40)->Arg(1024);
BENCHMARK(call_through_c)->Arg(40)->Arg(1024);

}  // namespace
