/* The caller's side: call a command by name, send one-way, borrow memory of the segment, wait later.
 * All of it belongs to the thread that made the caller. Rules: shmbus/shmbus.h. */
#ifndef SHMBUS_C_CALLER_H
#define SHMBUS_C_CALLER_H

#include <shmbus/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SHMBUS_WHEN_VACANT_FAIL = 0, SHMBUS_WHEN_VACANT_WAIT = 1 }; /* no live handler */
enum { SHMBUS_WHEN_FULL_WAIT = 0, SHMBUS_WHEN_FULL_FAIL = 1 };     /* no cell or memory is free */
enum { SHMBUS_WHEN_CALLER_GOES_RUN = 0, SHMBUS_WHEN_CALLER_GOES_CANCEL = 1 };
/* What a call inside a handler takes over from the command that runs there. */
enum { SHMBUS_INHERIT_ALL = 0, SHMBUS_INHERIT_NOTHING = 1, SHMBUS_INHERIT_TRACE = 2 };
enum { SHMBUS_IN_GROUP_LEAST_BUSY = 0, SHMBUS_IN_GROUP_PINNED = 1 };

typedef struct shmbus_caller_options_t {
  size_t size; /* of this struct */
  int32_t wait;
  int32_t when_vacant;
  int32_t when_full;
  int32_t when_caller_goes;
  int32_t inherit;
  int32_t in_group;
  double trace_ratio; /* 0: that of the bus; below 0: calls begin no trace */
  const char *schema; /* "request->reply"; NULL: any bytes. Copied */
} shmbus_caller_options_t;

/* For this thread. The name need not be registered yet: calls tell. Allocates. Errors: TYPE_MISMATCH
 * (the owner of the name has another schema; also with the first call, when nobody had it yet),
 * INVALID_ARGUMENT, LIMIT_REACHED. */
SHMBUS_C_API int shmbus_caller_new(shmbus_bus_t *bus, const char *name,
                                   const shmbus_caller_options_t *options, shmbus_caller_t **caller,
                                   shmbus_error_t *error);
/* What was made with the caller may outlive it. */
SHMBUS_C_API void shmbus_caller_free(shmbus_caller_t *caller);

/* Sends `request`, waits, copies the reply; `reply_size`, unless NULL, gets its bytes. `request` may be
 * NULL when `request_size` is 0, as may `reply`. Errors: all but ALREADY_REGISTERED; TOO_LARGE when
 * the reply needs more than `reply_capacity`: the command has run. */
SHMBUS_C_API int shmbus_caller_call(shmbus_caller_t *caller, const void *request, size_t request_size,
                                    void *reply, size_t reply_capacity, size_t *reply_size,
                                    int64_t timeout_ns, shmbus_error_t *error);

/* Sends without waiting for the reply, for which there is room of `reply_capacity`. Up to
 * cells_per_lane - 1 commands may be under way. */
SHMBUS_C_API int shmbus_caller_start(shmbus_caller_t *caller, const void *request,
                                     size_t request_size, size_t reply_capacity, int64_t timeout_ns,
                                     shmbus_pending_t **pending, shmbus_error_t *error);

/* One-way; nobody answers. `sequence`, unless NULL, gets the number that on_lost would name. */
SHMBUS_C_API int shmbus_caller_send(shmbus_caller_t *caller, const void *request,
                                    size_t request_size, int64_t timeout_ns, uint64_t *sequence,
                                    shmbus_error_t *error);
/* The same, but a sleeping handler is not woken before the next flush: many commands, one wake. */
SHMBUS_C_API int shmbus_caller_send_later(shmbus_caller_t *caller, const void *request,
                                          size_t request_size, int64_t timeout_ns,
                                          uint64_t *sequence, shmbus_error_t *error);
SHMBUS_C_API int shmbus_caller_flush(shmbus_caller_t *caller, shmbus_error_t *error);

/* Called from send, send_later and flush, on the caller's thread, for a one-way command that was
 * started and whose handler died, or that never ran. It must not use the caller. */
typedef struct shmbus_lost_t {
  void *context;
  void (*call)(void *context, uint64_t sequence, int32_t kind);
  void (*drop)(void *context);
} shmbus_lost_t;
/* Copies `lost`; NULL: none. What was set before is dropped. */
SHMBUS_C_API int shmbus_caller_on_lost(shmbus_caller_t *caller, const shmbus_lost_t *lost,
                                       shmbus_error_t *error);
/* One-way commands that were lost so far, in all callers of this lane. */
SHMBUS_C_API uint64_t shmbus_caller_lost(const shmbus_caller_t *caller);

/* For an event loop. Readable when a reply may have arrived for any pending call of this caller's
 * lane; level-triggered until poll is called. The descriptor stays the library's. Starts a helper
 * thread the first time. Errors: NOT_REGISTERED (nobody has the name yet: ask again), LIMIT_REACHED. */
SHMBUS_C_API int shmbus_caller_fd(shmbus_caller_t *caller, int *fd, shmbus_error_t *error);
/* Clears the descriptor and looks whether the handler still lives; ask shmbus_pending_ready then. */
SHMBUS_C_API int shmbus_caller_poll(shmbus_caller_t *caller, shmbus_error_t *error);
/* Nanoseconds until poll is to be called again though nothing became readable: deadlines pass and
 * handlers die in silence. SHMBUS_FOREVER while no call is under way. */
SHMBUS_C_API int64_t shmbus_caller_next_poll_ns(const shmbus_caller_t *caller);

/* ---- Loans: memory in the segment, filled in place, sent without a copy, in two phases ---- */

/* Room for a request of `size` and for a reply of `reply_capacity`. `data`, unless NULL, gets where the
 * request goes; its bytes are not cleared. Errors: OVERLOADED, TOO_LARGE. */
SHMBUS_C_API int shmbus_caller_loan(shmbus_caller_t *caller, size_t size, size_t reply_capacity,
                                    shmbus_loan_t **loan, void **data, shmbus_error_t *error);
/* Valid until the loan is sent or dropped. `size`, unless NULL, gets its bytes. NULL of NULL. */
SHMBUS_C_API void *shmbus_loan_data(shmbus_loan_t *loan, size_t *size);
/* Sends no more than the first `size` bytes. Growing is not possible. */
SHMBUS_C_API void shmbus_loan_shrink(shmbus_loan_t *loan, size_t size);
/* Each of these takes the loan when it returns SHMBUS_OK. After an error the loan keeps its memory
 * where nothing was sent, and is to be dropped, or sent again, by the program. */
SHMBUS_C_API int shmbus_loan_call(shmbus_loan_t *loan, int64_t timeout_ns, shmbus_reply_t **reply,
                                  shmbus_error_t *error);
SHMBUS_C_API int shmbus_loan_start(shmbus_loan_t *loan, int64_t timeout_ns,
                                   shmbus_pending_t **pending, shmbus_error_t *error);
SHMBUS_C_API int shmbus_loan_send(shmbus_loan_t *loan, int64_t timeout_ns, shmbus_error_t *error);
/* Gives the memory back, unsent. */
SHMBUS_C_API void shmbus_loan_drop(shmbus_loan_t *loan);

/* ---- Pending calls and replies ---- */

/* 1 once wait would return at once: answered, past its deadline, or nobody is left to answer. Never
 * blocks, makes no system call. 1 of NULL. */
SHMBUS_C_API int shmbus_pending_ready(const shmbus_pending_t *pending);
/* The same after waiting for up to `timeout_ns`. Not over the call's own deadline; a default timeout
 * begins with the first wait. */
SHMBUS_C_API int shmbus_pending_wait_ready(shmbus_pending_t *pending, int64_t timeout_ns);
/* Waits until the call's own deadline. Takes `pending` in any case; `reply` gets the reply. */
SHMBUS_C_API int shmbus_pending_wait(shmbus_pending_t *pending, shmbus_reply_t **reply,
                                     shmbus_error_t *error);
/* Do not start it, or stop it (shmbus_context_cancelled). wait tells which. */
SHMBUS_C_API void shmbus_pending_cancel(shmbus_pending_t *pending);
/* Gives the reply up; the command still runs. */
SHMBUS_C_API void shmbus_pending_drop(shmbus_pending_t *pending);

/* Valid until the reply is dropped; `size`, unless NULL, gets its bytes. Where it lies in the segment, a
 * faulty handler can still write to it: copy what you check. NULL of NULL. */
SHMBUS_C_API const void *shmbus_reply_data(const shmbus_reply_t *reply, size_t *size);
SHMBUS_C_API void shmbus_reply_drop(shmbus_reply_t *reply);

#ifdef __cplusplus
}
#endif

#endif
