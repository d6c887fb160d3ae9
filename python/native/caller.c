/* Callers, loans, pending calls and replies. All belong to the thread that made the caller. The
 * interpreter may destroy their objects on any thread: then the handle is put into the caller's
 * list `dead`, and a caller itself into `graves`, until their own thread makes or uses a caller
 * again. */
#include <errno.h>
#include <time.h>

#include "caller.h"

static Thread* graves; /* under the interpreter's lock, as everything here */

static int here(const Thread* thread) { return thread->thread == PyThread_get_thread_ident(); }

static void give_back(Thread* thread) {
  while (thread->dead != NULL) {
    Dead* one = thread->dead;
    thread->dead = one->next;
    shmbus_loan_drop(one->loan);
    shmbus_pending_drop(one->pending);
    shmbus_reply_drop(one->reply);
    shmbus_stream_free(one->stream);
    PyMem_Free(one);
  }
}

static void end_thread(Thread* thread) {
  give_back(thread);
  shmbus_caller_free(thread->caller);
  PyMem_Free(thread);
}

/* Ends the callers of this thread that were destroyed on others. */
static void visit_graves(void) {
  for (Thread** one = &graves; *one != NULL;) {
    Thread* const found = *one;
    if (here(found)) {
      *one = found->next;
      end_thread(found);
    } else {
      one = &found->next;
    }
  }
}

void drop(Thread* thread, shmbus_loan_t* loan, shmbus_pending_t* pending, shmbus_reply_t* reply) {
  Dead* one;
  if (loan == NULL && pending == NULL && reply == NULL) return;
  if (here(thread)) {
    shmbus_loan_drop(loan);
    shmbus_pending_drop(pending);
    shmbus_reply_drop(reply);
    return;
  }
  one = PyMem_Malloc(sizeof *one);
  if (one == NULL) return; /* it stays with its caller */
  *one = (Dead){thread->dead, loan, pending, reply, NULL};
  thread->dead = one;
}

void drop_stream(Thread* thread, shmbus_stream_t* stream) {
  Dead* one;
  if (stream == NULL || here(thread)) {
    shmbus_stream_free(stream);
    return;
  }
  one = PyMem_Malloc(sizeof *one);
  if (one == NULL) return;
  *one = (Dead){thread->dead, NULL, NULL, NULL, stream};
  thread->dead = one;
}

PyObject* bus_caller(PyObject* self, PyObject* args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_caller_options_t options = {.size = sizeof options};
  shmbus_bus_t* const bus = open_bus(self);
  shmbus_caller_t* made = NULL;
  const char* name;
  int waits = 0, fails = 0;
  Caller* caller;
  if (bus == NULL ||
      !PyArg_ParseTuple(args, "szppi", &name, &options.schema, &waits, &fails, &options.wait)) {
    return NULL;
  }
  visit_graves();
  options.when_vacant = waits ? SHMBUS_WHEN_VACANT_WAIT : SHMBUS_WHEN_VACANT_FAIL;
  options.when_full = SHMBUS_WHEN_FULL_FAIL; /* `send_until` waits, and looks for signals */
  if (shmbus_caller_new(bus, name, &options, &made, &error) != SHMBUS_OK) return raise(&error);
  caller = (Caller*)make(state()->caller);
  if (caller != NULL) {
    caller->mine = PyMem_Calloc(1, sizeof *caller->mine);
    caller->name = PyMem_Malloc(strlen(name) + 1);
  }
  if (caller == NULL || caller->mine == NULL || caller->name == NULL) {
    shmbus_caller_free(made);
    Py_XDECREF((PyObject*)caller);
    return PyErr_NoMemory();
  }
  strcpy(caller->name, name);
  Py_INCREF(self);
  caller->bus = (Bus*)self;
  caller->mine->caller = made;
  caller->mine->thread = PyThread_get_thread_ident();
  caller->waits = waits;
  caller->fails = fails;
  return (PyObject*)caller;
}

static void caller_dealloc(PyObject* self) {
  Caller* caller = (Caller*)self;
  Thread* const mine = caller->mine;
  if (mine != NULL && mine->caller == NULL) {
    PyMem_Free(mine);
  } else if (mine != NULL && here(mine)) {
    end_thread(mine);
  } else if (mine != NULL) {
    mine->next = graves;
    graves = mine;
  }
  PyMem_Free(caller->name);
  Py_XDECREF((PyObject*)caller->bus);
  finish(self);
}

int wrong_thread(const Caller* caller) {
  if (here(caller->mine)) return 0;
  raise_kind(SHMBUS_WRONG_THREAD,
             "a caller, and what was made with it, belongs to the thread that made it");
  return 1;
}

/* ---- Sending: with signals looked for while there is no handler, or no room ---- */

/* The time goes to the whole stream; records wait in slices: see Stream. */
static int open_once(shmbus_caller_t* to, Job* job, int64_t timeout, shmbus_error_t* error) {
  const int64_t whole = timeout == SHMBUS_FOREVER ? 0 : timeout < 1 ? 1 : timeout;
  const shmbus_stream_options_t how = {.size = sizeof how,
                                       .records = job->records,
                                       .window = (size_t)job->window,
                                       .reply_capacity = job->room,
                                       .timeout_ns = whole,
                                       .gap_ns = 1};
  return shmbus_caller_open(to, job->data, job->size, &how, &job->stream, error);
}

static int do_once(const Caller* caller, Job* job, int64_t timeout, shmbus_error_t* error) {
  shmbus_caller_t* const to = caller->mine->caller;
  switch (job->what) {
    case START:
      return shmbus_caller_start(to, job->data, job->size, job->room, timeout, &job->pending,
                                 error);
    case SEND:
      return shmbus_caller_send(to, job->data, job->size, timeout, &job->sequence, error);
    case LOAN:
      return shmbus_caller_loan(to, job->size, job->room, &job->loan, NULL, error);
    case OPEN:
      return open_once(to, job, timeout, error);
    case LOAN_START:
      return shmbus_loan_start(job->loan, timeout, &job->pending, error);
    default:
      return shmbus_loan_send(job->loan, timeout, error);
  }
}

/* Waits for a slice; -1 and an exception when a signal's handler raised one. */
static int pause_for(const Caller* caller, int for_handler, int64_t slice) {
  shmbus_bus_t* const bus = open_bus((PyObject*)caller->bus);
  if (bus == NULL) return -1;
  begin_use(caller->bus);
  Py_BEGIN_ALLOW_THREADS if (for_handler) {
    (void)shmbus_wait_until_available(bus, caller->name, slice, NULL);
  }
  else {
    const struct timespec nap = {0, 200000};
    (void)nanosleep(&nap, NULL);
  }
  Py_END_ALLOW_THREADS end_use(caller->bus);
  return PyErr_CheckSignals();
}

/* One attempt; SHMBUS_NOT_REGISTERED and `vacant` without having sent when the caller waits for a
 * handler and there is none: a call that waits inside the library would see no signal. */
static int attempt(const Caller* caller, Job* job, int64_t timeout, shmbus_error_t* error,
                   int* vacant) {
  int kind;
  *vacant = 0;
  if (caller->waits) {
    shmbus_bus_t* const bus = open_bus((PyObject*)caller->bus);
    if (bus == NULL) return -1;
    kind = shmbus_wait_until_available(bus, caller->name, 0, error);
    if (kind != SHMBUS_OK) {
      *vacant = kind == SHMBUS_TIMED_OUT;
      if (*vacant) error->kind = SHMBUS_NOT_REGISTERED; /* as the library calls it */
      error->may_have_run = 0;
      return error->kind;
    }
  }
  Py_BEGIN_ALLOW_THREADS kind = do_once(caller, job, timeout, error);
  Py_END_ALLOW_THREADS return kind;
}

/* What is left until `until`, or of the command whose handler makes this call, as calls inherit it
 * that wait in the library. One-way commands inherit nothing: nobody waits for them. */
static int64_t left_of(const Job* job, int64_t until) {
  const int64_t own = until == SHMBUS_FOREVER ? SHMBUS_FOREVER : until - now_ns();
  const int one_way = job->what == SEND || job->what == LOAN_SEND;
  const int64_t inherited = one_way ? SHMBUS_FOREVER : left_of_command();
  return inherited < own ? inherited : own;
}

int send_until(const Caller* caller, Job* job, int64_t timeout) {
  int64_t until = 0; /* set when the first attempt found no handler or no room */
  int64_t left = timeout;
  for (;;) {
    shmbus_error_t error = SHMBUS_ERROR_INIT;
    int vacant = 0;
    const int kind = attempt(caller, job, left, &error, &vacant);
    const int full = kind == SHMBUS_OVERLOADED && error.code == ENOBUFS && !caller->fails;
    if (kind <= 0) return kind;
    if (until == 0) {
      timeout = patience_of(timeout).left;
      until = timeout == SHMBUS_FOREVER ? SHMBUS_FOREVER : now_ns() + timeout;
    }
    left = left_of(job, until);
    if ((vacant || full) && left == COMMAND_CANCELLED) {
      raise_kind(SHMBUS_CANCELLED, "the command that this call is made for was cancelled");
      return -1;
    }
    if ((!vacant && !full) || left <= 0) {
      raise(&error);
      return -1;
    }
    if (pause_for(caller, vacant, left < SLICE_NS ? left : SLICE_NS) != 0) return -1;
  }
}

/* ---- Methods of a caller ---- */

/* (request, room, timeout_ns) */
static int start(Caller* self, PyObject* args, shmbus_pending_t** pending) {
  Job job = {.what = START};
  PyObject* request;
  Py_buffer view;
  Py_ssize_t room;
  long long timeout;
  int failed;
  if (!PyArg_ParseTuple(args, "OnL", &request, &room, &timeout) || wrong_thread(self)) return -1;
  give_back(self->mine);
  if (PyObject_GetBuffer(request, &view, PyBUF_SIMPLE) != 0) return -1;
  job.data = view.buf;
  job.size = (size_t)view.len;
  job.room = (size_t)(room < 0 ? 0 : room);
  failed = send_until(self, &job, timeout);
  PyBuffer_Release(&view);
  *pending = job.pending;
  return failed;
}

static PyObject* caller_call(PyObject* self, PyObject* args) {
  shmbus_pending_t* pending = NULL;
  shmbus_reply_t* reply = NULL;
  PyObject* bytes;
  const void* data;
  size_t size;
  if (start((Caller*)self, args, &pending) != 0 || wait_for(pending, &reply) != 0) return NULL;
  data = shmbus_reply_data(reply, &size);
  bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
  shmbus_reply_drop(reply);
  return bytes;
}

static PyObject* caller_start(PyObject* self, PyObject* args) {
  shmbus_pending_t* pending = NULL;
  if (start((Caller*)self, args, &pending) != 0) return NULL;
  return hold_pending((Caller*)self, pending);
}

static PyObject* caller_send(PyObject* self, PyObject* args) {
  Caller* caller = (Caller*)self;
  Job job = {.what = SEND};
  PyObject* request;
  Py_buffer view;
  long long timeout;
  int failed;
  if (!PyArg_ParseTuple(args, "OL", &request, &timeout) || wrong_thread(caller)) return NULL;
  give_back(caller->mine);
  if (PyObject_GetBuffer(request, &view, PyBUF_SIMPLE) != 0) return NULL;
  job.data = view.buf;
  job.size = (size_t)view.len;
  failed = send_until(caller, &job, timeout);
  PyBuffer_Release(&view);
  return failed ? NULL : PyLong_FromUnsignedLongLong(job.sequence);
}

static PyObject* caller_loan(PyObject* self, PyObject* args) {
  Caller* caller = (Caller*)self;
  Job job = {.what = LOAN};
  Py_ssize_t size, room;
  if (!PyArg_ParseTuple(args, "nn", &size, &room) || wrong_thread(caller)) return NULL;
  give_back(caller->mine);
  if (size < 0 || room < 0) {
    PyErr_SetString(PyExc_ValueError, "a size is below 0");
    return NULL;
  }
  job.size = (size_t)size;
  job.room = (size_t)room;
  if (send_until(caller, &job, SHMBUS_DEFAULT_TIMEOUT) != 0) return NULL;
  return hold_loan(caller, job.loan);
}

static PyObject* caller_fd(PyObject* self, PyObject* ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  int fd = -1;
  (void)ignored;
  if (wrong_thread((Caller*)self)) return NULL;
  if (shmbus_caller_fd(((Caller*)self)->mine->caller, &fd, &error) != SHMBUS_OK) {
    return raise(&error);
  }
  return PyLong_FromLong(fd);
}

static PyObject* caller_poll(PyObject* self, PyObject* ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  Caller* caller = (Caller*)self;
  (void)ignored;
  if (wrong_thread(caller)) return NULL;
  give_back(caller->mine);
  if (shmbus_caller_poll(caller->mine->caller, &error) != SHMBUS_OK) return raise(&error);
  Py_RETURN_NONE;
}

static PyMethodDef caller_methods[] = {
    {"call", caller_call, METH_VARARGS, NULL}, {"start", caller_start, METH_VARARGS, NULL},
    {"send", caller_send, METH_VARARGS, NULL}, {"loan", caller_loan, METH_VARARGS, NULL},
    {"open", caller_open, METH_VARARGS, NULL}, {"fd", caller_fd, METH_NOARGS, NULL},
    {"poll", caller_poll, METH_NOARGS, NULL},  {NULL, NULL, 0, NULL}};
static PyType_Slot caller_slots[] = {
    {Py_tp_methods, caller_methods}, {Py_tp_dealloc, caller_dealloc}, {0, NULL}};
int add_caller_types(PyObject* module, State* s) {
  if (add_type(module, &s->caller, "shmbus._native.Caller", sizeof(Caller), 0, caller_slots) != 0) {
    return -1;
  }
  return add_held_types(module, s);
}
