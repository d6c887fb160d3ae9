// Lanes: whom they belong to, who serves them, and whether what stands in them can be true.
#include "inspect/doctor_parts.hpp"

namespace shmbus::inspect {
namespace {

using layout::LaneState;

std::string subject_of(const LaneInfo& lane) {
  return "lane " + std::to_string(lane.index) + "." + std::to_string(lane.word.gen());
}

Finding error_at(const LaneInfo& lane, std::string_view id, std::string what) {
  return {Severity::error, std::string(id), subject_of(lane), std::move(what),
          std::string(mend_corruption)};
}

void check_word(const LaneInfo& lane, const Snapshot& snapshot, std::vector<Finding>& out) {
  if (lane.standing != Standing::living && lane.standing != Standing::dead) {
    out.push_back(
        error_at(lane, "lane-party",
                 "belongs to " + party_text(lane.word.party()) + ", who is no participant"));
  }
  if (lane.word.endpoint() >= snapshot.endpoints.size()) {
    out.push_back(error_at(
        lane, "lane-endpoint",
        "leads to endpoint " + std::to_string(lane.word.endpoint()) + ", which does not exist"));
    return;
  }
  const auto& endpoint = snapshot.endpoints[lane.word.endpoint()];
  const bool served_by_owner = endpoint.active && lane.word.served() == endpoint.gen;
  if (lane.word.served() != 0 && !served_by_owner) {
    out.push_back(error_at(lane, "lane-served",
                           "says it is served by owner " + std::to_string(lane.word.served()) +
                               " of endpoint " + std::to_string(endpoint.index) +
                               ", who is not its owner"));
  }
}

void check_cells(const LaneInfo& lane, const Snapshot& snapshot, std::vector<Finding>& out) {
  if (lane.cursor_cell >= snapshot.bus.header.capacities.cells_per_lane) {
    out.push_back(error_at(lane, "lane-cursor",
                           "continues at cell " + std::to_string(lane.cursor_cell) +
                               ", which does not exist: it is not served"));
  }
  if (lane.bad_links != 0) {
    out.push_back(error_at(lane, "lane-links",
                           "has " + counted(lane.bad_links, "command") +
                               " that link out of the lane: it is not served"));
  }
  if (lane.bad_sequences != 0) {
    out.push_back(error_at(lane, "lane-sequences",
                           "has " + counted(lane.bad_sequences, "command") +
                               " with numbers that its caller cannot have reached"));
  }
}

/// Commands that were started by an owner that has gone. Their callers got an error, or will.
void check_untold(const LaneInfo& lane, const EndpointInfo& endpoint, std::vector<Finding>& out) {
  if (lane.started_unanswered == 0) return;
  const std::string commands = counted(lane.started_unanswered, "command");
  if (endpoint.active && endpoint.standing == Standing::dead) {
    out.push_back(
        {Severity::note, "untold-callers", subject_of(lane),
         commands + " started by a handler that has died; their callers have no answer yet",
         "a waiting caller finds out by itself; `shmbus gc` tells them now"});
  } else if (!endpoint.active && endpoint.draining.nobody()) {
    out.push_back(error_at(lane, "untold-callers",
                           commands + " started and unanswered, at an endpoint without an owner"));
  }
}

void check_orphan(const LaneInfo& lane, const EndpointInfo& endpoint, std::vector<Finding>& out) {
  if (lane.word.state() != LaneState::orphan) return;
  const bool served = endpoint.active && endpoint.standing == Standing::living;
  const std::string left =
      lane.queued == 0 ? std::string() : " with " + counted(lane.queued, "command") + " in it";
  // A handler that is there and does not get to it is worth a look.
  out.push_back({served ? Severity::warning : Severity::note, "orphan-lane", subject_of(lane),
                 "was left by its caller" + left +
                     (served ? "; its handler has not finished it" : "; no handler serves it"),
                 served ? "its handler is busy or stopped: see `shmbus ps` and `shmbus top`"
                        : "start a handler for these commands, or let `shmbus gc` look at it"});
}

}  // namespace

void check_lanes(const Snapshot& snapshot, std::vector<Finding>& out) {
  for (const auto& lane : snapshot.lanes) {
    check_word(lane, snapshot, out);
    if (!lane.word.in_use() || lane.word.endpoint() >= snapshot.endpoints.size()) continue;
    check_cells(lane, snapshot, out);
    const auto& endpoint = snapshot.endpoints[lane.word.endpoint()];
    check_untold(lane, endpoint, out);
    check_orphan(lane, endpoint, out);
  }
  for (const std::uint32_t lane : snapshot.bad_free_lanes) {
    out.push_back({Severity::error, "lane-free", "lane " + std::to_string(lane),
                   "is free and yet names somebody", std::string(mend_corruption)});
  }
  if (snapshot.lanes.size() == snapshot.bus.header.capacities.lanes) {
    out.push_back({Severity::warning, "lanes-exhausted", "",
                   "every lane is in use: new callers are refused",
                   "create the bus with more --lanes (OpenOptions::capacities.lanes)"});
  }
}

}  // namespace shmbus::inspect
