/* Policies: limits that the bus keeps for the callers of a name. A policy may be set before the
 * name is registered, outlives its owners, and holds for the next command of every caller. Any
 * thread. Rules: shmbus/shmbus.h. */
#ifndef SHMBUS_C_POLICY_H
#define SHMBUS_C_POLICY_H

#include <shmbus/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 0: no limit. Durations in nanoseconds. */
typedef struct shmbus_policy_t {
  size_t size;                      /* of this struct */
  int64_t deadline_ns;              /* of commands that name none; 0: that of the bus */
  uint32_t outstanding_per_caller;  /* commands of one caller thread */
  uint32_t outstanding;             /* commands of all callers together */
  uint32_t rate_commands;           /* so many in rate_per_ns, from all callers together */
  uint32_t rate_burst;              /* so many may come at once after a pause; 0: 1 */
  int64_t rate_per_ns;              /* 0: 1 s */
  uint32_t breaker_failure_percent; /* the circuit opens when so many calls of a window failed */
  uint32_t breaker_min_calls;       /* it does not judge by fewer; 0: 20 */
  int64_t breaker_window_ns;        /* 0: 10 s */
  int64_t breaker_open_ns;          /* 0: 5 s */
  int32_t breaker_count_rejections; /* 1: calls that the handler rejected count as failed */
  int32_t deny;                     /* 1: nobody may call the name or send to it */
} shmbus_policy_t;

/* Replaces the policy of the name; NULL: none. Errors: NOT_PERMITTED (only root, the user who
 * created the bus and the user who registered the name may), INVALID_ARGUMENT, LIMIT_REACHED
 * (names). */
SHMBUS_C_API int shmbus_set_policy(shmbus_bus_t* bus, const char* name,
                                   const shmbus_policy_t* policy, shmbus_error_t* error);
/* Reads the policy of the name: all 0 when none is set. Set `policy->size` before. */
SHMBUS_C_API int shmbus_get_policy(shmbus_bus_t* bus, const char* name, shmbus_policy_t* policy,
                                   shmbus_error_t* error);

enum { SHMBUS_CIRCUIT_CLOSED = 0, SHMBUS_CIRCUIT_OPEN = 1, SHMBUS_CIRCUIT_HALF_OPEN = 2 };

typedef struct shmbus_policy_status_t {
  size_t size; /* of this struct, set by the program */
  int32_t circuit;
  uint32_t window_calls; /* counted by the breaker in its present window */
  uint32_t window_failures;
  uint32_t outstanding;     /* commands of this name under way, of all callers */
  int64_t circuit_since_ns; /* for so long; of a closed one: its window */
  /* Refused since the bus was created, by what refused them. */
  uint64_t denied;
  uint64_t over_rate;
  uint64_t over_outstanding;
  uint64_t circuit_open;
  uint64_t opened; /* times that the circuit opened */
  uint32_t set_by_uid;
  uint32_t set_by_pid;
  uint64_t set_at_unix_s; /* 0: never */
} shmbus_policy_status_t;
/* Reads what the policy of a name has counted. Set `status->size` before. All 0 for a name that
 * the bus does not know. */
SHMBUS_C_API int shmbus_policy_status(shmbus_bus_t* bus, const char* name,
                                      shmbus_policy_status_t* status, shmbus_error_t* error);

#ifdef __cplusplus
}
#endif

#endif
