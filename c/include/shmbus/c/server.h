/* The handler's side: register names, run their handlers, answer now or later. One thread at a time
 * may use a server, unless said otherwise; handlers run on it. Times are nanoseconds. Rules:
 * shmbus/shmbus.h. */
#ifndef SHMBUS_C_SERVER_H
#define SHMBUS_C_SERVER_H

#include <shmbus/c/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Commands of one caller run in their order; or those of all callers, each with a ticket. */
enum { SHMBUS_ORDER_PER_CALLER = 0, SHMBUS_ORDER_GLOBAL = 1 };

typedef struct shmbus_serve_options_t {
  size_t size;        /* of this struct */
  const char* label;  /* shown as the owner of the names; NULL: that of the bus. Copied */
  int32_t wait;       /* SHMBUS_WAIT_... */
  int32_t order;      /* SHMBUS_ORDER_... */
  uint32_t hot_lanes; /* lanes polled directly while busy; 0: 8 */
  int32_t stand_by;   /* 1: no name leads here until shmbus_server_take_over or _stand_by */
} shmbus_serve_options_t;

/* A server without names yet; it takes part in the bus once its first name is registered.
 * Allocates. Errors: INVALID_ARGUMENT, FORKED. */
SHMBUS_C_API int shmbus_server_new(shmbus_bus_t* bus, const shmbus_serve_options_t* options,
                                   shmbus_server_t** server, shmbus_error_t* error);
/* Gives its names up; callers of commands that were not started get NOT_REGISTERED. */
SHMBUS_C_API void shmbus_server_free(shmbus_server_t* server);

/* Handles one command: `command` is valid until `call` returns. A command that is neither rejected
 * nor deferred is answered with what shmbus_context_reply... left, or with no bytes. */
typedef struct shmbus_handler_t {
  void* context;
  void (*call)(void* context, shmbus_context_t* command);
  void (*drop)(void* context);
} shmbus_handler_t;

/* The name is this server's alone; a group's; or the server is on trial beside the name's owner. */
enum { SHMBUS_SHARING_EXCLUSIVE = 0, SHMBUS_SHARING_GROUP = 1, SHMBUS_SHARING_CANARY = 2 };

typedef struct shmbus_registration_t {
  size_t size;        /* of this struct */
  int32_t sharing;    /* SHMBUS_SHARING_... */
  int32_t reserved;   /* 0 */
  const char* schema; /* "request->reply"; NULL: any bytes. Copied */
} shmbus_registration_t;

/* Registers the name. Copies `handler`; drops it after the name was given up or its handler
 * replaced, at the next turn of the server and once the commands that it deferred are answered, or
 * when the server is freed; after an error, before this returns. Requests of a name with a schema
 * may be shorter or longer than its type, as optional members allow: the handler checks the size.
 * Allocates. Errors: ALREADY_REGISTERED, TYPE_MISMATCH (of a group), INVALID_ARGUMENT,
 * LIMIT_REACHED, NOT_PERMITTED. */
SHMBUS_C_API int shmbus_server_on(shmbus_server_t* server, const char* name,
                                  const shmbus_handler_t* handler,
                                  const shmbus_registration_t* options, shmbus_error_t* error);
/* Gives the name up; callers of commands that were not started get NOT_REGISTERED. Errors:
 * NOT_REGISTERED (this server does not have the name). */
SHMBUS_C_API int shmbus_server_off(shmbus_server_t* server, const char* name,
                                   shmbus_error_t* error);
/* Exchanges the handler of a name of this server, between two commands, at its next turn. Any
 * thread. `schema` NULL: as it was registered. Copies and drops `handler` as shmbus_server_on.
 * Errors: NOT_REGISTERED, TYPE_MISMATCH, INVALID_ARGUMENT. */
SHMBUS_C_API int shmbus_server_replace(shmbus_server_t* server, const char* name,
                                       const shmbus_handler_t* handler, const char* schema,
                                       shmbus_error_t* error);

/* Runs the commands that are ready, at most `budget` (0: 256); `ran`, unless NULL, gets how many.
 * Never blocks. Errors of this and the next two: CORRUPTED, BUS_UNUSABLE, FORKED; INVALID_ARGUMENT
 * inside a handler. */
SHMBUS_C_API int shmbus_server_poll(shmbus_server_t* server, size_t budget, size_t* ran,
                                    shmbus_error_t* error);
/* Runs the commands that are ready or arrive within `timeout_ns`, and sleeps while there are none.
 */
SHMBUS_C_API int shmbus_server_run_for(shmbus_server_t* server, int64_t timeout_ns, size_t* ran,
                                       shmbus_error_t* error);
/* Runs commands until shmbus_server_stop, or until another server has taken over everything and all
 * deferred answers are given. Commands committed before the stop are run before it returns. */
SHMBUS_C_API int shmbus_server_run(shmbus_server_t* server, shmbus_error_t* error);
/* Lets run return, now and whenever it is called again. Any thread; not from a signal handler. */
SHMBUS_C_API void shmbus_server_stop(shmbus_server_t* server);
/* From now on SIGTERM and SIGINT stop the server as shmbus_server_stop does, until it is freed;
 * also in process 1 of a container. Starts a thread. Several servers may ask for it. Errors:
 * ALREADY_REGISTERED (the program has a handler of its own for one of them), OVERLOADED. */
SHMBUS_C_API int shmbus_server_stop_on_signals(shmbus_server_t* server, shmbus_error_t* error);
/* A descriptor that is readable when poll has something to do: call poll until it runs nothing. It
 * stays the library's: do not close it. Starts a helper thread the first time. Errors:
 * INVALID_ARGUMENT (no name is registered yet), LIMIT_REACHED, OVERLOADED. */
SHMBUS_C_API int shmbus_server_fd(shmbus_server_t* server, int* fd, shmbus_error_t* error);

typedef struct shmbus_task_t {
  void* context;
  void (*call)(void* context);
  void (*drop)(void* context);
} shmbus_task_t;
/* Runs `task` once on the thread that serves, between two commands, and wakes it for that. Copies
 * the task, and drops it after the call, or uncalled when the server is freed first; after an
 * error, before this returns. The task may use the server, but not poll or run it. Any thread.
 * Allocates. Errors: OVERLOADED (out of memory). */
SHMBUS_C_API int shmbus_server_post(shmbus_server_t* server, const shmbus_task_t* task,
                                    shmbus_error_t* error);

enum { SHMBUS_IF_UNRESPONSIVE_FAIL = 0, SHMBUS_IF_UNRESPONSIVE_KILL = 1 };
/* For a server that stands by: takes the names of its handlers from the server that has them, while
 * that runs; no command is lost. KILL: a server that does not give way in time gets SIGKILL.
 * Errors: ALREADY_REGISTERED (the other serves names that are not among these handlers),
 * TYPE_MISMATCH, TIMED_OUT (the other goes on as before), NOT_PERMITTED. */
SHMBUS_C_API int shmbus_server_take_over(shmbus_server_t* server, int64_t timeout_ns,
                                         int32_t if_unresponsive, shmbus_error_t* error);
/* For a server that stands by: waits until nobody serves its names, then takes them: `taken` is
 * then 1, and 0 when `timeout_ns` is over first. Errors: TYPE_MISMATCH, LIMIT_REACHED. */
SHMBUS_C_API int shmbus_server_stand_by(shmbus_server_t* server, int64_t timeout_ns, int* taken,
                                        shmbus_error_t* error);
/* 1: another server has taken over all names that this one had. Any thread. */
SHMBUS_C_API int shmbus_server_replaced(const shmbus_server_t* server);
/* 1: it was replaced, and some of its responders have yet to answer: keep it until they have. Any
 * thread. */
SHMBUS_C_API int shmbus_server_draining(const shmbus_server_t* server);

/* ---- A command, while its handler runs. On the handler's thread alone; never NULL. ---- */

/* The request; valid while the handler runs. `size`, unless NULL, gets its bytes. A large one lies
 * in the segment, where a faulty caller can still write to it: copy what you check. */
SHMBUS_C_API const void* shmbus_context_request(const shmbus_context_t* command, size_t* size);
/* The name; valid while the handler runs. `size`, unless NULL, gets its bytes: no 0 ends it. */
SHMBUS_C_API const char* shmbus_context_name(const shmbus_context_t* command, size_t* size);
/* 1: nobody reads a reply. */
SHMBUS_C_API int shmbus_context_one_way(const shmbus_context_t* command);
/* Bytes that the caller made room for. */
SHMBUS_C_API size_t shmbus_context_reply_capacity(const shmbus_context_t* command);
/* Memory for a reply of `size`, written in place; it is sent when the handler returns. NULL when
 * the caller made less room: it gets TOO_LARGE with the size. A later reply takes the place of an
 * earlier. */
SHMBUS_C_API void* shmbus_context_reply_buffer(shmbus_context_t* command, size_t size);
/* The same with a copy. Errors: TOO_LARGE. */
SHMBUS_C_API int shmbus_context_reply(shmbus_context_t* command, const void* bytes, size_t size,
                                      shmbus_error_t* error);
/* Refuses with a code of the handler's own; up to 40 bytes of `text` go to the caller (NULL: none).
 */
SHMBUS_C_API void shmbus_context_reject(shmbus_context_t* command, int32_t code, const char* text);
/* The same, because a call that the handler made to `name` failed with `failed`: the caller finds
 * it among the causes of its error. `failed` NULL: no cause. */
SHMBUS_C_API void shmbus_context_reject_because(shmbus_context_t* command, int32_t code,
                                                const char* text, const shmbus_error_t* failed,
                                                const char* name);
/* For checks before a handler: `kind` is NOT_PERMITTED, OVERLOADED or INVALID_ARGUMENT; another
 * becomes REJECTED. */
SHMBUS_C_API void shmbus_context_refuse(shmbus_context_t* command, int32_t kind, int32_t code,
                                        const char* text);

/* Nanoseconds left before the deadline that the caller named; SHMBUS_FOREVER when it named none. */
SHMBUS_C_API int64_t shmbus_context_remaining_ns(const shmbus_context_t* command);
/* 1: nobody wants the answer any more: the caller cancelled the call, or gave it up at its
 * deadline. A few loads; ask as often as you like. */
SHMBUS_C_API int shmbus_context_cancelled(const shmbus_context_t* command);
/* 1: the caller was killed, has closed its bus, or its thread has ended. */
SHMBUS_C_API int shmbus_context_caller_gone(const shmbus_context_t* command);
/* Which attempt this is of a call that is repeated after errors, from 1; 255 stands for more too.
 */
SHMBUS_C_API uint32_t shmbus_context_attempt(const shmbus_context_t* command);
/* How many commands of this caller wait behind this one, as the caller says: a hint. */
SHMBUS_C_API uint32_t shmbus_context_queued(const shmbus_context_t* command);
/* 1, and the W3C traceparent of this handler's work with an ending 0; 0 and "" when it is in no
 * trace. */
SHMBUS_C_API int shmbus_context_traceparent(const shmbus_context_t* command, char text[56]);

typedef struct shmbus_caller_info_t {
  size_t size;  /* of this struct, set by the program */
  uint32_t pid; /* as the caller sees itself, in its own pid namespace */
  uint32_t uid;
  char label[72]; /* ends with 0 */
} shmbus_caller_info_t;
/* The caller, as its process describes itself. */
SHMBUS_C_API void shmbus_context_caller(const shmbus_context_t* command,
                                        shmbus_caller_info_t* info);

/* ---- Answers that come later ---- */

/* The handler may return without an answer; the responder answers, once, from any thread of the
 * process, one thread at a time. NULL when there is no memory, or if the command was deferred
 * before. What the handler does to `command` after this has no effect. Allocates. */
SHMBUS_C_API shmbus_responder_t* shmbus_context_defer(shmbus_context_t* command);
/* Memory for the reply, in place; valid until it is answered. NULL when the caller made less room.
 */
SHMBUS_C_API void* shmbus_responder_buffer(shmbus_responder_t* responder, size_t size);
/* Each of these answers and takes the responder in any case: with what was written into the buffer,
 * with these bytes, with a rejection, or not at all (the caller gets ABANDONED). Errors: TOO_LARGE
 * (the caller made less room, and gets that error), FORKED, BUS_UNUSABLE. */
SHMBUS_C_API int shmbus_responder_reply_buffer(shmbus_responder_t* responder,
                                               shmbus_error_t* error);
SHMBUS_C_API int shmbus_responder_reply(shmbus_responder_t* responder, const void* bytes,
                                        size_t size, shmbus_error_t* error);
SHMBUS_C_API int shmbus_responder_reject(shmbus_responder_t* responder, int32_t code,
                                         const char* text, shmbus_error_t* error);
SHMBUS_C_API int shmbus_responder_reject_because(shmbus_responder_t* responder, int32_t code,
                                                 const char* text, const shmbus_error_t* failed,
                                                 const char* name, shmbus_error_t* error);
SHMBUS_C_API void shmbus_responder_drop(shmbus_responder_t* responder);
/* As shmbus_context_cancelled, until it is answered. 0 of NULL. */
SHMBUS_C_API int shmbus_responder_cancelled(const shmbus_responder_t* responder);

#ifdef __cplusplus
}
#endif

#endif
