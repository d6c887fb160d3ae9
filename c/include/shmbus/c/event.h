/* Events: one publisher's values to many subscribers, with the last ones for those that come late
 * (docs/events.md). A publisher, and a subscriber with the event that it holds, is used by one
 * thread at a time, whichever. Times are nanoseconds. Rules: shmbus/shmbus.h. */
#ifndef SHMBUS_C_EVENT_H
#define SHMBUS_C_EVENT_H

#include <shmbus/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct shmbus_publisher_options_t {
  size_t size;   /* of this struct */
  uint32_t keep; /* so many of the last events are left to subscribers that come late; 0: 1 */
  uint32_t event_bytes; /* room for one event, at least; 0: the bytes of its type, or 48 */
  const char* schema;   /* "type->none"; NULL: any bytes. Copied */
} shmbus_publisher_options_t;

/* A publisher of events of that name. It goes on in the place of one of the same size that has left
 * or died: sequence numbers count on. Allocates. Errors: ALREADY_REGISTERED (the name is a
 * command's), TYPE_MISMATCH, LIMIT_REACHED, INVALID_ARGUMENT, FORKED. */
SHMBUS_C_API int shmbus_publisher_new(shmbus_bus_t* bus, const char* name,
                                      const shmbus_publisher_options_t* options,
                                      shmbus_publisher_t** publisher, shmbus_error_t* error);
/* Its last events stay for subscribers that come late. */
SHMBUS_C_API void shmbus_publisher_free(shmbus_publisher_t* publisher);

/* Publishes an event; `sequence`, unless NULL, gets its number, counted from 1. Waits up to
 * `timeout_ns`, and only for living subscribers that hold. Errors: OVERLOADED (the text names the
 * subscriber that did not read on in time), TOO_LARGE. After an error nothing was published. */
SHMBUS_C_API int shmbus_publish(shmbus_publisher_t* publisher, const void* event, size_t size,
                                int64_t timeout_ns, uint64_t* sequence, shmbus_error_t* error);
/* The same in place: memory for an event of `size` bytes, aligned to 16, not cleared. Valid until
 * shmbus_publisher_commit, the next shmbus_publish or loan. Errors as those of shmbus_publish. */
SHMBUS_C_API int shmbus_publisher_loan(shmbus_publisher_t* publisher, size_t size,
                                       int64_t timeout_ns, void** data, shmbus_error_t* error);
/* Publishes the first `size` bytes of the loan. Errors: INVALID_ARGUMENT (there is none). */
SHMBUS_C_API int shmbus_publisher_commit(shmbus_publisher_t* publisher, size_t size,
                                         uint64_t* sequence, shmbus_error_t* error);

/* Where a subscriber begins, at each publisher that is there: with the next event, with the last
 * one, with the oldest that is left. At one that comes later it begins with the first. */
enum { SHMBUS_FROM_NOW = 0, SHMBUS_FROM_LATEST = 1, SHMBUS_FROM_OLDEST = 2 };
/* When it is slower than a publisher: it misses events, or the publisher waits for it. */
enum { SHMBUS_WHEN_SLOW_SKIP = 0, SHMBUS_WHEN_SLOW_HOLD = 1 };

typedef struct shmbus_subscriber_options_t {
  size_t size;        /* of this struct */
  int32_t from;       /* SHMBUS_FROM_... */
  int32_t when_slow;  /* SHMBUS_WHEN_SLOW_... */
  int32_t wait;       /* SHMBUS_WAIT_... */
  int32_t reserved;   /* 0 */
  const char* schema; /* "type->none"; NULL: any bytes. Copied */
} shmbus_subscriber_options_t;

/* Reads the events of that name, of all publishers; there need not be any yet. Allocates. Errors:
 * ALREADY_REGISTERED (the name is a command's), TYPE_MISMATCH, LIMIT_REACHED, INVALID_ARGUMENT,
 * FORKED. */
SHMBUS_C_API int shmbus_subscriber_new(shmbus_bus_t* bus, const char* name,
                                       const shmbus_subscriber_options_t* options,
                                       shmbus_subscriber_t** subscriber, shmbus_error_t* error);
SHMBUS_C_API void shmbus_subscriber_free(shmbus_subscriber_t* subscriber);

typedef struct shmbus_event_t {
  size_t size;        /* of this struct, set by the program; no more is written */
  const void* data;   /* aligned to 16 */
  size_t data_size;   /* bytes of it */
  uint64_t sequence;  /* counts the events of one publisher, from 1 */
  uint32_t publisher; /* tells the opened buses that published apart */
  uint32_t reserved;
} shmbus_event_t;

/* The next event of any publisher, in place: nobody writes to it until the next shmbus_..._next,
 * _release or _free, and a publisher that must not lose it for this subscriber waits. Release it
 * soon. Errors: TIMED_OUT, CORRUPTED (what one publisher wrote makes no sense; the others go on),
 * INVALID_ARGUMENT (`event->size` is too small). */
SHMBUS_C_API int shmbus_subscriber_next(shmbus_subscriber_t* subscriber, int64_t timeout_ns,
                                        shmbus_event_t* event, shmbus_error_t* error);
/* Lets go of the event that next returned. */
SHMBUS_C_API void shmbus_subscriber_release(shmbus_subscriber_t* subscriber);
/* 1: next would return at once. 0 of NULL. */
SHMBUS_C_API int shmbus_subscriber_ready(shmbus_subscriber_t* subscriber);
/* Events that were overwritten before this subscriber came to them. 0 of NULL. */
SHMBUS_C_API uint64_t shmbus_subscriber_missed(const shmbus_subscriber_t* subscriber);
/* A descriptor that is readable when there may be an event; level-triggered until poll is called.
 * It stays the library's: do not close it. Starts a helper thread the first time. */
SHMBUS_C_API int shmbus_subscriber_fd(shmbus_subscriber_t* subscriber, int* fd,
                                      shmbus_error_t* error);
/* Clears the descriptor; then call next with a timeout of 0 until it returns TIMED_OUT. */
SHMBUS_C_API int shmbus_subscriber_poll(shmbus_subscriber_t* subscriber, shmbus_error_t* error);

#ifdef __cplusplus
}
#endif

#endif
