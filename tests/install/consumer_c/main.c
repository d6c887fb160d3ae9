/* Serves a command and calls it, and compares the version: consumer VERSION */
#include <shmbus/shmbus.h>
#include <stdio.h>
#include <string.h>

static void twice(void* context, shmbus_context_t* command) {
  size_t size = 0;
  const int* number = shmbus_context_request(command, &size);
  const int answer = size == sizeof *number ? 2 * *number : -1;
  (void)context;
  (void)shmbus_context_reply(command, &answer, sizeof answer, NULL);
}

int main(int argc, char** argv) {
  char path[64];
  const int number = 21;
  const shmbus_handler_t handler = {NULL, twice, NULL};
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_bus_t* bus = NULL;
  shmbus_server_t* server = NULL;
  shmbus_caller_t* caller = NULL;
  shmbus_pending_t* pending = NULL;
  shmbus_reply_t* reply = NULL;
  const int* answer;
  size_t size = 0;
  if (argc != 2 || strcmp(argv[1], shmbus_version()) != 0) return 1;
  (void)snprintf(path, sizeof path, "./consumer_c.%p.bus", (void*)&path);
  if (shmbus_open(path, NULL, &bus, &error) != SHMBUS_OK ||
      shmbus_server_new(bus, NULL, &server, &error) != SHMBUS_OK ||
      shmbus_server_on(server, "twice", &handler, NULL, &error) != SHMBUS_OK ||
      shmbus_caller_new(bus, "twice", NULL, &caller, &error) != SHMBUS_OK ||
      shmbus_caller_start(caller, &number, sizeof number, sizeof number, SHMBUS_DEFAULT_TIMEOUT,
                          &pending, &error) != SHMBUS_OK ||
      shmbus_server_poll(server, 0, NULL, &error) != SHMBUS_OK ||
      shmbus_pending_wait(pending, &reply, &error) != SHMBUS_OK) {
    (void)fprintf(stderr, "%s: %s\n", shmbus_kind_name(error.kind), error.text);
    (void)remove(path);
    return 1;
  }
  answer = shmbus_reply_data(reply, &size);
  printf("%d\n", *answer);
  (void)remove(path);
  return size == sizeof *answer && *answer == 42 ? 0 : 1;
}
