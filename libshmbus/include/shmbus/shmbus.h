/* shmbus in C: everything that a program or another language needs to call commands and to handle
 * them. The C++ interface (shmbus.hpp) is the same library; both sides of a bus may mix them.
 *
 *   shmbus_error_t error = SHMBUS_ERROR_INIT;
 *   shmbus_bus_t *bus = NULL;
 *   if (shmbus_open("shop", NULL, &bus, &error) != SHMBUS_OK) return report(&error);
 *   shmbus_caller_t *caller = NULL;
 *   if (shmbus_caller_new(bus, "user.create", NULL, &caller, &error) != SHMBUS_OK) ...
 *   shmbus_caller_call(caller, &request, sizeof request, &reply, sizeof reply, &size, timeout, &error);
 *
 * Results    A function that can fail returns an int: SHMBUS_OK (0) or the kind of the error, and
 *            fills `error` unless that is NULL. After SHMBUS_OK `error` and after an error the
 *            results (the out parameters) are as they were. Nothing is thrown, printed or aborted.
 * Handles    Opaque; made by a function and ended by one (.._free, .._drop, shmbus_close, or whatever
 *            says that it takes the handle). NULL in their place is SHMBUS_INVALID_ARGUMENT; ending
 *            NULL does nothing. (shmbus_context_* take what a handler got, never NULL.) A handle keeps what it came from alive: the order of ending is free.
 * Options    A struct that begins with its size: set it with {.size = sizeof options}, all else may be
 *            0, "the default". NULL stands for all defaults. A later release only adds members at the
 *            end: programs built with an earlier one go on working, and a program that asks an earlier
 *            library for what it does not know gets SHMBUS_INVALID_ARGUMENT.
 * Memory     Bytes that are passed in are copied or sent before the function returns. Memory that is
 *            handed out says how long it lasts. Payload memory is aligned to 8 bytes.
 * Text       Ends with 0 where it is passed in or out without a size; it is UTF-8.
 * Times      Nanoseconds, relative, on the monotonic clock. SHMBUS_FOREVER: no limit.
 *            SHMBUS_DEFAULT_TIMEOUT: that of the bus (5 s unless it was created with another).
 * Threads    A bus may be shared. A caller, and all loans, pending calls and replies made with it,
 *            belongs to the thread that made it (SHMBUS_WRONG_THREAD); make one in each thread. One
 *            thread at a time may use a server or a watch. Exceptions are named.
 * Fork       Handles do not survive fork(): functions of the child return SHMBUS_FORKED. exec() is fine.
 * Closures   {context, call, drop}: call(context, ...) as documented; drop(context) once, when it will
 *            never be called again, on whatever thread ends it; drop may be NULL. They must not leave
 *            by longjmp or by an exception.
 * Cost       No call here allocates memory once a caller is warm, unless it says so.
 *
 * Symbols carry the version SHMBUS_C_1 in the shared library. What is here does not change or go;
 * tests/capi holds the list.
 *
 * Events to many (shmbus_topic_*) and replies as streams (shmbus_stream_*) come with a later release.
 */
#ifndef SHMBUS_SHMBUS_H
#define SHMBUS_SHMBUS_H

#include <shmbus/c/base.h>
#include <shmbus/c/bus.h>
#include <shmbus/c/caller.h>
#include <shmbus/c/policy.h>
#include <shmbus/c/server.h>

#endif
