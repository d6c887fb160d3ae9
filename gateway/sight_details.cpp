// One name in full: types, where its time goes, who calls it, who serves it, what is asked of its
// callers.
#include <fmt/format.h>

#include <algorithm>

#include "codec/json_schema.hpp"
#include "codec/type.hpp"
#include "gateway/json_out.hpp"
#include "gateway/sight.hpp"
#include "policy/status.hpp"
#include "words/terms.hpp"

namespace shmbus::gateway {
namespace {

using inspect::NameInfo;
using inspect::Snapshot;

void put_types(JsonOut& out, const inspect::DescribedName& name) {
  auto types = codec::CommandTypes::parse(name.schema);
  const bool typed = !name.schema.empty() && types;
  out.field("schema", name.schema).field("typed", typed);
  if (!typed) return;
  out.field("request_stream", types->request_stream).field("reply_stream", types->reply_stream);
  std::string request;
  codec::append_json_schema(request, types->request);
  std::string reply;
  codec::append_json_schema(reply, types->reply);
  out.key("request").raw(request).key("reply").raw(reply);
}

void put_histogram(JsonOut& out, std::string_view key, const stats::Counts& counts) {
  out.key(key)
      .open('{')
      .field("samples", counts.total)
      .field("p50", counts.quantile_ns(0.5))
      .field("p90", counts.quantile_ns(0.9))
      .field("p99", counts.quantile_ns(0.99))
      .field("p999", counts.quantile_ns(0.999))
      .field("max", counts.quantile_ns(1));
  out.key("buckets").open('[');
  for (std::uint32_t i = 0; i < counts.bucket.size(); ++i) {
    if (counts.bucket[i] == 0) continue;
    out.open('[').put(stats::bucket_low_ns(i)).put(counts.bucket[i]).close(']');
  }
  out.close(']').close('}');
}

bool leads_to(const NameInfo& name, std::uint32_t endpoint) {
  return name.endpoint == endpoint ||
         std::any_of(name.members.begin(), name.members.end(),
                     [&](const auto& member) { return member.endpoint == endpoint; });
}

/// Lanes lead to a process, which may serve other names over them too.
void put_callers(JsonOut& out, const Snapshot& now, const NameInfo& name) {
  out.key("callers").open('[');
  for (const auto& lane : now.lanes) {
    if (!lane.word.in_use() || !leads_to(name, lane.word.endpoint())) continue;
    const auto* caller = now.participant(lane.word.party());
    out.open('{')
        .field("label", caller == nullptr ? std::string_view("?") : caller->label)
        .field("pid", caller == nullptr ? 0U : caller->pid)
        .field("calls", lane.calls)
        .field("sends", lane.sends)
        .field("errors", lane.errors)
        .field("timeouts", lane.timeouts)
        .field("under_way", std::uint64_t{lane.queued} + lane.started_unanswered);
    if (lane.round_trip.total != 0) {
      out.field("p50", lane.round_trip.quantile_ns(0.5))
          .field("p99", lane.round_trip.quantile_ns(0.99));
    }
    out.close('}');
  }
  out.close(']');
}

void put_members(JsonOut& out, const NameInfo& name) {
  out.key("members").open('[');
  for (const auto& member : name.members) {
    out.open('{')
        .field("role", inspect::to_string(member.role))
        .field("alive", member.state == inspect::NameState::active)
        .field("label", member.label)
        .field("pid", member.pid)
        .field("commands", member.commands)
        .field("depth", member.depth)
        .close('}');
  }
  out.close(']');
  using layout::RouteWord;
  if (name.route.rule() == RouteWord::Rule::share) {
    out.field("canary", fmt::format("The canary gets {:.4g} % of its callers.",
                                    100.0 * (name.route.value() + 1.0) / 4294967296.0));
  } else if (name.route.rule() == RouteWord::Rule::label) {
    out.field("canary", "The canary gets the commands of callers with one label.");
  }
}

std::string_view word_for(CircuitState state) noexcept {
  return state == CircuitState::open        ? "open"
         : state == CircuitState::half_open ? "half open"
                                            : "closed";
}

void put_policy(JsonOut& out, const inspect::Reader& reader, const NameInfo& name) {
  const auto words = policy::load(reader.view().policy(name.record).asked);
  const auto asked = policy::decode(words);
  const wait::TickRate rate(reader.header().ticks_per_s);
  const auto status = policy::status_of(reader.view(), rate, name.record);
  out.key("policy")
      .open('{')
      .field("asks", !words.ask_nothing())
      .field("deny", asked.deny)
      .field("deadline_ns", std::int64_t{asked.deadline.count()})
      .field("outstanding", asked.outstanding)
      .field("outstanding_per_caller", asked.outstanding_per_caller);
  if (asked.rate.commands != 0) {
    out.field("rate", asked.rate.commands)
        .field("rate_per_ns", std::int64_t{asked.rate.per.count()})
        .field("burst", asked.rate.burst);
  }
  if (asked.breaker.failure_percent != 0) {
    out.field("breaker_percent", asked.breaker.failure_percent)
        .field("breaker_calls", asked.breaker.min_calls)
        .field("breaker_window_ns", std::int64_t{asked.breaker.window.count()})
        .field("breaker_open_ns", std::int64_t{asked.breaker.open_for.count()})
        .field("circuit", word_for(status.circuit));
  }
  out.field("under_way", status.outstanding)
      .field("denied", status.denied)
      .field("over_rate", status.over_rate)
      .field("over_outstanding", status.over_outstanding)
      .field("at_open_circuit", status.circuit_open)
      .close('}');
}

}  // namespace

std::string Sight::details(const inspect::Reader& reader, const Snapshot& now,
                           const inspect::DescribedName& name) const {
  JsonOut out;
  out.open('{')
      .field("name", name.name)
      .field("event", name.event)
      .field("served", name.served)
      .field("may_call", !name.event && who_.may(Action::call, name.name))
      .field("may_send", !name.event && who_.may(Action::send, name.name))
      .field("may_listen", name.event && who_.may(Action::listen, name.name));
  put_types(out, name);
  const auto* info = now.name(name.name);
  if (info != nullptr && !name.event) {
    put_histogram(out, "service", info->service);
    put_histogram(out, "queue", info->queue);
    put_policy(out, reader, *info);
    if (all()) {
      put_members(out, *info);
      put_callers(out, now, *info);
    }
  }
  return out.close('}').text();
}

}  // namespace shmbus::gateway
