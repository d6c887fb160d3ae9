// Both sides in processes of their own, one of which is killed or ends by a signal; through
// shmbus.h alone.
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <string>

#include "shmbus/shmbus.h"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus::test;

namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr int rejection = 42;

struct Seen {
  std::atomic<int> started;
  std::atomic<int> cancelled;
};

/// "stay": never answers, and looks whether it was cancelled. "no": rejects. Others are echoed.
void handle(void* context, shmbus_context_t* command) {
  auto& seen = *static_cast<Seen*>(context);
  std::size_t size = 0;
  const auto* bytes = static_cast<const char*>(shmbus_context_request(command, &size));
  const std::string request(bytes, size);
  ++seen.started;
  if (request == "no") return shmbus_context_reject(command, rejection, "as asked");
  if (request == "stay") {
    while (shmbus_context_cancelled(command) == 0) nap(1ms);
    ++seen.cancelled;
  }
  (void)shmbus_context_reply(command, bytes, size, nullptr);
}

/// Serves "echo" until SIGTERM; exit code 0 when all went well.
int serve(const std::string& path, Seen& seen) {
  const shmbus_handler_t handler{&seen, handle, nullptr};
  shmbus_bus_t* bus = nullptr;
  shmbus_server_t* server = nullptr;
  for (const int number : {SIGTERM, SIGINT}) (void)std::signal(number, SIG_DFL);  // not Catch's
  const bool good = shmbus_open(path.c_str(), nullptr, &bus, nullptr) == SHMBUS_OK &&
                    shmbus_server_new(bus, nullptr, &server, nullptr) == SHMBUS_OK &&
                    shmbus_server_stop_on_signals(server, nullptr) == SHMBUS_OK &&
                    shmbus_server_on(server, "echo", &handler, nullptr, nullptr) == SHMBUS_OK &&
                    shmbus_server_run(server, nullptr) == SHMBUS_OK;
  shmbus_server_free(server);
  shmbus_close(bus);
  return good ? 0 : 1;
}

class Calling {
 public:
  explicit Calling(const std::string& path, std::int32_t when_vacant = SHMBUS_WHEN_VACANT_FAIL) {
    shmbus_caller_options_t options{};
    options.size = sizeof options;
    options.when_vacant = when_vacant;
    REQUIRE(shmbus_open(path.c_str(), nullptr, &bus_, nullptr) == SHMBUS_OK);
    REQUIRE(shmbus_wait_until_available(bus_, "echo", 20 * second, nullptr) == SHMBUS_OK);
    REQUIRE(shmbus_caller_new(bus_, "echo", &options, &caller_, nullptr) == SHMBUS_OK);
  }
  Calling(const Calling&) = delete;
  Calling& operator=(const Calling&) = delete;
  ~Calling() {
    shmbus_caller_free(caller_);
    shmbus_close(bus_);
  }
  int call(std::string_view request) {
    error = SHMBUS_ERROR_INIT;
    std::size_t size = 0;
    const int kind = shmbus_caller_call(caller_, request.data(), request.size(), reply.data(),
                                        reply.size(), &size, 20 * second, &error);
    CHECK(kind == error.kind);
    if (kind == SHMBUS_OK) CHECK(std::string_view(reply.data(), size) == request);
    return kind;
  }
  shmbus_pending_t* start(std::string_view request) {
    shmbus_pending_t* pending = nullptr;
    REQUIRE(shmbus_caller_start(caller_, request.data(), request.size(), reply.size(), 20 * second,
                                &pending, nullptr) == SHMBUS_OK);
    return pending;
  }
  int wait(shmbus_pending_t* pending) {
    error = SHMBUS_ERROR_INIT;
    shmbus_reply_t* answer = nullptr;
    const int kind = shmbus_pending_wait(pending, &answer, &error);
    shmbus_reply_drop(answer);
    return kind;
  }

  std::array<char, 8192> reply{};
  shmbus_error_t error{};

 private:
  shmbus_bus_t* bus_ = nullptr;
  shmbus_caller_t* caller_ = nullptr;
};

}  // namespace

TEST_CASE("calls of all sizes and a rejection between processes; SIGTERM ends run", "[c-abi]") {
  const TempBus place;
  const Shared<Seen> seen;
  Child handler([&] { return serve(place.path(), *seen); });
  Calling calling(place.path());
  for (const std::size_t size : {0U, 1U, 40U, 41U, 96U, 97U, 8000U}) {
    CHECK(calling.call(std::string(size, 'x')) == SHMBUS_OK);
  }
  CHECK(calling.call("no") == SHMBUS_REJECTED);
  CHECK(calling.error.code == rejection);
  CHECK(std::string_view(calling.error.text) == "as asked");
  handler.signal(SIGTERM);
  CHECK(handler.wait() == 0);
  CHECK(calling.call("x") == SHMBUS_NOT_REGISTERED);
  CHECK(calling.error.may_have_run == 0);
}

TEST_CASE("a handler that is killed: what it had started, and what it had not", "[c-abi]") {
  const TempBus place;
  const Shared<Seen> seen;
  Child handler([&] { return serve(place.path(), *seen); });
  Calling calling(place.path());
  auto* const started = calling.start("stay");
  auto* const queued = calling.start("x");
  REQUIRE(eventually([&] { return seen->started == 1; }));
  handler.kill();
  CHECK(calling.wait(started) == SHMBUS_HANDLER_DIED_AFTER_START);
  CHECK(calling.error.may_have_run == 1);
  CHECK(calling.wait(queued) == SHMBUS_HANDLER_DIED_BEFORE_START);
  CHECK(calling.error.may_have_run == 0);
}

TEST_CASE("a successor runs what its predecessor had not started", "[c-abi]") {
  const TempBus place;
  const Shared<Seen> seen;
  Child handler([&] { return serve(place.path(), *seen); });
  Calling calling(place.path(), SHMBUS_WHEN_VACANT_WAIT);
  auto* const started = calling.start("stay");
  auto* const queued = calling.start("x");
  REQUIRE(eventually([&] { return seen->started == 1; }));
  handler.kill();
  handler = Child([&] { return serve(place.path(), *seen); });
  CHECK(calling.wait(started) == SHMBUS_HANDLER_DIED_AFTER_START);
  CHECK(calling.wait(queued) == SHMBUS_OK);
  handler.signal(SIGINT);
  CHECK(handler.wait() == 0);
}

TEST_CASE("a caller cancels a call that runs in another process, or is killed", "[c-abi]") {
  const TempBus place;
  const Shared<Seen> seen;
  Child handler([&] { return serve(place.path(), *seen); });
  {
    Calling calling(place.path());
    auto* const pending = calling.start("stay");
    REQUIRE(eventually([&] { return seen->started == 1; }));
    shmbus_pending_cancel(pending);
    CHECK(calling.wait(pending) == SHMBUS_OK);  // the handler noticed, and answered
    CHECK(seen->cancelled == 1);
  }
  Child caller([&] {
    Calling calling(place.path());
    return calling.call("x") == SHMBUS_OK && calling.wait(calling.start("x")) == SHMBUS_OK ? 0 : 1;
  });
  CHECK(caller.wait() == 0);
  const int before = seen->started;
  caller = Child([&] {
    Calling calling(place.path());
    for (;;) (void)calling.call("x");
    return 1;
  });
  REQUIRE(eventually([&] { return seen->started > before + 100; }));
  caller.kill();
  Calling calling(place.path());
  CHECK(calling.call("still served") == SHMBUS_OK);
  handler.signal(SIGTERM);
  CHECK(handler.wait() == 0);
}

TEST_CASE("after fork a child gets an error that says what to do", "[c-abi]") {
  const TempBus place;
  const Shared<Seen> seen;
  Child handler([&] { return serve(place.path(), *seen); });
  Calling calling(place.path());
  CHECK(calling.call("x") == SHMBUS_OK);
  Child forked([&] { return calling.call("x") == SHMBUS_FORKED ? 0 : 1; });
  CHECK(forked.wait() == 0);
  CHECK(calling.call("x") == SHMBUS_OK);
  handler.signal(SIGTERM);
  CHECK(handler.wait() == 0);
}
