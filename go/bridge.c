// See bridge.h. A caller of the C interface belongs to its thread, and goroutines move between
// threads. So each thread keeps a table of the callers that it made, by the Go Caller that they are
// of; a goroutine uses that of the thread on which it happens to run, for the time of one C call,
// or for as long as it is locked to that thread.
#define _GNU_SOURCE
#include "bridge.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct go_caller {
  atomic_long users;  // the Go object, and each thread that has a caller of it
  atomic_int closed;
  shmbus_bus_t* bus;
  char* name;
  char* schema;
  shmbus_caller_options_t options;
};

typedef struct {
  go_caller* of;
  shmbus_caller_t* caller;
} entry;

typedef struct {
  entry* entries;
  size_t count;
  size_t capacity;
  unsigned long seen;  // of `closings`, when closed callers were last freed here
} table;

static atomic_ulong closings;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local table* mine;

static void unuse(go_caller* caller) {
  if (atomic_fetch_sub(&caller->users, 1) != 1) return;
  free(caller->name);
  free(caller->schema);
  free(caller);
}

static void free_table(void* data) {
  table* const all = data;
  for (size_t i = 0; i < all->count; ++i) {
    shmbus_caller_free(all->entries[i].caller);
    unuse(all->entries[i].of);
  }
  free(all->entries);
  free(all);
  mine = NULL;
}

static void make_key(void) { (void)pthread_key_create(&key, free_table); }

static int out_of_memory(shmbus_error_t* error) {
  error->kind = SHMBUS_OVERLOADED;
  strcpy(error->text, "out of memory");
  return SHMBUS_OVERLOADED;
}

static void free_closed(table* all) {
  all->seen = atomic_load(&closings);
  size_t kept = 0;
  for (size_t i = 0; i < all->count; ++i) {
    const entry one = all->entries[i];
    if (atomic_load(&one.of->closed) != 0) {
      shmbus_caller_free(one.caller);
      unuse(one.of);
    } else {
      all->entries[kept++] = one;
    }
  }
  all->count = kept;
}

static table* table_here(void) {
  if (mine != NULL) return mine;
  (void)pthread_once(&once, make_key);
  mine = calloc(1, sizeof *mine);
  if (mine != NULL && pthread_setspecific(key, mine) != 0) {
    free(mine);
    mine = NULL;
  }
  return mine;
}

go_caller* go_caller_new(shmbus_bus_t* bus, const char* name, const char* schema,
                         const shmbus_caller_options_t* options) {
  go_caller* const caller = calloc(1, sizeof *caller);
  if (caller == NULL) return NULL;
  atomic_init(&caller->users, 1);
  caller->bus = bus;
  caller->name = strdup(name);
  caller->schema = schema == NULL ? NULL : strdup(schema);
  caller->options = *options;
  caller->options.schema = caller->schema;
  if (caller->name != NULL && (schema == NULL || caller->schema != NULL)) return caller;
  unuse(caller);
  return NULL;
}

void go_caller_close(go_caller* caller) {
  atomic_store(&caller->closed, 1);
  (void)atomic_fetch_add(&closings, 1);
  if (mine != NULL) free_closed(mine);
  unuse(caller);
}

int go_caller_here(go_caller* caller, shmbus_caller_t** here, shmbus_error_t* error) {
  table* const all = table_here();
  if (all == NULL) return out_of_memory(error);
  if (all->seen != atomic_load(&closings)) free_closed(all);
  for (size_t i = 0; i < all->count; ++i) {
    if (all->entries[i].of == caller) {
      *here = all->entries[i].caller;
      return SHMBUS_OK;
    }
  }
  if (all->count == all->capacity) {
    const size_t capacity = all->capacity == 0 ? 8 : 2 * all->capacity;
    entry* const entries = realloc(all->entries, capacity * sizeof *entries);
    if (entries == NULL) return out_of_memory(error);
    all->entries = entries;
    all->capacity = capacity;
  }
  const int kind = shmbus_caller_new(caller->bus, caller->name, &caller->options, here, error);
  if (kind != SHMBUS_OK) return kind;
  (void)atomic_fetch_add(&caller->users, 1);
  all->entries[all->count++] = (entry){caller, *here};
  return SHMBUS_OK;
}

int go_call(go_caller* caller, const void* request, size_t size, void* reply, size_t room,
            size_t* reply_size, int64_t timeout_ns, shmbus_error_t* error) {
  shmbus_caller_t* here = NULL;
  const int kind = go_caller_here(caller, &here, error);
  if (kind != SHMBUS_OK) return kind;
  return shmbus_caller_call(here, request, size, reply, room, reply_size, timeout_ns, error);
}

int go_send(go_caller* caller, const void* request, size_t size, int64_t timeout_ns,
            shmbus_error_t* error) {
  shmbus_caller_t* here = NULL;
  const int kind = go_caller_here(caller, &here, error);
  if (kind != SHMBUS_OK) return kind;
  return shmbus_caller_send(here, request, size, timeout_ns, NULL, error);
}

int go_start(go_caller* caller, const void* request, size_t size, size_t room, int64_t timeout_ns,
             int64_t wait_ns, shmbus_pending_t** pending, int* ready, shmbus_error_t* error) {
  shmbus_caller_t* here = NULL;
  int kind = go_caller_here(caller, &here, error);
  if (kind != SHMBUS_OK) return kind;
  kind = shmbus_caller_start(here, request, size, room, timeout_ns, pending, error);
  if (kind == SHMBUS_OK) *ready = shmbus_pending_wait_ready(*pending, wait_ns);
  return kind;
}

static int stopped(const int32_t* stop) { return __atomic_load_n(stop, __ATOMIC_ACQUIRE) != 0; }

int go_wait(shmbus_pending_t* pending, const int32_t* stop) {
  while (!stopped(stop)) {
    if (shmbus_pending_wait_ready(pending, 2000000) != 0) return 1;
  }
  return shmbus_pending_ready(pending);
}

int go_cancel(shmbus_pending_t* pending, int64_t wait_ns) {
  shmbus_pending_cancel(pending);
  return shmbus_pending_wait_ready(pending, wait_ns);
}

static int64_t now_ns(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int go_await_name(shmbus_bus_t* bus, const char* name, int64_t timeout_ns, const int32_t* stop,
                  shmbus_error_t* error) {
  const int64_t begin = now_ns();
  for (;;) {
    const int64_t left =
        timeout_ns == SHMBUS_FOREVER ? SHMBUS_FOREVER : timeout_ns - (now_ns() - begin);
    const int last = left <= 2000000;
    const int kind = shmbus_wait_until_available(bus, name, last ? left : 2000000, error);
    if (kind != SHMBUS_TIMED_OUT || last || stopped(stop)) return kind;
  }
}

extern void goShmbusHandle(uintptr_t handle, shmbus_context_t* command);
extern void goShmbusDrop(uintptr_t handle);

static void handle_command(void* context, shmbus_context_t* command) {
  goShmbusHandle((uintptr_t)context, command);
}
static void drop_handler(void* context) { goShmbusDrop((uintptr_t)context); }

int go_server_on(shmbus_server_t* server, const char* name, uintptr_t handle, const char* schema,
                 int32_t sharing, shmbus_error_t* error) {
  const shmbus_handler_t handler = {(void*)handle, handle_command, drop_handler};
  shmbus_registration_t how = {.size = sizeof how};
  how.sharing = sharing;
  how.schema = schema;
  return shmbus_server_on(server, name, &handler, &how, error);
}

void go_error_init(shmbus_error_t* error) {
  memset(error, 0, sizeof *error);
  error->size = sizeof *error;
}
