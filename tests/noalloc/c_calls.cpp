// Through shmbus.h, too, a warm caller allocates nothing; nor does the server. Both in one thread,
// so that nothing else is counted.
#include <cstring>

#include "noalloc/meters.hpp"
#include "shmbus/shmbus.h"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus::test;

namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::size_t large = 4000;

void answer_or_refuse(void* /*context*/, shmbus_context_t* command) {
  std::size_t size = 0;
  const void* const request = shmbus_context_request(command, &size);
  if (size == 0) return shmbus_context_reject(command, 7, "no");
  (void)shmbus_context_reply(command, request, size, nullptr);
}

class Pair {
 public:
  Pair() {
    const shmbus_handler_t handler{nullptr, answer_or_refuse, nullptr};
    good_ = shmbus_open(place_.path().c_str(), nullptr, &bus_, nullptr) == SHMBUS_OK &&
            shmbus_server_new(bus_, nullptr, &server_, nullptr) == SHMBUS_OK &&
            shmbus_server_on(server_, "echo", &handler, nullptr, nullptr) == SHMBUS_OK &&
            shmbus_caller_new(bus_, "echo", nullptr, &caller_, nullptr) == SHMBUS_OK;
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    shmbus_caller_free(caller_);
    shmbus_server_free(server_);
    shmbus_close(bus_);
  }

  /// One of each kind; false when one went wrong.
  bool round() {
    return good_ && started("x", 1, SHMBUS_OK) && started("", 0, SHMBUS_REJECTED) && loaned() &&
           sent();
  }

 private:
  bool run() { return shmbus_server_poll(server_, 0, nullptr, nullptr) == SHMBUS_OK; }
  bool finish(shmbus_pending_t* pending, int kind) {
    shmbus_error_t error = SHMBUS_ERROR_INIT;
    shmbus_reply_t* reply = nullptr;
    if (!run() || shmbus_pending_wait_ready(pending, second) != 1) return false;
    const bool as_wanted = shmbus_pending_wait(pending, &reply, &error) == kind;
    if (kind == SHMBUS_OK) shmbus_reply_drop(reply);
    return as_wanted;
  }
  bool started(const char* request, std::size_t size, int kind) {
    shmbus_pending_t* pending = nullptr;
    return shmbus_caller_start(caller_, request, size, 48, second, &pending, nullptr) ==
               SHMBUS_OK &&
           finish(pending, kind);
  }
  bool loaned() {
    shmbus_loan_t* loan = nullptr;
    shmbus_pending_t* pending = nullptr;
    void* data = nullptr;
    if (shmbus_caller_loan(caller_, large, large, &loan, &data, nullptr) != SHMBUS_OK) return false;
    std::memset(data, 1, large);
    return shmbus_loan_start(loan, second, &pending, nullptr) == SHMBUS_OK &&
           finish(pending, SHMBUS_OK);
  }
  bool sent() {
    return shmbus_caller_send(caller_, "y", 1, second, nullptr, nullptr) == SHMBUS_OK && run();
  }

  TempBus place_;
  shmbus_bus_t* bus_ = nullptr;
  shmbus_server_t* server_ = nullptr;
  shmbus_caller_t* caller_ = nullptr;
  bool good_ = false;
};

}  // namespace

TEST_CASE("no heap allocation in any kind of call through the C interface", "[c-abi]") {
  REQUIRE(allocations_are_counted());
  static Meters meters;
  count_into(meters);
  Pair pair;
  for (int i = 0; i < 100; ++i) REQUIRE(pair.round());
  const auto before = meters.allocations.load();
  bool good = true;
  for (int i = 0; i < 1000; ++i) good = good && pair.round();
  const auto after = meters.allocations.load();
  CHECK(good);
  CHECK(after - before == 0);
}
