// The spans of a bus for tests, and three processes that make some.
#pragma once

#include <string>
#include <vector>

#include "inspect/spans.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"

namespace shmbus::test {

using inspect::SpanInfo;
using trace::SpanKind;

inline std::vector<SpanInfo> spans_of(const std::string& path) {
  auto reader = inspect::Reader::open(path);
  if (!reader) FAIL(describe(reader.error()));
  return inspect::SpanReader(*reader).next();
}

/// The only one of that kind and name.
inline SpanInfo the_span(const std::vector<SpanInfo>& spans, SpanKind kind, std::string_view name) {
  std::vector<SpanInfo> found;
  for (const auto& span : spans) {
    if (span.record.kind == kind && span.name == name) found.push_back(span);
  }
  INFO("spans in all: " << spans.size());
  if (found.size() != 1) {
    FAIL(found.size() << " spans of kind " << static_cast<int>(kind) << " named " << name);
  }
  return found.front();
}

inline bool is_child(const SpanInfo& child, const SpanInfo& parent) {
  return child.record.context.trace_id == parent.record.context.trace_id &&
         child.record.parent == parent.record.context.span_id;
}

/// What a handler saw of its place; shared by the processes of a test.
struct Place {
  TraceContext context;
  std::uint32_t attempt = 0;
  int runs = 0;

  void note(const Context& command) {
    context = command.trace();
    attempt = command.attempt();
    ++runs;
  }
};

/// A handler that notes its place, then calls `next`, if there is one, with its own request.
inline Setup place_and_pass_on(const std::string& name, Place& place, const std::string& next = {},
                               const CallerOptions& options = {.when_vacant = WhenVacant::wait}) {
  return [=, &place](Bus& bus, Server& server) {
    auto* caller = next.empty() ? nullptr : new RawCaller(caller_of(bus, next, options));
    return server
        .on(name,
            [caller, &place](Context& context) {
              place.note(context);
              if (caller == nullptr) return Status::ok();
              const auto got = caller->call(context.request(), {});
              return got ? Status::ok() : Status::reject(static_cast<int>(got.error().kind));
            })
        .has_value();
  };
}

/// test process ── a ── b ── c
struct Chain {
  struct Places {
    Place a;
    Place b;
    Place c;
  };
  TempBus path;
  Shared<Places> seen;
  Child c = handler_process(path.path(), place_and_pass_on("c", seen->c));
  Child b = handler_process(path.path(), place_and_pass_on("b", seen->b, "c"));
  Child a = handler_process(path.path(), place_and_pass_on("a", seen->a, "b"));

  Bus open(double ratio = 0) {
    auto bus = Bus::open(path.path(), {.label = "test", .trace_ratio = ratio});
    if (!bus) FAIL(describe(bus.error()));
    for (const auto* name : {"a", "b", "c"}) REQUIRE_OK(bus->wait_until_available(name, 20s));
    return std::move(*bus);
  }
};

}  // namespace shmbus::test
