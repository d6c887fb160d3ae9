// A server with workers in the test's own process, served by a thread of its own.
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

namespace shmbus::test {

using Echo = Command<"workers.echo", std::uint64_t, std::uint64_t>;
using Slow = Command<"workers.slow", std::uint64_t, std::uint64_t>;
using Note = Command<"workers.note", std::uint64_t>;

inline ServeOptions with_workers(std::uint32_t count) {
  return {.label = "workers", .workers = count};
}

/// Registers by `setup(server)` and runs until it goes.
class Served {
 public:
  template <class F>
  Served(const std::string& path, std::uint32_t workers, F setup) {
    auto bus = Bus::open(path, {.label = "server"});
    if (!bus) FAIL(describe(bus.error()));
    bus_ = std::move(*bus);
    auto server = bus_.serve(with_workers(workers));
    if (!server) FAIL(describe(server.error()));
    server_ = std::move(*server);
    setup(server_);
    thread_ = std::thread([this] { ended_ = server_.run(stop_.get_token()).has_value(); });
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
  ~Served() { stop(); }

  /// run() has returned; whether it did so in good order.
  bool stop() {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
    return ended_;
  }
  Server& server() noexcept { return server_; }
  Bus& bus() noexcept { return bus_; }

 private:
  Bus bus_;
  Server server_;
  std::stop_source stop_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

template <class C>
Caller<C> typed_caller(Bus& bus, const CallerOptions& options = {}) {
  auto caller = bus.caller<C>(options);
  if (!caller) FAIL(describe(caller.error()));
  return std::move(*caller);
}

inline Bus open_bus(const std::string& path) {
  auto bus = Bus::open(path, {.label = "test"});
  if (!bus) FAIL(describe(bus.error()));
  return std::move(*bus);
}

/// Handlers wait at it until it is opened.
class Barrier {
 public:
  void wait() {
    ++inside;
    (void)eventually([this] { return open_.load(); }, 30s);
    --inside;
  }
  void open() noexcept { open_ = true; }
  std::atomic<int> inside{0};

 private:
  std::atomic<bool> open_{false};
};

}  // namespace shmbus::test
