/* Servers: one thread at a time; handlers run on it, with the interpreter's lock. */
#include "native.h"

typedef struct Handler {
  PyObject* function;
  struct Server* server;           /* NULL: freed; a deferred answer still keeps the handler */
  struct Handler *next, *previous; /* all of a server, for the garbage collector */
} Handler;

typedef struct Server {
  PyObject_HEAD shmbus_server_t* server;
  Handler* handlers;
  PyObject* raised; /* by a handler, for the thread that runs the server: Ctrl-C, exit */
  int stopped;
  int busy;             /* calls under way of `thread`: a handler may register names */
  unsigned long thread; /* while it is busy */
} Server;

/* The command whose handler runs on this thread. */
static _Thread_local const shmbus_context_t* running;

int64_t left_of_command(void) {
  int64_t left;
  if (running == NULL) return SHMBUS_FOREVER;
  left = shmbus_context_remaining_ns(running);
  if (left <= 0) return 0;
  return shmbus_context_cancelled(running) ? COMMAND_CANCELLED : left;
}

/* The server's handle for one call; NULL and an exception when it is closed, or another thread uses
 * it. Ended by leave(). */
static shmbus_server_t* enter(Server* self) {
  const unsigned long here = PyThread_get_thread_ident();
  if (self->server == NULL) {
    PyErr_SetString(PyExc_ValueError, "this server was closed");
    return NULL;
  }
  if (self->busy != 0 && self->thread != here) {
    return (shmbus_server_t*)(void*)raise_kind(
        SHMBUS_WRONG_THREAD, "another thread runs this server: register names before, or there");
  }
  self->thread = here;
  ++self->busy;
  return self->server;
}
static void leave(Server* self) { --self->busy; }

static void run_handler(void* context, shmbus_context_t* command) {
  Handler* handler = context;
  PyGILState_STATE gil = PyGILState_Ensure();
  Server* const server = handler->server;
  PyObject* const function = handler->function;
  Command* held = (Command*)make(state()->command);
  PyObject* answer = NULL;
  Py_INCREF(function); /* it may give its own name up */
  if (held != NULL) {
    const shmbus_context_t* const outer = running; /* a handler may run a server */
    held->command = command;
    running = command;
    answer = PyObject_CallFunctionObjArgs(function, (PyObject*)held, NULL);
    running = outer;
    end_ends(&held->ends);
    held->command = NULL;
  }
  if (answer == NULL) {
    shmbus_context_reject(command, -1, "the handler raised an exception");
    if (PyErr_ExceptionMatches(PyExc_Exception) || server->raised != NULL) {
      PyErr_WriteUnraisable(function);
    } else {
      PyObject *type, *value, *trace;
      PyErr_Fetch(&type, &value, &trace);
      PyErr_NormalizeException(&type, &value, &trace);
      Py_XDECREF(type);
      Py_XDECREF(trace);
      server->raised = value;
    }
  }
  Py_XDECREF(answer);
  Py_XDECREF((PyObject*)held);
  Py_DECREF(function);
  PyGILState_Release(gil);
}

static void unlink_handler(Handler* handler) {
  if (handler->server == NULL) return;
  if (handler->next != NULL) handler->next->previous = handler->previous;
  if (handler->previous != NULL) {
    handler->previous->next = handler->next;
  } else {
    handler->server->handlers = handler->next;
  }
  handler->server = NULL;
}

static void drop_handler(void* context) {
  Handler* handler = context;
  PyGILState_STATE gil;
  if (!Py_IsInitialized()) return;
  gil = PyGILState_Ensure();
  unlink_handler(handler);
  Py_DECREF(handler->function);
  PyMem_Free(handler);
  PyGILState_Release(gil);
}

PyObject* bus_server(PyObject* self, PyObject* args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_serve_options_t options = {.size = sizeof options};
  shmbus_bus_t* const bus = open_bus(self);
  shmbus_server_t* made = NULL;
  Server* server;
  if (bus == NULL || !PyArg_ParseTuple(args, "zi", &options.label, &options.wait)) return NULL;
  if (shmbus_server_new(bus, &options, &made, &error) != SHMBUS_OK) return raise(&error);
  server = (Server*)make(state()->server);
  if (server == NULL) {
    shmbus_server_free(made);
    return NULL;
  }
  server->server = made;
  return (PyObject*)server;
}

/* Drops its handlers, except those whose deferred commands are not answered yet. */
static void free_server(Server* server) {
  shmbus_server_t* const taken = server->server;
  server->server = NULL;
  shmbus_server_free(taken);
  while (server->handlers != NULL) unlink_handler(server->handlers);
}

static PyObject* server_close(PyObject* self, PyObject* ignored) {
  Server* const server = (Server*)self;
  (void)ignored;
  if (server->busy != 0) {
    PyErr_SetString(PyExc_RuntimeError, "this server runs: stop() it first");
    return NULL;
  }
  free_server(server);
  Py_RETURN_NONE;
}

static int server_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(((Server*)self)->raised);
  for (Handler* one = ((Server*)self)->handlers; one != NULL; one = one->next) {
    Py_VISIT(one->function);
  }
  return 0;
}

static int server_clear(PyObject* self) {
  free_server((Server*)self);
  Py_CLEAR(((Server*)self)->raised);
  return 0;
}

static void server_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  (void)server_clear(self);
  finish(self);
}

static PyObject* server_on(PyObject* self, PyObject* args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_registration_t how = {.size = sizeof how};
  shmbus_handler_t closure = {NULL, run_handler, drop_handler};
  Server* const server = (Server*)self;
  shmbus_server_t* handle;
  Handler* handler;
  PyObject* function;
  const char* name;
  int group = 0, kind;
  if (!PyArg_ParseTuple(args, "sOzp", &name, &function, &how.schema, &group)) return NULL;
  handle = enter(server);
  if (handle == NULL) return NULL;
  handler = PyMem_Malloc(sizeof *handler);
  if (handler == NULL) {
    leave(server);
    return PyErr_NoMemory();
  }
  Py_INCREF(function);
  *handler = (Handler){function, server, server->handlers, NULL}; /* the server outlives it */
  if (server->handlers != NULL) server->handlers->previous = handler;
  server->handlers = handler;
  closure.context = handler;
  how.sharing = group ? SHMBUS_SHARING_GROUP : SHMBUS_SHARING_EXCLUSIVE;
  Py_BEGIN_ALLOW_THREADS kind = shmbus_server_on(handle, name, &closure, &how, &error);
  Py_END_ALLOW_THREADS leave(server);
  if (kind != SHMBUS_OK) return raise(&error);
  Py_RETURN_NONE;
}

static PyObject* server_off(PyObject* self, PyObject* args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_server_t* handle;
  const char* name;
  int kind;
  if (!PyArg_ParseTuple(args, "s", &name)) return NULL;
  handle = enter((Server*)self);
  if (handle == NULL) return NULL;
  kind = shmbus_server_off(handle, name, &error);
  leave((Server*)self);
  if (kind != SHMBUS_OK) return raise(&error);
  Py_RETURN_NONE;
}

/* 1 and an exception: what a handler raised for the thread that runs the server, or a signal's. */
static int interrupted(Server* self) {
  if (self->raised != NULL) {
    PyObject* raised = self->raised;
    self->raised = NULL;
    PyErr_SetObject((PyObject*)Py_TYPE(raised), raised);
    Py_DECREF(raised);
    return 1;
  }
  return PyErr_CheckSignals() != 0;
}

/* Runs commands until `timeout_ns` is over or stop() is called; returns how many. */
static PyObject* server_run(PyObject* self, PyObject* args) {
  Server* const server = (Server*)self;
  shmbus_server_t* handle;
  long long left;
  size_t all = 0;
  int done = 0;
  if (!PyArg_ParseTuple(args, "L", &left)) return NULL;
  handle = enter(server);
  if (handle == NULL) return NULL;
  while (!done && !server->stopped && left > 0) {
    shmbus_error_t error = SHMBUS_ERROR_INIT;
    const int64_t slice = left < SLICE_NS ? left : SLICE_NS;
    size_t ran = 0;
    int kind;
    Py_BEGIN_ALLOW_THREADS kind = shmbus_server_run_for(handle, slice, &ran, &error);
    Py_END_ALLOW_THREADS if (kind != SHMBUS_OK) {
      raise(&error);
      done = 1;
    }
    else {
      done = interrupted(server);
    }
    all += ran;
    if (left != SHMBUS_FOREVER) left -= slice;
  }
  leave(server);
  return done ? NULL : PyLong_FromSize_t(all);
}

static PyObject* server_poll(PyObject* self, PyObject* ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  Server* const server = (Server*)self;
  shmbus_server_t* const handle = enter(server);
  size_t ran = 0;
  int kind;
  (void)ignored;
  if (handle == NULL) return NULL;
  Py_BEGIN_ALLOW_THREADS kind = shmbus_server_poll(handle, 0, &ran, &error);
  Py_END_ALLOW_THREADS leave(server);
  if (kind != SHMBUS_OK) return raise(&error);
  return interrupted(server) ? NULL : PyLong_FromSize_t(ran);
}

static PyObject* server_fd(PyObject* self, PyObject* ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_server_t* const handle = enter((Server*)self);
  int fd = -1, kind;
  (void)ignored;
  if (handle == NULL) return NULL;
  kind = shmbus_server_fd(handle, &fd, &error);
  leave((Server*)self);
  return kind == SHMBUS_OK ? PyLong_FromLong(fd) : raise(&error);
}

static PyObject* server_stop(PyObject* self, PyObject* ignored) {
  (void)ignored;
  ((Server*)self)->stopped = 1;
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"on", server_on, METH_VARARGS, NULL},      {"off", server_off, METH_VARARGS, NULL},
    {"run", server_run, METH_VARARGS, NULL},    {"poll", server_poll, METH_NOARGS, NULL},
    {"fd", server_fd, METH_NOARGS, NULL},       {"stop", server_stop, METH_NOARGS, NULL},
    {"close", server_close, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyType_Slot slots[] = {{Py_tp_methods, methods},
                              {Py_tp_dealloc, server_dealloc},
                              {Py_tp_traverse, server_traverse},
                              {Py_tp_clear, server_clear},
                              {0, NULL}};

int add_server_types(PyObject* module, State* s) {
  return add_type(module, &s->server, "shmbus._native.Server", sizeof(Server), Py_TPFLAGS_HAVE_GC,
                  slots);
}
