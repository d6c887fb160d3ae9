/* The handler of greet.hpp in C: any caller, whatever its language, gets its greeting from here. */
#include <shmbus/shmbus.h>
#include <stdio.h>
#include <string.h>

/* As shmbus::String<32> and String<64> lie in memory. */
struct person {
  uint32_t size;
  char name[32];
};
struct greeting {
  uint32_t size;
  char text[64];
};

static void greet(void* context, shmbus_context_t* command) {
  size_t size = 0;
  const struct person* person = shmbus_context_request(command, &size);
  struct greeting* reply;
  (void)context;
  if (size != sizeof *person || person->size > sizeof person->name) {
    shmbus_context_refuse(command, SHMBUS_INVALID_ARGUMENT, 0, "not a person");
    return;
  }
  reply = shmbus_context_reply_buffer(command, sizeof *reply);
  if (reply == NULL) return; /* the caller made less room, and gets that for an answer */
  memset(reply, 0, sizeof *reply);
  memcpy(reply->text, "hello from C, ", 14);
  memcpy(reply->text + 14, person->name, person->size);
  reply->size = 14 + person->size;
}

int main(int argc, char** argv) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_bus_t* bus = NULL;
  shmbus_server_t* server = NULL;
  const shmbus_handler_t handler = {NULL, greet, NULL};
  shmbus_registration_t how = {.size = sizeof how};
  how.schema = "{name:str32@0}36/4->str64";

  if (shmbus_open(argc > 1 ? argv[1] : "hello", NULL, &bus, &error) != SHMBUS_OK ||
      shmbus_server_new(bus, NULL, &server, &error) != SHMBUS_OK ||
      shmbus_server_stop_on_signals(server, &error) != SHMBUS_OK ||
      shmbus_server_on(server, "greet", &handler, &how, &error) != SHMBUS_OK ||
      shmbus_server_run(server, &error) != SHMBUS_OK) { /* until SIGTERM or SIGINT */
    fprintf(stderr, "%s: %s\n", shmbus_kind_name(error.kind), error.text);
    return error.kind;
  }
  shmbus_server_free(server);
  shmbus_close(bus);
  return 0;
}
