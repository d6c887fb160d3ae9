// Both sides of a bus through shmbus.h, in one thread: commands are started, then run, then waited
// for.
#pragma once

#include <cstring>
#include <string>

#include "shmbus/shmbus.h"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"

namespace shmbus::test {

constexpr std::int64_t second = 1'000'000'000;

inline shmbus_error_t no_error() { return SHMBUS_ERROR_INIT; }

class CPair {
 public:
  CPair() {
    auto error = no_error();
    INFO(error.text);
    REQUIRE(shmbus_open(place_.path().c_str(), nullptr, &bus, &error) == SHMBUS_OK);
    REQUIRE(shmbus_server_new(bus, nullptr, &server, &error) == SHMBUS_OK);
  }
  CPair(const CPair&) = delete;
  CPair& operator=(const CPair&) = delete;
  ~CPair() {
    shmbus_caller_free(caller);
    shmbus_server_free(server);
    shmbus_close(bus);
  }

  void on(const char* name, void (*handler)(void*, shmbus_context_t*), void* context = nullptr) {
    auto error = no_error();
    const shmbus_handler_t closure{context, handler, nullptr};
    REQUIRE(shmbus_server_on(server, name, &closure, nullptr, &error) == SHMBUS_OK);
  }
  void call_to(const char* name) {
    auto error = no_error();
    shmbus_caller_free(caller);
    caller = nullptr;
    REQUIRE(shmbus_caller_new(bus, name, nullptr, &caller, &error) == SHMBUS_OK);
  }
  shmbus_pending_t* start(std::string_view request, std::size_t room = 4096) {
    auto error = no_error();
    shmbus_pending_t* pending = nullptr;
    const int kind = shmbus_caller_start(caller, request.data(), request.size(), room, 5 * second,
                                         &pending, &error);
    INFO(error.text);
    REQUIRE(kind == SHMBUS_OK);
    return pending;
  }
  std::size_t run() {
    std::size_t ran = 0;
    REQUIRE(shmbus_server_poll(server, 0, &ran, nullptr) == SHMBUS_OK);
    return ran;
  }
  /// The reply as text; `error` says what became of the call otherwise.
  static std::string wait(shmbus_pending_t* pending, shmbus_error_t* error = nullptr) {
    shmbus_reply_t* reply = nullptr;
    if (shmbus_pending_wait(pending, &reply, error) != SHMBUS_OK) return {};
    std::size_t size = 0;
    const auto* bytes = static_cast<const char*>(shmbus_reply_data(reply, &size));
    std::string text(bytes, size);
    shmbus_reply_drop(reply);
    return text;
  }
  std::string call(std::string_view request, shmbus_error_t* error = nullptr) {
    auto* const pending = start(request);
    (void)run();
    return wait(pending, error);
  }

  shmbus_bus_t* bus = nullptr;
  shmbus_server_t* server = nullptr;
  shmbus_caller_t* caller = nullptr;

 private:
  TempBus place_;
};

inline void echo(void* /*context*/, shmbus_context_t* command) {
  std::size_t size = 0;
  const void* const request = shmbus_context_request(command, &size);
  (void)shmbus_context_reply(command, request, size, nullptr);
}

}  // namespace shmbus::test
