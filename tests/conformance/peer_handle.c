/* The peer of C, the handler's side: README.md says what it does. */
#include <pthread.h>
#include <time.h>

#include "peer.h"

static long long tally;

static void nap(long milliseconds) {
  const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  (void)nanosleep(&time, NULL);
}

static void reply_text(shmbus_context_t* command, const char* text) {
  (void)shmbus_context_reply(command, text, strlen(text), NULL);
}

static void on_echo(void* context, shmbus_context_t* command) {
  (void)context;
  size_t size = 0;
  const void* request = shmbus_context_request(command, &size);
  (void)shmbus_context_reply(command, request, size, NULL);
}
static void on_refuse(void* context, shmbus_context_t* command) {
  (void)context;
  shmbus_context_reject(command, 42, "nein: größer");
}
static void on_forbid(void* context, shmbus_context_t* command) {
  (void)context;
  shmbus_context_refuse(command, SHMBUS_NOT_PERMITTED, 7, "not you");
}

/* Calls `name` and returns what became of it. */
static shmbus_error_t call_inside(shmbus_bus_t* bus, const char* name, int32_t when_vacant) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_caller_options_t how = {.size = sizeof how, .when_vacant = when_vacant};
  shmbus_caller_t* caller = NULL;
  if (shmbus_caller_new(bus, name, &how, &caller, &error) == SHMBUS_OK) {
    (void)shmbus_caller_call(caller, NULL, 0, NULL, 0, NULL, SHMBUS_FOREVER, &error);
    shmbus_caller_free(caller);
  }
  return error;
}
static void on_because(void* bus, shmbus_context_t* command) {
  const shmbus_error_t error = call_inside(bus, "absent", SHMBUS_WHEN_VACANT_FAIL);
  shmbus_context_reject_because(command, 5, "below", &error, "absent");
}
static void on_nested(void* bus, shmbus_context_t* command) {
  const shmbus_error_t error = call_inside(bus, "stay.never", SHMBUS_WHEN_VACANT_WAIT);
  shmbus_context_reject(command, 6, shmbus_kind_name(error.kind));
}

static void on_stay(void* context, shmbus_context_t* command) {
  (void)context;
  say("started stay");
  for (;; nap(1)) {
    if (shmbus_context_cancelled(command) != 0) {
      say("cancelled stay");
      shmbus_context_reject(command, 9, "stopped");
      return;
    }
    if (shmbus_context_caller_gone(command) != 0) {
      say("gone stay");
      return;
    }
  }
}
static void on_remaining(void* context, shmbus_context_t* command) {
  (void)context;
  char text[32] = "none";
  const int64_t left = shmbus_context_remaining_ns(command);
  if (left != SHMBUS_FOREVER)
    (void)snprintf(text, sizeof text, "%lld", (long long)(left / 1000000));
  reply_text(command, text);
}
static void on_who(void* context, shmbus_context_t* command) {
  (void)context;
  shmbus_caller_info_t info = {.size = sizeof info};
  char text[32];
  shmbus_context_caller(command, &info);
  (void)snprintf(text, sizeof text, "%u", info.pid);
  reply_text(command, text);
}

typedef struct late_answer {
  shmbus_responder_t* responder;
  size_t size;
  char bytes[];
} late_answer;
static void* answer_late(void* given) {
  late_answer* const late = given;
  nap(5);
  (void)shmbus_responder_reply(late->responder, late->bytes, late->size, NULL);
  free(late);
  return NULL;
}
static void on_later(void* context, shmbus_context_t* command) {
  (void)context;
  size_t size = 0;
  pthread_t thread;
  const void* request = shmbus_context_request(command, &size);
  late_answer* const late = malloc(sizeof *late + size);
  late->size = size;
  if (size != 0) memcpy(late->bytes, request, size);
  late->responder = shmbus_context_defer(command);
  if (pthread_create(&thread, NULL, answer_late, late) == 0) (void)pthread_detach(thread);
}
static void on_drop(void* context, shmbus_context_t* command) {
  (void)context;
  shmbus_responder_drop(shmbus_context_defer(command));
}
static void on_tally(void* context, shmbus_context_t* command) {
  (void)context;
  (void)command;
  ++tally;
}
static void on_total(void* context, shmbus_context_t* command) {
  (void)context;
  char text[32];
  (void)snprintf(text, sizeof text, "%lld", tally);
  reply_text(command, text);
}
static void on_point(void* context, shmbus_context_t* command) {
  (void)context;
  size_t size = 0;
  int32_t point[2];
  const void* request = shmbus_context_request(command, &size);
  if (size != sizeof point) {
    shmbus_context_refuse(command, SHMBUS_INVALID_ARGUMENT, 0, "no point");
    return;
  }
  memcpy(point, request, sizeof point);
  const int32_t sum = point[0] + point[1];
  (void)shmbus_context_reply(command, &sum, sizeof sum, NULL);
}
static void on_grown(void* context, shmbus_context_t* command) {
  (void)context;
  size_t size = 0;
  uint32_t parts[4] = {0};
  const void* request = shmbus_context_request(command, &size);
  memcpy(parts, request, size < sizeof parts ? size : sizeof parts);
  const uint32_t sum = parts[0] + ((parts[3] & 255) == 1 ? parts[2] : 0);
  (void)shmbus_context_reply(command, &sum, sizeof sum, NULL);
}

static void stop_with(shmbus_context_t* command, const char* name, int kind) {
  say("stopped %s %s", name, shmbus_kind_name(kind));
  shmbus_context_reject(command, 8, "stopped");
}
static void on_out(void* context, shmbus_context_t* command) {
  (void)context;
  size_t size = 0;
  char text[64] = "";
  unsigned long count = 0;
  unsigned long each = 0;
  const void* request = shmbus_context_request(command, &size);
  memcpy(text, request, size < sizeof text ? size : sizeof text - 1);
  shmbus_writer_t* out = NULL;
  if (sscanf(text, "%lu %lu", &count, &each) != 2 ||
      shmbus_context_writer(command, &out, NULL) != SHMBUS_OK) {
    shmbus_context_refuse(command, SHMBUS_INVALID_ARGUMENT, 0, "no stream");
    return;
  }
  int kind = SHMBUS_OK;
  for (unsigned long i = 0; i < count && kind == SHMBUS_OK; ++i) {
    void* room = NULL;
    kind = shmbus_writer_loan(out, each, SHMBUS_FOREVER, &room, NULL);
    if (kind != SHMBUS_OK) break;
    fill_pattern(room, each);
    kind = shmbus_writer_commit(out, each, NULL);
  }
  shmbus_writer_free(out);
  if (kind != SHMBUS_OK) stop_with(command, "out", kind);
}
static void on_in(void* context, shmbus_context_t* command) {
  (void)context;
  shmbus_reader_t* in = NULL;
  const void* record = NULL;
  size_t size = 0;
  size_t count = 0;
  size_t bytes = 0;
  int kind = SHMBUS_OK;
  if (shmbus_context_reader(command, &in, NULL) != SHMBUS_OK) {
    shmbus_context_refuse(command, SHMBUS_INVALID_ARGUMENT, 0, "no stream");
    return;
  }
  while ((kind = shmbus_reader_next(in, SHMBUS_FOREVER, &record, &size, NULL)) == SHMBUS_OK) {
    ++count;
    bytes += size;
  }
  shmbus_reader_free(in);
  if (kind != SHMBUS_STREAM_ENDED) {
    stop_with(command, "in", kind);
    return;
  }
  char text[64];
  (void)snprintf(text, sizeof text, "%zu %zu", count, bytes);
  reply_text(command, text);
}
static void on_both(void* context, shmbus_context_t* command) {
  (void)context;
  shmbus_reader_t* in = NULL;
  shmbus_writer_t* out = NULL;
  const void* record = NULL;
  size_t size = 0;
  int kind = SHMBUS_OK;
  if (shmbus_context_reader(command, &in, NULL) != SHMBUS_OK ||
      shmbus_context_writer(command, &out, NULL) != SHMBUS_OK) {
    shmbus_reader_free(in);
    shmbus_context_refuse(command, SHMBUS_INVALID_ARGUMENT, 0, "no stream");
    return;
  }
  while ((kind = shmbus_reader_next(in, SHMBUS_FOREVER, &record, &size, NULL)) == SHMBUS_OK) {
    kind = shmbus_writer_put(out, record, size, SHMBUS_FOREVER, NULL);
    if (kind != SHMBUS_OK) break;
  }
  shmbus_writer_free(out);
  shmbus_reader_free(in);
  if (kind != SHMBUS_STREAM_ENDED) stop_with(command, "both", kind);
}

static const struct {
  const char* name;
  void (*call)(void* context, shmbus_context_t* command);
  const char* schema;
} handlers[] = {
    {"echo", on_echo, NULL},
    {"größe.エコー", on_echo, NULL},
    {"refuse", on_refuse, NULL},
    {"forbid", on_forbid, NULL},
    {"because", on_because, NULL},
    {"stay", on_stay, NULL},
    {"remaining", on_remaining, NULL},
    {"nested", on_nested, NULL},
    {"who", on_who, NULL},
    {"later", on_later, NULL},
    {"drop", on_drop, NULL},
    {"tally", on_tally, NULL},
    {"total", on_total, NULL},
    {"point", on_point, "{x:i32@0,y:i32@4}8/4->i32"},
    {"grown", on_grown, "{a:u32@0,b:opt<u32>@8}16/8->u32"},
    {"out", on_out, NULL},
    {"in", on_in, NULL},
    {"both", on_both, NULL},
};

static int serve(shmbus_bus_t* bus, shmbus_server_t* server, const char* how,
                 shmbus_error_t* error) {
  int kind = shmbus_server_stop_on_signals(server, error);
  for (size_t i = 0; i < sizeof handlers / sizeof *handlers && kind == SHMBUS_OK; ++i) {
    const shmbus_handler_t handler = {bus, handlers[i].call, NULL};
    shmbus_registration_t as = {.size = sizeof as, .schema = handlers[i].schema};
    if (strcmp(how, "join") == 0) as.sharing = SHMBUS_SHARING_GROUP;
    kind = shmbus_server_on(server, handlers[i].name, &handler, &as, error);
  }
  if (kind == SHMBUS_OK && strcmp(how, "take-over") == 0) {
    kind = shmbus_server_take_over(server, 5 * second, SHMBUS_IF_UNRESPONSIVE_FAIL, error);
  }
  if (kind != SHMBUS_OK) return kind;
  say("ready");
  kind = shmbus_server_run(server, error);
  if (kind == SHMBUS_OK && shmbus_server_replaced(server) != 0) say("replaced");
  return kind;
}

int run_handler(const char* path, const char* how) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_bus_t* bus = NULL;
  shmbus_server_t* server = NULL;
  shmbus_serve_options_t options = {.size = sizeof options};
  options.stand_by = strcmp(how, "take-over") == 0;
  int kind = shmbus_open(path, NULL, &bus, &error);
  if (kind == SHMBUS_OK) kind = shmbus_server_new(bus, &options, &server, &error);
  if (kind == SHMBUS_OK) kind = serve(bus, server, how, &error);
  if (kind != SHMBUS_OK) say_error(&error, "", "");
  shmbus_server_free(server);
  shmbus_close(bus);
  return kind == SHMBUS_OK ? 0 : 1;
}
