/* The caller's side: call a command by name, send one-way, borrow memory of the segment, wait
 * later. All of it belongs to the thread that made the caller: functions that are called by another
 * thread return SHMBUS_WRONG_THREAD. Times are nanoseconds. Rules: shmbus/shmbus.h.
 *
 * "The errors of calls" are all kinds but ALREADY_REGISTERED and BUS_UNUSABLE; docs/errors.md
 * says what a caller may do about each. */
#ifndef SHMBUS_C_CALLER_H
#define SHMBUS_C_CALLER_H

#include <shmbus/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call does when no live handler has the name: NOT_REGISTERED, or wait until its deadline.
 */
enum { SHMBUS_WHEN_VACANT_FAIL = 0, SHMBUS_WHEN_VACANT_WAIT = 1 };
/* What it does when no cell or memory is free: wait until its deadline, or OVERLOADED. */
enum { SHMBUS_WHEN_FULL_WAIT = 0, SHMBUS_WHEN_FULL_FAIL = 1 };
/* What becomes of commands whose caller has died: they run, or are cancelled. */
enum { SHMBUS_ON_CALLER_EXIT_RUN = 0, SHMBUS_ON_CALLER_EXIT_CANCEL = 1 };
/* What a call inside a handler takes over from the command that runs there: deadline, cancellation
 * and trace; nothing; the trace alone. */
enum { SHMBUS_INHERIT_ALL = 0, SHMBUS_INHERIT_NOTHING = 1, SHMBUS_INHERIT_TRACE = 2 };
/* Which member of a group gets a command: the least busy one, or always the same. */
enum { SHMBUS_IN_GROUP_LEAST_BUSY = 0, SHMBUS_IN_GROUP_PINNED = 1 };

typedef struct shmbus_caller_options_t {
  size_t size;            /* of this struct */
  int32_t wait;           /* SHMBUS_WAIT_... */
  int32_t when_vacant;    /* SHMBUS_WHEN_VACANT_... */
  int32_t when_full;      /* SHMBUS_WHEN_FULL_... */
  int32_t on_caller_exit; /* SHMBUS_ON_CALLER_EXIT_... */
  int32_t inherit;        /* SHMBUS_INHERIT_... */
  int32_t in_group;       /* SHMBUS_IN_GROUP_... */
  double trace_ratio;     /* 0: that of the bus; below 0: calls begin no trace */
  const char* schema;     /* "request->reply"; NULL: any bytes. Copied */
} shmbus_caller_options_t;

/* A caller of one name, for this thread. The name need not be registered yet. Allocates. Errors:
 * TYPE_MISMATCH (the owner of the name has another schema; if nobody has the name yet, the first
 * call returns it), INVALID_ARGUMENT, LIMIT_REACHED, FORKED. */
SHMBUS_C_API int shmbus_caller_new(shmbus_bus_t* bus, const char* name,
                                   const shmbus_caller_options_t* options, shmbus_caller_t** caller,
                                   shmbus_error_t* error);
/* Ends this handle. Loans, pending calls and replies made with it stay valid until they are ended.
 */
SHMBUS_C_API void shmbus_caller_free(shmbus_caller_t* caller);

/* Sends `request`, waits up to `timeout_ns`, copies the reply; `reply_size`, unless NULL, gets its
 * bytes. `request` may be NULL when `request_size` is 0, and `reply` when `reply_capacity` is 0.
 * The errors of calls; TOO_LARGE when the reply needs more than `reply_capacity`: the command has
 * run. */
SHMBUS_C_API int shmbus_caller_call(shmbus_caller_t* caller, const void* request,
                                    size_t request_size, void* reply, size_t reply_capacity,
                                    size_t* reply_size, int64_t timeout_ns, shmbus_error_t* error);

/* Sends without waiting for the reply, for which there is room of `reply_capacity` bytes. Up to
 * cells_per_lane - 1 commands may be under way. The errors of calls, without those of the handler.
 */
SHMBUS_C_API int shmbus_caller_start(shmbus_caller_t* caller, const void* request,
                                     size_t request_size, size_t reply_capacity, int64_t timeout_ns,
                                     shmbus_pending_t** pending, shmbus_error_t* error);

/* One-way: no reply. `timeout_ns` limits the wait for room. `sequence`, unless NULL, gets the
 * number that on_lost would name. The errors of calls, without those of the handler. */
SHMBUS_C_API int shmbus_caller_send(shmbus_caller_t* caller, const void* request,
                                    size_t request_size, int64_t timeout_ns, uint64_t* sequence,
                                    shmbus_error_t* error);
/* The same, but a sleeping handler is not woken before the next flush: many commands, one wake. */
SHMBUS_C_API int shmbus_caller_send_later(shmbus_caller_t* caller, const void* request,
                                          size_t request_size, int64_t timeout_ns,
                                          uint64_t* sequence, shmbus_error_t* error);
/* Sends `count` one-way commands of `each` bytes that lie one behind the other in `requests`, with
 * one look-up and one wake. `sent` gets how many were sent: fewer than `count` when the next one
 * could not be; an error when that is the first. If this process dies meanwhile, a part from the
 * beginning is sent. Errors as those of send. */
SHMBUS_C_API int shmbus_caller_send_many(shmbus_caller_t* caller, const void* requests, size_t each,
                                         size_t count, int64_t timeout_ns, size_t* sent,
                                         shmbus_error_t* error);
/* Wakes the handler for all that was sent later, and reports lost commands (on_lost). */
SHMBUS_C_API int shmbus_caller_flush(shmbus_caller_t* caller, shmbus_error_t* error);

/* `call` is called from send, send_later, send_many and flush, on the caller's thread, for a
 * one-way command that was started and whose handler died (`kind` HANDLER_DIED_AFTER_START), or
 * that never ran. It must not use the caller. */
typedef struct shmbus_lost_t {
  void* context;
  void (*call)(void* context, uint64_t sequence, int32_t kind);
  void (*drop)(void* context);
} shmbus_lost_t;
/* Copies `lost`; NULL: none. The one that was set before is dropped. Errors: INVALID_ARGUMENT. */
SHMBUS_C_API int shmbus_caller_on_lost(shmbus_caller_t* caller, const shmbus_lost_t* lost,
                                       shmbus_error_t* error);
/* One-way commands that were lost so far, in all callers that this thread has of the same server.
 */
SHMBUS_C_API uint64_t shmbus_caller_lost(const shmbus_caller_t* caller);

/* A descriptor for an event loop: readable when a reply may have arrived for any pending call to
 * the same server; level-triggered until poll is called. It stays the library's: do not close it.
 * Starts a helper thread the first time. Errors: NOT_REGISTERED (nobody has the name yet: ask
 * again), LIMIT_REACHED, OVERLOADED. */
SHMBUS_C_API int shmbus_caller_fd(shmbus_caller_t* caller, int* fd, shmbus_error_t* error);
/* Clears the descriptor and looks whether the handler still lives; ask shmbus_pending_ready then.
 * Never blocks. */
SHMBUS_C_API int shmbus_caller_poll(shmbus_caller_t* caller, shmbus_error_t* error);
/* Nanoseconds until poll is to be called again though nothing became readable: deadlines pass and
 * handlers die without a signal. SHMBUS_FOREVER while no call is under way. */
SHMBUS_C_API int64_t shmbus_caller_next_poll_ns(const shmbus_caller_t* caller);

/* ---- Loans: memory in the segment, filled in place, sent without a copy, in two phases ---- */

/* Room for a request of `size` bytes and for a reply of `reply_capacity`. `data`, unless NULL, gets
 * the address of the request; its bytes are not cleared. Errors: OVERLOADED (no memory is free),
 * TOO_LARGE, NOT_REGISTERED, TYPE_MISMATCH, and others of calls. */
SHMBUS_C_API int shmbus_caller_loan(shmbus_caller_t* caller, size_t size, size_t reply_capacity,
                                    shmbus_loan_t** loan, void** data, shmbus_error_t* error);
/* The address of the request; valid until the loan is sent or dropped. `size`, unless NULL, gets
 * its bytes. NULL of NULL. */
SHMBUS_C_API void* shmbus_loan_data(shmbus_loan_t* loan, size_t* size);
/* Only the first `size` bytes will be sent. A loan cannot grow. */
SHMBUS_C_API void shmbus_loan_shrink(shmbus_loan_t* loan, size_t size);
/* These three send the loan; each takes it when it returns SHMBUS_OK. After an error the program
 * still has the loan, with its memory if nothing was sent, and drops it or sends it again. The
 * errors of calls. The reply of call, and that of a pending call, lies in the segment where it is
 * large. */
SHMBUS_C_API int shmbus_loan_call(shmbus_loan_t* loan, int64_t timeout_ns, shmbus_reply_t** reply,
                                  shmbus_error_t* error);
SHMBUS_C_API int shmbus_loan_start(shmbus_loan_t* loan, int64_t timeout_ns,
                                   shmbus_pending_t** pending, shmbus_error_t* error);
SHMBUS_C_API int shmbus_loan_send(shmbus_loan_t* loan, int64_t timeout_ns, shmbus_error_t* error);
/* Gives the memory back, unsent. */
SHMBUS_C_API void shmbus_loan_drop(shmbus_loan_t* loan);

/* ---- Pending calls and replies ---- */

/* 1 once wait would return at once: answered, past its deadline, or no handler is left to answer.
 * Never blocks, makes no system call. 1 of NULL. */
SHMBUS_C_API int shmbus_pending_ready(const shmbus_pending_t* pending);
/* The same after waiting for up to `timeout_ns`, and no longer than until the call's own deadline.
 * The default timeout of a call begins with the first wait. */
SHMBUS_C_API int shmbus_pending_wait_ready(shmbus_pending_t* pending, int64_t timeout_ns);
/* Waits until the call's own deadline. Takes `pending` in any case; `reply` gets the reply. The
 * errors of calls. */
SHMBUS_C_API int shmbus_pending_wait(shmbus_pending_t* pending, shmbus_reply_t** reply,
                                     shmbus_error_t* error);
/* Asks not to start the command, or to stop it (shmbus_context_cancelled). The result of wait says
 * which: CANCELLED, or what the handler answered. */
SHMBUS_C_API void shmbus_pending_cancel(shmbus_pending_t* pending);
/* Gives the reply up; the command still runs. */
SHMBUS_C_API void shmbus_pending_drop(shmbus_pending_t* pending);

/* The bytes of a reply; valid until it is dropped. `size`, unless NULL, gets their number. Where
 * they lie in the segment, a faulty handler can still write to them: copy what you check. NULL of
 * NULL. */
SHMBUS_C_API const void* shmbus_reply_data(const shmbus_reply_t* reply, size_t* size);
/* Gives its memory back. */
SHMBUS_C_API void shmbus_reply_drop(shmbus_reply_t* reply);

#ifdef __cplusplus
}
#endif

#endif
