/* Both sides of the peer of C. */
#ifndef SHMBUS_CONFORMANCE_PEER_H
#define SHMBUS_CONFORMANCE_PEER_H

#include <shmbus/shmbus.h>

#include "words.h"

static const int64_t second = 1000000000;

/* Prints the line of an error between the other two. */
void say_error(const shmbus_error_t* error, const char* prefix, const char* suffix);

int run_handler(const char* path, const char* how);

#endif
