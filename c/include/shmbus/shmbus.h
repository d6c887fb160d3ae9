/* shmbus in C: everything that a program or another language needs to call commands and to handle
 * them. It is the same bus as that of the C++ interface (shmbus.hpp): a caller in one language
 * calls a handler in another.
 *
 *   shmbus_error_t error = SHMBUS_ERROR_INIT;
 *   shmbus_bus_t* bus = NULL;
 *   if (shmbus_open("shop", NULL, &bus, &error) != SHMBUS_OK) return report(&error);
 *   shmbus_caller_t* caller = NULL;
 *   if (shmbus_caller_new(bus, "user.create", NULL, &caller, &error) != SHMBUS_OK) ...
 *   shmbus_caller_call(caller, &request, sizeof request, &reply, sizeof reply, &size,
 *                      timeout, &error);
 *
 * Results    A function that can fail returns an int: SHMBUS_OK (0) or the kind of the error, and
 *            fills `error` unless that is NULL. After SHMBUS_OK `error` is unchanged, and after an
 *            error the results (the out parameters) are. Nothing is thrown, printed or aborted.
 * Errors     The comment of a function names the kinds that mean something particular to it. Each
 *            may also return INVALID_ARGUMENT (a NULL, unknown options), OVERLOADED (no memory is
 *            left), FORKED and BUS_UNUSABLE (the file of the bus was cut short).
 * Handles    Opaque; made by a function and ended by one: .._free, .._drop, shmbus_close, or one
 *            that says that it takes the handle. NULL in their place is SHMBUS_INVALID_ARGUMENT;
 *            ending NULL does nothing. A handle keeps alive what it was made from: they may be
 *            ended in any order.
 * Options    A struct that begins with its size: set it with {.size = sizeof options}, all else
 *            may be 0, "the default". NULL stands for all defaults. A later release only adds
 *            members at the end: programs built with an earlier one go on working, and a program
 *            that asks an earlier library for what it does not know gets SHMBUS_INVALID_ARGUMENT.
 * Memory     Bytes and text that are passed in are copied or sent before the function returns.
 *            Comments say how long memory that is handed out stays valid. Payload memory is
 *            aligned to 8 bytes.
 * Text       UTF-8; ends with 0 where it is passed in or out without a size.
 * Times      Nanoseconds, relative, on the monotonic clock. SHMBUS_FOREVER: no limit.
 *            SHMBUS_DEFAULT_TIMEOUT: that of the bus (5 s unless it was created with another).
 * Threads    A bus may be shared. A caller, and all loans, pending calls, streams and replies made
 *            with it, belongs to the thread that made it (SHMBUS_WRONG_THREAD); make one in each
 * thread. One thread at a time may use a server, a watch, a publisher or a subscriber. Exceptions
 * are named. Fork       Handles do not survive fork(): functions of the child return SHMBUS_FORKED.
 * exec() is fine. Closures   {context, call, drop}: call(context, ...) as documented; drop(context)
 * once, when it will never be called again, on whatever thread ends it; drop may be NULL. They must
 *            not leave by longjmp or by an exception.
 * Cost       No call here allocates memory once a caller is warm, unless it says so.
 *
 * Symbols carry the version SHMBUS_C_1 in the shared library, libshmbus-c.so. Functions, members
 * and constants that were released neither change nor go; tests/capi/abi.txt lists them.
 */
#ifndef SHMBUS_SHMBUS_H
#define SHMBUS_SHMBUS_H

#include <shmbus/c/base.h>
#include <shmbus/c/bus.h>
#include <shmbus/c/caller.h>
#include <shmbus/c/event.h>
#include <shmbus/c/policy.h>
#include <shmbus/c/server.h>
#include <shmbus/c/stream.h>

#endif
