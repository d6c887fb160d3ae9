// The commands by which a spool is used: all of it goes over the bus, so every language that can
// call can also spool, and `shmbus call spool.stat` works. durable.hpp is the C++ side of
// spool.put.
//
// A spool serves these names on its bus, once. Numbers and names of members are stable.
#pragma once

#include <cstdint>
#include <string_view>

#include "shmbus/command.hpp"
#include "shmbus/types.hpp"
#include "shmbus/types/in_message.hpp"

namespace shmbus {

/// One durable command. Text and arrays that are not needed stay empty.
struct SpoolPutRequest {
  std::uint64_t id_high = 0;  ///< chosen by the sender; the same id again is the same command
  std::uint64_t id_low = 0;
  std::uint64_t type_hash = 0;      ///< of `types`; 0: bytes
  std::uint32_t request_bytes = 0;  ///< as in Schema
  std::uint32_t reply_bytes = 0;
  Text name;                 ///< of the command to be run
  Text key;                  ///< commands of one key run one after the other; empty: no order
  Text types;                ///< text of the Schema that the request was made by
  Array<std::uint8_t> body;  ///< the request as it is sent on the bus
};
struct SpoolPutReply {
  std::uint64_t sequence = 0;  ///< in the spool; 0: a rule dropped it
  bool repeated = false;       ///< this id was there already
};
/// Answered once the command is on the disk.
///   overloaded        the spool is full, or the disk: nothing was stored
///   invalid_argument  no such name can be, or the types make no sense: nothing was stored
///   rejected          with spool_disk_failed: the disk failed; it may be stored. Send it again
///                     with the same id.
using SpoolPut = Command<"spool.put", SpoolPutRequest, SpoolPutReply, Idempotent>;
inline constexpr std::int32_t spool_disk_failed = 5;
inline constexpr std::int32_t spool_unknown = 2;     ///< there is no such command in the spool
inline constexpr std::int32_t spool_under_way = 16;  ///< it is being delivered at the moment

struct SpoolJson {
  Text json;  ///< one document, in UTF-8
};
/// How the spool fares: counts, bytes, limits, names that are waited for.
using SpoolStat = Command<"spool.stat", Nothing, SpoolJson>;

struct SpoolListRequest {
  std::uint64_t after = 0;   ///< sequence numbers above this one
  std::uint32_t most = 100;  ///< so many at most; fewer when the reply has no more room
  bool dead = false;         ///< dead letters, instead of what waits
  bool bodies = false;       ///< each with its request
  String<128> name;          ///< only of this name; empty: of all
};
/// {"commands":[...],"more":true}
using SpoolList = Command<"spool.list", SpoolListRequest, SpoolJson>;

enum class SpoolAction : std::uint8_t { retry, drop };
struct SpoolChangeRequest {
  std::uint64_t sequence = 0;  ///< 0: all dead letters (of `name`, unless that is empty)
  SpoolAction action = SpoolAction::retry;
  String<128> name;
};
struct SpoolChangeReply {
  std::uint64_t changed = 0;
};
/// Answered once it is on the disk.
using SpoolChange = Command<"spool.change", SpoolChangeRequest, SpoolChangeReply>;

/// What a spool is called on its bus. Handlers see it as the label of their caller.
inline constexpr std::string_view spool_label = "shmbus-spool";

}  // namespace shmbus
