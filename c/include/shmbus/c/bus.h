/* Opening a bus; names and what they were registered with. Rules: shmbus/shmbus.h. */
#ifndef SHMBUS_C_BUS_H
#define SHMBUS_C_BUS_H

#include <shmbus/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  SHMBUS_OPEN_NO_CREATE = 1, /* fail when there is no such bus */
  SHMBUS_OPEN_SET_GROUP = 2, /* `group` of the options counts */
  SHMBUS_OPEN_LEAVE_BUS_ERRORS =
      4,                   /* install no SIGBUS handler: a file cut short ends the process */
  SHMBUS_OPEN_TIME_ALL = 8 /* time every command, not one in 32: some 100 ns each */
};

/* `mode`, `default_timeout_ns`, `group`, capacities and what one user may hold are read when the
 * bus is created; one that exists keeps its own. */
typedef struct shmbus_open_options_t {
  size_t size; /* of this struct */
  uint32_t flags;
  uint32_t mode;              /* permissions of a new segment; 0: 0600 */
  const char* label;          /* shown by `shmbus ps`; NULL: the name of the program */
  int64_t default_timeout_ns; /* of a new segment; 0: 5 s */
  int64_t group;              /* gid of a new segment, with SHMBUS_OPEN_SET_GROUP */
  double trace_ratio;         /* of calls outside of traces, the part that begin one: 0 to 1 */
  /* Capacities of a new segment; 0: the number in brackets. */
  uint32_t participants;   /* open buses in all processes (128) */
  uint32_t names;          /* distinct command names in its lifetime (256) */
  uint32_t endpoints;      /* servers at one time (64) */
  uint32_t lanes;          /* pairs of caller thread and server (256) */
  uint32_t cells_per_lane; /* commands of one lane under way; a power of two (64) */
  uint32_t inbox_slots;    /* tickets of one server; a power of two (512) */
  uint32_t extents;        /* pieces of payload memory (44) */
  uint32_t extent_bytes;   /* size of one; a power of two (65536) */
  /* What one user (uid) may hold of a new segment; 0: as much as there is. */
  uint32_t max_participants;
  uint32_t max_endpoints;
  uint32_t max_names;
  uint32_t max_lanes;
  uint32_t max_extents;
  uint32_t reserved; /* 0 */
} shmbus_open_options_t;

/* Opens the bus of that name (/dev/shm/shmbus.NAME), or of that path if it holds a '/'. Creates it
 * when there is none. Any thread. Allocates. Errors: BUS_UNUSABLE (it cannot be opened or has
 * another layout), NOT_PERMITTED, INVALID_ARGUMENT, LIMIT_REACHED (all participants are in use). */
SHMBUS_C_API int shmbus_open(const char* name_or_path, const shmbus_open_options_t* options,
                             shmbus_bus_t** bus, shmbus_error_t* error);

/* Ends this handle. The process leaves the bus once all handles that were made from it have ended,
 * too. Any thread. */
SHMBUS_C_API void shmbus_close(shmbus_bus_t* bus);

/* Where the segment lies; valid as long as the handle. "" of NULL. Any thread. */
SHMBUS_C_API const char* shmbus_path(const shmbus_bus_t* bus);

/* Returns once a live handler has the name. Any thread. Errors: TIMED_OUT, INVALID_ARGUMENT (no
 * command can have the name). */
SHMBUS_C_API int shmbus_wait_until_available(shmbus_bus_t* bus, const char* name,
                                             int64_t timeout_ns, shmbus_error_t* error);

/* The schema that the present or last owner of a name registered, as text with an ending 0
 * (shmbus/schema/text.hpp: "request->reply"). `length`, unless NULL, gets its bytes without the 0;
 * an empty text: registered as bytes, or too long for the segment. Any thread. Errors:
 * NOT_REGISTERED (nobody ever registered the name), TOO_LARGE (`needed` bytes of `capacity`). */
SHMBUS_C_API int shmbus_schema(shmbus_bus_t* bus, const char* name, char* text, size_t capacity,
                               size_t* length, shmbus_error_t* error);

/* SHMBUS_OK when a handler and a caller with these two schemas may call each other; TYPE_MISMATCH
 * says what differs, INVALID_ARGUMENT that one is no schema. Any thread; needs no bus. */
SHMBUS_C_API int shmbus_schema_check(const char* handler, const char* caller,
                                     shmbus_error_t* error);

/* ---- Names that come and go ---- */

typedef struct shmbus_name_change_t {
  char name[132];     /* with an ending 0, as the next */
  char owner[68];     /* label of its process; "" when nobody has it */
  uint32_t pid;       /* as that process sees itself */
  int32_t available;  /* 1: a live handler has it now */
  int32_t taken_over; /* 1: from another, without a gap */
} shmbus_name_change_t;

/* Watches `count` names; 0: all names of the bus, present and future. Allocates. Errors:
 * INVALID_ARGUMENT (no command can have one of the names). */
SHMBUS_C_API int shmbus_watch_new(shmbus_bus_t* bus, const char* const* names, size_t count,
                                  shmbus_watch_t** watch, shmbus_error_t* error);
/* Ends the watch, and its descriptor. */
SHMBUS_C_API void shmbus_watch_free(shmbus_watch_t* watch);

/* Writes changes since the last poll, at most `capacity`; `count` gets how many. Those that found
 * no room come with the next poll. The first poll reports the present state: of each name that was
 * asked for, or of each that has a handler. Never blocks. May allocate. */
SHMBUS_C_API int shmbus_watch_poll(shmbus_watch_t* watch, shmbus_name_change_t* changes,
                                   size_t capacity, size_t* count, shmbus_error_t* error);

/* Returns once poll has something to report: `changed` is then 1, and 0 when `timeout_ns` is over
 * first. Where no shmbusd watches the bus, a handler's death is noticed within 10 ms. */
SHMBUS_C_API int shmbus_watch_wait(shmbus_watch_t* watch, int64_t timeout_ns, int* changed,
                                   shmbus_error_t* error);

/* A descriptor that is readable when poll may have something to report, at first too;
 * level-triggered until poll is called. It stays the library's: do not close it. Starts a helper
 * thread the first time. Where no shmbusd watches the bus, poll every 10 ms too: a death makes
 * nothing readable. */
SHMBUS_C_API int shmbus_watch_fd(shmbus_watch_t* watch, int* fd, shmbus_error_t* error);

#ifdef __cplusplus
}
#endif

#endif
