// Static probes (USDT) for bpftrace, perf and SystemTap: provider `shmbus`. A probe is one nop in
// the code and a note in the binary that says where its arguments lie; it costs more only while
// somebody has attached to it. So an argument is a value that the place has at hand anyway. The
// table for users is in docs/observability.md; names and arguments are held against it by
// tests/probes.
//
// What the arguments are called:
//   record    index of the command's name record: `shmbus ls --json` names it
//   lane      index of the caller's lane; with `seq` it names one command of a bus
//   endpoint  index of the handler's endpoint
//   caller, holder, owner   a participant: index in the low 12 bits, epoch above
//   status    an ErrorKind, 0: ok (bytes: then of the reply)
#pragma once

#include <cstdint>

#if !defined(SHMBUS_NO_PROBES) && __has_include(<sys/sdt.h>)
#define SHMBUS_HAS_PROBES 1
#include <sys/sdt.h>
#else
#define STAP_PROBE3(...) static_cast<void>(0)
#define STAP_PROBE4(...) static_cast<void>(0)
#define STAP_PROBE5(...) static_cast<void>(0)
#define STAP_PROBE6(...) static_cast<void>(0)
#endif

namespace shmbus::probes {

/// Who sleeps, or is woken: a caller at its lane or a handler at its endpoint.
enum class Sleeper : std::uint32_t { caller = 0, handler = 1 };

#define SHMBUS_PROBE [[gnu::always_inline]] inline void

// --- the caller's thread ---------------------------------------------------------------------

/// A command is about to be committed, by the next store: before that nobody else can see it, so no
/// probe of the same command comes earlier. `bytes`: of the request, wherever it lies.
SHMBUS_PROBE publish([[maybe_unused]] std::uint64_t record, [[maybe_unused]] std::uint32_t lane,
                     [[maybe_unused]] std::uint32_t endpoint, [[maybe_unused]] std::uint64_t seq,
                     [[maybe_unused]] std::uint64_t bytes,
                     [[maybe_unused]] std::uint32_t one_way) noexcept {
  STAP_PROBE6(shmbus, publish, record, lane, endpoint, seq, bytes, one_way);
}

/// A call has ended for its caller: it has the answer, or does not wait for one any more.
SHMBUS_PROBE answer([[maybe_unused]] std::uint32_t record, [[maybe_unused]] std::uint32_t lane,
                    [[maybe_unused]] std::uint32_t endpoint, [[maybe_unused]] std::uint64_t seq,
                    [[maybe_unused]] std::uint32_t bytes,
                    [[maybe_unused]] std::uint32_t status) noexcept {
  STAP_PROBE6(shmbus, answer, record, lane, endpoint, seq, bytes, status);
}

// --- the handler's thread --------------------------------------------------------------------

/// A command was taken out of its lane: nobody else will ever run it.
SHMBUS_PROBE take([[maybe_unused]] std::uint32_t record, [[maybe_unused]] std::uint32_t lane,
                  [[maybe_unused]] std::uint32_t endpoint, [[maybe_unused]] std::uint64_t seq,
                  [[maybe_unused]] std::uint32_t caller) noexcept {
  STAP_PROBE5(shmbus, take, record, lane, endpoint, seq, caller);
}

/// Its handler is about to be called. One that is refused, expired or cancelled does not come here.
SHMBUS_PROBE start([[maybe_unused]] std::uint32_t lane, [[maybe_unused]] std::uint64_t seq,
                   [[maybe_unused]] std::uint64_t bytes) noexcept {
  STAP_PROBE3(shmbus, start, lane, seq, bytes);
}

/// Its answer is about to be committed, by the next store. `code`: a StatusCode, as it stands in
/// the answer. One-way commands have an answer only when they were not run.
SHMBUS_PROBE reply([[maybe_unused]] std::uint32_t lane, [[maybe_unused]] std::uint64_t seq,
                   [[maybe_unused]] std::uint32_t bytes,
                   [[maybe_unused]] std::uint32_t code) noexcept {
  STAP_PROBE4(shmbus, reply, lane, seq, bytes, code);
}

// --- sleeping and waking ---------------------------------------------------------------------

/// This thread goes to sleep, for at most `limit_ns`. `at` is a lane of a caller, the first
/// endpoint of a handler.
SHMBUS_PROBE park([[maybe_unused]] Sleeper who, [[maybe_unused]] std::uint32_t at,
                  [[maybe_unused]] std::uint64_t limit_ns) noexcept {
  STAP_PROBE3(shmbus, park, static_cast<std::uint32_t>(who), at, limit_ns);
}
/// It is awake again, woken or because the time was over. `seq`: the call that it waits for, 0 of a
/// handler.
SHMBUS_PROBE unpark([[maybe_unused]] Sleeper who, [[maybe_unused]] std::uint32_t at,
                    [[maybe_unused]] std::uint64_t seq) noexcept {
  STAP_PROBE3(shmbus, unpark, static_cast<std::uint32_t>(who), at, seq);
}
/// This thread wakes the process that sleeps there: the caller of a lane, the handler at an
/// endpoint. `seq` is the command that it is woken for; 0 for a handler that is rung for other
/// reasons.
SHMBUS_PROBE wake([[maybe_unused]] Sleeper whom, [[maybe_unused]] std::uint32_t at,
                  [[maybe_unused]] std::uint64_t seq) noexcept {
  STAP_PROBE3(shmbus, wake, static_cast<std::uint32_t>(whom), at, seq);
}

// --- who serves what -------------------------------------------------------------------------

/// A name leads to this process from now on. (`register` is a word of the language.)
SHMBUS_PROBE registered([[maybe_unused]] std::uint32_t record,
                        [[maybe_unused]] std::uint32_t endpoint,
                        [[maybe_unused]] std::uint32_t owner) noexcept {
  STAP_PROBE3(shmbus, register, record, endpoint, owner);
}
/// An endpoint was handed over, told by both: the one who had it (`given` 1) and who has it now
/// (0).
SHMBUS_PROBE take_over([[maybe_unused]] std::uint32_t endpoint, [[maybe_unused]] std::uint32_t from,
                       [[maybe_unused]] std::uint32_t to,
                       [[maybe_unused]] std::uint32_t given) noexcept {
  STAP_PROBE4(shmbus, take_over, endpoint, from, to, given);
}
/// This process has recovered the endpoint of one that died.
SHMBUS_PROBE recover([[maybe_unused]] std::uint32_t endpoint, [[maybe_unused]] std::uint32_t holder,
                     [[maybe_unused]] std::uint32_t generation) noexcept {
  STAP_PROBE3(shmbus, recover, endpoint, holder, generation);
}

#undef SHMBUS_PROBE

}  // namespace shmbus::probes
