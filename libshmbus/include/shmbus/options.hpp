// Options of a bus, a caller and a server. A 0 means "the default".
#pragma once

#include "shmbus/cxx20.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>

namespace shmbus {

using Duration = std::chrono::nanoseconds;

/// For a timeout: wait for ever. Calls still end when their handler dies after it had started them.
inline constexpr Duration forever = Duration::max();
/// For a timeout: use the default of the bus (OpenOptions::default_timeout).
inline constexpr Duration default_timeout = Duration::min();

/// Read when a bus is created. A process that opens an existing one gets what it was created with.
struct Capacities {
  std::uint32_t participants = 0;    ///< open Bus objects in all processes (128)
  std::uint32_t names = 0;           ///< distinct command names, for ever (256)
  std::uint32_t endpoints = 0;       ///< servers at one time (64)
  std::uint32_t lanes = 0;           ///< pairs of caller thread and server (256)
  std::uint32_t cells_per_lane = 0;  ///< outstanding commands of one lane; a power of two (64)
  std::uint32_t inbox_slots = 0;     ///< tickets of one server; a power of two (512)
  std::uint32_t extents = 0;         ///< pieces of payload memory (42)
  std::uint32_t extent_bytes = 0;    ///< size of one; a power of two (64 KiB)
  std::uint32_t broadcasts = 0;      ///< publishers of events, in all processes (16)
};

/// How much of a bus one user (uid) may hold at a time, all its processes together. 0: as much as
/// there is. Root is not limited. Read when a bus is created.
struct Quotas {
  std::uint32_t participants = 0;
  std::uint32_t endpoints = 0;
  std::uint32_t names = 0;  ///< registered first by that user, for ever
  std::uint32_t lanes = 0;
  std::uint32_t extents = 0;  ///< of payload memory
};

/// Which commands are timed. Counts are exact in any case.
enum class Timing : std::uint8_t {
  sampled,  ///< one in 32 on average, and whatever is slow or rare: under 2 ns a command
  all,      ///< every one: some 100 ns a command, for experiments and for names called seldom
};

/// For OpenOptions::trust.
inline constexpr std::int64_t trust_own_and_root = -1;
inline constexpr std::int64_t trust_anybody = -2;

struct OpenOptions {
  Capacities capacities{};
  Quotas quotas_per_uid{};  ///< none by default
  std::uint32_t mode = 0;   ///< permissions of a new segment (0600); see `trust`
  std::int64_t group = -1;  ///< gid of a new segment; -1 leaves the process's own
  bool create = true;       ///< false: fail when there is no such bus
  /// Whose bus is joined when there is one already. A process that can write to a bus can send
  /// commands to its handlers, and any user can make one in /dev/shm before this process does. By
  /// default a bus is joined only if it belongs to this process's user or to root; a `mode` or
  /// `group` that is given also bounds the permissions of one that is there. Anything else is
  /// not_permitted. A uid: also the buses of that user, with the permissions that it chose.
  /// trust_anybody: every bus.
  std::int64_t trust = trust_own_and_root;
  std::string_view label = {};  ///< shown by `shmbus ps`; the program's name by default
  Duration default_timeout{std::chrono::seconds(5)};  ///< of a new segment
  /// A bus whose file is cut short raises SIGBUS in a process that touches what is gone. True: the
  /// first open of the process installs a handler that turns a fault inside a bus into bus_unusable
  /// and passes every other SIGBUS on to the handler it found. False: such a fault ends the
  /// process.
  bool catch_bus_errors = true;
  /// Of the calls that this process makes outside of handlers and outside of any Span, the part
  /// that begin a trace: 0 none, 1 all. See trace.hpp.
  double trace_ratio = 0;
  /// Of the commands that this process calls (round trips, time queued) and serves (time in the
  /// handler).
  Timing timing = Timing::sampled;
};

enum class WaitMode : std::uint8_t {
  adaptive,  ///< spin for about as long as the answer usually takes, then sleep
  spinning,  ///< never sleep: lowest latency, one core busy
  blocking,  ///< sleep at once
};

/// What a call does while its name has no live handler.
enum class WhenVacant : std::uint8_t {
  fail,  ///< not_registered at once
  wait,  ///< queue, or wait for a registration, until the deadline
};

/// What a call does while no cell or no memory is free.
enum class WhenFull : std::uint8_t {
  fail,  ///< overloaded at once
  wait,  ///< until the deadline
};

/// What becomes of commands whose caller goes: it was killed, closed its bus, or its thread ended.
enum class OnCallerExit : std::uint8_t {
  run,     ///< they run as if nothing had happened
  cancel,  ///< those not started never are; those that run are cancelled, also one-way commands
};

/// What a call that is made inside a handler takes over from the command that runs there. One-way
/// commands take over the trace at most: nobody waits for them.
enum class Inherit : std::uint8_t {
  all,      ///< it ends by the command's deadline, is cancelled with it, and belongs to its trace
  nothing,  ///< it stands on its own
  trace,    ///< it belongs to its trace, no more; see also Shield
};

/// Which member of a group a caller's commands go to.
enum class InGroup : std::uint8_t {
  least_busy,  ///< whichever has least to do: the order of a caller's commands holds at each member
  pinned,      ///< one member while it lives: they start in the order they were sent
};

struct CallerOptions {
  WaitMode wait = WaitMode::adaptive;
  WhenVacant when_vacant = WhenVacant::fail;
  WhenFull when_full = WhenFull::wait;
  OnCallerExit on_caller_exit = OnCallerExit::run;
  Inherit inherit = Inherit::all;
  double trace_ratio = -1;  ///< as OpenOptions::trace_ratio, which it is by default
  InGroup in_group = InGroup::least_busy;
};

enum class Order : std::uint8_t {
  per_caller,  ///< commands of one caller thread start in the order it sent them
  global,      ///< one order over all callers: a ticket for each command
};

/// Whether a name may have more than one owner at a time.
enum class Sharing : std::uint8_t {
  exclusive,  ///< one owner at a time: this server
  group,      ///< all who register it so serve it together
  canary,     ///< on trial beside the owner: gets the callers that `shmbus route` gives it
};

/// In a server with workers (ServeOptions::workers): what may run beside a command of this name.
enum class Parallel : std::uint8_t {
  no,   ///< nothing of the same caller that is `no` too: one at a time for each caller, in order
  yes,  ///< anything, also what the same caller sent before and after it
};

/// How a name is registered.
struct Registration {
  Sharing sharing = Sharing::exclusive;
  Parallel parallel = Parallel::no;
};

struct ServeOptions {
  std::string_view label = {};  ///< shown as the owner of the names; the bus's label by default
  WaitMode wait = WaitMode::adaptive;
  Order order = Order::per_caller;
  std::uint32_t hot_lanes = 8;  ///< lanes polled directly while busy; the others ring
  /// Handlers are prepared, and no name leads here, until Server::take_over or Server::stand_by.
  bool stand_by = false;
  /// Threads that run the handlers; 0: the thread that polls does. Not with Order::global.
  std::uint32_t workers = 0;
};

/// What Server::take_over does about a server that does not give way in time.
enum class IfUnresponsive : std::uint8_t {
  fail,  ///< leave it alone
  kill,  ///< SIGKILL its process; commands that it had started fail with handler_died_after_start
};

}  // namespace shmbus
