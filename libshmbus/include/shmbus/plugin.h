/* What passes between `shmbus host` and a plug-in: a shared object that handles commands. In C,
 * with fixed widths, so that a plug-in needs neither the same build of the library nor the
 * library at all; plugin.hpp is a convenience for C++ on top of it.
 *
 * A plug-in exports one function, shmbus_plugin_entry, which returns its table. The host hands it a
 * table of functions in turn. Both tables say which ABI they are of and how long they are: a later
 * ABI of the same number only adds at their ends.
 *
 *   init     makes the plug-in ready and adds its commands. Called twice: first in a process of its
 *            own (host->trial is 1), where probe and stop follow, then in the host
 *   probe    0: healthy. Called after init
 *   drain    another plug-in has taken its place: no command comes any more; answer what is owed
 *   stop     the last call; everything that it owed is answered. The code is unloaded after it:
 *            no thread may be left that runs it
 *
 * Threads   run() is called on one thread, a command at a time, and holds up all others while it
 *           lasts. init, probe, drain and stop are called on another, beside it.
 * Errors    No exception may leave a plug-in. init and probe return 0, or anything else after
 *           host->log() has said why.
 */
#ifndef SHMBUS_PLUGIN_H
#define SHMBUS_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define SHMBUS_PLUGIN_ABI 1

#ifdef __cplusplus
extern "C" {
#endif

/* A command that runs: valid until run() returns. */
typedef struct shmbus_call shmbus_call;
/* A command that is answered later, once, from any thread. */
typedef struct shmbus_later shmbus_later;

/* Who calls, as its process says itself. */
typedef struct shmbus_caller {
  uint32_t pid;
  uint32_t uid;
  char label[64]; /* ends with 0 */
} shmbus_caller;

/* Copied by add(), but for `user`. */
typedef struct shmbus_command {
  uint32_t size; /* of this struct */
  uint32_t request_bytes;
  uint32_t reply_bytes; /* 0 where not known */
  uint32_t reserved;
  const char *name;
  const char *schema; /* as in shmbus/schema/text.hpp; null: any bytes */
  void (*run)(void *user, shmbus_call *call);
  void *user;
} shmbus_command;

enum { SHMBUS_LOG_ERROR = 0, SHMBUS_LOG_WARNING = 1, SHMBUS_LOG_INFO = 2 };

typedef struct shmbus_host {
  uint32_t abi;
  uint32_t size; /* of this struct */
  uint32_t trial;
  uint32_t reserved;
  void *self; /* the first argument of add and log */

  /* During init alone. 0, or why not is in the host's log: let init fail then. */
  int32_t (*add)(void *self, const shmbus_command *command);
  /* Any time. What is said with SHMBUS_LOG_ERROR last is shown as why init or probe failed. */
  void (*log)(void *self, int32_t level, const char *text);

  const void *(*request)(shmbus_call *call, size_t *bytes);
  /* Memory for a reply of so many bytes, aligned to 8; null when the caller made less room, which
   * then gets an error. A later call takes the place of an earlier one. */
  void *(*reply)(shmbus_call *call, size_t bytes);
  size_t (*reply_capacity)(shmbus_call *call);
  /* Refuses: a code of the plug-in's own and up to 40 bytes of text. */
  void (*reject)(shmbus_call *call, int32_t code, const char *text, size_t bytes);
  int64_t (*remaining_ns)(shmbus_call *call); /* INT64_MAX: the caller named no time limit */
  int32_t (*cancelled)(shmbus_call *call);
  int32_t (*one_way)(shmbus_call *call);
  void (*caller)(shmbus_call *call, shmbus_caller *out);
  /* Null when there is no memory, or for the second time. */
  shmbus_later *(*defer)(shmbus_call *call);

  void *(*later_reply)(shmbus_later *later, size_t bytes);
  int32_t (*later_cancelled)(shmbus_later *later);
  /* Each of these three answers and is the last use of `later`: what later_reply() got, a refusal,
   * or `abandoned`. */
  void (*later_send)(shmbus_later *later);
  void (*later_reject)(shmbus_later *later, int32_t code, const char *text, size_t bytes);
  void (*later_drop)(shmbus_later *later);
} shmbus_host;

typedef struct shmbus_plugin {
  uint32_t abi;
  uint32_t size; /* of this struct */
  const char *name;
  const char *version;
  int32_t (*init)(const shmbus_host *host, void **state); /* the table outlives the plug-in */
  int32_t (*probe)(void *state);                          /* may be null, as may the next two */
  void (*drain)(void *state);
  void (*stop)(void *state);
} shmbus_plugin;

/* Implemented by the plug-in. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const shmbus_plugin *shmbus_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif
