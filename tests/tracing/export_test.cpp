// Spans on their way out: OTLP that is valid by its schema and received over HTTP, a collector that
// is away, a trace file whose slices nest.
#include <csignal>
#include <map>
#include <set>

#include "support/program.hpp"
#include "support/tool.hpp"
#include "tracing/collector.hpp"
#include "tracing/otlp_schema.hpp"
#include "tracing/spans_of.hpp"

using namespace shmbus;
using namespace shmbus::test;
using Json = nlohmann::json;

namespace {

constexpr int spans_of_a_call = 10;  // the root; of a, b and c: call, queue, handler

void make_a_trace(Bus& bus) {
  auto caller = caller_of(bus, "a");
  const Span root(bus, "checkout");
  REQUIRE_OK(caller.call(raw(7), {}));
}

std::vector<Json> spans_in(const Json& request) {
  std::vector<Json> spans;
  for (const auto& resource : request["resourceSpans"]) {
    for (const auto& scope : resource["scopeSpans"]) {
      for (const auto& span : scope["spans"]) spans.push_back(span);
    }
  }
  return spans;
}

std::vector<Json> valid_spans_in(const std::string& text) {
  const auto request = Json::parse(text);
  INFO(text);
  REQUIRE(OtlpSchema::complaint(request).empty());
  return spans_in(request);
}

/// All that was posted so far, each document valid.
std::vector<Json> received(Collector& collector) {
  std::vector<Json> spans;
  for (const auto& one : collector.posted()) {
    CHECK(one.head.starts_with("POST /v1/traces HTTP/1.1"));
    CHECK(one.head.find("Content-Type: application/json") != std::string::npos);
    for (auto& span : valid_spans_in(one.body)) spans.push_back(std::move(span));
  }
  return spans;
}

const Json* attribute(const Json& span, const std::string& key) {
  for (const auto& one : span["attributes"]) {
    if (one["key"] == key) return &one["value"];
  }
  return nullptr;
}

Child daemon_process(const std::string& path, const std::string& url, const std::string& log) {
  return start_program({SHMBUS_BIN_DIR "/shmbusd", "--bus", path, "--otlp", url},
                       {.out = {}, .err = log});
}

bool log_says(const std::string& log, const std::string& text) {
  return read_whole_file(log).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("the schema refuses what OTLP in JSON is not", "[tracing]") {
  const std::string good = R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",
    "value":{"stringValue":"x"}}]},"scopeSpans":[{"scope":{"name":"s"},"spans":[{
    "traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","name":"n","kind":2,
    "startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000000002",
    "attributes":[{"key":"n","value":{"intValue":"1"}}],"status":{}}]}]}]})";
  CHECK(OtlpSchema::complaint(Json::parse(good)).empty());
  const std::map<std::string, std::string> faults{
      {R"("kind":2)", R"("kind":"SPAN_KIND_SERVER")"},
      {R"("kind":2)", R"("kind":6)"},
      {R"("spanId")", R"("span_id")"},
      {R"("00f067aa0ba902b7")", R"("APBnqgupArc=")"},
      {R"("00f067aa0ba902b7")", R"("0000000000000000")"},
      {R"({"intValue":"1"})", R"({"intValue":1})"},
      {R"({"intValue":"1"})", R"({"intValue":"1","stringValue":"1"})"},
      {R"("1700000000000000001")", "1700000000000000001"},
      {R"("1700000000000000001")", R"("1700000000000000003")"},
      {R"("status":{})", R"("status":{"code":"STATUS_CODE_ERROR"})"},
      {R"("service.name")", R"("service")"},
      {R"(,"name":"n")", ""}};
  for (const auto& [from, to] : faults) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    INFO(to);
    CHECK_FALSE(OtlpSchema::complaint(Json::parse(bad)).empty());
  }
}

TEST_CASE("spans are written as OTLP, with the attributes of the conventions", "[tracing]") {
  Chain chain;
  auto bus = chain.open();
  make_a_trace(bus);
  auto refused = caller_of(bus, "nobody");
  const TempFolder folder;
  const std::string file = folder.path() + "/spans";
  const auto ran = run_tool({"--bus", chain.path.path(), "trace", "export", "--file", file});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(ran.out == "10 spans\n");
  const auto spans = valid_spans_in(read_whole_file(file));
  REQUIRE(spans.size() == spans_of_a_call);
  std::map<std::string, Json> by_id;
  std::set<std::string> traces;
  for (const auto& span : spans) {
    CHECK(by_id.emplace(span["spanId"], span).second);
    traces.insert(span["traceId"]);
  }
  CHECK(traces.size() == 1);
  std::map<std::string, int> depths;
  int queues = 0;
  for (const auto& span : spans) {
    int depth = 0;
    for (const Json* at = &span; at->contains("parentSpanId"); ++depth) {
      REQUIRE(by_id.count((*at)["parentSpanId"]) == 1);
      at = &by_id[(*at)["parentSpanId"]];
    }
    depths[span["name"]] = std::max(depths[span["name"]], depth);
    if (span["kind"] == 2 || span["kind"] == 3) {
      REQUIRE(attribute(span, "rpc.system") != nullptr);
      CHECK((*attribute(span, "rpc.system"))["stringValue"] == "shmbus");
      CHECK((*attribute(span, "rpc.method"))["stringValue"] == span["name"]);
      CHECK((*attribute(span, "rpc.service"))["stringValue"] == "handler");
      CHECK(attribute(span, "shmbus.lane") != nullptr);
      CHECK(attribute(span, "shmbus.seq") != nullptr);
    }
    if (span["name"].get<std::string>().starts_with("queue ")) ++queues;
  }
  CHECK(queues == 3);
  CHECK(depths == std::map<std::string, int>{{"checkout", 0},
                                             {"a", 2},
                                             {"b", 4},
                                             {"c", 6},
                                             {"queue a", 2},
                                             {"queue b", 4},
                                             {"queue c", 6}});
}

TEST_CASE("errors and one-way commands have their attributes", "[tracing]") {
  TempBus path;
  const Child handler = handler_process(
      path.path(), handlers({{"refuse", [](Context&) { return Status::reject(7, "no"); }},
                             {"note", [](Context&) { return Status::ok(); }}}));
  auto bus = open_when_served(path.path(), "note");
  auto refuse = caller_of(bus, "refuse");
  auto note = caller_of(bus, "note");
  {
    Span root(bus, "root");
    CHECK(kind(refuse.call({}, {})) == ErrorKind::rejected);
    CHECK_OK(note.send({}));
    root.fail(ErrorKind::rejected);
  }
  REQUIRE(eventually([&] { return spans_of(path.path()).size() == 5; }, 20s));
  const auto ran = run_tool({"--bus", path.path(), "trace", "--json"});
  REQUIRE(ran.code == 0);
  int failed = 0;
  int messages = 0;
  for (const auto& span : valid_spans_in(ran.out)) {
    if (span["name"] == "refuse" || span["name"] == "root") {
      ++failed;
      CHECK(span["status"]["code"] == 2);
      CHECK((*attribute(span, "error.type"))["stringValue"] == "rejected");
      if (span["kind"] != 1) CHECK((*attribute(span, "shmbus.error.code"))["intValue"] == "7");
    }
    if (span["kind"] == 4 || span["kind"] == 5) {
      ++messages;
      const std::string does = span["kind"] == 4 ? "send" : "process";
      CHECK(span["name"] == does + " note");
      CHECK((*attribute(span, "messaging.system"))["stringValue"] == "shmbus");
      CHECK((*attribute(span, "messaging.destination.name"))["stringValue"] == "note");
      CHECK((*attribute(span, "messaging.operation.type"))["stringValue"] == does);
      CHECK_FALSE(span["status"].contains("code"));
    }
  }
  CHECK(failed == 3);
  CHECK(messages == 2);
}

TEST_CASE("a collector receives spans from the tool, now and as they come", "[tracing]") {
  Chain chain;
  auto bus = chain.open();
  make_a_trace(bus);
  Collector collector;
  const std::vector<std::string> once{"--bus",  chain.path.path(), "trace",
                                      "export", "--otlp",          collector.url()};
  const auto ran = run_tool(once);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(received(collector).size() == spans_of_a_call);
  auto follow = once;
  follow.insert(follow.end(), {"--follow", "--for", "2s", "--json"});
  std::thread later([&] {
    nap(500ms);
    auto own = Bus::open(chain.path.path());
    if (own) make_a_trace(*own);
  });
  const auto followed = run_tool(follow);
  later.join();
  CHECK(followed.code == 0);
  const auto summary = Json::parse(followed.out);
  CHECK(summary["spans"] == 2 * spans_of_a_call);
  CHECK(summary["lost"] == 0);
  CHECK(received(collector).size() == 3 * spans_of_a_call);
}

TEST_CASE("a collector that refuses or is away is told of, and hangs nobody", "[tracing]") {
  Chain chain;
  auto bus = chain.open();
  make_a_trace(bus);
  {
    Collector collector;
    collector.status = 400;
    const auto ran =
        run_tool({"--bus", chain.path.path(), "trace", "export", "--otlp", collector.url()});
    CHECK(ran.code == static_cast<int>(ErrorKind::abandoned));
    CHECK(ran.err.find("400") != std::string::npos);
    CHECK(ran.out == "10 spans, 10 of them not taken by the collector\n");
  }
  const std::string nowhere = "http://127.0.0.1:" + std::to_string(free_port()) + "/v1/traces";
  const Stopwatch watch;
  const auto ran = run_tool({"--bus", chain.path.path(), "trace", "export", "--otlp", nowhere});
  CHECK(ran.code == static_cast<int>(ErrorKind::abandoned));
  CHECK(watch.ms() < 8'000);
  CHECK(run_tool({"--bus", chain.path.path(), "trace", "export", "--otlp", "nonsense"}).code ==
        static_cast<int>(ErrorKind::invalid_argument));
  CHECK(run_tool({"--bus", chain.path.path(), "trace", "export"}).code == 64);
}

TEST_CASE("the daemon exports, outlives its collector and goes on with the next", "[tracing]") {
  Chain chain;
  auto bus = chain.open();
  const TempFolder folder;
  const std::string log = folder.path() + "/log";
  const auto port = free_port();
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/v1/traces";
  auto daemon = daemon_process(chain.path.path(), url, log);
  REQUIRE(eventually([&] { return log_says(log, "spans are exported"); }, 20s));
  nap(100ms);  // its first look is at what stands there already
  // Nobody listens: the call does not notice.
  make_a_trace(bus);
  REQUIRE(eventually([&] { return log_says(log, "not taken by the collector"); }, 20s));
  // A death is reclaimed meanwhile as ever.
  chain.c.kill();
  REQUIRE(eventually([&] { return log_says(log, "participant reclaimed"); }, 5s));
  chain.c = handler_process(chain.path.path(), place_and_pass_on("c", chain.seen->c));
  REQUIRE_OK(bus.wait_until_available("c", 20s));
  {
    Collector collector(port);
    REQUIRE(eventually([&] { return received(collector).size() == spans_of_a_call; }, 30s));
    make_a_trace(bus);
    REQUIRE(eventually([&] { return received(collector).size() == 2 * spans_of_a_call; }, 30s));
    daemon.signal(SIGTERM);
    CHECK(daemon.wait(20s) == 0);
  }
  CHECK(log_says(log, "the collector takes spans again"));
  CHECK(log_says(log, "sent=20 lost=0"));
}

TEST_CASE("the trace file nests", "[tracing]") {
  Chain chain;
  auto bus = chain.open();
  {
    // Overlapping calls of one process need rows of their own.
    const Span root(bus, "two at a time");
    auto caller = caller_of(bus, "a");
    auto one = caller.start({}, 0);
    auto two = caller.start({}, 0);
    REQUIRE_OK(one->wait());
    REQUIRE_OK(two->wait());
  }
  const TempFolder folder;
  const std::string file = folder.path() + "/trace.json";
  REQUIRE(run_tool({"--bus", chain.path.path(), "trace", "export", "--perfetto", file}).code == 0);
  const auto trace = Json::parse(read_whole_file(file));
  std::map<std::pair<int, int>, std::vector<std::pair<double, double>>> rows;
  std::set<std::string> names;
  std::multiset<std::string> begun;
  std::multiset<std::string> ended;
  for (const auto& event : trace["traceEvents"]) {
    const std::string phase = event["ph"];
    if (phase == "M") names.insert(event["args"]["name"]);
    if (phase == "s") begun.insert(event["id"]);
    if (phase == "f") ended.insert(event["id"]);
    if (phase != "X") continue;
    REQUIRE(event["ts"].get<double>() >= 0);
    REQUIRE(event["dur"].get<double>() >= 0);
    rows[{event["pid"], event["tid"]}].emplace_back(
        event["ts"], event["ts"].get<double>() + event["dur"].get<double>());
  }
  CHECK(names == std::set<std::string>{"test", "handler process"});
  CHECK(begun.size() == 6);
  CHECK(begun == ended);
  std::size_t slices = 0;
  for (const auto& [row, all] : rows) {
    slices += all.size();
    for (const auto& a : all) {
      for (const auto& b : all) {
        const bool apart = a.second <= b.first + 1e-3 || b.second <= a.first + 1e-3;
        const bool within = (a.first >= b.first && a.second <= b.second + 1e-3) ||
                            (b.first >= a.first && b.second <= a.second + 1e-3);
        CHECK((apart || within));
      }
    }
  }
  CHECK(slices == 19);  // the root, twice three of a, b and c
}

TEST_CASE("traces are shown as trees", "[tracing]") {
  Chain chain;
  auto bus = chain.open();
  CHECK(run_tool({"--bus", chain.path.path(), "trace"}).out.starts_with("no spans"));
  make_a_trace(bus);
  const auto ran = run_tool({"--bus", chain.path.path(), "trace"});
  CHECK(ran.code == 0);
  for (const auto* line : {"\ncheckout ", "\n  call a ", "\n    run a ", "\n      call b ",
                           "\n            run c ", "\n            queue c "}) {
    INFO(ran.out);
    CHECK(ran.out.find(line) != std::string::npos);
  }
}

TEST_CASE("spans that outrun the ring are lost and counted", "[tracing]") {
  TempBus path;
  const Child handler =
      handler_process(path.path(), handlers({{"x", [](Context&) { return Status::ok(); }}}));
  auto bus = open_when_served(path.path(), "x");
  auto reader = inspect::Reader::open(path.path());
  REQUIRE_OK(reader);
  inspect::SpanReader spans(*reader);
  auto caller = caller_of(bus, "x", {.trace_ratio = 1});
  REQUIRE_OK(caller.call({}, {}));
  CHECK(spans.next().size() == 2);
  CHECK(spans.next().empty());
  CHECK(spans.overwritten() == 0);
  for (int i = 0; i < 100; ++i) REQUIRE_OK(caller.call({}, {}));
  // A handler that sleeps before each command, as on a busy machine, records each beside its span.
  const auto last = spans.next().size();
  CHECK((last >= 48 && last <= 64));
  CHECK(spans.overwritten() >= 2 * 100 - 64);
  CHECK(spans.next().empty());
}
