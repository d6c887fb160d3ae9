// What commands take over of a trace, and what becomes of it when things go wrong: attempts,
// Inherit, Shield, kills, no memory.
#include <csignal>

#include "tracing/spans_of.hpp"

using namespace shmbus;
using namespace shmbus::test;

TEST_CASE("a retried call says which attempt it is, traced or not", "[tracing]") {
  TempBus path;
  Shared<Chain::Places> seen;
  const Child handler = handler_process(path.path(), [&](Bus&, Server& server) {
    return server
        .on("flaky",
            [&](Context& context) {
              seen->a.note(context);
              if (context.request().size() != 8) return Status::reject(9, "torn");
              return seen->a.attempt < 3 ? Status::refuse(ErrorKind::overloaded) : Status::ok();
            })
        .has_value();
  });
  using Flaky = Command<"flaky", std::uint64_t>;
  auto bus = open_when_served(path.path(), "flaky");
  auto caller = bus.caller<Flaky>();
  REQUIRE_OK(caller);
  CHECK_OK(call_with_retry(*caller, 5, {.attempts = 5}, 5s));
  CHECK(seen->a.attempt == 3);
  CHECK(seen->a.runs == 3);
  CHECK_FALSE(seen->a.context.valid());
  CHECK(spans_of(path.path()).empty());
  TraceContext place;
  {
    const Span root(bus, "root");
    place = root.context();
    CHECK_OK(call_with_retry(*caller, 5, {.attempts = 5}, 5s));
  }
  CHECK(seen->a.runs == 6);
  CHECK(seen->a.context.trace_id == place.trace_id);
  std::array<int, 4> calls{};
  for (const auto& span : spans_of(path.path())) {
    if (span.record.kind == SpanKind::internal) continue;
    REQUIRE(span.record.attempt < calls.size());
    ++calls.at(span.record.attempt);
    const bool last = span.record.attempt == 3;
    CHECK(span.record.error == (last ? ErrorKind::none : ErrorKind::overloaded));
    if (span.record.of_call()) CHECK(span.record.parent == place.span_id);
  }
  CHECK(calls == std::array<int, 4>{0, 2, 2, 2});
  CHECK(test::kind(caller->call(5)) == ErrorKind::overloaded);
  CHECK(seen->a.attempt == 1);
}

TEST_CASE("Inherit and Shield say what of the trace is taken over", "[tracing]") {
  const auto inherit = GENERATE(Inherit::all, Inherit::trace, Inherit::nothing);
  const bool shielded = GENERATE(false, true);
  TempBus path;
  Shared<Chain::Places> seen;
  Shared<std::atomic<bool>> limited;
  const Child inner = handler_process(path.path(), handlers({{"inner", [&](Context& context) {
                                                                seen->c.note(context);
                                                                *limited =
                                                                    context.remaining() != forever;
                                                                return Status::ok();
                                                              }}}));
  const Child outer = handler_process(path.path(), [&](Bus& bus, Server& server) {
    auto* caller = new RawCaller(
        caller_of(bus, "inner", {.when_vacant = WhenVacant::wait, .inherit = inherit}));
    return server
        .on("outer",
            [=, &seen](Context& context) {
              seen->a.note(context);
              if (!shielded) return caller->call({}, {}) ? Status::ok() : Status::reject(1);
              const Shield shield;
              return caller->call({}, {}) ? Status::ok() : Status::reject(1);
            })
        .has_value();
  });
  auto bus = open_when_served(path.path(), "outer");
  REQUIRE_OK(bus.wait_until_available("inner", 20s));
  auto caller = caller_of(bus, "outer");
  const Span root(bus, "root");
  CHECK_OK(caller.call({}, {}, 10s));
  REQUIRE(seen->c.runs == 1);
  CHECK(seen->a.context.valid());
  const bool traced = shielded || inherit != Inherit::nothing;
  CHECK(seen->c.context.valid() == traced);
  CHECK(*limited == (!shielded && inherit == Inherit::all));
}

TEST_CASE("whoever polls a server lends its handlers no trace", "[tracing]") {
  TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  auto server = bus->serve();
  TraceContext seen;
  REQUIRE_OK(server->on("x", [&](Context&) { return seen = current_trace(), Status::ok(); }));
  auto caller = caller_of(*bus, "x");
  auto pending = caller.start({}, 0);
  const Span mine(*bus, "mine");
  REQUIRE_OK(server->poll());
  REQUIRE_OK(pending->wait());
  CHECK_FALSE(seen.valid());
  auto traced = caller.start({}, 0);
  REQUIRE_OK(server->poll());
  REQUIRE_OK(traced->wait());
  CHECK(seen.trace_id == mine.context().trace_id);
}

TEST_CASE("a killed handler leaves no span, and nothing else is missing", "[tracing]") {
  Chain chain;
  auto bus = chain.open();
  chain.b.kill();
  chain.b = handler_process(chain.path.path(), handlers({{"b", [](Context&) {
                                                            ::raise(SIGKILL);
                                                            return Status::ok();
                                                          }}}));
  REQUIRE_OK(bus.wait_until_available("b", 20s));
  auto caller = caller_of(bus, "a");
  {
    const Span root(bus, "root");
    CHECK(kind(caller.call({}, {}, 20s)) == ErrorKind::rejected);
  }
  const auto spans = spans_of(chain.path.path());
  CHECK(spans.size() == 4);
  const auto call = the_span(spans, SpanKind::client, "b");
  CHECK(call.record.error == ErrorKind::handler_died_after_start);
  CHECK(is_child(call, the_span(spans, SpanKind::server, "a")));
  CHECK(the_span(spans, SpanKind::server, "a").record.error == ErrorKind::rejected);
  // And on it goes.
  chain.b = handler_process(chain.path.path(), place_and_pass_on("b", chain.seen->b, "c"));
  REQUIRE_OK(bus.wait_until_available("b", 20s));
  CHECK_OK(caller.call({}, {}, 20s));
}

TEST_CASE("without memory for its context a command goes without", "[tracing]") {
  TempBus path;
  Shared<Chain::Places> seen;
  auto options = small_bus();
  options.capacities.extents = 1;
  auto bus = Bus::open(path.path(), options);
  REQUIRE_OK(bus);
  const Child handler = handler_process(path.path(), place_and_pass_on("x", seen->a));
  REQUIRE_OK(bus->wait_until_available("x", 20s));
  auto caller = caller_of(*bus, "x");
  const Span root(*bus, "root");
  auto all = caller.loan(4096);
  REQUIRE_OK(all);
  CHECK_OK(caller.call(raw(1), {}));
  CHECK_FALSE(seen->a.context.valid());
  CHECK_OK(caller.call({}, {}));
  CHECK(seen->a.context.valid());
  *all = {};
  CHECK_OK(caller.call(raw(1), {}));
  CHECK(seen->a.runs == 3);
  CHECK(seen->a.context.valid());
}
