/* The extension module shmbus._native: shmbus.h for Python, by the limited API of CPython 3.11. The
 * Python files of the package make it pleasant to use.
 *
 * Waits release the interpreter's lock (GIL) and look for signals every 50 ms. While the lock is
 * released, other threads run Python code: each handle is kept from being ended or used by them for
 * that time (see Bus.users, `busy` of the others, and loans, which are taken out of their
 * object).
 *
 * A caller, and what was made with it, belongs to its thread. What the interpreter destroys on
 * another thread is kept in a list, and ended when its own thread comes back (caller.c). */
#ifndef SHMBUS_PYTHON_NATIVE_H
#define SHMBUS_PYTHON_NATIVE_H

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <shmbus/shmbus.h>
#include <string.h>

#define SLICE_NS INT64_C(50000000)

typedef struct {
  PyTypeObject *bus, *caller, *loan, *pending, *reply, *server, *command, *responder, *watch;
  PyTypeObject *publisher, *subscriber, *stream, *end;
  PyObject* make_error; /* (kind, code, may_have_run, needed, retry_after_ns, text, causes) */
} State;

/* Of the one module object: handlers find it from threads of their own. */
State* state(void);

typedef struct {
  PyObject_HEAD shmbus_bus_t* bus;
  int users;   /* threads that use `bus` without the interpreter's lock */
  int closing; /* the last of them closes it */
} Bus;

/* Raise an exception; NULL. */
PyObject* raise(const shmbus_error_t* error);
PyObject* raise_kind(int32_t kind, const char* text);
PyObject* closed(void);

PyObject* make(PyTypeObject* type);
void finish(PyObject* self); /* the end of a tp_dealloc */
PyObject* text_of(const char* text);

/* The open bus of a Bus; NULL and an exception when it was closed. */
shmbus_bus_t* open_bus(PyObject* self);
void begin_use(Bus* bus);
void end_use(Bus* bus);

/* wait.c: how long a wait may go on, in slices of at most SLICE_NS. */
typedef struct {
  int64_t left;  /* nanoseconds, or SHMBUS_FOREVER */
  int64_t until; /* 0: no slice has been waited yet */
} Patience;
Patience patience_of(int64_t timeout); /* SHMBUS_DEFAULT_TIMEOUT: 5 s */
int64_t slice_of(const Patience* patience);
/* After a slice: 1: wait on; 0: the time is over; -1 and an exception: a signal's. */
int waited(Patience* patience);
int64_t now_ns(void); /* CLOCK_MONOTONIC */

/* bus.c, caller.c, event.c, server.c: functions and methods for the table in module.c. */
PyObject* bus_open(PyObject* ignored, PyObject* args);
PyObject* bus_caller(PyObject* self, PyObject* args);
PyObject* bus_server(PyObject* self, PyObject* args);
PyObject* bus_publisher(PyObject* self, PyObject* args);
PyObject* bus_subscriber(PyObject* self, PyObject* args);
int add_bus_types(PyObject* module, State* s);
int add_caller_types(PyObject* module, State* s);
int add_command_types(PyObject* module, State* s);
int add_event_types(PyObject* module, State* s);
int add_stream_types(PyObject* module, State* s);
int add_server_types(PyObject* module, State* s);
int add_type(PyObject* module, PyTypeObject** out, const char* name, int size, unsigned int flags,
             PyType_Slot* slots);

typedef struct {
  PyObject *writer, *reader; /* of its stream; NULL: not asked for */
  int64_t until;             /* CLOCK_MONOTONIC: its deadline; 0: none */
} Ends;

/* server.c: nanoseconds that the command whose handler runs on this thread has left;
 * SHMBUS_FOREVER: no handler runs here, or its caller named no deadline. */
#define COMMAND_CANCELLED INT64_MIN
int64_t left_of_command(void);

/* A command while its handler runs; `command` is NULL once it has returned. */
typedef struct {
  PyObject_HEAD shmbus_context_t* command;
  Ends ends;
} Command;

/* stream.c: the writer or reader of a command, or of a responder, whose object is `owner`. */
PyObject* open_ends(Ends* ends, PyObject* owner, shmbus_context_t* command,
                    shmbus_responder_t* responder, int writes);
int ends_busy(const Ends* ends); /* 1 and an exception: a thread uses one of them */
void end_ends(Ends* ends);       /* before the handler returns, or the responder answers */

#endif
