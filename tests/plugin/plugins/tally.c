/* A plug-in in plain C that counts what it runs into a file which outlives it, so that a test
 * sees whether any command was lost, doubled or reordered across exchanges. MODE makes faulty
 * ones of it; VERSION tells them apart. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "shmbus/plugin.h"

enum mode { GOOD, FAILS, CRASHES, HANGS, OTHER_ABI, OTHER_TYPES, LACKS, SICK, SLOW, CRASHES_AT_END,
            GROWN, STUCK };
#ifndef MODE
#define MODE GOOD
#endif

struct book {
  uint64_t next[16];
  uint64_t wrong;
  uint64_t runs;
};
struct ask {
  uint32_t caller;
  uint32_t pad;
  uint64_t sequence;
};
struct answer {
  uint64_t sequence;
  uint64_t version;
};

struct owed {
  struct owed *next;
  shmbus_later *later;
  uint64_t delay_ms;
};

struct tally {
  const shmbus_host *host;
  struct book *book;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  struct owed *first;
  int stopping;
};

static void nap_ms(uint64_t ms) {
  struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000L};
  while (nanosleep(&time, &time) != 0) {
  }
}

static void count(void *user, shmbus_call *call) {
  struct tally *tally = user;
  const shmbus_host *host = tally->host;
  struct ask ask;
  size_t bytes = 0;
  const void *in = host->request(call, &bytes);
  if (bytes != sizeof ask) {
    host->reject(call, 1, "size", 4);
    return;
  }
  memcpy(&ask, in, sizeof ask);
  uint64_t *next = &tally->book->next[ask.caller % 16];
  if (ask.sequence != *next) ++tally->book->wrong;
  *next = ask.sequence + 1;
  ++tally->book->runs;
  struct answer answer = {ask.sequence, VERSION};
  void *out = host->reply(call, sizeof answer);
  if (out != NULL) memcpy(out, &answer, sizeof answer);
}

static void later(void *user, shmbus_call *call) {
  struct tally *tally = user;
  struct owed *owed = calloc(1, sizeof *owed);
  size_t bytes = 0;
  const void *in = tally->host->request(call, &bytes);
  if (bytes == sizeof owed->delay_ms) memcpy(&owed->delay_ms, in, bytes);
  owed->later = tally->host->defer(call);
  pthread_mutex_lock(&tally->mutex);
  owed->next = tally->first;
  tally->first = owed;
  pthread_cond_signal(&tally->changed);
  pthread_mutex_unlock(&tally->mutex);
}

static void block(void *user, shmbus_call *call) {
  struct tally *tally = user;
  size_t bytes = 0;
  uint64_t ms = 0;
  const void *in = tally->host->request(call, &bytes);
  if (bytes == sizeof ms) memcpy(&ms, in, bytes);
  nap_ms(ms);
}

static void *answer_later(void *user) {
  struct tally *tally = user;
  pthread_mutex_lock(&tally->mutex);
  while (!tally->stopping || tally->first != NULL) {
    struct owed *owed = tally->first;
    if (owed == NULL) {
      pthread_cond_wait(&tally->changed, &tally->mutex);
      continue;
    }
    tally->first = owed->next;
    pthread_mutex_unlock(&tally->mutex);
    nap_ms(owed->delay_ms);
    const uint64_t version = VERSION;
    void *out = tally->host->later_reply(owed->later, sizeof version);
    if (out != NULL) memcpy(out, &version, sizeof version);
    tally->host->later_send(owed->later);
    free(owed);
    pthread_mutex_lock(&tally->mutex);
  }
  pthread_mutex_unlock(&tally->mutex);
  return NULL;
}

static struct book *open_book(void) {
  const char *path = getenv("SHMBUS_TALLY");
  if (path == NULL) return NULL;
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return NULL;
  void *book = mmap(NULL, sizeof(struct book), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return book != MAP_FAILED ? book : NULL;
}

static int add(struct tally *tally, const char *name, const char *schema,
               void (*run)(void *, shmbus_call *)) {
  shmbus_command command = {sizeof command, 0, 0, 0, name, schema, run, tally};
  return tally->host->add(tally->host->self, &command);
}

static int32_t init(const shmbus_host *host, void **state) {
  if (MODE == FAILS) {
    host->log(host->self, SHMBUS_LOG_ERROR, "no database");
    return 7;
  }
  if (MODE == CRASHES) abort();
  if (MODE == HANGS) nap_ms(3600000);
  if (MODE == SLOW) nap_ms(400);
  if (MODE == STUCK && !host->trial) nap_ms(3600000);
  struct tally *tally = calloc(1, sizeof *tally);
  tally->host = host;
  tally->book = open_book();
  if (tally->book == NULL) return 8;
  const char *types = "{caller:u32@0,pad:u32@4,sequence:u64@8}16/8->"
                      "{sequence:u64@0,version:u64@8}16/8";
  if (MODE == OTHER_TYPES) types = "{caller:u32@0,sequence:u32@4}8/4->u64";
  if (MODE == GROWN)
    types = "{caller:u32@0,pad:u32@4,sequence:u64@8}16/8->"
            "{sequence:u64@0,version:u64@8,more:opt<u32>@16}24/8";
  int bad = add(tally, "tally.count", types, count) | add(tally, "tally.later", "u64->u64", later);
  if (MODE != LACKS) bad |= add(tally, "tally.block", NULL, block);
  if (MODE == GROWN) bad |= add(tally, "tally.more", NULL, block);
  if (bad) return 9;
  pthread_mutex_init(&tally->mutex, NULL);
  pthread_cond_init(&tally->changed, NULL);
  if (pthread_create(&tally->thread, NULL, answer_later, tally) != 0) return 10;
  *state = tally;
  return 0;
}

static int32_t probe(void *state) {
  (void)state;
  return MODE == SICK ? 5 : 0;
}

static void stop(void *state) {
  struct tally *tally = state;
  if (MODE == CRASHES_AT_END) abort();
  pthread_mutex_lock(&tally->mutex);
  tally->stopping = 1;
  pthread_cond_signal(&tally->changed);
  pthread_mutex_unlock(&tally->mutex);
  pthread_join(tally->thread, NULL);
  munmap(tally->book, sizeof *tally->book);
  free(tally);
}

const shmbus_plugin *shmbus_plugin_entry(void) {
  static char version[2] = {'0' + VERSION, 0};
  static const shmbus_plugin table = {MODE == OTHER_ABI ? 99 : SHMBUS_PLUGIN_ABI, sizeof table,
                                      "tally", version, init, probe, NULL, stop};
  return &table;
}
