// Calls, loans, pending replies, errors, options: through shmbus.h alone.
#include <array>
#include <cstdlib>
#include <thread>
#include <vector>

#include "capi/pair.hpp"

using namespace shmbus::test;

namespace {

void refuse(void* /*context*/, shmbus_context_t* command) {
  auto failed = no_error();
  failed.kind = SHMBUS_TIMED_OUT;
  failed.cause_count = 1;
  failed.causes[0].kind = SHMBUS_REJECTED;
  failed.causes[0].code = 28;
  std::memcpy(failed.causes[0].command, "disk.write", 11);
  shmbus_context_reject_because(command, 7, "no stock", &failed, "stock.take");
}

void count_drop(void* context) { ++*static_cast<int*>(context); }

}  // namespace

TEST_CASE("a request goes there and its reply comes back, of any size", "[c-abi]") {
  CPair pair;
  pair.on("echo", echo);
  pair.call_to("echo");
  for (const std::size_t size : {0U, 1U, 40U, 48U, 49U, 4000U}) {
    const std::string text(size, 'x');
    CHECK(pair.call(text) == text);
  }
}

TEST_CASE("a blocking call, with a server in another thread that is stopped", "[c-abi]") {
  CPair pair;
  pair.on("echo", echo);
  pair.call_to("echo");
  std::thread serving([&] { CHECK(shmbus_server_run(pair.server, nullptr) == SHMBUS_OK); });
  auto error = no_error();
  std::array<char, 8> reply{};
  std::size_t size = 0;
  CHECK(shmbus_caller_call(pair.caller, "hello", 5, reply.data(), reply.size(), &size, 5 * second,
                           &error) == SHMBUS_OK);
  CHECK(std::string_view(reply.data(), size) == "hello");
  CHECK(shmbus_caller_call(pair.caller, "a longer one", 12, reply.data(), reply.size(), &size,
                           5 * second, &error) == SHMBUS_TOO_LARGE);
  CHECK(error.needed == 12);
  CHECK(error.may_have_run == 1);
  shmbus_server_stop(pair.server);
  serving.join();
  CHECK(shmbus_server_run(pair.server, nullptr) == SHMBUS_OK);  // a stop lasts
}

TEST_CASE("a loan is filled in place and sent in a second step", "[c-abi]") {
  CPair pair;
  pair.on("echo", echo);
  pair.call_to("echo");
  shmbus_loan_t* loan = nullptr;
  void* data = nullptr;
  REQUIRE(shmbus_caller_loan(pair.caller, 5000, 5000, &loan, &data, nullptr) == SHMBUS_OK);
  std::size_t size = 0;
  CHECK(shmbus_loan_data(loan, &size) == data);
  CHECK(size == 5000);
  std::memset(data, 'y', 5000);
  shmbus_loan_shrink(loan, 3000);
  shmbus_pending_t* pending = nullptr;
  REQUIRE(shmbus_loan_start(loan, 5 * second, &pending, nullptr) == SHMBUS_OK);
  CHECK(shmbus_pending_ready(pending) == 0);
  CHECK(shmbus_pending_wait_ready(pending, 1'000'000) == 0);
  CHECK(pair.run() == 1);
  CHECK(shmbus_pending_wait_ready(pending, second) == 1);
  CHECK(pair.wait(pending) == std::string(3000, 'y'));

  REQUIRE(shmbus_caller_loan(pair.caller, 10, 0, &loan, &data, nullptr) == SHMBUS_OK);
  CHECK(shmbus_loan_send(loan, second, nullptr) == SHMBUS_OK);
  CHECK(pair.run() == 1);
  REQUIRE(shmbus_caller_loan(pair.caller, 10, 0, &loan, &data, nullptr) == SHMBUS_OK);
  shmbus_loan_drop(loan);
  CHECK(pair.run() == 0);
}

TEST_CASE("one-way commands are sent one by one and many at a time", "[c-abi]") {
  CPair pair;
  std::string seen;
  pair.on(
      "note",
      [](void* context, shmbus_context_t* command) {
        std::size_t size = 0;
        const auto* bytes = static_cast<const char*>(shmbus_context_request(command, &size));
        CHECK(shmbus_context_one_way(command) == 1);
        static_cast<std::string*>(context)->append(bytes, size);
      },
      &seen);
  pair.call_to("note");
  std::uint64_t first = 0;
  std::uint64_t next = 0;
  REQUIRE(shmbus_caller_send(pair.caller, "ab", 2, second, &first, nullptr) == SHMBUS_OK);
  REQUIRE(shmbus_caller_send_later(pair.caller, "c", 1, second, &next, nullptr) == SHMBUS_OK);
  CHECK(next == first + 1);
  REQUIRE(shmbus_caller_flush(pair.caller, nullptr) == SHMBUS_OK);
  std::size_t sent = 0;
  REQUIRE(shmbus_caller_send_many(pair.caller, "ddeeff", 2, 3, second, &sent, nullptr) ==
          SHMBUS_OK);
  CHECK(sent == 3);
  CHECK(shmbus_caller_send_many(pair.caller, nullptr, 2, 0, second, &sent, nullptr) == SHMBUS_OK);
  CHECK(sent == 0);
  CHECK(shmbus_caller_send_many(pair.caller, "x", SIZE_MAX, 2, second, &sent, nullptr) ==
        SHMBUS_INVALID_ARGUMENT);
  (void)pair.run();
  CHECK(seen == "abcddeeff");
  CHECK(shmbus_caller_lost(pair.caller) == 0);
}

TEST_CASE("handles may be ended in any order", "[c-abi]") {
  CPair pair;
  pair.on("echo", echo);
  pair.call_to("echo");
  auto* const pending = pair.start("last");
  CHECK(shmbus_caller_next_poll_ns(pair.caller) == 10'000'000);
  shmbus_caller_free(pair.caller);
  pair.caller = nullptr;
  CHECK(pair.run() == 1);
  shmbus_reply_t* reply = nullptr;
  REQUIRE(shmbus_pending_wait(pending, &reply, nullptr) == SHMBUS_OK);
  shmbus_close(pair.bus);
  pair.bus = nullptr;
  std::size_t size = 0;
  CHECK(std::memcmp(shmbus_reply_data(reply, &size), "last", 4) == 0);
  CHECK(size == 4);
  shmbus_reply_drop(reply);
}

TEST_CASE("a rejection has the handler's code, text and causes", "[c-abi]") {
  CPair pair;
  pair.on("order", refuse);
  pair.call_to("order");
  auto error = no_error();
  CHECK(pair.call("", &error).empty());
  CHECK(error.kind == SHMBUS_REJECTED);
  CHECK(error.code == 7);
  CHECK(error.may_have_run == 1);
  CHECK(std::string_view(error.text) == "no stock");
  REQUIRE(error.cause_count == 2);
  CHECK(error.causes[0].kind == SHMBUS_TIMED_OUT);
  CHECK(std::string_view(error.causes[0].command) == "stock.take");
  CHECK(error.causes[1].code == 28);
  CHECK(std::string_view(error.causes[1].command) == "disk.write");
}

TEST_CASE("an error is written as far as the program's struct goes", "[c-abi]") {
  CPair pair;
  pair.call_to("nobody");
  auto error = no_error();
  const auto call = [&](shmbus_error_t* out) {
    return shmbus_caller_call(pair.caller, nullptr, 0, nullptr, 0, nullptr, second, out);
  };
  CHECK(call(&error) == SHMBUS_NOT_REGISTERED);
  CHECK(error.kind == SHMBUS_NOT_REGISTERED);
  CHECK(error.may_have_run == 0);
  CHECK(std::string_view(error.text).find("nobody") != std::string_view::npos);
  CHECK(call(nullptr) == SHMBUS_NOT_REGISTERED);
  // An earlier release's struct ends behind `code`.
  std::memset(&error, 0x5A, sizeof error);
  error.size = offsetof(shmbus_error_t, may_have_run);
  CHECK(call(&error) == SHMBUS_NOT_REGISTERED);
  CHECK(error.kind == SHMBUS_NOT_REGISTERED);
  CHECK(error.may_have_run == 0x5A5A5A5A);
  CHECK(error.text[0] == 0x5A);
}

TEST_CASE("what is NULL or not known is an invalid argument", "[c-abi]") {
  CPair pair;
  auto error = no_error();
  shmbus_bus_t* bus = nullptr;
  CHECK(shmbus_open(nullptr, nullptr, &bus, &error) == SHMBUS_INVALID_ARGUMENT);
  CHECK(shmbus_caller_new(pair.bus, nullptr, nullptr, &pair.caller, &error) ==
        SHMBUS_INVALID_ARGUMENT);
  CHECK(shmbus_caller_call(nullptr, "", 0, nullptr, 0, nullptr, 0, &error) ==
        SHMBUS_INVALID_ARGUMENT);
  CHECK(error.may_have_run == 0);
  shmbus_caller_options_t options{};
  const auto refused = [&] {
    return shmbus_caller_new(pair.bus, "a", &options, &pair.caller, &error) ==
           SHMBUS_INVALID_ARGUMENT;
  };
  CHECK(refused());  // without a size
  options.size = sizeof options;
  options.wait = 3;
  CHECK(refused());
  options.wait = 0;
  options.schema = "u9->u8";
  CHECK(refused());
  // A later release's struct: what it has more must be 0.
  struct {
    shmbus_caller_options_t known;
    std::uint64_t more;
  } later{};
  later.known.size = sizeof later;
  CHECK(shmbus_caller_new(pair.bus, "a", &later.known, &pair.caller, &error) == SHMBUS_OK);
  shmbus_caller_free(pair.caller);
  pair.caller = nullptr;
  later.more = 1;
  CHECK(shmbus_caller_new(pair.bus, "a", &later.known, &pair.caller, &error) ==
        SHMBUS_INVALID_ARGUMENT);
}

TEST_CASE("a caller belongs to its thread, and a cancelled call never runs", "[c-abi]") {
  CPair pair;
  pair.on("echo", echo);
  pair.call_to("echo");
  std::thread([&] {
    CHECK(shmbus_caller_flush(pair.caller, nullptr) == SHMBUS_WRONG_THREAD);
  }).join();
  auto* const pending = pair.start("never");
  shmbus_pending_cancel(pending);
  (void)pair.run();
  auto error = no_error();
  CHECK(pair.wait(pending, &error).empty());
  CHECK(error.kind == SHMBUS_CANCELLED);
  CHECK(error.may_have_run == 0);
}

TEST_CASE("closures are dropped once, whatever becomes of them", "[c-abi]") {
  int drops = 0;
  {
    CPair pair;
    const shmbus_handler_t handler{&drops, [](void*, shmbus_context_t*) {}, count_drop};
    CHECK(shmbus_server_on(nullptr, "a", &handler, nullptr, nullptr) == SHMBUS_INVALID_ARGUMENT);
    CHECK(drops == 1);
    CHECK(shmbus_server_on(pair.server, "a", &handler, nullptr, nullptr) == SHMBUS_OK);
    CHECK(drops == 1);
    CHECK(shmbus_server_on(pair.server, "a", &handler, nullptr, nullptr) != SHMBUS_OK);
    CHECK(drops == 2);
    CHECK(shmbus_server_off(pair.server, "a", nullptr) == SHMBUS_OK);
    (void)pair.run();  // it may have been called off by itself: it goes with the next turn
    CHECK(drops == 3);
    CHECK(shmbus_server_on(pair.server, "a", &handler, nullptr, nullptr) == SHMBUS_OK);
    pair.call_to("a");
    const shmbus_lost_t lost{&drops, [](void*, std::uint64_t, std::int32_t) {}, count_drop};
    CHECK(shmbus_caller_on_lost(pair.caller, &lost, nullptr) == SHMBUS_OK);
    CHECK(shmbus_caller_on_lost(pair.caller, nullptr, nullptr) == SHMBUS_OK);
    CHECK(drops == 4);
    CHECK(shmbus_caller_on_lost(pair.caller, &lost, nullptr) == SHMBUS_OK);
  }
  CHECK(drops == 6);
}
