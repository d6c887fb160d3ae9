/* Errors, constants, handles. Included by shmbus/shmbus.h, where the rules for all of it stand. */
#ifndef SHMBUS_C_BASE_H
#define SHMBUS_C_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHMBUS_C_API __attribute__((visibility("default")))

/* The interface that this header describes; shmbus_abi() is what the library offers. */
#define SHMBUS_ABI 1

#define SHMBUS_FOREVER INT64_MAX
#define SHMBUS_DEFAULT_TIMEOUT INT64_MIN

/* Kinds of errors. The numbers never change; docs/errors.md says what a caller may do about each.
 */
enum {
  SHMBUS_OK = 0,
  SHMBUS_NOT_REGISTERED = 1,            /* no live handler has this name; it did not start */
  SHMBUS_REJECTED = 2,                  /* the handler ran and said no; `code` is its own */
  SHMBUS_TIMED_OUT = 3,                 /* no answer before the deadline; see may_have_run */
  SHMBUS_CANCELLED = 4,                 /* before it started */
  SHMBUS_HANDLER_DIED_BEFORE_START = 5, /* it was not run */
  SHMBUS_HANDLER_DIED_AFTER_START = 6,  /* it was started once, its outcome is unknown */
  SHMBUS_OVERLOADED = 7,                /* no room for it: it was not run */
  SHMBUS_TYPE_MISMATCH = 8,             /* both sides disagree about the types of this name */
  SHMBUS_TOO_LARGE = 9,                 /* `needed` says what it would take */
  SHMBUS_NOT_PERMITTED = 10,
  SHMBUS_BUS_UNUSABLE = 11, /* the segment cannot be opened or used */
  SHMBUS_ALREADY_REGISTERED = 12,
  SHMBUS_INVALID_ARGUMENT = 13,
  SHMBUS_WRONG_THREAD = 14,
  SHMBUS_FORKED = 15,    /* open the bus again in the child */
  SHMBUS_CORRUPTED = 16, /* a peer wrote what no correct peer writes */
  SHMBUS_ABANDONED = 17, /* the handler dropped the command without answering */
  SHMBUS_LIMIT_REACHED = 18,
  SHMBUS_STREAM_ENDED = 19 /* no record follows; the end of the stream says why */
};

/* A command that failed below the one that failed: why a handler said no. */
typedef struct shmbus_cause_t {
  int32_t kind;
  int32_t code;      /* of the handler that rejected, else errno or 0 */
  int32_t after_gap; /* 1: causes between the one before and this one were left out */
  char command[28];  /* its name, or the beginning of it */
} shmbus_cause_t;

#define SHMBUS_CAUSES_MAX 3

typedef struct shmbus_error_t {
  size_t size; /* of this struct, set by the program; no more is written */
  int32_t kind;
  int32_t code;            /* the handler's own when kind is SHMBUS_REJECTED, else errno or 0 */
  int32_t may_have_run;    /* 0: it was not started and will not be; sending it again is safe */
  int32_t cause_count;     /* of `causes`, the nearest first */
  uint64_t needed;         /* bytes, of SHMBUS_TOO_LARGE */
  uint64_t retry_after_ns; /* of SHMBUS_OVERLOADED: sooner is of no use; 0: not known */
  char text[240];          /* what happened and what to do; may hold what a peer wrote */
  shmbus_cause_t causes[SHMBUS_CAUSES_MAX];
} shmbus_error_t;

#ifdef __cplusplus
#define SHMBUS_ERROR_INIT                             \
  {                                                   \
    sizeof(shmbus_error_t), 0, 0, 0, 0, 0, 0, {0}, {} \
  }
#else
#define SHMBUS_ERROR_INIT \
  { .size = sizeof(shmbus_error_t) }
#endif

typedef struct shmbus_bus_t shmbus_bus_t;               /* an opened bus */
typedef struct shmbus_caller_t shmbus_caller_t;         /* calls one name, from one thread */
typedef struct shmbus_loan_t shmbus_loan_t;             /* memory of the segment, to be filled */
typedef struct shmbus_pending_t shmbus_pending_t;       /* a call under way */
typedef struct shmbus_reply_t shmbus_reply_t;           /* the bytes of a reply */
typedef struct shmbus_server_t shmbus_server_t;         /* runs handlers of names */
typedef struct shmbus_context_t shmbus_context_t;       /* a command while its handler runs */
typedef struct shmbus_responder_t shmbus_responder_t;   /* answers a command later */
typedef struct shmbus_watch_t shmbus_watch_t;           /* reports names that come and go */
typedef struct shmbus_publisher_t shmbus_publisher_t;   /* publishes events of one name */
typedef struct shmbus_subscriber_t shmbus_subscriber_t; /* reads events of one name */
typedef struct shmbus_stream_t shmbus_stream_t;         /* a call with records */
typedef struct shmbus_writer_t shmbus_writer_t;         /* a handler's records to its caller */
typedef struct shmbus_reader_t shmbus_reader_t;         /* a handler's records of its caller */

/* How both sides wait. */
enum {
  SHMBUS_WAIT_ADAPTIVE = 0, /* spin for about as long as it usually takes, then sleep */
  SHMBUS_WAIT_SPINNING = 1, /* never sleep: lowest latency, one core busy */
  SHMBUS_WAIT_BLOCKING = 2  /* sleep at once */
};

/* SHMBUS_ABI of the library, and its release ("0.1.0"; valid until the process ends). Any thread.
 */
SHMBUS_C_API uint32_t shmbus_abi(void);
SHMBUS_C_API const char* shmbus_version(void);

/* "timed_out" for SHMBUS_TIMED_OUT, "ok" for SHMBUS_OK, "unknown" for a number that is no kind.
 * Valid until the process ends. Any thread. */
SHMBUS_C_API const char* shmbus_kind_name(int32_t kind);

#ifdef __cplusplus
}
#endif

#endif
