/* The peer of C, the caller's side: README.md says what it does. */
#include "peer.h"

enum { pending_max = 1024, ends_max = 16 };

typedef struct named_end {
  char name[128];
  shmbus_publisher_t* publisher;
  shmbus_subscriber_t* subscriber;
} named_end;

static shmbus_bus_t* bus;
static shmbus_pending_t* pending[pending_max];
static int pending_first;
static int pending_count;
static named_end ends[ends_max];
static shmbus_error_t error;

void say_error(const shmbus_error_t* failed, const char* prefix, const char* suffix) {
  char text[600];
  char causes[512] = "-";
  size_t used = 0;
  for (int i = 0; i < failed->cause_count; ++i) {
    const shmbus_cause_t* one = &failed->causes[i];
    char name[80];
    char cut[29] = "";
    memcpy(cut, one->command, sizeof one->command);
    used +=
        (size_t)snprintf(causes + used, sizeof causes - used, "%s%s:%d:%s", i == 0 ? "" : ",",
                         shmbus_kind_name(one->kind), one->code, show_hex(name, cut, strlen(cut)));
  }
  say("%serror %s code=%d may_have_run=%d needed=%llu text=%s causes=%s%s", prefix,
      shmbus_kind_name(failed->kind), failed->code, failed->may_have_run,
      (unsigned long long)failed->needed, show_hex(text, failed->text, strlen(failed->text)),
      causes, suffix);
}

static void done(int kind) {
  if (kind != SHMBUS_OK) {
    say_error(&error, "", "");
    return;
  }
  say("ok");
}

static int64_t timeout_of(const command_line* line) {
  return number_of(line, "timeout", 5000) * 1000000;
}

static int make_caller(const command_line* line, shmbus_caller_t** caller) {
  shmbus_caller_options_t how = {.size = sizeof how, .schema = option_of(line, "schema")};
  if (option_is(line, "vacant", "wait")) how.when_vacant = SHMBUS_WHEN_VACANT_WAIT;
  if (option_is(line, "full", "fail")) how.when_full = SHMBUS_WHEN_FULL_FAIL;
  if (option_is(line, "goes", "cancel")) how.on_caller_exit = SHMBUS_ON_CALLER_EXIT_CANCEL;
  return shmbus_caller_new(bus, word_at(line, 1), &how, caller, &error);
}

static void say_reply(int kind, shmbus_reply_t* reply) {
  char shown[300];
  size_t size = 0;
  if (kind != SHMBUS_OK) {
    say_error(&error, "", "");
    return;
  }
  const void* bytes = shmbus_reply_data(reply, &size);
  say("ok %s", show_data(shown, bytes, size));
  shmbus_reply_drop(reply);
}

static int start_call(const command_line* line, shmbus_caller_t* caller, const void* data,
                      size_t size, shmbus_pending_t** started) {
  const size_t room = (size_t)number_of(line, "room", 65536);
  return shmbus_caller_start(caller, data, size, room, timeout_of(line), started, &error);
}

static int call_with_loan(const command_line* line, shmbus_caller_t* caller, const void* data,
                          size_t size, shmbus_reply_t** reply) {
  shmbus_loan_t* loan = NULL;
  void* memory = NULL;
  const size_t room = (size_t)number_of(line, "room", 65536);
  int kind = shmbus_caller_loan(caller, size, room, &loan, &memory, &error);
  if (kind != SHMBUS_OK) return kind;
  if (size != 0) memcpy(memory, data, size);
  kind = shmbus_loan_call(loan, timeout_of(line), reply, &error);
  if (kind != SHMBUS_OK) shmbus_loan_drop(loan);
  return kind;
}

static void calling(const command_line* line) {
  const char* what = word_at(line, 0);
  size_t size = 0;
  void* const data = parse_data(word_at(line, 2), &size);
  shmbus_caller_t* caller = NULL;
  shmbus_reply_t* reply = NULL;
  shmbus_pending_t* started = NULL;
  int kind = make_caller(line, &caller);
  if (kind != SHMBUS_OK) {
    say_error(&error, "", "");
  } else if (strcmp(what, "loan") == 0) {
    kind = call_with_loan(line, caller, data, size, &reply);
    say_reply(kind, reply);
  } else if (strcmp(what, "send") == 0) {
    done(shmbus_caller_send(caller, data, size, timeout_of(line), NULL, &error));
  } else {
    kind = start_call(line, caller, data, size, &started);
    if (kind == SHMBUS_OK && strcmp(what, "start") == 0) {
      pending[(pending_first + pending_count++) % pending_max] = started;
      say("ok");
    } else {
      if (kind == SHMBUS_OK) kind = shmbus_pending_wait(started, &reply, &error);
      if (kind == SHMBUS_OK || strcmp(what, "start") != 0)
        say_reply(kind, reply);
      else
        say_error(&error, "", "");
    }
  }
  shmbus_caller_free(caller);
  free(data);
}

static void fill(command_line* line) {
  static char fails[] = "full=fail";
  line->options[line->option_count++] = fails;
  const size_t size = strtoul(word_at(line, 2), NULL, 10);
  void* const data = malloc(size + 1);
  shmbus_pending_t* all[pending_max];
  int count = 0;
  shmbus_caller_t* caller = NULL;
  fill_pattern(data, size);
  int kind = make_caller(line, &caller);
  while (kind == SHMBUS_OK && count < pending_max) {
    kind = start_call(line, caller, data, size, &all[count]);
    if (kind == SHMBUS_OK) ++count;
  }
  for (int i = 0; i < count; ++i) {
    shmbus_pending_cancel(all[i]);
    shmbus_pending_drop(all[i]);
  }
  char prefix[32];
  (void)snprintf(prefix, sizeof prefix, "ok %d ", count);
  say_error(&error, prefix, "");
  shmbus_caller_free(caller);
  free(data);
}

typedef struct totals {
  long count;
  size_t bytes;
  uint32_t crc;
} totals;

static int next_record(shmbus_stream_t* stream, totals* sum) {
  const void* record = NULL;
  size_t size = 0;
  const int kind = shmbus_stream_next(stream, SHMBUS_FOREVER, &record, &size, NULL);
  if (kind != SHMBUS_OK) return 0;
  ++sum->count;
  sum->bytes += size;
  sum->crc = crc_more(sum->crc, record, size);
  return 1;
}

static void use_stream(const command_line* line, shmbus_stream_t* stream) {
  const char what = word_at(line, 0)[0];
  const long stop = number_of(line, "stop", -1);
  const long count = strtol(word_at(line, 2), NULL, 10);
  const size_t size = strtoul(word_at(line, 3), NULL, 10);
  totals sum = {0, 0, 0};
  void* const record = malloc(size + 1);
  fill_pattern(record, size);
  if (what == 'r') {
    while (sum.count != stop && next_record(stream, &sum) != 0) {
    }
    if (sum.count == stop) shmbus_stream_cancel(stream);
  }
  for (long i = 0; what != 'r' && i < count; ++i) {
    if (shmbus_stream_put(stream, record, size, SHMBUS_FOREVER, NULL) != SHMBUS_OK) break;
    if (what == 't' && next_record(stream, &sum) == 0) break;
  }
  free(record);
  if (what == 'w') {
    shmbus_reply_t* reply = NULL;
    const int kind = shmbus_stream_finish(stream, &reply, &error);
    say_reply(kind, reply);
    return;
  }
  if (what == 't') (void)shmbus_stream_close(stream, NULL);
  if (shmbus_stream_end(stream, &error) == SHMBUS_OK) {
    say("ok %ld %zu %08x", sum.count, sum.bytes, sum.crc);
    return;
  }
  char suffix[32];
  (void)snprintf(suffix, sizeof suffix, " records=%ld", sum.count);
  say_error(&error, "", suffix);
}

static void streaming(const command_line* line) {
  const char what = word_at(line, 0)[0];
  shmbus_stream_options_t how = {.size = sizeof how, .timeout_ns = timeout_of(line)};
  how.window = (size_t)number_of(line, "window", 0);
  how.reply_capacity = what == 'r' ? 0 : 4096;
  if (what == 'w') how.records = SHMBUS_RECORDS_TO_HANDLER;
  if (what == 't') how.records = SHMBUS_RECORDS_BOTH;
  size_t size = 0;
  void* const data = parse_data(what == 'r' ? word_at(line, 2) : "-", &size);
  shmbus_caller_t* caller = NULL;
  shmbus_stream_t* stream = NULL;
  int kind = make_caller(line, &caller);
  if (kind == SHMBUS_OK) {
    kind = shmbus_caller_open(caller, size == 0 ? NULL : data, size, &how, &stream, &error);
  }
  if (kind == SHMBUS_OK)
    use_stream(line, stream);
  else
    say_error(&error, "", "");
  shmbus_stream_free(stream);
  shmbus_caller_free(caller);
  free(data);
}

static named_end* end_of(const char* name) {
  for (int i = 0; i < ends_max; ++i) {
    if (ends[i].name[0] == '\0') (void)snprintf(ends[i].name, sizeof ends[i].name, "%s", name);
    if (strcmp(ends[i].name, name) == 0) return &ends[i];
  }
  exit(3);
}

static void publish(const command_line* line) {
  named_end* const end = end_of(word_at(line, 1));
  shmbus_publisher_options_t how = {.size = sizeof how, .schema = option_of(line, "schema")};
  how.keep = (uint32_t)number_of(line, "keep", 0);
  how.event_bytes = (uint32_t)number_of(line, "bytes", 0);
  uint64_t sequence = 0;
  size_t size = 0;
  int kind = SHMBUS_OK;
  if (end->publisher == NULL) {
    kind = shmbus_publisher_new(bus, end->name, &how, &end->publisher, &error);
  }
  if (kind == SHMBUS_OK) {
    void* const data = parse_data(word_at(line, 2), &size);
    kind = shmbus_publish(end->publisher, data, size, timeout_of(line), &sequence, &error);
    free(data);
  }
  if (kind != SHMBUS_OK) {
    say_error(&error, "", "");
    return;
  }
  say("ok %llu", (unsigned long long)sequence);
}

static void reading(const command_line* line) {
  named_end* const end = end_of(word_at(line, 1));
  const char* what = word_at(line, 0);
  if (strcmp(what, "missed") == 0) {
    say("ok %llu", (unsigned long long)shmbus_subscriber_missed(end->subscriber));
    return;
  }
  if (strcmp(what, "subscribe") == 0) {
    shmbus_subscriber_options_t how = {.size = sizeof how, .schema = option_of(line, "schema")};
    if (option_is(line, "from", "latest")) how.from = SHMBUS_FROM_LATEST;
    if (option_is(line, "from", "oldest")) how.from = SHMBUS_FROM_OLDEST;
    if (option_is(line, "slow", "hold")) how.when_slow = SHMBUS_WHEN_SLOW_HOLD;
    done(shmbus_subscriber_new(bus, end->name, &how, &end->subscriber, &error));
    return;
  }
  shmbus_event_t event = {.size = sizeof event};
  char shown[300];
  if (shmbus_subscriber_next(end->subscriber, timeout_of(line), &event, &error) != SHMBUS_OK) {
    say_error(&error, "", "");
    return;
  }
  say("ok %llu %s", (unsigned long long)event.sequence,
      show_data(shown, event.data, event.data_size));
  shmbus_subscriber_release(end->subscriber);
}

static void on_nothing(void* context, shmbus_context_t* command) {
  (void)context;
  (void)command;
}

static void registering(const command_line* line) {
  const shmbus_handler_t handler = {NULL, on_nothing, NULL};
  shmbus_registration_t how = {.size = sizeof how, .schema = option_of(line, "schema")};
  shmbus_server_t* server = NULL;
  int kind = shmbus_server_new(bus, NULL, &server, &error);
  if (kind == SHMBUS_OK) kind = shmbus_server_on(server, word_at(line, 1), &handler, &how, &error);
  shmbus_server_free(server);
  done(kind);
}

static void opening(const command_line* line) {
  shmbus_open_options_t how = {.size = sizeof how, .flags = SHMBUS_OPEN_NO_CREATE};
  shmbus_bus_t* other = NULL;
  const int kind = shmbus_open(word_at(line, 1), &how, &other, &error);
  shmbus_close(other);
  done(kind);
}

static void other(const command_line* line) {
  const char* what = word_at(line, 0);
  if (strcmp(what, "available") == 0) {
    done(shmbus_wait_until_available(bus, word_at(line, 1), timeout_of(line), &error));
    return;
  }
  if (strcmp(what, "schema") == 0) {
    char text[2048];
    char shown[4100];
    size_t length = 0;
    const int kind = shmbus_schema(bus, word_at(line, 1), text, sizeof text, &length, &error);
    if (kind != SHMBUS_OK) {
      say_error(&error, "", "");
      return;
    }
    say("ok %s", show_hex(shown, text, length));
    return;
  }
  if (strcmp(what, "caller") == 0) {
    shmbus_caller_t* caller = NULL;
    const int kind = make_caller(line, &caller);
    shmbus_caller_free(caller);
    done(kind);
    return;
  }
  if (strcmp(what, "cancel") == 0) {
    shmbus_pending_cancel(pending[pending_first]);
    say("ok");
    return;
  }
  if (strcmp(what, "wait") == 0) {
    shmbus_reply_t* reply = NULL;
    shmbus_pending_t* const one = pending[pending_first];
    pending_first = (pending_first + 1) % pending_max;
    --pending_count;
    const int kind = shmbus_pending_wait(one, &reply, &error);
    say_reply(kind, reply);
    return;
  }
  say("error invalid_argument code=0 may_have_run=0 needed=0 text=- causes=-");
}

static void obey(command_line* line) {
  static const struct {
    const char* name;
    void (*does)(const command_line* line);
  } commands[] = {{"call", calling},   {"loan", calling},    {"send", calling},
                  {"start", calling},  {"read", streaming},  {"write", streaming},
                  {"talk", streaming}, {"publish", publish}, {"subscribe", reading},
                  {"next", reading},   {"missed", reading},  {"register", registering},
                  {"open", opening}};
  memset(&error, 0, sizeof error);
  error.size = sizeof error;
  if (strcmp(word_at(line, 0), "fill") == 0) {
    fill(line);
    return;
  }
  for (size_t i = 0; i < sizeof commands / sizeof *commands; ++i) {
    if (strcmp(word_at(line, 0), commands[i].name) == 0) {
      commands[i].does(line);
      return;
    }
  }
  other(line);
}

int main(int count, char** arguments) {
  if (count == 2 && strcmp(arguments[1], "features") == 0) {
    say("calls loans causes defer gone inherits takeover events streams");
    return 0;
  }
  if (count == 4 && strcmp(arguments[1], "handle") == 0) {
    return run_handler(arguments[2], arguments[3]);
  }
  if (count != 3 || strcmp(arguments[1], "call") != 0) {
    (void)fputs("see tests/conformance/README.md\n", stderr);
    return 2;
  }
  error.size = sizeof error;
  if (shmbus_open(arguments[2], NULL, &bus, &error) != SHMBUS_OK) {
    say_error(&error, "", "");
    return 1;
  }
  say("ready");
  char* text = malloc(line_max);
  command_line line;
  while (fgets(text, line_max, stdin) != NULL) {
    split_line(text, &line);
    obey(&line);
  }
  free(text);
  return 0;
}
