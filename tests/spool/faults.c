/* Preloaded into shmbus-spool by tests/spool/faults.py: system calls on files of one folder fail.
 *   SPOOL_FAULT_FOLDER   the folder; without it nothing is done
 *   SPOOL_FAULT_AT       the n-th call fails, counted from 1; 0: none
 *   SPOOL_FAULT_ERRNO    with this number
 *   SPOOL_FAULT_STAYS    and so do all that follow
 *   SPOOL_FAULT_HIT      a file that is made when one has failed
 *   SPOOL_FAULT_FULL     while this file exists, writes fail with ENOSPC
 *   SPOOL_FAULT_CLOCK    a file with seconds that are added to CLOCK_REALTIME
 *   SPOOL_FAULT_UPTIME   the same for CLOCK_BOOTTIME
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static long calls;

static int in_folder(const char* path) {
  const char* folder = getenv("SPOOL_FAULT_FOLDER");
  return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static int of_folder(int fd) {
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return 0;
  path[size] = 0;
  return in_folder(path);
}

static int full(void) {
  const char* flag = getenv("SPOOL_FAULT_FULL");
  return flag != NULL && access(flag, F_OK) == 0;
}

/* True: this one fails, errno is set. */
static int fails(void) {
  const char* at = getenv("SPOOL_FAULT_AT");
  if (at == NULL || atol(at) == 0) return 0;
  const long n = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
  const int stays = getenv("SPOOL_FAULT_STAYS") != NULL;
  if (n != atol(at) && !(stays && n > atol(at))) return 0;
  const char* hit = getenv("SPOOL_FAULT_HIT");
  if (hit != NULL) {
    FILE* file = fopen(hit, "w");
    if (file != NULL) fclose(file);
  }
  errno = atoi(getenv("SPOOL_FAULT_ERRNO"));
  return 1;
}

#define REAL(name)                       \
  static __typeof__(&name) real;         \
  if (real == NULL) real = __extension__(__typeof__(&name)) dlsym(RTLD_NEXT, #name)

#define OPEN(name)                                              \
  int name(const char* path, int flags, ...) {                  \
    REAL(name);                 \
    va_list more;                                               \
    va_start(more, flags);                                      \
    const mode_t mode = (mode_t)va_arg(more, int);              \
    va_end(more);                                               \
    if (in_folder(path) && fails()) return -1;                  \
    return real(path, flags, mode);                             \
  }
OPEN(open)
OPEN(open64)

#define PWRITE(name)                                                    \
  ssize_t name(int fd, const void* data, size_t size, off_t at) {       \
    REAL(name);           \
    const int kept = errno;                                             \
    if (of_folder(fd)) {                                                \
      if (full()) {                                                     \
        errno = ENOSPC;                                                 \
        return -1;                                                      \
      }                                                                 \
      if (fails()) return -1;                                           \
    }                                                                   \
    errno = kept;                                                       \
    return real(fd, data, size, at);                                    \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define ONE_FD(name)                       \
  int name(int fd) {                       \
    REAL(name);              \
    if (of_folder(fd) && fails()) return -1; \
    return real(fd);                       \
  }
ONE_FD(fsync)
ONE_FD(fdatasync)

#define PREAD(name)                                              \
  ssize_t name(int fd, void* data, size_t size, off_t at) {      \
    REAL(name);          \
    if (of_folder(fd) && fails()) return -1;                     \
    return real(fd, data, size, at);                             \
  }
PREAD(pread)
PREAD(pread64)

#define TRUNCATE(name)                         \
  int name(int fd, off_t size) {               \
    REAL(name);           \
    if (of_folder(fd) && fails()) return -1;   \
    return real(fd, size);                     \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int rename(const char* from, const char* to) {
  REAL(rename);
  if (in_folder(from) && fails()) return -1;
  return real(from, to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  REAL(renameat2);
  if (in_folder(from) && fails()) return -1;
  return real(from_folder, from, to_folder, to, flags);
}

int unlink(const char* path) {
  REAL(unlink);
  if (in_folder(path) && fails()) return -1;
  return real(path);
}

static const char* steps_of(clockid_t clock) {
  if (clock == CLOCK_REALTIME) return getenv("SPOOL_FAULT_CLOCK");
  return clock == CLOCK_BOOTTIME ? getenv("SPOOL_FAULT_UPTIME") : NULL;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  REAL(clock_gettime);
  const int result = real(clock, now);
  const char* file = steps_of(clock);
  if (result == 0 && file != NULL) {
    FILE* in = fopen(file, "r");
    long seconds = 0;
    if (in != NULL) {
      if (fscanf(in, "%ld", &seconds) == 1) now->tv_sec += seconds;
      fclose(in);
    }
  }
  return result;
}
