// Handlers that answer later, names and their schemas, watches, policies: through shmbus.h alone.
#include <array>
#include <thread>

#include "capi/pair.hpp"

using namespace shmbus::test;

TEST_CASE("a deferred command is answered by another thread, or abandoned", "[c-abi]") {
  CPair pair;
  shmbus_responder_t* later = nullptr;
  pair.on(
      "later",
      [](void* context, shmbus_context_t* command) {
        *static_cast<shmbus_responder_t**>(context) = shmbus_context_defer(command);
        CHECK(shmbus_context_defer(command) == nullptr);
        shmbus_context_reject(command, 1, "counts for nothing");
      },
      &later);
  pair.call_to("later");
  auto* pending = pair.start("x");
  CHECK(pair.run() == 1);
  REQUIRE(later != nullptr);
  CHECK(shmbus_pending_ready(pending) == 0);
  std::thread([&] {
    CHECK(shmbus_responder_cancelled(later) == 0);
    CHECK(shmbus_responder_reply(later, "done", 4, nullptr) == SHMBUS_OK);
  }).join();
  CHECK(pair.wait(pending) == "done");

  auto error = no_error();
  pending = pair.start("y");
  CHECK(pair.run() == 1);
  CHECK(shmbus_responder_reject(later, 9, "no", nullptr) == SHMBUS_OK);
  CHECK(pair.wait(pending, &error).empty());
  CHECK(error.code == 9);

  pending = pair.start("z");
  CHECK(pair.run() == 1);
  std::memcpy(shmbus_responder_buffer(later, 2), "in", 2);
  CHECK(shmbus_responder_reply_buffer(later, nullptr) == SHMBUS_OK);
  CHECK(pair.wait(pending) == "in");

  pending = pair.start("w");
  CHECK(pair.run() == 1);
  shmbus_responder_drop(later);
  CHECK(pair.wait(pending, &error).empty());
  CHECK(error.kind == SHMBUS_ABANDONED);
}

TEST_CASE("a handler knows its command and its caller", "[c-abi]") {
  CPair pair;
  pair.on("about", [](void*, shmbus_context_t* command) {
    std::size_t size = 0;
    const char* const name = shmbus_context_name(command, &size);
    CHECK(std::string_view(name, size) == "about");
    CHECK(shmbus_context_one_way(command) == 0);
    CHECK(shmbus_context_reply_capacity(command) >= 100);
    CHECK(shmbus_context_remaining_ns(command) > 0);
    CHECK(shmbus_context_remaining_ns(command) <= 5 * second);
    CHECK(shmbus_context_cancelled(command) == 0);
    CHECK(shmbus_context_caller_gone(command) == 0);
    CHECK(shmbus_context_attempt(command) == 1);
    char text[56];  // NOLINT
    CHECK(shmbus_context_traceparent(command, text) == 0);
    CHECK(text[0] == '\0');
    shmbus_caller_info_t caller{};
    caller.size = sizeof caller;
    CHECK(shmbus_context_queued(command) == 0);
    shmbus_context_caller(command, &caller);
    CHECK(caller.pid == static_cast<std::uint32_t>(::getpid()));
    CHECK(shmbus_context_reply_buffer(command, 100'000) == nullptr);
    CHECK(shmbus_context_reply(command, "fits", 4, nullptr) == SHMBUS_OK);  // takes its place
  });
  pair.call_to("about");
  auto* const pending = pair.start("", 100);
  CHECK(pair.run() == 1);
  CHECK(pair.wait(pending) == "fits");
}

TEST_CASE("a reply for which there is no room tells what it takes", "[c-abi]") {
  CPair pair;
  pair.on("large", [](void*, shmbus_context_t* command) {
    auto error = no_error();
    const std::string text(1000, 'z');
    CHECK(shmbus_context_reply(command, text.data(), text.size(), &error) == SHMBUS_TOO_LARGE);
    CHECK(error.needed == 1000);
  });
  pair.call_to("large");
  auto* const pending = pair.start("", 100);
  CHECK(pair.run() == 1);
  auto error = no_error();
  CHECK(pair.wait(pending, &error).empty());
  CHECK(error.kind == SHMBUS_TOO_LARGE);
  CHECK(error.needed == 1000);
}

TEST_CASE("schemas go in and out as text", "[c-abi]") {
  CPair pair;
  auto error = no_error();
  const shmbus_handler_t handler{nullptr, echo, nullptr};
  shmbus_registration_t how{};
  how.size = sizeof how;
  how.schema = "{id:u64@0}8/8->u8";
  REQUIRE(shmbus_server_on(pair.server, "typed", &handler, &how, &error) == SHMBUS_OK);
  std::array<char, 64> text{};
  std::size_t length = 0;
  REQUIRE(shmbus_schema(pair.bus, "typed", text.data(), text.size(), &length, &error) == SHMBUS_OK);
  CHECK(std::string_view(text.data(), length) == how.schema);
  CHECK(shmbus_schema(pair.bus, "typed", text.data(), 10, &length, &error) == SHMBUS_TOO_LARGE);
  CHECK(error.needed == std::strlen(how.schema) + 1);
  CHECK(shmbus_schema(pair.bus, "else", text.data(), 10, &length, &error) == SHMBUS_NOT_REGISTERED);

  shmbus_caller_options_t options{};
  options.size = sizeof options;
  options.schema = "{id:u32@0}4/4->u8";
  CHECK(shmbus_caller_new(pair.bus, "typed", &options, &pair.caller, &error) ==
        SHMBUS_TYPE_MISMATCH);
  CHECK(std::string_view(error.text).find("request.id") != std::string_view::npos);
  options.schema = how.schema;
  CHECK(shmbus_caller_new(pair.bus, "typed", &options, &pair.caller, &error) == SHMBUS_OK);
  CHECK(shmbus_schema_check("u8->u8", "u8->u16", &error) == SHMBUS_TYPE_MISMATCH);
  CHECK(shmbus_schema_check("u8->u8", "u8->u8", &error) == SHMBUS_OK);
  CHECK(shmbus_schema_check("u8->u8", "", &error) == SHMBUS_OK);
  CHECK(shmbus_schema_check("u8->u8", "what", &error) == SHMBUS_INVALID_ARGUMENT);
}

TEST_CASE("a watch reports names, as many at a time as there is room for", "[c-abi]") {
  CPair pair;
  const char* const names[] = {"one", "two"};  // NOLINT: an array of C
  shmbus_watch_t* watch = nullptr;
  REQUIRE(shmbus_watch_new(pair.bus, names, 2, &watch, nullptr) == SHMBUS_OK);
  std::array<shmbus_name_change_t, 1> change{};
  std::size_t count = 0;
  REQUIRE(shmbus_watch_poll(watch, change.data(), 1, &count, nullptr) == SHMBUS_OK);
  CHECK(count == 1);
  CHECK(std::string_view(change[0].name) == "one");
  CHECK(change[0].available == 0);
  int changed = 0;
  CHECK(shmbus_watch_wait(watch, 0, &changed, nullptr) == SHMBUS_OK);
  CHECK(changed == 1);  // the other is still to be told
  REQUIRE(shmbus_watch_poll(watch, change.data(), 1, &count, nullptr) == SHMBUS_OK);
  CHECK(std::string_view(change[0].name) == "two");
  CHECK(shmbus_watch_wait(watch, 0, &changed, nullptr) == SHMBUS_OK);
  CHECK(changed == 0);
  pair.on("two", echo);
  CHECK(shmbus_wait_until_available(pair.bus, "two", second, nullptr) == SHMBUS_OK);
  CHECK(shmbus_wait_until_available(pair.bus, "one", 0, nullptr) == SHMBUS_TIMED_OUT);
  CHECK(shmbus_watch_wait(watch, second, &changed, nullptr) == SHMBUS_OK);
  REQUIRE(shmbus_watch_poll(watch, change.data(), 1, &count, nullptr) == SHMBUS_OK);
  CHECK(count == 1);
  CHECK(change[0].available == 1);
  shmbus_watch_free(watch);
}

TEST_CASE("a policy is set, read, kept and taken away", "[c-abi]") {
  CPair pair;
  pair.on("limited", echo);
  pair.call_to("limited");
  shmbus_policy_t policy{};
  policy.size = sizeof policy;
  policy.deny = 1;
  auto error = no_error();
  REQUIRE(shmbus_set_policy(pair.bus, "limited", &policy, &error) == SHMBUS_OK);
  CHECK(shmbus_caller_call(pair.caller, "", 0, nullptr, 0, nullptr, second, &error) ==
        SHMBUS_NOT_PERMITTED);
  shmbus_policy_status_t status{};
  status.size = sizeof status;
  REQUIRE(shmbus_policy_status(pair.bus, "limited", &status, &error) == SHMBUS_OK);
  CHECK(status.denied == 1);
  shmbus_policy_t seen{};
  seen.size = sizeof seen;
  REQUIRE(shmbus_get_policy(pair.bus, "limited", &seen, &error) == SHMBUS_OK);
  CHECK(std::memcmp(&seen, &policy, sizeof seen) == 0);
  REQUIRE(shmbus_set_policy(pair.bus, "limited", nullptr, &error) == SHMBUS_OK);
  CHECK(pair.call("again") == "again");
}

TEST_CASE("a task runs on the serving thread, a handler is exchanged under way", "[c-abi]") {
  CPair pair;
  pair.on("echo", echo);
  pair.call_to("echo");
  int ran = 0;
  int dropped = 0;
  struct Counts {
    int* ran;
    int* dropped;
  } counts{&ran, &dropped};
  const shmbus_task_t task{&counts, [](void* context) { ++*static_cast<Counts*>(context)->ran; },
                           [](void* context) { ++*static_cast<Counts*>(context)->dropped; }};
  REQUIRE(shmbus_server_post(pair.server, &task, nullptr) == SHMBUS_OK);
  (void)pair.run();
  CHECK(ran == 1);
  CHECK(dropped == 1);
  const shmbus_handler_t other{nullptr,
                               [](void*, shmbus_context_t* command) {
                                 (void)shmbus_context_reply(command, "new", 3, nullptr);
                               },
                               nullptr};
  CHECK(shmbus_server_replace(pair.server, "none", &other, nullptr, nullptr) ==
        SHMBUS_NOT_REGISTERED);
  REQUIRE(shmbus_server_replace(pair.server, "echo", &other, nullptr, nullptr) == SHMBUS_OK);
  CHECK(pair.call("old") == "new");
  std::size_t commands = 7;
  CHECK(shmbus_server_run_for(pair.server, 1'000'000, &commands, nullptr) == SHMBUS_OK);
  CHECK(commands == 0);
  int fd = -1;
  CHECK(shmbus_server_fd(pair.server, &fd, nullptr) == SHMBUS_OK);
  CHECK(fd >= 0);
}

TEST_CASE("the library tells what it is", "[c-abi]") {
  CHECK(shmbus_abi() == SHMBUS_ABI);
  CHECK(std::string_view(shmbus_version()).find('.') != std::string_view::npos);
  CHECK(std::string_view(shmbus_kind_name(SHMBUS_TIMED_OUT)) == "timed_out");
  CHECK(std::string_view(shmbus_kind_name(0)) == "ok");
  CHECK(std::string_view(shmbus_kind_name(99)) == "unknown");
}
