/* Streams: the caller's side, which belongs to the thread of its caller, and the two ends that a
 * handler has. Each step copies a record, first without giving the interpreter's lock up. */
#include "caller.h"

typedef struct {
  PyObject_HEAD Caller* caller;
  shmbus_stream_t* stream;
} Stream;

/* A step of either side: what is put, or what came. */
typedef struct {
  PyObject* self;
  int64_t until; /* CLOCK_MONOTONIC: the handler's deadline; 0: none */
  const void* record;
  size_t size;
} Step;

typedef int (*Try)(Step* step, int64_t timeout, shmbus_error_t* error);

/* 1: done; 0: not in time; -1 and an exception. `enter` says whether the object may be used, which
 * a signal's handler may change, and `leave` ends that. */
static int walk(Step* step, int64_t timeout, Try once, int (*enter)(PyObject*),
                void (*leave)(PyObject*)) {
  Patience patience = {timeout < 0 ? 0 : timeout, 0};
  int64_t slice = 0;
  for (;;) {
    shmbus_error_t error = SHMBUS_ERROR_INIT;
    int kind, more;
    if (!enter(step->self)) return -1;
    if (slice == 0) {
      kind = once(step, 0, &error);
    } else {
      Py_BEGIN_ALLOW_THREADS kind = once(step, slice, &error);
      Py_END_ALLOW_THREADS
    }
    leave(step->self);
    if (kind == SHMBUS_OK) return 1;
    if (kind != SHMBUS_TIMED_OUT || (step->until != 0 && now_ns() >= step->until)) {
      raise(&error);
      return -1;
    }
    if (patience.left == 0) return 0;
    if (slice != 0 && (more = waited(&patience)) <= 0) return more;
    slice = slice_of(&patience);
  }
}

static PyObject* put_with(PyObject* self, PyObject* args, Try once, int (*enter)(PyObject*),
                          void (*leave)(PyObject*), int64_t until) {
  Step step = {self, until, NULL, 0};
  PyObject* record;
  Py_buffer view;
  long long timeout;
  int done;
  if (!PyArg_ParseTuple(args, "OL", &record, &timeout)) return NULL;
  if (PyObject_GetBuffer(record, &view, PyBUF_SIMPLE) != 0) return NULL;
  step.record = view.buf;
  step.size = (size_t)view.len;
  done = walk(&step, timeout, once, enter, leave);
  PyBuffer_Release(&view);
  return done < 0 ? NULL : PyBool_FromLong(done);
}

static PyObject* next_with(PyObject* self, PyObject* args, Try once, int (*enter)(PyObject*),
                           void (*leave)(PyObject*), int64_t until) {
  Step step = {self, until, NULL, 0};
  long long timeout;
  int came;
  if (!PyArg_ParseTuple(args, "L", &timeout)) return NULL;
  came = walk(&step, timeout, once, enter, leave);
  if (came < 0) return NULL;
  if (came == 0) Py_RETURN_NONE;
  return PyBytes_FromStringAndSize(step.record, (Py_ssize_t)step.size);
}

/* ---- The caller's side ---- */

/* (request, records, window, room, timeout_ns) */
PyObject* caller_open(PyObject* self, PyObject* args) {
  Caller* const caller = (Caller*)self;
  Job job = {.what = OPEN};
  PyObject* request;
  Stream* stream;
  Py_buffer view;
  Py_ssize_t room;
  long long timeout;
  int failed;
  if (!PyArg_ParseTuple(args, "OinnL", &request, &job.records, &job.window, &room, &timeout) ||
      wrong_thread(caller)) {
    return NULL;
  }
  stream = (Stream*)make(state()->stream);
  if (stream == NULL) return NULL;
  Py_INCREF(self);
  stream->caller = caller;
  if (PyObject_GetBuffer(request, &view, PyBUF_SIMPLE) != 0) {
    Py_DECREF((PyObject*)stream);
    return NULL;
  }
  job.data = view.len == 0 ? NULL : view.buf;
  job.size = (size_t)view.len;
  job.room = (size_t)(room < 0 ? 0 : room);
  failed = send_until(caller, &job, timeout);
  PyBuffer_Release(&view);
  if (failed) {
    Py_DECREF((PyObject*)stream);
    return NULL;
  }
  stream->stream = job.stream;
  return (PyObject*)stream;
}

static int enter_stream(PyObject* self) {
  if (wrong_thread(((Stream*)self)->caller)) return 0;
  if (((Stream*)self)->stream != NULL) return 1;
  closed();
  return 0;
}
static void leave_stream(PyObject* self) { (void)self; }

static int try_stream_next(Step* step, int64_t timeout, shmbus_error_t* error) {
  return shmbus_stream_next(((Stream*)step->self)->stream, timeout, &step->record, &step->size,
                            error);
}
static int try_stream_put(Step* step, int64_t timeout, shmbus_error_t* error) {
  return shmbus_stream_put(((Stream*)step->self)->stream, step->record, step->size, timeout, error);
}

static PyObject* stream_next(PyObject* self, PyObject* args) {
  return next_with(self, args, try_stream_next, enter_stream, leave_stream, 0);
}
static PyObject* stream_put(PyObject* self, PyObject* args) {
  return put_with(self, args, try_stream_put, enter_stream, leave_stream, 0);
}

static PyObject* stream_ready(PyObject* self, PyObject* ignored) {
  (void)ignored;
  if (!enter_stream(self)) return NULL;
  return PyBool_FromLong(shmbus_stream_ready(((Stream*)self)->stream));
}

/* Says that no record will follow. False: there is no room for that yet. */
static PyObject* stream_close(PyObject* self, PyObject* ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  int kind;
  (void)ignored;
  if (!enter_stream(self)) return NULL;
  kind = shmbus_stream_close(((Stream*)self)->stream, &error);
  if (kind == SHMBUS_TIMED_OUT) Py_RETURN_FALSE;
  if (kind != SHMBUS_OK && kind != SHMBUS_STREAM_ENDED) return raise(&error);
  Py_RETURN_TRUE;
}

/* The reply, or the error that ended it. Waits, and sees no signal: ask ready() before. */
static PyObject* stream_finish(PyObject* self, PyObject* ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_reply_t* reply = NULL;
  PyObject* bytes;
  size_t size = 0;
  const void* data;
  int kind;
  (void)ignored;
  if (!enter_stream(self)) return NULL;
  Py_BEGIN_ALLOW_THREADS kind = shmbus_stream_finish(((Stream*)self)->stream, &reply, &error);
  Py_END_ALLOW_THREADS if (kind != SHMBUS_OK) return raise(&error);
  data = shmbus_reply_data(reply, &size);
  bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
  shmbus_reply_drop(reply);
  return bytes;
}

static PyObject* stream_cancel(PyObject* self, PyObject* ignored) {
  (void)ignored;
  if (!enter_stream(self)) return NULL;
  shmbus_stream_cancel(((Stream*)self)->stream);
  Py_RETURN_NONE;
}

/* Cancels it if it has not ended, and frees it, on its own thread. */
static PyObject* stream_free(PyObject* self, PyObject* ignored) {
  shmbus_stream_t* const taken = ((Stream*)self)->stream;
  (void)ignored;
  ((Stream*)self)->stream = NULL;
  drop_stream(((Stream*)self)->caller->mine, taken);
  Py_RETURN_NONE;
}

static void stream_dealloc(PyObject* self) {
  drop_stream(((Stream*)self)->caller->mine, ((Stream*)self)->stream);
  Py_DECREF((PyObject*)((Stream*)self)->caller);
  finish(self);
}

/* ---- The handler's ends ---- */

typedef struct End {
  PyObject_HEAD shmbus_writer_t* writer;
  shmbus_reader_t* reader;
  PyObject* owner;      /* a Responder, which holds this end; NULL: a command's */
  unsigned long thread; /* of a command's: the only one; of a Responder's, 0 */
  int64_t until;        /* the deadline; 0: none */
  int busy;
} End;

static End* new_end(PyObject* owner, int64_t until) {
  End* end = (End*)make(state()->end);
  if (end == NULL) return NULL;
  end->owner = owner;
  end->thread = owner == NULL ? PyThread_get_thread_ident() : 0;
  end->until = until;
  return end;
}

/* Gives the object out, and keeps it in `held`. */
static PyObject* keep_end(End* end, int kind, const shmbus_error_t* error, PyObject** held) {
  if (kind != SHMBUS_OK) {
    Py_DECREF((PyObject*)end);
    return raise(error);
  }
  Py_INCREF((PyObject*)end);
  Py_XDECREF(*held); /* the library gives each out once */
  *held = (PyObject*)end;
  return (PyObject*)end;
}

PyObject* open_ends(Ends* ends, PyObject* owner, shmbus_context_t* command,
                    shmbus_responder_t* responder, int writes) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  End* const end = new_end(owner, ends->until);
  int kind;
  if (end == NULL) return NULL;
  if (command != NULL) {
    kind = writes ? shmbus_context_writer(command, &end->writer, &error)
                  : shmbus_context_reader(command, &end->reader, &error);
  } else {
    kind = writes ? shmbus_responder_writer(responder, &end->writer, &error)
                  : shmbus_responder_reader(responder, &end->reader, &error);
  }
  return keep_end(end, kind, &error, writes ? &ends->writer : &ends->reader);
}

int ends_busy(const Ends* ends) {
  if ((ends->writer == NULL || !((End*)ends->writer)->busy) &&
      (ends->reader == NULL || !((End*)ends->reader)->busy)) {
    return 0;
  }
  raise_kind(SHMBUS_WRONG_THREAD, "another thread reads or writes this stream: let it end first");
  return 1;
}

static void end_end(PyObject** held) {
  End* const end = (End*)*held;
  if (end == NULL) return;
  *held = NULL;
  shmbus_writer_free(end->writer);
  shmbus_reader_free(end->reader);
  end->writer = NULL;
  end->reader = NULL;
  end->owner = NULL;
  Py_DECREF((PyObject*)end);
}

void end_ends(Ends* ends) {
  end_end(&ends->writer);
  end_end(&ends->reader);
}

static int enter_end(PyObject* self) {
  End* const end = (End*)self;
  if (end->writer == NULL && end->reader == NULL) {
    closed();
    return 0;
  }
  if (end->busy || (end->thread != 0 && end->thread != PyThread_get_thread_ident())) {
    raise_kind(SHMBUS_WRONG_THREAD,
               "one thread at a time reads or writes a stream; without an executor, the handler's");
    return 0;
  }
  end->busy = 1;
  Py_XINCREF(end->owner); /* it is not answered meanwhile: see ends_busy */
  return 1;
}
static void leave_end(PyObject* self) {
  End* const end = (End*)self;
  PyObject* const owner = end->owner;
  end->busy = 0;
  Py_XDECREF(owner);
}

static int try_reader_next(Step* step, int64_t timeout, shmbus_error_t* error) {
  return shmbus_reader_next(((End*)step->self)->reader, timeout, &step->record, &step->size, error);
}
static int try_writer_put(Step* step, int64_t timeout, shmbus_error_t* error) {
  return shmbus_writer_put(((End*)step->self)->writer, step->record, step->size, timeout, error);
}
static PyObject* end_next(PyObject* self, PyObject* args) {
  return next_with(self, args, try_reader_next, enter_end, leave_end, ((End*)self)->until);
}
static PyObject* end_put(PyObject* self, PyObject* args) {
  return put_with(self, args, try_writer_put, enter_end, leave_end, ((End*)self)->until);
}

static void end_dealloc(PyObject* self) { finish(self); }

static PyMethodDef stream_methods[] = {
    {"next", stream_next, METH_VARARGS, NULL},    {"put", stream_put, METH_VARARGS, NULL},
    {"ready", stream_ready, METH_NOARGS, NULL},   {"close", stream_close, METH_NOARGS, NULL},
    {"finish", stream_finish, METH_NOARGS, NULL}, {"cancel", stream_cancel, METH_NOARGS, NULL},
    {"free", stream_free, METH_NOARGS, NULL},     {NULL, NULL, 0, NULL}};
static PyMethodDef end_methods[] = {{"next", end_next, METH_VARARGS, NULL},
                                    {"put", end_put, METH_VARARGS, NULL},
                                    {NULL, NULL, 0, NULL}};
static PyType_Slot stream_slots[] = {
    {Py_tp_methods, stream_methods}, {Py_tp_dealloc, stream_dealloc}, {0, NULL}};
static PyType_Slot end_slots[] = {
    {Py_tp_methods, end_methods}, {Py_tp_dealloc, end_dealloc}, {0, NULL}};

int add_stream_types(PyObject* module, State* s) {
  if (add_type(module, &s->stream, "shmbus._native.Stream", sizeof(Stream), 0, stream_slots) != 0) {
    return -1;
  }
  return add_type(module, &s->end, "shmbus._native.End", sizeof(End), 0, end_slots);
}
