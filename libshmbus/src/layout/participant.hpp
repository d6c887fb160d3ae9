// A participant: one opened Bus in one process.
//
// Its liveness is not written here. Participant i is alive exactly while byte
// `token_lock_offset + i` of the file is write-locked by an open file description, and that
// description lives as long as the mapping it backs (see attach/slot.hpp). What stands here
// says only whose generation of the slot it is and what to show a person.
//
//   free(e) ──joiner that holds the lock, CAS──► alive(e)
//   alive(e) ──the holder when it leaves, or anyone who found the lock free, CAS──► dead(e)
//   dead(e) ──anyone, once no other word names it, CAS──► free(e + 1)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "layout/lane.hpp"
#include "layout/limits.hpp"

namespace shmbus::layout {

/// Far above any file size; the same in every layout version, so that any version can see whether
/// a bus of another version still has participants.
inline constexpr std::int64_t token_lock_offset = 1LL << 60;
inline constexpr std::int64_t daemon_lock_offset = token_lock_offset - 1;
inline constexpr std::int64_t replace_lock_offset = token_lock_offset - 2;

namespace participant_role {
inline constexpr std::uint32_t client = 0;
inline constexpr std::uint32_t daemon = 1;
}  // namespace participant_role

struct alignas(line_bytes) Participant {
  Word64 state;  ///< ParticipantWord
  Word32 pid;    ///< in its own pid namespace; shown, never judged by
  Word32 uid;
  Word64 pid_namespace;  ///< inode
  Word64 start_ticks;    ///< clock of the bus at joining
  Word32 role;
  Word32 pad0;
  Word64 died_at;  ///< clock ticks when the last holder was found dead; 0: it left in order
  std::array<std::uint8_t, 16> pad1;
  std::array<Word64, 8> label;  ///< NUL-padded text
};

static_assert(sizeof(Participant) == 128);
static_assert(offsetof(Participant, pid) == 8 && offsetof(Participant, pid_namespace) == 16);
static_assert(offsetof(Participant, died_at) == 40 && offsetof(Participant, label) == 64);

}  // namespace shmbus::layout
