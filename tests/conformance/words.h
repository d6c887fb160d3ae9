/* Words and bytes of the peers in C and C++: README.md. Small, and the same for both sides. */
#ifndef SHMBUS_CONFORMANCE_WORDS_H
#define SHMBUS_CONFORMANCE_WORDS_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { words_max = 16, line_max = 262144 };

/* One line of output, at once; threads may call it. */
static inline void say(const char* format, ...) __attribute__((format(printf, 1, 2)));
static inline void say(const char* format, ...) {
  va_list list;
  va_start(list, format);
  flockfile(stdout);
  (void)vprintf(format, list);
  (void)putchar('\n');
  (void)fflush(stdout);
  funlockfile(stdout);
  va_end(list);
}

static inline uint32_t crc_more(uint32_t crc, const void* data, size_t size) {
  const unsigned char* bytes = (const unsigned char*)data;
  crc = ~crc;
  for (size_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
  }
  return ~crc;
}

static inline void fill_pattern(void* data, size_t size) {
  unsigned char* bytes = (unsigned char*)data;
  for (size_t i = 0; i < size; ++i) bytes[i] = (unsigned char)(i * 31 + 7);
}

/* DATA as a command gives it: allocated, ended by free. */
static inline void* parse_data(const char* word, size_t* size) {
  const size_t length = strlen(word);
  *size = 0;
  if (length == 0 || word[0] == '-') return calloc(1, 1);
  if (word[0] != 'x') {
    *size = strtoul(word, NULL, 10);
    void* pattern = malloc(*size + 1);
    fill_pattern(pattern, *size);
    return pattern;
  }
  char* out = (char*)malloc(length);
  for (const char* at = word + 1; at[0] != '\0' && at[1] != '\0'; at += 2) {
    const char two[3] = {at[0], at[1], '\0'};
    out[(*size)++] = (char)strtoul(two, NULL, 16);
  }
  return out;
}

/* TEXT, and DATA of up to 128 bytes; out has room for 2 * size + 2. */
static inline const char* show_hex(char* out, const void* data, size_t size) {
  const unsigned char* bytes = (const unsigned char*)data;
  if (size == 0) return strcpy(out, "-");
  out[0] = 'x';
  for (size_t i = 0; i < size; ++i) (void)snprintf(out + 1 + 2 * i, 3, "%02x", bytes[i]);
  return out;
}
static inline const char* show_data(char out[300], const void* data, size_t size) {
  if (size <= 128) return show_hex(out, data, size);
  (void)snprintf(out, 300, "%zu:%08x", size, crc_more(0, data, size));
  return out;
}

typedef struct command_line {
  char* words[words_max];
  int count;
  char* options[words_max];
  int option_count;
} command_line;

/* Takes `text` apart in place. */
static inline void split_line(char* text, command_line* line) {
  char* rest = NULL;
  line->count = line->option_count = 0;
  for (char* word = strtok_r(text, " \n", &rest); word != NULL;
       word = strtok_r(NULL, " \n", &rest)) {
    if (strchr(word, '=') != NULL && line->option_count < words_max) {
      line->options[line->option_count++] = word;
    } else if (line->count < words_max) {
      line->words[line->count++] = word;
    }
  }
}
static inline const char* word_at(const command_line* line, int at) {
  return at < line->count ? line->words[at] : "-";
}
/* The value of an option, or NULL. */
static inline const char* option_of(const command_line* line, const char* name) {
  const size_t length = strlen(name);
  for (int i = 0; i < line->option_count; ++i) {
    const char* one = line->options[i];
    if (strncmp(one, name, length) == 0 && one[length] == '=') return one + length + 1;
  }
  return NULL;
}
static inline long number_of(const command_line* line, const char* name, long usual) {
  const char* value = option_of(line, name);
  return value == NULL ? usual : strtol(value, NULL, 10);
}
static inline int option_is(const command_line* line, const char* name, const char* value) {
  const char* given = option_of(line, name);
  return given != NULL && strcmp(given, value) == 0;
}

#endif
