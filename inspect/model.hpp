// What an inspection saw, as plain values: every shared word was loaded once, checked against the
// capacities of the bus, and copied. Nothing here points into the segment, so a snapshot outlives
// it, and no peer can change it under the eyes of the process that judges it.
//
// Words were loaded one after the other while others may have worked. Two values can be a moment
// apart; what only looks odd for a moment is gone in the next snapshot (see doctor.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "layout/event_words.hpp"
#include "layout/header.hpp"
#include "layout/name_words.hpp"
#include "layout/words.hpp"
#include "stats/histogram.hpp"

namespace shmbus::inspect {

/// Whether the party that some word names can still act.
enum class Standing : std::uint8_t {
  nobody,     ///< the word names no one
  living,     ///< its slot is taken by this generation, and the kernel says it lives
  dead,       ///< its slot still is this generation's, but the process has gone
  gone,       ///< the slot is free, or another generation's: no word may name it any more
  impossible  ///< there is no such slot
};

struct BusInfo {
  std::string path;
  std::uint64_t file_bytes = 0;
  std::uint64_t resident_bytes = 0;  ///< what the file system has set aside for it
  layout::Header header{};
  bool daemon_present = false;
  bool replaced = false;  ///< the path leads to another file by now, or to none
  std::uint32_t file_uid = 0;
  std::uint32_t file_mode = 0;
  std::uint64_t taken_at_ns = 0;  ///< monotonic clock
};

/// The daemon's last pass.
struct PublishedInfo {
  std::uint64_t age_ns = 0;
  std::uint64_t commands_per_s = 0;
  std::uint64_t p50_ns = 0;
  std::uint64_t p99_ns = 0;
  std::uint64_t deaths = 0;
  std::uint64_t passes = 0;
  std::uint64_t daemon_pid = 0;
  bool fresh = false;
};

struct ParticipantInfo {
  std::uint32_t index = 0;
  std::uint32_t epoch = 0;
  std::uint32_t state = 0;  ///< layout::ParticipantState, or a value that it does not have
  bool process_alive = false;
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  bool same_pid_namespace = false;
  std::uint32_t role = 0;
  std::string label;
  std::uint64_t age_ns = 0;
  std::uint32_t lanes = 0;
  std::uint32_t extents = 0;
  std::uint32_t endpoints = 0;
  std::uint32_t draining = 0;  ///< endpoints that it gave away and where it still owes answers
  std::uint32_t asking = 0;    ///< endpoints that it has asked for
};

/// One ring of tickets. Turns are judged with some slack: see snapshot_parts.hpp.
struct InboxInfo {
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  std::uint32_t waiting = 0;
  std::uint32_t implausible_turns = 0;
  std::uint32_t lanes_out_of_range = 0;
};

struct EndpointInfo {
  std::uint32_t index = 0;
  std::uint64_t control_bits = 0;
  bool active = false;
  layout::ParticipantId holder;
  Standing standing = Standing::nobody;
  layout::ParticipantId standby;  ///< has asked the holder for the endpoint
  Standing standby_standing = Standing::nobody;
  layout::DrainingWord draining;  ///< who held the endpoint before and still owes answers
  Standing draining_standing = Standing::nobody;
  std::uint32_t gen = 0;
  std::uint32_t attention = 0;
  bool global_order = false;
  std::uint64_t commands = 0;
  std::uint64_t parks = 0;
  std::uint64_t wakes = 0;
  std::uint64_t died = 0;
  std::uint32_t workers = 0;    ///< threads that run its handlers; 0: the one that polls does
  std::uint32_t busy = 0;       ///< of them
  std::uint64_t oldest_ns = 0;  ///< for how long the oldest of what they run has run
  std::string label;
  InboxInfo inbox;
};

struct LaneInfo {
  std::uint32_t index = 0;
  layout::LaneWord word;
  Standing standing = Standing::nobody;
  std::uint32_t mode = 0;
  std::uint64_t cursor_seq = 0;
  std::uint32_t cursor_cell = 0;
  std::uint32_t queued = 0;              ///< published, not started
  std::uint32_t started_unanswered = 0;  ///< under way, or left behind by an owner that died
  std::uint32_t bad_links = 0;           ///< queued cells that lead out of the lane
  std::uint32_t bad_sequences = 0;       ///< numbers that no caller can have reached
  std::uint64_t calls = 0;
  std::uint64_t sends = 0;
  std::uint64_t errors = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t lost = 0;
  stats::Counts round_trip;
};

enum class NameState : std::uint8_t {
  active,        ///< a living process owns its endpoint
  dead,          ///< its owner has died and was not reclaimed yet
  vacant,        ///< its owner has gone; commands may queue for a successor
  unregistered,  ///< known, but nobody registered it, or it was taken back
};

/// What an endpoint is to a name that it serves together with others.
enum class Role : std::uint8_t {
  owner,    ///< alone, or beside a canary
  member,   ///< of a group
  canary,   ///< on trial
  former,   ///< was the owner until the canary was promoted
  leaving,  ///< takes no more
};
std::string_view to_string(Role role) noexcept;

struct MemberInfo {
  std::uint32_t place = 0;
  std::uint32_t endpoint = 0;
  Role role = Role::owner;
  NameState state = NameState::vacant;
  std::string label;
  std::uint32_t pid = 0;
  std::uint64_t commands = 0;  ///< that the endpoint ran, for all its owners
  std::uint32_t depth = 0;     ///< published and not answered
};

struct NameInfo {
  std::uint32_t record = 0;
  std::string name;
  NameState state = NameState::unregistered;
  std::uint64_t binding_bits = 0;
  std::optional<std::uint32_t> endpoint;
  bool group = false;
  layout::RouteWord route;
  std::vector<MemberInfo> members;         ///< empty when it has one owner and no place for others
  std::vector<std::uint64_t> bad_members;  ///< words that lead to no endpoint
  std::string owner_label;
  std::uint32_t owner_pid = 0;
  std::uint32_t owner_uid = 0;
  std::uint64_t schema_hash = 0;
  std::uint32_t request_bytes = 0;
  std::uint32_t reply_bytes = 0;
  std::uint64_t commands = 0;
  std::uint64_t errors = 0;
  std::uint64_t expired = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint32_t depth = 0;            ///< published and not answered, in all lanes
  stats::Counts service;              ///< time in the handler
  stats::Counts queue;                ///< from the publish to the start
  std::uint64_t published_per_s = 0;  ///< by the daemon; see PublishedInfo::fresh
  // For the judge:
  std::uint64_t lease = 0;
  std::uint32_t length = 0;
  bool hash_fits = false;
  bool in_table = false;
  std::uint64_t changing =
      0;  ///< who changes its policy: a ParticipantId, or what no setter writes
  Standing changing_standing = Standing::nobody;
};

/// A publisher of events, or the last events of one that has left.
struct PublisherInfo {
  std::uint32_t lane = 0;
  layout::BroadcastWord word;
  Standing standing = Standing::nobody;  ///< of the publisher
  std::string label;
  std::uint32_t pid = 0;  ///< 0: it has left or died
  std::uint64_t published = 0;
  std::uint64_t bytes = 0;
  std::uint64_t oldest = 0;  ///< that can still be read
  std::uint32_t slots = 0;
  std::uint32_t slot_bytes = 0;
  std::uint32_t keep = 0;
  std::uint32_t extents = 0;
  std::uint64_t waits = 0;  ///< for subscribers that hold
  std::uint64_t wait_ns = 0;
  std::uint64_t refused = 0;
};

struct SubscriberInfo {
  std::uint32_t place = 0;
  layout::SubscriberWord word;
  Standing standing = Standing::nobody;
  std::string label;
  std::uint32_t pid = 0;
  std::uint64_t delivered = 0;  ///< sums over all publishers that are there
  std::uint64_t missed = 0;
  std::uint64_t behind = 0;
};

/// A name that is an event's.
struct TopicInfo {
  std::uint32_t record = 0;
  std::string name;
  std::vector<PublisherInfo> publishers;
  std::vector<SubscriberInfo> subscribers;

  [[nodiscard]] std::uint64_t published() const noexcept;  ///< by all publishers that are there
  [[nodiscard]] std::uint64_t missed() const noexcept;     ///< by all subscribers that are there
  /// The subscriber that is furthest behind; null when there is none.
  [[nodiscard]] const SubscriberInfo* slowest() const noexcept;
  /// The one for which publishers wait when they wait: of those that hold, the furthest behind.
  [[nodiscard]] const SubscriberInfo* holder() const noexcept;
};

/// One ring of the flight recorder, or the tap. See snapshot_recorder.cpp for what is judged.
struct RecorderInfo {
  std::optional<std::uint32_t> slot;  ///< nothing: the tap
  std::uint64_t written = 0;          ///< events, since the bus was made
  std::uint32_t misplaced = 0;        ///< events in a slot that is not that of their index
  std::uint32_t ahead = 0;            ///< numbers that the heads have not given out
  std::uint32_t out_of_bounds = 0;    ///< whole events that name what does not exist
};

struct ExtentUsage {
  std::uint32_t total = 0;
  std::uint32_t leased = 0;
  std::vector<layout::ParticipantId> holder;  ///< by extent
};

struct Snapshot {
  BusInfo bus;
  PublishedInfo published;
  std::vector<ParticipantInfo> participants;  ///< all slots that are not free
  std::vector<NameInfo> names;                ///< all records that somebody leased
  std::vector<EndpointInfo> endpoints;        ///< all
  std::vector<LaneInfo> lanes;                ///< all that are not free
  std::vector<std::uint32_t> bad_free_lanes;  ///< "free", and yet somebody's
  ExtentUsage extents;
  std::vector<TopicInfo> topics;              ///< by record
  std::vector<std::uint64_t> bad_name_slots;  ///< slots that name no record
  std::vector<RecorderInfo> recorder;         ///< by slot, then the tap; only for the doctor
  std::uint64_t tap_wish_ns = 0;              ///< so long from now on; only for the doctor

  /// Judged by the slots of this very snapshot.
  [[nodiscard]] Standing standing(layout::ParticipantId party) const noexcept;
  [[nodiscard]] const ParticipantInfo* participant(layout::ParticipantId party) const noexcept;
  [[nodiscard]] const NameInfo* name(std::string_view text) const noexcept;
};

}  // namespace shmbus::inspect
