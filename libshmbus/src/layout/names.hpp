// The name table: text -> name record -> endpoint.
//
// Slots are an open-addressed hash table of 8-byte words over records. A record is leased, filled
// while nobody can see it, and published by the one CAS that puts it into an empty slot. Names are
// never removed: the index of a record and its text belong together for the life of the segment,
// so a caller may keep the index, there are no tombstones, and there is no ABA. Only `binding`,
// `members` and `route` change.
//
//   lease: 0 ──CAS by a registrant──► party ──the slot CAS succeeded──► published
//          party ──registrant lost the race, or died──► 0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "layout/lane.hpp"
#include "layout/limits.hpp"
#include "layout/name_words.hpp"

namespace shmbus::layout {

inline constexpr std::uint64_t lease_published = 1ULL << 32U;
/// `owner_uid` of a name that nobody has registered yet: it came into being with its policy.
inline constexpr std::uint32_t unclaimed_uid = ~0U;

/// Slots that may serve one name beside the one that its binding leads to.
inline constexpr std::uint32_t members_max = 7;

struct alignas(line_bytes) NameRecord {
  Word64 hash;
  Word64 binding;      ///< BindingWord
  Word64 schema_hash;  ///< of the registered types; 0 when none was given
  Word64 lease;        ///< 0, the bits of a ParticipantId, or lease_published
  Word32 length;       ///< of the text
  Word32 owner_uid;    ///< who registered it first
  Word32 request_bytes;
  Word32 reply_bytes;
  std::array<std::uint8_t, 16> pad0;
  std::array<Word64, name_bytes_max / 8> text;  ///< 0x40
  std::array<Word64, members_max> members;      ///< 0xC0, BindingWord
  Word64 route;                                 ///< RouteWord; 0: no canary
};

/// What the registered types look like. Written by the registrant whose binding `tag` is, before it
/// binds the name; read by the process that finds that owner's binding. The text is good when
/// `hash` is its hash: that also tells when it was being written, or its writer died meanwhile.
struct alignas(line_bytes) SchemaRecord {
  Word64 tag;     ///< BindingWord of the registration that this belongs to
  Word64 hash;    ///< of the text; 0 when the types are not known
  Word32 length;  ///< of the text; 0 when it is longer than there is room for
  Word32 request_bytes;
  Word32 reply_bytes;
  Word32 pad0;
  std::array<std::uint8_t, 32> pad1;
  std::array<Word64, schema_bytes_max / 8> text;  ///< 0x40
};

/// Two event counts of the whole bus. They are hints: the process that sleeps on one sleeps in
/// slices.
struct alignas(line_bytes) BusEvents {  // RMW
  Word32 registrations;                 ///< futex: a name gained or lost its owner
  Word32 arrivals;                      ///< futex: a participant has joined
  std::array<std::uint8_t, 56> pad;
};

static_assert(sizeof(BusEvents) == 64);
static_assert(sizeof(SchemaRecord) == 2048 && offsetof(SchemaRecord, text) == 64);
static_assert(sizeof(NameRecord) == 256);
static_assert(offsetof(NameRecord, binding) == 8 && offsetof(NameRecord, text) == 64);
static_assert(offsetof(NameRecord, members) == 0xC0 && offsetof(NameRecord, route) == 0xF8);

}  // namespace shmbus::layout
