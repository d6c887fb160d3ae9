// Where a command stands in a trace, over real processes: parentage, sampling, attempts, and what
// stays as it was for commands outside of traces.
#include <thread>

#include "call/port.hpp"
#include "tracing/spans_of.hpp"
#include "words/request.hpp"

using namespace shmbus;
using namespace shmbus::test;

TEST_CASE("calls in handlers of three processes belong to the trace of the first", "[tracing]") {
  Chain chain;
  auto bus = chain.open();
  auto caller = caller_of(bus, "a");
  const std::string text = GENERATE(std::string(), std::string("12 bytes of."),
                                    std::string(40, 'x'), std::string(5000, 'y'));
  TraceContext root;
  {
    const Span span(bus, "checkout");
    root = span.context();
    CHECK(current_trace() == root);
    CHECK_OK(caller.call(bytes_of(text), {}));
  }
  CHECK_FALSE(current_trace().valid());
  for (const Place* place : {&chain.seen->a, &chain.seen->b, &chain.seen->c}) {
    CHECK(place->runs == 1);
    CHECK(place->attempt == 1);
    CHECK(place->context.trace_id == root.trace_id);
    CHECK(place->context.sampled());
  }
  const auto spans = spans_of(chain.path.path());
  CHECK(spans.size() == 7);
  SpanInfo above = the_span(spans, SpanKind::internal, "checkout");
  CHECK(above.record.parent == trace::SpanId{});
  CHECK(above.record.context == root);
  CHECK(above.process == "test");
  CHECK(above.record.pid == static_cast<std::uint32_t>(::getpid()));
  for (const std::string name : {"a", "b", "c"}) {
    const auto call = the_span(spans, SpanKind::client, name);
    const auto handler = the_span(spans, SpanKind::server, name);
    CHECK(is_child(call, above));
    CHECK(is_child(handler, call));
    // Which command: both sides name the same.
    CHECK(handler.record.command.lane == call.record.command.lane);
    CHECK(handler.record.command.seq == call.record.command.seq);
    CHECK(handler.record.pid != call.record.pid);
    CHECK(handler.process == "handler process");
    CHECK(handler.endpoint_label == "handler");
    // Within each other, on one clock.
    CHECK(above.began_unix_ns <= call.began_unix_ns);
    CHECK(call.began_unix_ns <= call.published_unix_ns);
    CHECK(call.published_unix_ns <= handler.began_unix_ns);
    CHECK(handler.ended_unix_ns <= call.ended_unix_ns);
    CHECK(call.ended_unix_ns <= above.ended_unix_ns);
    CHECK(call.record.error == ErrorKind::none);
    above = handler;
  }
  CHECK(chain.seen->c.context == above.record.context);
}

TEST_CASE("without a root nothing is traced", "[tracing]") {
  Chain chain;
  auto bus = chain.open();
  auto caller = caller_of(bus, "a");
  CHECK_OK(caller.call({}, {}));
  CHECK(chain.seen->c.runs == 1);
  CHECK(chain.seen->c.attempt == 1);
  CHECK_FALSE(chain.seen->a.context.valid());
  CHECK_FALSE(chain.seen->c.context.valid());
  CHECK(spans_of(chain.path.path()).empty());
}

TEST_CASE("a command outside of traces is what it was before there were any", "[tracing]") {
  TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  auto server = bus->serve();
  REQUIRE_OK(server->on("x", [](Context&) { return Status::ok(); }));
  auto reader = inspect::Reader::open(path.path());
  REQUIRE_OK(reader);
  // Not even with sampling on, unless the dice say so.
  auto caller = caller_of(*bus, "x", {.trace_ratio = GENERATE(0.0, 1e-12)});
  // The cells of one-way commands keep what their caller wrote.
  const auto head_of = [&](std::uint64_t seq) {
    for (const auto& cell : reader->view().cells(0)) {
      const layout::CellWord word{cell.word[0].load()};
      if (word.seq() == seq && word.phase() == layout::Phase::send) {
        return lane::RequestHead::unpack(cell.word[1].load());
      }
    }
    FAIL("no such cell");
    return lane::RequestHead{};
  };
  std::uint64_t sent = 0;
  const std::string forty(40, 'x');
  const auto send = [&] {
    const auto seq = caller.send(bytes_of(forty));
    REQUIRE_OK(seq);
    sent = *seq;
  };
  send();
  CHECK(head_of(sent).flags == 0);
  send();
  CHECK(head_of(sent).flags == 0);
  {
    const Span root(*bus, "root");
    send();
    CHECK(head_of(sent).flags == (layout::cell_flags::context | layout::cell_flags::request_block));
    CHECK_OK(caller.send({}));
    CHECK(head_of(sent + 1).flags == layout::cell_flags::context);
  }
  send();
  CHECK(head_of(sent).flags == 0);
  while (*server->poll() != 0) {
  }
}

TEST_CASE("callers leave their fast path inside a trace only", "[tracing]") {
  TempBus path;
  const auto core = join(path.path());
  auto port = detail::Port::of_this_thread(core);
  REQUIRE_OK(port);
  auto bus = Bus::open(path.path());
  CHECK((*port)->plain_calling_thread());
  {
    const Span root(*bus, "root");
    CHECK_FALSE((*port)->plain_calling_thread());
    CHECK((*port)->of_calling_thread());
    { const TraceScope inner(root.context()); }
    CHECK_FALSE((*port)->plain_calling_thread());
  }
  CHECK((*port)->plain_calling_thread());
  {
    const AttemptScope first(1);
    CHECK((*port)->plain_calling_thread());
  }
  {
    const AttemptScope second(2);
    CHECK_FALSE((*port)->plain_calling_thread());
  }
  CHECK((*port)->plain_calling_thread());
  std::thread([&] { CHECK_FALSE((*port)->plain_calling_thread()); }).join();
}

TEST_CASE("an unsampled trace travels and records nothing", "[tracing]") {
  Chain chain;
  auto bus = chain.open(1.0);
  auto caller = caller_of(bus, "a");
  const auto given = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  REQUIRE(given);
  {
    const TraceScope scope(*given);
    CHECK_OK(caller.call({}, {}));
  }
  CHECK(chain.seen->c.context == *given);
  {
    const Span span(bus, "never", {.sample = Sample::never});
    CHECK_OK(caller.call({}, {}));
    CHECK(chain.seen->c.context == span.context());
    CHECK_FALSE(span.context().sampled());
  }
  CHECK(spans_of(chain.path.path()).empty());
}

TEST_CASE("sampling is decided once, by whoever begins", "[tracing]") {
  TempBus path;
  Shared<Chain::Places> seen;
  // Those below would sample everything, and have no say.
  const CallerOptions eager{.when_vacant = WhenVacant::wait, .trace_ratio = 1};
  const Child c = handler_process(path.path(), place_and_pass_on("c", seen->c));
  const Child a = handler_process(path.path(), place_and_pass_on("a", seen->a, "c", eager));
  auto bus = open_when_served(path.path(), "a");
  REQUIRE_OK(bus.wait_until_available("c", 20s));
  const double ratio = GENERATE(0.0, 0.25, 1.0);
  auto caller = caller_of(bus, "a", {.trace_ratio = ratio});
  constexpr int calls = 400;
  int traced = 0;
  for (int i = 0; i < calls; ++i) {
    CHECK_OK(caller.call({}, {}));
    traced += seen->a.context.valid() ? 1 : 0;
    CHECK(seen->a.context.sampled() == seen->a.context.valid());
    CHECK(seen->c.context.trace_id == seen->a.context.trace_id);
    CHECK(seen->c.context.sampled() == seen->a.context.sampled());
  }
  INFO(traced << " of " << calls);
  if (ratio == 0) CHECK(traced == 0);
  if (ratio == 1) CHECK(traced == calls);
  if (ratio == 0.25) CHECK((traced > calls / 8 && traced < calls / 2));
}

TEST_CASE("one-way commands belong to the trace, also those sent in a handler", "[tracing]") {
  TempBus path;
  Shared<Chain::Places> seen;
  const Child note = handler_process(path.path(), place_and_pass_on("note", seen->c));
  const Child front = handler_process(path.path(), [&](Bus& bus, Server& server) {
    auto* caller = new RawCaller(caller_of(bus, "note", {.when_vacant = WhenVacant::wait}));
    return server
        .on("front",
            [caller, &seen](Context& context) {
              seen->a.note(context);
              return caller->send(context.request()) ? Status::ok() : Status::reject(1);
            })
        .has_value();
  });
  auto bus = open_when_served(path.path(), "front");
  REQUIRE_OK(bus.wait_until_available("note", 20s));
  auto caller = caller_of(bus, "front");
  const std::uint64_t number = 7;
  CHECK_OK(caller.call(raw(number), {}));  // warm: the fast path has been taken
  REQUIRE(eventually([&] { return seen->c.runs == 1; }, 20s));
  CHECK_FALSE(seen->c.context.valid());
  {
    const Span root(bus, "root");
    CHECK_OK(caller.call(raw(number), {}));
    CHECK_OK(caller.send(raw(number)));
  }
  REQUIRE(eventually([&] { return seen->c.runs == 3; }, 20s));
  REQUIRE(eventually([&] { return spans_of(path.path()).size() == 9; }, 20s));
  int pairs = 0;
  const auto spans = spans_of(path.path());
  for (const auto& consumer : spans) {
    if (consumer.record.kind != SpanKind::consumer || consumer.name != "note") continue;
    for (const auto& producer : spans) {
      if (producer.record.kind == SpanKind::producer && is_child(consumer, producer)) ++pairs;
    }
  }
  CHECK(pairs == 2);
  CHECK_OK(caller.call(raw(number), {}));
  REQUIRE(eventually([&] { return seen->c.runs == 4; }, 20s));
  CHECK_FALSE(seen->a.context.valid());
  CHECK_FALSE(seen->c.context.valid());
}

TEST_CASE("started, loaned and deferred calls belong to the trace", "[tracing]") {
  TempBus path;
  Shared<Chain::Places> seen;
  const Child handler = handler_process(path.path(), [&](Bus&, Server& server) {
    return server
        .on("later",
            [&](Context& context) {
              seen->a.note(context);
              auto responder = context.defer();
              const bool same = responder.trace() == context.trace();
              std::thread([same, responder = std::move(responder)]() mutable {
                nap(5ms);
                (void)(same ? responder.reply(raw(7)) : responder.reject(5));
              }).detach();
              return Status::ok();
            })
        .has_value();
  });
  auto bus = open_when_served(path.path(), "later");
  auto caller = caller_of(bus, "later");
  {
    const Span root(bus, "root");
    auto one = caller.start(raw(1), 100);
    auto two = caller.loan(100, 100);
    REQUIRE_OK(one);
    REQUIRE_OK(two);
    CHECK_OK(two->call());
    CHECK_OK(one->wait());
    auto dropped = caller.start({}, 0);
    REQUIRE_OK(dropped);
  }
  REQUIRE(eventually([&] { return spans_of(path.path()).size() == 7; }, 20s));
  const auto spans = spans_of(path.path());
  const auto root = the_span(spans, SpanKind::internal, "root");
  int answered = 0;
  int dropped = 0;
  for (const auto& span : spans) {
    if (span.record.kind != SpanKind::client) continue;
    CHECK(is_child(span, root));
    if (span.record.error == ErrorKind::cancelled) {
      ++dropped;
      continue;
    }
    ++answered;
    CHECK(span.record.duration_ns >= 5'000'000);
    for (const auto& server : spans) {
      if (is_child(server, span)) CHECK(server.record.duration_ns >= 5'000'000);
    }
  }
  CHECK((answered == 2 && dropped == 1));
}

TEST_CASE("traceparent is read and written as W3C has it", "[tracing]") {
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto context = TraceContext::parse(good);
  REQUIRE(context);
  CHECK(context->sampled());
  CHECK(context->trace_id[0] == 0x4B);
  CHECK(context->span_id[7] == 0xB7);
  CHECK(context->traceparent().view() == good);
  CHECK(TraceContext{}.traceparent().empty());
  // A later version may have more flags and more behind them.
  const auto later = TraceContext::parse("cc" + good.substr(2, 50) + "-ff-what-else");
  REQUIRE(later);
  CHECK(later->traceparent().view() == good.substr(0, 53) + "03");
  const std::vector<std::string> all_bad{"",
                                         good.substr(1),
                                         good + "-",
                                         good + "0",
                                         "ff" + good.substr(2),
                                         "0x" + good.substr(2),
                                         "cc" + good.substr(2) + "x",
                                         "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                         "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                         "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                         "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                         "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g"};
  for (const auto& bad : all_bad) {
    INFO(bad);
    CHECK_FALSE(TraceContext::parse(bad));
  }
}
