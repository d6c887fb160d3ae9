/* Calls greet.hpp's command from C: once with a copy, once in memory of the segment. */
#include <shmbus/shmbus.h>
#include <stdio.h>
#include <string.h>

struct person {
  uint32_t size;
  char name[32];
};
struct greeting {
  uint32_t size;
  char text[64];
};

static int report(const shmbus_error_t* error) {
  fprintf(stderr, "%s: %s\n", shmbus_kind_name(error->kind), error->text);
  return error->kind;
}

static void set_name(struct person* person, const char* name) {
  memset(person, 0, sizeof *person);
  person->size = (uint32_t)strnlen(name, sizeof person->name);
  memcpy(person->name, name, person->size);
}

int main(int argc, char** argv) {
  const int64_t two_seconds = 2000000000;
  const char* name = argc > 2 ? argv[2] : "world";
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_bus_t* bus = NULL;
  shmbus_caller_t* greet = NULL;
  shmbus_loan_t* loan = NULL;
  shmbus_reply_t* reply = NULL;
  void* memory = NULL;
  struct person person;
  struct greeting greeting;
  const struct greeting* answer;
  size_t size = 0;
  shmbus_caller_options_t options = {.size = sizeof options};
  options.when_vacant = SHMBUS_WHEN_VACANT_WAIT; /* start in any order */
  options.schema = "{name:str32@0}36/4->str64";

  if (shmbus_open(argc > 1 ? argv[1] : "hello", NULL, &bus, &error) != SHMBUS_OK ||
      shmbus_caller_new(bus, "greet", &options, &greet, &error) != SHMBUS_OK) {
    return report(&error);
  }

  set_name(&person, name);
  if (shmbus_caller_call(greet, &person, sizeof person, &greeting, sizeof greeting, &size,
                         two_seconds, &error) != SHMBUS_OK) {
    return report(&error);
  }
  printf("%.*s\n", (int)greeting.size, greeting.text);

  if (shmbus_caller_loan(greet, sizeof person, sizeof greeting, &loan, &memory, &error) !=
      SHMBUS_OK) {
    return report(&error);
  }
  set_name(memory, "again");
  if (shmbus_loan_call(loan, two_seconds, &reply, &error) != SHMBUS_OK) {
    shmbus_loan_drop(loan);
    return report(&error);
  }
  answer = shmbus_reply_data(reply, &size);
  if (size == sizeof *answer && answer->size <= sizeof answer->text) {
    printf("%.*s\n", (int)answer->size, answer->text);
  }
  shmbus_reply_drop(reply);
  shmbus_caller_free(greet);
  shmbus_close(bus);
  return 0;
}
