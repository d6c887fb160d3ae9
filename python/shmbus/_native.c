/* The extension module shmbus._native: shmbus.h for Python, by the limited API of CPython 3.11. What
 * is pleasant to use stands in the Python files beside it.
 *
 * Waits release the interpreter's lock and look for signals every 50 ms. A caller, and what was made
 * with it, belongs to its thread: what is dropped on another one is kept until its thread comes back to
 * the caller, and a caller itself that ends on another thread is never given back. */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <shmbus/shmbus.h>
#include <string.h>

#define SLICE_NS 50000000

typedef struct {
  PyTypeObject *bus, *caller, *loan, *pending, *reply, *server, *command, *responder, *watch;
  PyObject *make_error; /* (kind, code, may_have_run, needed, retry_after_ns, text, causes) */
} State;

static struct PyModuleDef module;

/* There is one interpreter: handlers find the module from threads of their own. */
static PyObject *the_module;
static State *state(void) { return PyModule_GetState(the_module); }

/* ---- Errors ---- */

static PyObject *raise(const shmbus_error_t *error) {
  PyObject *causes = PyTuple_New(error->cause_count);
  PyObject *made;
  if (causes == NULL) return NULL;
  for (int i = 0; i < error->cause_count; ++i) {
    const shmbus_cause_t *cause = &error->causes[i];
    PyObject *one = Py_BuildValue("(iiNi)", (int)cause->kind, (int)cause->code,
                                  PyUnicode_DecodeUTF8(cause->command, (Py_ssize_t)strlen(cause->command),
                                                       "replace"),
                                  (int)cause->after_gap);
    if (one == NULL || PyTuple_SetItem(causes, i, one) != 0) {
      Py_DECREF(causes);
      return NULL;
    }
  }
  made = PyObject_CallFunction(state()->make_error, "iiiKKNN", (int)error->kind, (int)error->code,
                               (int)error->may_have_run, (unsigned long long)error->needed,
                               (unsigned long long)error->retry_after_ns,
                               PyUnicode_DecodeUTF8(error->text, (Py_ssize_t)strlen(error->text), "replace"),
                               causes);
  if (made != NULL) {
    PyErr_SetObject((PyObject *)Py_TYPE(made), made);
    Py_DECREF(made);
  }
  return NULL;
}

static PyObject *closed(void) {
  PyErr_SetString(PyExc_ValueError, "this object was closed or used up");
  return NULL;
}

static PyObject *make(PyTypeObject *type) {
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  return alloc(type, 0);
}

static void finish(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  release(self);
  Py_DECREF(type);
}

/* ---- Bus ---- */

typedef struct {
  PyObject_HEAD shmbus_bus_t *bus;
} Bus;

static PyObject *bus_open(PyObject *ignored, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_open_options_t options = {.size = sizeof options};
  const char *name;
  int create = 1, kind;
  Bus *self;
  shmbus_bus_t *bus = NULL;
  (void)ignored;
  if (!PyArg_ParseTuple(args, "szp", &name, &options.label, &create)) return NULL;
  if (!create) options.flags |= SHMBUS_OPEN_NO_CREATE;
  Py_BEGIN_ALLOW_THREADS
  kind = shmbus_open(name, &options, &bus, &error);
  Py_END_ALLOW_THREADS
  if (kind != SHMBUS_OK) return raise(&error);
  self = (Bus *)make(state()->bus);
  if (self == NULL) {
    shmbus_close(bus);
    return NULL;
  }
  self->bus = bus;
  return (PyObject *)self;
}

static PyObject *bus_close(PyObject *self, PyObject *ignored) {
  (void)ignored;
  shmbus_close(((Bus *)self)->bus);
  ((Bus *)self)->bus = NULL;
  Py_RETURN_NONE;
}

static void bus_dealloc(PyObject *self) {
  shmbus_close(((Bus *)self)->bus);
  finish(self);
}

static PyObject *bus_path(PyObject *self, PyObject *ignored) {
  (void)ignored;
  return PyUnicode_FromString(shmbus_path(((Bus *)self)->bus));
}

/* Waits in slices until `timeout_ns` is over; Ctrl-C ends it. */
static PyObject *bus_wait(PyObject *self, PyObject *args) {
  const char *name;
  long long left;
  if (!PyArg_ParseTuple(args, "sL", &name, &left)) return NULL;
  for (;;) {
    shmbus_error_t error = SHMBUS_ERROR_INIT;
    const int64_t slice = left < SLICE_NS ? left : SLICE_NS;
    int kind;
    Py_BEGIN_ALLOW_THREADS
    kind = shmbus_wait_until_available(((Bus *)self)->bus, name, slice, &error);
    Py_END_ALLOW_THREADS
    if (kind == SHMBUS_OK) Py_RETURN_NONE;
    if (left != SHMBUS_FOREVER) left -= slice;
    if (kind != SHMBUS_TIMED_OUT || left <= 0) return raise(&error);
    if (PyErr_CheckSignals() != 0) return NULL;
  }
}

static PyObject *bus_schema(PyObject *self, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  char text[2048];
  const char *name;
  size_t length = 0;
  if (!PyArg_ParseTuple(args, "s", &name)) return NULL;
  if (shmbus_schema(((Bus *)self)->bus, name, text, sizeof text, &length, &error) != SHMBUS_OK) {
    return raise(&error);
  }
  return PyUnicode_DecodeUTF8(text, (Py_ssize_t)length, "replace");
}

/* ---- Caller, and what waits to be given back on its thread ---- */

typedef struct Dead {
  struct Dead *next;
  shmbus_loan_t *loan;
  shmbus_pending_t *pending;
  shmbus_reply_t *reply;
} Dead;

typedef struct {
  PyObject_HEAD shmbus_caller_t *caller;
  unsigned long thread;
  Dead *dead;
} Caller;

static int here(const Caller *caller) { return caller->thread == PyThread_get_thread_ident(); }

static void give_back(Caller *caller) {
  while (caller->dead != NULL && here(caller)) {
    Dead *one = caller->dead;
    caller->dead = one->next;
    shmbus_loan_drop(one->loan);
    shmbus_pending_drop(one->pending);
    shmbus_reply_drop(one->reply);
    PyMem_Free(one);
  }
}

static void drop(Caller *caller, shmbus_loan_t *loan, shmbus_pending_t *pending, shmbus_reply_t *reply) {
  Dead *one;
  if (loan == NULL && pending == NULL && reply == NULL) return;
  if (here(caller)) {
    shmbus_loan_drop(loan);
    shmbus_pending_drop(pending);
    shmbus_reply_drop(reply);
    return;
  }
  one = PyMem_Malloc(sizeof *one);
  if (one == NULL) return; /* stays with its caller */
  *one = (Dead){caller->dead, loan, pending, reply};
  caller->dead = one;
}

static PyObject *bus_caller(PyObject *self, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_caller_options_t options = {.size = sizeof options};
  const char *name;
  int wait_vacant = 0, wait_mode = 0;
  shmbus_caller_t *made = NULL;
  Caller *caller;
  if (!PyArg_ParseTuple(args, "szpi", &name, &options.schema, &wait_vacant, &wait_mode)) return NULL;
  options.when_vacant = wait_vacant ? SHMBUS_WHEN_VACANT_WAIT : SHMBUS_WHEN_VACANT_FAIL;
  options.wait = wait_mode;
  if (shmbus_caller_new(((Bus *)self)->bus, name, &options, &made, &error) != SHMBUS_OK) {
    return raise(&error);
  }
  caller = (Caller *)make(state()->caller);
  if (caller == NULL) {
    shmbus_caller_free(made);
    return NULL;
  }
  caller->caller = made;
  caller->thread = PyThread_get_thread_ident();
  return (PyObject *)caller;
}

static void caller_dealloc(PyObject *self) {
  Caller *caller = (Caller *)self;
  give_back(caller);
  if (here(caller)) shmbus_caller_free(caller->caller);
  finish(self);
}

typedef struct {
  PyObject_HEAD Caller *caller;
  shmbus_pending_t *pending;
} Pending;

typedef struct {
  PyObject_HEAD Caller *caller;
  shmbus_reply_t *reply;
} Reply;

typedef struct {
  PyObject_HEAD Caller *caller;
  shmbus_loan_t *loan;
  Py_ssize_t views;
} Loan;

static PyObject *hold_pending(Caller *caller, shmbus_pending_t *pending) {
  Pending *self = (Pending *)make(state()->pending);
  if (self == NULL) {
    shmbus_pending_drop(pending);
    return NULL;
  }
  Py_INCREF((PyObject *)caller);
  self->caller = caller;
  self->pending = pending;
  return (PyObject *)self;
}

static PyObject *hold_reply(Caller *caller, shmbus_reply_t *reply) {
  Reply *self = (Reply *)make(state()->reply);
  if (self == NULL) {
    shmbus_reply_drop(reply);
    return NULL;
  }
  Py_INCREF((PyObject *)caller);
  self->caller = caller;
  self->reply = reply;
  return (PyObject *)self;
}

/* Takes `pending`. Ctrl-C asks for its cancellation and gives the reply up. */
static int wait_for(shmbus_pending_t *pending, shmbus_reply_t **reply) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  int kind;
  for (;;) {
    int ready;
    Py_BEGIN_ALLOW_THREADS
    ready = shmbus_pending_wait_ready(pending, SLICE_NS);
    Py_END_ALLOW_THREADS
    if (ready) break;
    if (PyErr_CheckSignals() != 0) {
      shmbus_pending_cancel(pending);
      shmbus_pending_drop(pending);
      return -1;
    }
  }
  kind = shmbus_pending_wait(pending, reply, &error);
  if (kind == SHMBUS_OK) return 0;
  raise(&error);
  return -1;
}

/* Of another thread: the library says so; the handle is not touched. */
static int wrong_thread(const Caller *caller) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  if (here(caller)) return 0;
  error.kind = SHMBUS_WRONG_THREAD;
  strcpy(error.text, "a caller belongs to the thread that made it: make one in each thread");
  raise(&error);
  return 1;
}

static int start(Caller *self, PyObject *args, shmbus_pending_t **pending) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  PyObject *request;
  Py_buffer view;
  Py_ssize_t room;
  long long timeout;
  int kind;
  if (!PyArg_ParseTuple(args, "OnL", &request, &room, &timeout) || wrong_thread(self)) return -1;
  give_back(self);
  if (PyObject_GetBuffer(request, &view, PyBUF_SIMPLE) != 0) return -1;
  Py_BEGIN_ALLOW_THREADS /* it may wait for room, or for a handler */
  kind = shmbus_caller_start(self->caller, view.buf, (size_t)view.len, (size_t)(room < 0 ? 0 : room),
                             timeout, pending, &error);
  Py_END_ALLOW_THREADS
  PyBuffer_Release(&view);
  if (kind == SHMBUS_OK) return 0;
  raise(&error);
  return -1;
}

static PyObject *caller_call(PyObject *self, PyObject *args) {
  shmbus_pending_t *pending = NULL;
  shmbus_reply_t *reply = NULL;
  PyObject *bytes;
  const void *data;
  size_t size;
  if (start((Caller *)self, args, &pending) != 0 || wait_for(pending, &reply) != 0) return NULL;
  data = shmbus_reply_data(reply, &size);
  bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
  shmbus_reply_drop(reply);
  return bytes;
}

static PyObject *caller_start(PyObject *self, PyObject *args) {
  shmbus_pending_t *pending = NULL;
  if (start((Caller *)self, args, &pending) != 0) return NULL;
  return hold_pending((Caller *)self, pending);
}

static PyObject *caller_send(PyObject *self, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  Caller *caller = (Caller *)self;
  PyObject *request;
  Py_buffer view;
  long long timeout;
  uint64_t sequence = 0;
  int kind;
  if (!PyArg_ParseTuple(args, "OL", &request, &timeout) || wrong_thread(caller)) return NULL;
  give_back(caller);
  if (PyObject_GetBuffer(request, &view, PyBUF_SIMPLE) != 0) return NULL;
  Py_BEGIN_ALLOW_THREADS
  kind = shmbus_caller_send(caller->caller, view.buf, (size_t)view.len, timeout, &sequence, &error);
  Py_END_ALLOW_THREADS
  PyBuffer_Release(&view);
  return kind == SHMBUS_OK ? PyLong_FromUnsignedLongLong(sequence) : raise(&error);
}

static PyObject *caller_loan(PyObject *self, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  Caller *caller = (Caller *)self;
  Py_ssize_t size, room;
  shmbus_loan_t *made = NULL;
  Loan *loan;
  int kind;
  if (!PyArg_ParseTuple(args, "nn", &size, &room) || wrong_thread(caller)) return NULL;
  give_back(caller);
  if (size < 0 || room < 0) {
    PyErr_SetString(PyExc_ValueError, "a size is below 0");
    return NULL;
  }
  Py_BEGIN_ALLOW_THREADS
  kind = shmbus_caller_loan(caller->caller, (size_t)size, (size_t)room, &made, NULL, &error);
  Py_END_ALLOW_THREADS
  if (kind != SHMBUS_OK) return raise(&error);
  loan = (Loan *)make(state()->loan);
  if (loan == NULL) {
    shmbus_loan_drop(made);
    return NULL;
  }
  Py_INCREF((PyObject *)caller);
  loan->caller = caller;
  loan->loan = made;
  return (PyObject *)loan;
}

static PyObject *caller_fd(PyObject *self, PyObject *ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  int fd = -1;
  (void)ignored;
  if (wrong_thread((Caller *)self)) return NULL;
  if (shmbus_caller_fd(((Caller *)self)->caller, &fd, &error) != SHMBUS_OK) return raise(&error);
  return PyLong_FromLong(fd);
}

static PyObject *caller_poll(PyObject *self, PyObject *ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  (void)ignored;
  if (wrong_thread((Caller *)self)) return NULL;
  give_back((Caller *)self);
  if (shmbus_caller_poll(((Caller *)self)->caller, &error) != SHMBUS_OK) return raise(&error);
  Py_RETURN_NONE;
}

/* ---- Pending, Reply, Loan ---- */

static void pending_dealloc(PyObject *self) {
  Pending *pending = (Pending *)self;
  drop(pending->caller, NULL, pending->pending, NULL);
  Py_DECREF(pending->caller);
  finish(self);
}

static PyObject *pending_ready(PyObject *self, PyObject *ignored) {
  Pending *pending = (Pending *)self;
  (void)ignored;
  if (pending->pending == NULL) return closed();
  if (wrong_thread(pending->caller)) return NULL;
  return PyBool_FromLong(shmbus_pending_wait_ready(pending->pending, 0));
}

static PyObject *pending_wait(PyObject *self, PyObject *ignored) {
  Pending *pending = (Pending *)self;
  shmbus_pending_t *taken = pending->pending;
  shmbus_reply_t *reply = NULL;
  (void)ignored;
  if (taken == NULL) return closed();
  if (wrong_thread(pending->caller)) return NULL;
  pending->pending = NULL;
  if (wait_for(taken, &reply) != 0) return NULL;
  return hold_reply(pending->caller, reply);
}

static PyObject *pending_cancel(PyObject *self, PyObject *ignored) {
  Pending *pending = (Pending *)self;
  (void)ignored;
  if (wrong_thread(pending->caller)) return NULL;
  shmbus_pending_cancel(pending->pending);
  Py_RETURN_NONE;
}

static void reply_dealloc(PyObject *self) {
  Reply *reply = (Reply *)self;
  drop(reply->caller, NULL, NULL, reply->reply);
  Py_DECREF(reply->caller);
  finish(self);
}

/* A view holds the reply, and so its memory. */
static int reply_buffer(PyObject *self, Py_buffer *view, int flags) {
  size_t size = 0;
  const void *data = shmbus_reply_data(((Reply *)self)->reply, &size);
  return PyBuffer_FillInfo(view, self, (void *)(uintptr_t)data, (Py_ssize_t)size, 1, flags);
}

static void loan_dealloc(PyObject *self) {
  Loan *loan = (Loan *)self;
  drop(loan->caller, loan->loan, NULL, NULL);
  Py_DECREF(loan->caller);
  finish(self);
}

static int loan_buffer(PyObject *self, Py_buffer *view, int flags) {
  Loan *loan = (Loan *)self;
  size_t size = 0;
  void *data = shmbus_loan_data(loan->loan, &size);
  if (loan->loan == NULL) {
    PyErr_SetString(PyExc_BufferError, "this loan was sent");
    view->obj = NULL;
    return -1;
  }
  if (PyBuffer_FillInfo(view, self, data, (Py_ssize_t)size, 0, flags) != 0) return -1;
  ++loan->views;
  return 0;
}

static void loan_release(PyObject *self, Py_buffer *view) {
  (void)view;
  --((Loan *)self)->views;
}

/* 0 when the loan may be sent: nobody can write to what the handler will read. */
static int unsendable(const Loan *loan) {
  if (loan->loan == NULL) return closed() == NULL;
  if (wrong_thread(loan->caller)) return 1;
  if (loan->views == 0) return 0;
  PyErr_SetString(PyExc_BufferError, "views of this loan are still there: release() them first");
  return 1;
}

static PyObject *loan_start(PyObject *self, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  Loan *loan = (Loan *)self;
  shmbus_pending_t *pending = NULL;
  long long timeout;
  int kind;
  if (!PyArg_ParseTuple(args, "L", &timeout) || unsendable(loan)) return NULL;
  Py_BEGIN_ALLOW_THREADS
  kind = shmbus_loan_start(loan->loan, timeout, &pending, &error);
  Py_END_ALLOW_THREADS
  if (kind != SHMBUS_OK) return raise(&error);
  loan->loan = NULL;
  return hold_pending(loan->caller, pending);
}

static PyObject *loan_send(PyObject *self, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  Loan *loan = (Loan *)self;
  long long timeout;
  int kind;
  if (!PyArg_ParseTuple(args, "L", &timeout) || unsendable(loan)) return NULL;
  Py_BEGIN_ALLOW_THREADS
  kind = shmbus_loan_send(loan->loan, timeout, &error);
  Py_END_ALLOW_THREADS
  if (kind != SHMBUS_OK) return raise(&error);
  loan->loan = NULL;
  Py_RETURN_NONE;
}

static PyObject *loan_shrink(PyObject *self, PyObject *args) {
  Py_ssize_t size;
  if (!PyArg_ParseTuple(args, "n", &size)) return NULL;
  if (size >= 0) shmbus_loan_shrink(((Loan *)self)->loan, (size_t)size);
  Py_RETURN_NONE;
}

/* ---- Commands and those who answer them later ---- */

typedef struct {
  PyObject_HEAD shmbus_context_t *command; /* NULL once the handler has returned */
} Command;

typedef struct {
  PyObject_HEAD shmbus_responder_t *responder;
} Responder;

static shmbus_context_t *command_of(PyObject *self) {
  shmbus_context_t *command = ((Command *)self)->command;
  if (command == NULL) PyErr_SetString(PyExc_ValueError, "its handler has returned: defer() to answer later");
  return command;
}

static PyObject *command_request(PyObject *self, PyObject *ignored) {
  shmbus_context_t *command = command_of(self);
  size_t size = 0;
  const void *data;
  (void)ignored;
  if (command == NULL) return NULL;
  data = shmbus_context_request(command, &size);
  return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
}

static PyObject *command_name(PyObject *self, PyObject *ignored) {
  shmbus_context_t *command = command_of(self);
  size_t size = 0;
  const char *name;
  (void)ignored;
  if (command == NULL) return NULL;
  name = shmbus_context_name(command, &size);
  return PyUnicode_DecodeUTF8(name, (Py_ssize_t)size, "replace");
}

static PyObject *command_reply(PyObject *self, PyObject *bytes) {
  shmbus_context_t *command = command_of(self);
  Py_buffer view;
  if (command == NULL || PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) != 0) return NULL;
  /* Too large: the caller gets that for an answer. */
  (void)shmbus_context_reply(command, view.buf, (size_t)view.len, NULL);
  PyBuffer_Release(&view);
  Py_RETURN_NONE;
}

static PyObject *command_reject(PyObject *self, PyObject *args) {
  shmbus_context_t *command = command_of(self);
  int code;
  const char *text;
  if (command == NULL || !PyArg_ParseTuple(args, "iz", &code, &text)) return NULL;
  shmbus_context_reject(command, code, text);
  Py_RETURN_NONE;
}

static PyObject *command_remaining(PyObject *self, PyObject *ignored) {
  shmbus_context_t *command = command_of(self);
  (void)ignored;
  return command == NULL ? NULL : PyLong_FromLongLong(shmbus_context_remaining_ns(command));
}

static PyObject *command_cancelled(PyObject *self, PyObject *ignored) {
  shmbus_context_t *command = command_of(self);
  (void)ignored;
  return command == NULL ? NULL : PyBool_FromLong(shmbus_context_cancelled(command));
}

static PyObject *command_caller(PyObject *self, PyObject *ignored) {
  shmbus_context_t *command = command_of(self);
  shmbus_caller_info_t info;
  (void)ignored;
  if (command == NULL) return NULL;
  shmbus_context_caller(command, &info);
  return Py_BuildValue("(IIN)", info.pid, info.uid,
                       PyUnicode_DecodeUTF8(info.label, (Py_ssize_t)strlen(info.label), "replace"));
}

static PyObject *command_defer(PyObject *self, PyObject *ignored) {
  shmbus_context_t *command = command_of(self);
  shmbus_responder_t *made;
  Responder *responder;
  (void)ignored;
  if (command == NULL) return NULL;
  made = shmbus_context_defer(command);
  if (made == NULL) {
    PyErr_SetString(PyExc_ValueError, "deferred already, or out of memory");
    return NULL;
  }
  responder = (Responder *)make(state()->responder);
  if (responder == NULL) {
    shmbus_responder_drop(made);
    return NULL;
  }
  responder->responder = made;
  return (PyObject *)responder;
}

static void responder_dealloc(PyObject *self) {
  shmbus_responder_drop(((Responder *)self)->responder);
  finish(self);
}

static shmbus_responder_t *take_responder(PyObject *self) {
  shmbus_responder_t *taken = ((Responder *)self)->responder;
  ((Responder *)self)->responder = NULL;
  if (taken == NULL) closed();
  return taken;
}

static PyObject *responder_reply(PyObject *self, PyObject *bytes) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_responder_t *responder;
  Py_buffer view;
  int kind;
  if (PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) != 0) return NULL;
  responder = take_responder(self);
  kind = responder == NULL ? -1
                           : shmbus_responder_reply(responder, view.buf, (size_t)view.len, &error);
  PyBuffer_Release(&view);
  if (kind < 0) return NULL;
  if (kind != SHMBUS_OK) return raise(&error);
  Py_RETURN_NONE;
}

static PyObject *responder_reject(PyObject *self, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_responder_t *responder;
  int code;
  const char *text;
  if (!PyArg_ParseTuple(args, "iz", &code, &text)) return NULL;
  responder = take_responder(self);
  if (responder == NULL) return NULL;
  if (shmbus_responder_reject(responder, code, text, &error) != SHMBUS_OK) return raise(&error);
  Py_RETURN_NONE;
}

static PyObject *responder_cancelled(PyObject *self, PyObject *ignored) {
  (void)ignored;
  return PyBool_FromLong(shmbus_responder_cancelled(((Responder *)self)->responder));
}

/* ---- Server ---- */

typedef struct {
  PyObject_HEAD shmbus_server_t *server;
  PyObject *raised; /* by a handler, and meant for whoever runs the server: Ctrl-C, exit */
  int stopped;
} Server;

typedef struct {
  PyObject *function;
  Server *server;
} Handler;

static void run_handler(void *context, shmbus_context_t *command) {
  Handler *handler = context;
  PyGILState_STATE gil = PyGILState_Ensure();
  Command *held = (Command *)make(state()->command);
  PyObject *answer = NULL;
  if (held != NULL) {
    held->command = command;
    answer = PyObject_CallFunctionObjArgs(handler->function, (PyObject *)held, NULL);
    held->command = NULL;
  }
  if (answer == NULL) {
    shmbus_context_reject(command, -1, "the handler raised an exception");
    if (PyErr_ExceptionMatches(PyExc_Exception) || handler->server->raised != NULL) {
      PyErr_WriteUnraisable(handler->function);
    } else {
      PyObject *type, *value, *trace;
      PyErr_Fetch(&type, &value, &trace);
      PyErr_NormalizeException(&type, &value, &trace);
      Py_XDECREF(type);
      Py_XDECREF(trace);
      handler->server->raised = value;
    }
  }
  Py_XDECREF(answer);
  Py_XDECREF((PyObject *)held);
  PyGILState_Release(gil);
}

static void drop_handler(void *context) {
  Handler *handler = context;
  PyGILState_STATE gil;
  if (!Py_IsInitialized()) return;
  gil = PyGILState_Ensure();
  Py_DECREF(handler->function);
  PyMem_Free(handler);
  PyGILState_Release(gil);
}

static PyObject *bus_server(PyObject *self, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_serve_options_t options = {.size = sizeof options};
  shmbus_server_t *made = NULL;
  Server *server;
  if (!PyArg_ParseTuple(args, "z", &options.label)) return NULL;
  if (shmbus_server_new(((Bus *)self)->bus, &options, &made, &error) != SHMBUS_OK) return raise(&error);
  server = (Server *)make(state()->server);
  if (server == NULL) {
    shmbus_server_free(made);
    return NULL;
  }
  server->server = made;
  return (PyObject *)server;
}

static PyObject *server_close(PyObject *self, PyObject *ignored) {
  shmbus_server_t *taken = ((Server *)self)->server;
  (void)ignored;
  ((Server *)self)->server = NULL;
  shmbus_server_free(taken);
  Py_RETURN_NONE;
}

static void server_dealloc(PyObject *self) {
  shmbus_server_free(((Server *)self)->server);
  Py_XDECREF(((Server *)self)->raised);
  finish(self);
}

static PyObject *server_on(PyObject *self, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_registration_t how = {.size = sizeof how};
  shmbus_handler_t closure = {NULL, run_handler, drop_handler};
  Handler *handler;
  PyObject *function;
  const char *name;
  int group = 0, kind;
  if (!PyArg_ParseTuple(args, "sOzp", &name, &function, &how.schema, &group)) return NULL;
  if (((Server *)self)->server == NULL) return closed();
  handler = PyMem_Malloc(sizeof *handler);
  if (handler == NULL) return PyErr_NoMemory();
  Py_INCREF(function);
  *handler = (Handler){function, (Server *)self}; /* the server outlives its handlers */
  closure.context = handler;
  how.join = group ? SHMBUS_JOIN_GROUP : SHMBUS_JOIN_NOBODY;
  Py_BEGIN_ALLOW_THREADS
  kind = shmbus_server_on(((Server *)self)->server, name, &closure, &how, &error);
  Py_END_ALLOW_THREADS
  if (kind != SHMBUS_OK) return raise(&error);
  Py_RETURN_NONE;
}

static PyObject *server_off(PyObject *self, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  const char *name;
  if (!PyArg_ParseTuple(args, "s", &name)) return NULL;
  if (shmbus_server_off(((Server *)self)->server, name, &error) != SHMBUS_OK) return raise(&error);
  Py_RETURN_NONE;
}

/* What a handler raised for us, or a signal's exception. */
static int interrupted(Server *self) {
  if (self->raised != NULL) {
    PyObject *raised = self->raised;
    self->raised = NULL;
    PyErr_SetObject((PyObject *)Py_TYPE(raised), raised);
    Py_DECREF(raised);
    return 1;
  }
  return PyErr_CheckSignals() != 0;
}

/* Runs commands until `timeout_ns` is over or stop() is called; returns how many. */
static PyObject *server_run(PyObject *self, PyObject *args) {
  Server *server = (Server *)self;
  long long left;
  size_t ran = 0, all = 0;
  if (!PyArg_ParseTuple(args, "L", &left)) return NULL;
  while (!server->stopped && left > 0) {
    shmbus_error_t error = SHMBUS_ERROR_INIT;
    const int64_t slice = left < SLICE_NS ? left : SLICE_NS;
    int kind;
    if (server->server == NULL) return closed();
    Py_BEGIN_ALLOW_THREADS
    kind = shmbus_server_run_for(server->server, slice, &ran, &error);
    Py_END_ALLOW_THREADS
    if (kind != SHMBUS_OK) return raise(&error);
    all += ran;
    if (interrupted(server)) return NULL;
    if (left != SHMBUS_FOREVER) left -= slice;
  }
  return PyLong_FromSize_t(all);
}

static PyObject *server_poll(PyObject *self, PyObject *ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  size_t ran = 0;
  int kind;
  (void)ignored;
  if (((Server *)self)->server == NULL) return closed();
  Py_BEGIN_ALLOW_THREADS
  kind = shmbus_server_poll(((Server *)self)->server, 0, &ran, &error);
  Py_END_ALLOW_THREADS
  if (kind != SHMBUS_OK) return raise(&error);
  if (interrupted((Server *)self)) return NULL;
  return PyLong_FromSize_t(ran);
}

static PyObject *server_fd(PyObject *self, PyObject *ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  int fd = -1;
  (void)ignored;
  if (shmbus_server_fd(((Server *)self)->server, &fd, &error) != SHMBUS_OK) return raise(&error);
  return PyLong_FromLong(fd);
}

static PyObject *server_stop(PyObject *self, PyObject *ignored) {
  (void)ignored;
  ((Server *)self)->stopped = 1;
  Py_RETURN_NONE;
}

/* ---- Watch ---- */

typedef struct {
  PyObject_HEAD shmbus_watch_t *watch;
} Watch;

static PyObject *bus_watch(PyObject *self, PyObject *args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  const char *name = NULL;
  shmbus_watch_t *made = NULL;
  Watch *watch;
  if (!PyArg_ParseTuple(args, "z", &name)) return NULL;
  if (shmbus_watch_new(((Bus *)self)->bus, &name, name == NULL ? 0 : 1, &made, &error) != SHMBUS_OK) {
    return raise(&error);
  }
  watch = (Watch *)make(state()->watch);
  if (watch == NULL) {
    shmbus_watch_free(made);
    return NULL;
  }
  watch->watch = made;
  return (PyObject *)watch;
}

static void watch_dealloc(PyObject *self) {
  shmbus_watch_free(((Watch *)self)->watch);
  finish(self);
}

/* A list of (name, owner, pid, available, taken_over). */
static PyObject *watch_poll(PyObject *self, PyObject *ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  PyObject *list = PyList_New(0);
  (void)ignored;
  while (list != NULL) {
    shmbus_name_change_t change;
    size_t count = 0;
    PyObject *one;
    if (shmbus_watch_poll(((Watch *)self)->watch, &change, 1, &count, &error) != SHMBUS_OK) {
      Py_DECREF(list);
      return raise(&error);
    }
    if (count == 0) break;
    one = Py_BuildValue(
        "(NNIii)", PyUnicode_DecodeUTF8(change.name, (Py_ssize_t)strlen(change.name), "replace"),
        PyUnicode_DecodeUTF8(change.owner, (Py_ssize_t)strlen(change.owner), "replace"), change.pid,
        (int)change.available, (int)change.taken_over);
    if (one == NULL || PyList_Append(list, one) != 0) Py_CLEAR(list);
    Py_XDECREF(one);
  }
  return list;
}

/* True once poll() has something to tell, False when `timeout_ns` is over. */
static PyObject *watch_wait(PyObject *self, PyObject *args) {
  long long left;
  if (!PyArg_ParseTuple(args, "L", &left)) return NULL;
  for (;;) {
    shmbus_error_t error = SHMBUS_ERROR_INIT;
    const int64_t slice = left < SLICE_NS ? left : SLICE_NS;
    int kind, changed = 0;
    Py_BEGIN_ALLOW_THREADS
    kind = shmbus_watch_wait(((Watch *)self)->watch, slice, &changed, &error);
    Py_END_ALLOW_THREADS
    if (kind != SHMBUS_OK) return raise(&error);
    if (left != SHMBUS_FOREVER) left -= slice;
    if (changed || left <= 0) return PyBool_FromLong(changed);
    if (PyErr_CheckSignals() != 0) return NULL;
  }
}

/* ---- The module ---- */

#define NO_NEW Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION
#define TYPE(name, methods, ...)                                                             \
  static PyType_Slot name##_slots[] = {{Py_tp_methods, methods}, __VA_ARGS__, {0, NULL}};

static PyMethodDef bus_methods[] = {{"close", bus_close, METH_NOARGS, NULL},
                                    {"path", bus_path, METH_NOARGS, NULL},
                                    {"wait_until_available", bus_wait, METH_VARARGS, NULL},
                                    {"schema", bus_schema, METH_VARARGS, NULL},
                                    {"caller", bus_caller, METH_VARARGS, NULL},
                                    {"server", bus_server, METH_VARARGS, NULL},
                                    {"watch", bus_watch, METH_VARARGS, NULL},
                                    {NULL, NULL, 0, NULL}};
static PyMethodDef caller_methods[] = {{"call", caller_call, METH_VARARGS, NULL},
                                       {"start", caller_start, METH_VARARGS, NULL},
                                       {"send", caller_send, METH_VARARGS, NULL},
                                       {"loan", caller_loan, METH_VARARGS, NULL},
                                       {"fd", caller_fd, METH_NOARGS, NULL},
                                       {"poll", caller_poll, METH_NOARGS, NULL},
                                       {NULL, NULL, 0, NULL}};
static PyMethodDef pending_methods[] = {{"ready", pending_ready, METH_NOARGS, NULL},
                                        {"wait", pending_wait, METH_NOARGS, NULL},
                                        {"cancel", pending_cancel, METH_NOARGS, NULL},
                                        {NULL, NULL, 0, NULL}};
static PyMethodDef reply_methods[] = {{NULL, NULL, 0, NULL}};
static PyMethodDef loan_methods[] = {{"start", loan_start, METH_VARARGS, NULL},
                                     {"send", loan_send, METH_VARARGS, NULL},
                                     {"shrink", loan_shrink, METH_VARARGS, NULL},
                                     {NULL, NULL, 0, NULL}};
static PyMethodDef command_methods[] = {{"request", command_request, METH_NOARGS, NULL},
                                        {"name", command_name, METH_NOARGS, NULL},
                                        {"reply", command_reply, METH_O, NULL},
                                        {"reject", command_reject, METH_VARARGS, NULL},
                                        {"remaining_ns", command_remaining, METH_NOARGS, NULL},
                                        {"cancelled", command_cancelled, METH_NOARGS, NULL},
                                        {"caller", command_caller, METH_NOARGS, NULL},
                                        {"defer", command_defer, METH_NOARGS, NULL},
                                        {NULL, NULL, 0, NULL}};
static PyMethodDef responder_methods[] = {{"reply", responder_reply, METH_O, NULL},
                                          {"reject", responder_reject, METH_VARARGS, NULL},
                                          {"cancelled", responder_cancelled, METH_NOARGS, NULL},
                                          {NULL, NULL, 0, NULL}};
static PyMethodDef server_methods[] = {{"on", server_on, METH_VARARGS, NULL},
                                       {"off", server_off, METH_VARARGS, NULL},
                                       {"run", server_run, METH_VARARGS, NULL},
                                       {"poll", server_poll, METH_NOARGS, NULL},
                                       {"fd", server_fd, METH_NOARGS, NULL},
                                       {"stop", server_stop, METH_NOARGS, NULL},
                                       {"close", server_close, METH_NOARGS, NULL},
                                       {NULL, NULL, 0, NULL}};
static PyMethodDef watch_methods[] = {{"poll", watch_poll, METH_NOARGS, NULL},
                                      {"wait", watch_wait, METH_VARARGS, NULL},
                                      {NULL, NULL, 0, NULL}};

static void command_dealloc(PyObject *self) { finish(self); }

TYPE(bus, bus_methods, {Py_tp_dealloc, bus_dealloc})
TYPE(caller, caller_methods, {Py_tp_dealloc, caller_dealloc})
TYPE(pending, pending_methods, {Py_tp_dealloc, pending_dealloc})
TYPE(reply, reply_methods, {Py_tp_dealloc, reply_dealloc}, {Py_bf_getbuffer, reply_buffer})
TYPE(loan, loan_methods, {Py_tp_dealloc, loan_dealloc}, {Py_bf_getbuffer, loan_buffer},
     {Py_bf_releasebuffer, loan_release})
TYPE(command, command_methods, {Py_tp_dealloc, command_dealloc})
TYPE(responder, responder_methods, {Py_tp_dealloc, responder_dealloc})
TYPE(server, server_methods, {Py_tp_dealloc, server_dealloc})
TYPE(watch, watch_methods, {Py_tp_dealloc, watch_dealloc})

static int add_type(PyObject *self, PyTypeObject **out, const char *name, const char *full, int size,
                    PyType_Slot *slots) {
  PyType_Spec spec = {full, size, 0, NO_NEW, slots};
  *out = (PyTypeObject *)PyType_FromModuleAndSpec(self, &spec, NULL);
  return *out == NULL ? -1 : PyModule_AddObjectRef(self, name, (PyObject *)*out);
}

static PyObject *set_error_maker(PyObject *self, PyObject *maker) {
  State *const s = PyModule_GetState(self);
  PyObject *const before = s->make_error;
  Py_INCREF(maker);
  s->make_error = maker;
  Py_XDECREF(before);
  Py_RETURN_NONE;
}

static PyMethodDef functions[] = {{"open", bus_open, METH_VARARGS, NULL},
                                  {"set_error_maker", set_error_maker, METH_O, NULL},
                                  {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "shmbus._native", NULL, sizeof(State),
                                    functions, NULL, NULL, NULL, NULL};

#define ADD(member, name, type, slots) \
  (add_type(self, &s->member, name, "shmbus._native." name, (int)sizeof(type), slots) != 0)

PyMODINIT_FUNC PyInit__native(void) {
  PyObject *self = PyModule_Create(&module);
  State *s;
  if (self == NULL) return NULL;
  s = PyModule_GetState(self);
  if (ADD(bus, "Bus", Bus, bus_slots) || ADD(caller, "Caller", Caller, caller_slots) ||
      ADD(pending, "Pending", Pending, pending_slots) || ADD(reply, "Reply", Reply, reply_slots) ||
      ADD(loan, "Loan", Loan, loan_slots) || ADD(command, "Command", Command, command_slots) ||
      ADD(responder, "Responder", Responder, responder_slots) ||
      ADD(server, "Server", Server, server_slots) || ADD(watch, "Watch", Watch, watch_slots) ||
      PyModule_AddStringConstant(self, "version", shmbus_version()) != 0) {
    Py_DECREF(self);
    return NULL;
  }
  the_module = self; /* lives as long as the process: its handlers may run until then */
  Py_INCREF(self);
  return self;
}
