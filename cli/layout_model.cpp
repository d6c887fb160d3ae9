#include "cli/layout_model.hpp"

#include "cli/layout_shape.hpp"
#include "layout/endpoint.hpp"
#include "layout/event_words.hpp"
#include "layout/header.hpp"
#include "layout/lane.hpp"
#include "layout/limits.hpp"
#include "layout/name_words.hpp"
#include "layout/names.hpp"
#include "layout/participant.hpp"
#include "layout/policy.hpp"
#include "layout/recorder.hpp"
#include "layout/stats.hpp"
#include "layout/status_code.hpp"
#include "layout/words.hpp"
#include "shmbus/command.hpp"

namespace shmbus::cli {
namespace {

constexpr std::uint32_t full32 = ~0U;
constexpr std::uint64_t full64 = ~0ULL;

std::vector<Shape> bus_structs() {
  return {
      SHAPE(Header, FIELD(Header, magic), FIELD(Header, layout_major), FIELD(Header, layout_minor),
            FIELD(Header, segment_bytes), FIELD(Header, capacities), FIELD(Header, bus_id),
            FIELD(Header, created_unix_s), FIELD(Header, creator_pid), FIELD(Header, creator_uid),
            FIELD(Header, ticks_per_s), FIELD(Header, default_timeout_ns),
            FIELD(Header, quotas_per_uid), FIELD(Header, spare)),
      SHAPE(Capacities, FIELD(Capacities, participants), FIELD(Capacities, names),
            FIELD(Capacities, endpoints), FIELD(Capacities, lanes),
            FIELD(Capacities, cells_per_lane), FIELD(Capacities, inbox_slots),
            FIELD(Capacities, extents), FIELD(Capacities, extent_bytes),
            FIELD(Capacities, broadcasts), FIELD(Capacities, spare)),
      SHAPE(Quotas, FIELD(Quotas, participants), FIELD(Quotas, endpoints), FIELD(Quotas, names),
            FIELD(Quotas, lanes), FIELD(Quotas, extents)),
      SHAPE(Participant, FIELD(Participant, state), FIELD(Participant, pid),
            FIELD(Participant, uid), FIELD(Participant, pid_namespace),
            FIELD(Participant, start_ticks), FIELD(Participant, role), FIELD(Participant, died_at),
            FIELD(Participant, label)),
      SHAPE(NameRecord, FIELD(NameRecord, hash), FIELD(NameRecord, binding),
            FIELD(NameRecord, schema_hash), FIELD(NameRecord, lease), FIELD(NameRecord, length),
            FIELD(NameRecord, owner_uid), FIELD(NameRecord, request_bytes),
            FIELD(NameRecord, reply_bytes), FIELD(NameRecord, text), FIELD(NameRecord, members),
            FIELD(NameRecord, route)),
      SHAPE(SchemaRecord, FIELD(SchemaRecord, tag), FIELD(SchemaRecord, hash),
            FIELD(SchemaRecord, length), FIELD(SchemaRecord, request_bytes),
            FIELD(SchemaRecord, reply_bytes), FIELD(SchemaRecord, text)),
      SHAPE(PolicyTerms, FIELD(PolicyTerms, changing), FIELD(PolicyTerms, terms),
            FIELD(PolicyTerms, outstanding), FIELD(PolicyTerms, rate), FIELD(PolicyTerms, breaker),
            FIELD(PolicyTerms, set_by), FIELD(PolicyTerms, set_at_unix_s)),
      SHAPE(PolicyLive, FIELD(PolicyLive, arrival), FIELD(PolicyLive, circuit),
            FIELD(PolicyLive, denied), FIELD(PolicyLive, over_rate),
            FIELD(PolicyLive, over_outstanding), FIELD(PolicyLive, circuit_open),
            FIELD(PolicyLive, opened)),
      SHAPE(PolicyRecord, FIELD(PolicyRecord, asked), FIELD(PolicyRecord, live)),
      SHAPE(BusEvents, FIELD(BusEvents, registrations), FIELD(BusEvents, arrivals)),
  };
}

std::vector<Shape> endpoint_structs() {
  return {
      SHAPE(Endpoint, FIELD(Endpoint, control), FIELD(Endpoint, attention), FIELD(Endpoint, events),
            FIELD(Endpoint, inbox_tail), FIELD(Endpoint, owner), FIELD(Endpoint, label)),
      SHAPE(EndpointControl, FIELD(EndpointControl, control), FIELD(EndpointControl, draining)),
      SHAPE(EndpointAttention, FIELD(EndpointAttention, attention), FIELD(EndpointAttention, flags),
            FIELD(EndpointAttention, parked_at)),
      SHAPE(EndpointEvents, FIELD(EndpointEvents, count)),
      SHAPE(InboxTail, FIELD(InboxTail, tail)),
      SHAPE(EndpointOwner, FIELD(EndpointOwner, head), FIELD(EndpointOwner, commands),
            FIELD(EndpointOwner, parks), FIELD(EndpointOwner, wakes), FIELD(EndpointOwner, died),
            FIELD(EndpointOwner, waits_for), FIELD(EndpointOwner, waits_in),
            FIELD(EndpointOwner, workers)),
      SHAPE(EndpointLabel, FIELD(EndpointLabel, text)),
  };
}

std::vector<Shape> lane_structs() {
  return {
      SHAPE(LaneHead, FIELD(LaneHead, caller), FIELD(LaneHead, owner), FIELD(LaneHead, events),
            FIELD(LaneHead, journal), FIELD(LaneHead, counters), FIELD(LaneHead, spare)),
      SHAPE(LaneCaller, FIELD(LaneCaller, park), FIELD(LaneCaller, parked_at),
            FIELD(LaneCaller, cancel)),
      SHAPE(LaneOwner, FIELD(LaneOwner, mode)),
      SHAPE(LaneEvents, FIELD(LaneEvents, count), FIELD(LaneEvents, rung),
            FIELD(LaneEvents, send_answers)),
      SHAPE(LaneJournal, FIELD(LaneJournal, cursor), FIELD(LaneJournal, done)),
      SHAPE(LaneCounters, FIELD(LaneCounters, published), FIELD(LaneCounters, calls),
            FIELD(LaneCounters, sends), FIELD(LaneCounters, errors), FIELD(LaneCounters, timeouts),
            FIELD(LaneCounters, lost), FIELD(LaneCounters, bytes_out),
            FIELD(LaneCounters, bytes_in)),
      SHAPE(Cell, FIELD(Cell, word)),
      SHAPE(CellContext, FIELD(CellContext, trace_id), FIELD(CellContext, span_id),
            FIELD(CellContext, trace_flags), FIELD(CellContext, attempt),
            FIELD(CellContext, version), FIELD(CellContext, spare)),
  };
}

std::vector<Shape> stats_structs() {
  return {
      SHAPE(NameStats, FIELD(NameStats, commands), FIELD(NameStats, errors),
            FIELD(NameStats, expired), FIELD(NameStats, bytes_in), FIELD(NameStats, bytes_out),
            FIELD(NameStats, sampled), FIELD(NameStats, service_ns), FIELD(NameStats, queue_ns)),
      SHAPE(LaneLatency, FIELD(LaneLatency, round_trip_ns)),
      SHAPE(PublishedName, FIELD(PublishedName, commands_per_s), FIELD(PublishedName, errors_per_s),
            FIELD(PublishedName, p50_ns), FIELD(PublishedName, p99_ns),
            FIELD(PublishedName, depth)),
      SHAPE(PublishedBus, FIELD(PublishedBus, published_at), FIELD(PublishedBus, commands_per_s),
            FIELD(PublishedBus, p50_ns), FIELD(PublishedBus, p99_ns), FIELD(PublishedBus, deaths),
            FIELD(PublishedBus, passes), FIELD(PublishedBus, daemon_pid)),
  };
}

std::vector<Shape> recorder_structs() {
  return {
      SHAPE(RecorderRing, FIELD(RecorderRing, head), FIELD(RecorderRing, slot)),
      SHAPE(RecorderHead, FIELD(RecorderHead, next)),
      SHAPE(RecorderSlot, FIELD(RecorderSlot, word)),
      SHAPE(Tap, FIELD(Tap, control), FIELD(Tap, head), FIELD(Tap, spill_head), FIELD(Tap, slot),
            FIELD(Tap, spill)),
      SHAPE(TapControl, FIELD(TapControl, wanted_until), FIELD(TapControl, payload_until)),
  };
}

/// The bits that move when one argument goes from nothing to everything.
constexpr std::uint64_t moved(std::uint64_t none, std::uint64_t all) noexcept { return none ^ all; }

std::vector<PackedWord> ownership_words() {
  using namespace layout;  // NOLINT: a table of its names
  const ParticipantId nobody{};
  const ParticipantId everybody{0xFFFFFF};
  const auto control = [](ParticipantId holder, ParticipantId standby, std::uint32_t gen,
                          std::uint32_t slot, std::uint32_t state) {
    return ControlWord::make(holder, standby, gen, slot, static_cast<EndpointState>(state)).bits;
  };
  const auto lane = [](std::uint32_t gen, ParticipantId party, std::uint32_t endpoint,
                       std::uint32_t state, std::uint32_t served) {
    return LaneWord::make(gen, party, endpoint, static_cast<LaneState>(state), served).bits;
  };
  const auto slot = [](std::uint32_t epoch, std::uint32_t state) {
    return ParticipantWord::make(epoch, static_cast<ParticipantState>(state)).bits;
  };
  return {
      {"ParticipantId",
       {{"index", ParticipantId::make(full32, 0).bits},
        {"epoch", ParticipantId::make(0, full32).bits}}},
      {"ControlWord",
       {{"state", control(nobody, nobody, 0, 0, 7)},
        {"slot", control(nobody, nobody, 0, full32, 0)},
        {"gen", control(nobody, nobody, full32, 0, 0)},
        {"standby", control(nobody, everybody, 0, 0, 0)},
        {"holder", control(everybody, nobody, 0, 0, 0)}}},
      {"DrainingWord",
       {{"party", DrainingWord::make(everybody, 0).bits},
        {"slot", DrainingWord::make(nobody, full32).bits}}},
      {"LaneWord",
       {{"served", lane(0, nobody, 0, 0, full32)},
        {"state", lane(0, nobody, 0, 3, 0)},
        {"endpoint", lane(0, nobody, full32, 0, 0)},
        {"party", lane(0, everybody, 0, 0, 0)},
        {"gen", lane(full32, nobody, 0, 0, 0)}}},
      {"ParticipantWord", {{"state", slot(0, 15)}, {"epoch", slot(full32, 0)}}},
      {"ExtentWord",
       {{"gen", ExtentWord::make(nobody, full64).bits},
        {"party", ExtentWord::make(everybody, 0).bits}}},
  };
}

std::vector<PackedWord> policy_words() {
  using namespace layout;  // NOLINT: a table of its names
  return {
      {"TermsWord",
       {{"flags", TermsWord::make(0, full32).bits},
        {"deadline_us", TermsWord::make(full64, 0).bits}}},
      {"OutstandingWord",
       {{"in_all", OutstandingWord::make(0, full32).bits},
        {"per_caller", OutstandingWord::make(full32, 0).bits}}},
      {"RateWord",
       {{"burst", RateWord::make(0, full32).bits},
        {"interval_ns", RateWord::make(full64, 0).bits}}},
      {"BreakerWord",
       {{"open_ms", BreakerWord::make(0, 0, 0, full32).bits},
        {"window_ms", BreakerWord::make(0, 0, full32, 0).bits},
        {"calls", BreakerWord::make(0, full32, 0, 0).bits},
        {"percent", BreakerWord::make(full32, 0, 0, 0).bits}}},
      {"CircuitWord",
       {{"state", CircuitWord::make(static_cast<Circuit>(3), 0, 0, 0).bits},
        {"calls", CircuitWord::make(Circuit::closed, 0, 0, full32).bits},
        {"failures", CircuitWord::make(Circuit::closed, 0, full32, 0).bits},
        {"since_ms", CircuitWord::make(Circuit::closed, full64, 0, 0).bits}}},
  };
}

std::vector<PackedWord> traffic_words() {
  using namespace layout;  // NOLINT: a table of its names
  const auto binding = [](std::uint32_t gen, std::uint32_t owner, std::uint32_t endpoint) {
    return BindingWord::make(gen, owner, endpoint).bits;
  };
  return {
      {"CellWord",
       {{"code", CellWord::make(0, Phase::free, full32).bits},
        {"phase", CellWord::make(0, Phase::send, 0).bits},
        {"seq", CellWord::make(full64, Phase::free, 0).bits}}},
      {"WaitWord",
       {{"lane", WaitWord::make(full32 - 1, 0).bits},
        {"seq", moved(WaitWord::make(0, 0).bits, WaitWord::make(0, full64).bits)}}},
      {"CursorWord",
       {{"cell", CursorWord::make(0, full32).bits}, {"seq", CursorWord::make(full64, 0).bits}}},
      {"BindingWord",
       {{"endpoint", binding(0, 0, full32)},
        {"owner", binding(0, full32, 0)},
        {"group", BindingWord::make(0, 0, 0, BindingWord::group).bits},
        {"leaving", BindingWord::make(0, 0, 0, BindingWord::leaving).bits},
        {"revision", BindingWord::revision_mask},
        {"gen", binding(full32, 0, 0)}}},
      {"RouteWord",
       {{"stable", RouteWord::make(full32, 0, RouteWord::Rule::nobody, 0, 0, false).bits},
        {"canary", RouteWord::make(0, full32, RouteWord::Rule::nobody, 0, 0, false).bits},
        {"promoted", RouteWord::make(0, 0, RouteWord::Rule::nobody, 0, 0, true).bits},
        {"rule", RouteWord::make(0, 0, static_cast<RouteWord::Rule>(3), 0, 0, false).bits},
        {"from", RouteWord::make(0, 0, RouteWord::Rule::nobody, 0, full32, false).bits},
        {"value", RouteWord::make(0, 0, RouteWord::Rule::nobody, full32, 0, false).bits}}},
      {"NameSlotWord",
       {{"record + 1", NameSlotWord::make(0, full32 - 1U).bits},
        {"tag of the hash",
         moved(NameSlotWord::make(0, 0).bits, NameSlotWord::make(full64, 0).bits)}}},
      {"TicketWord",
       {{"tag", TicketWord::make(0, 0, full32).bits},
        {"lane", TicketWord::make(0, full32, 0).bits},
        {"turn", TicketWord::make(full32, 0, 0).bits}}},
  };
}

template <class Enum>
constexpr std::uint64_t number(Enum value) noexcept {
  return static_cast<std::uint64_t>(value);
}

}  // namespace

std::vector<NamedRegion> regions_of(const layout::Geometry& g) {
  return {{"header", {0, layout::header_bytes, 1}},
          {"participants", g.participants},
          {"name_slots", g.name_slots},
          {"name_records", g.name_records},
          {"endpoints", g.endpoints},
          {"inboxes", g.inboxes},
          {"lane_words", g.lane_words},
          {"extent_words", g.extent_words},
          {"topics", g.topics},
          {"broadcast_words", g.broadcast_words},
          {"broadcasts", g.broadcasts},
          {"bus_events", g.bus_events},
          {"published_bus", g.published_bus},
          {"published_names", g.published_names},
          {"schemas", g.schemas},
          {"policies", g.policies},
          {"name_stats", g.name_stats},
          {"lane_latency", g.lane_latency},
          {"recorder", g.recorder},
          {"tap", g.tap},
          {"lanes", g.lanes},
          {"extents", g.extents}};
}

std::vector<Shape> shared_structs() {
  std::vector<Shape> all;
  for (auto& group : {bus_structs(), endpoint_structs(), lane_structs(), event_structs(),
                      stats_structs(), recorder_structs()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

std::vector<PackedWord> packed_words() {
  auto all = ownership_words();
  for (auto& word : traffic_words()) all.push_back(word);
  for (auto& word : event_words()) all.push_back(word);
  for (auto& word : policy_words()) all.push_back(word);
  return all;
}

std::vector<Number> format_numbers() {
  using namespace layout;  // NOLINT: a table of its names
  return {{"magic", magic},
          {"token_lock_offset", number(token_lock_offset)},
          {"daemon_lock_offset", number(daemon_lock_offset)},
          {"replace_lock_offset", number(replace_lock_offset)},
          {"lane_cells_offset", lane_cells_offset},
          {"inline_request_bytes", inline_request_bytes},
          {"paired_request_bytes", paired_request_bytes},
          {"inline_request_beside_block_bytes", inline_request_beside_block_bytes},
          {"inline_reply_bytes", inline_reply_bytes},
          {"paired_reply_bytes", paired_reply_bytes},
          {"histogram_buckets", histogram_buckets},
          {"lease_published", lease_published},
          {"hash of 'user.create'", shmbus::detail::hash_name("user.create")},
          {"EndpointState::active", number(EndpointState::active)},
          {"Attention::parked", number(Attention::parked)},
          {"Attention::vacant", number(Attention::vacant)},
          {"LaneState::allocating", number(LaneState::allocating)},
          {"LaneState::attached", number(LaneState::attached)},
          {"LaneState::orphan", number(LaneState::orphan)},
          {"BindingWord::event", BindingWord::event},
          {"BroadcastState::allocating", number(BroadcastState::allocating)},
          {"BroadcastState::attached", number(BroadcastState::attached)},
          {"BroadcastState::retired", number(BroadcastState::retired)},
          {"BroadcastState::releasing", number(BroadcastState::releasing)},
          {"BroadcastState::evicting", number(BroadcastState::evicting)},
          {"SubscriberMode::joining", number(SubscriberMode::joining)},
          {"SubscriberMode::skip", number(SubscriberMode::skip)},
          {"SubscriberMode::hold", number(SubscriberMode::hold)},
          {"LaneMode::hot", number(LaneMode::hot)},
          {"LaneMode::ordered", number(LaneMode::ordered)},
          {"ParticipantState::alive", number(ParticipantState::alive)},
          {"ParticipantState::dead", number(ParticipantState::dead)},
          {"Phase::request", number(Phase::request)},
          {"Phase::reply", number(Phase::reply)},
          {"Phase::send", number(Phase::send)},
          {"cell_flags::request_block", cell_flags::request_block},
          {"cell_flags::reply_block", cell_flags::reply_block},
          {"cell_flags::deadline", cell_flags::deadline},
          {"cell_flags::with_caller", cell_flags::with_caller},
          {"cell_flags::context", cell_flags::context},
          {"cell_flags::paired", cell_flags::paired},
          {"cell_flags::stamped", cell_flags::stamped},
          {"policy_flags::deny", policy_flags::deny},
          {"policy_flags::count_rejections", policy_flags::count_rejections},
          {"Circuit::open", number(Circuit::open)},
          {"Circuit::half_open", number(Circuit::half_open)},
          {"StatusCode::rejected", number(StatusCode::rejected)},
          {"StatusCode::handler_died", number(StatusCode::handler_died)},
          {"StatusCode::expired", number(StatusCode::expired)},
          {"StatusCode::cancelled", number(StatusCode::cancelled)},
          {"StatusCode::not_registered", number(StatusCode::not_registered)},
          {"StatusCode::reply_too_large", number(StatusCode::reply_too_large)},
          {"StatusCode::abandoned", number(StatusCode::abandoned)},
          {"StatusCode::malformed", number(StatusCode::malformed)},
          {"StatusCode::rejected_because", number(StatusCode::rejected_because)},
          {"StatusCode::not_permitted", number(StatusCode::not_permitted)},
          {"StatusCode::overloaded", number(StatusCode::overloaded)},
          {"StatusCode::invalid_argument", number(StatusCode::invalid_argument)}};
}

}  // namespace shmbus::cli
