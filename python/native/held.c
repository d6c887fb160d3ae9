/* Pending calls, replies and loans: what a program holds of a caller. */
#include "caller.h"

PyObject* hold_pending(Caller* caller, shmbus_pending_t* pending) {
  Pending* self = (Pending*)make(state()->pending);
  if (self == NULL) {
    shmbus_pending_drop(pending);
    return NULL;
  }
  Py_INCREF((PyObject*)caller);
  self->caller = caller;
  self->pending = pending;
  return (PyObject*)self;
}

static PyObject* hold_reply(Caller* caller, shmbus_reply_t* reply) {
  Reply* self = (Reply*)make(state()->reply);
  if (self == NULL) {
    shmbus_reply_drop(reply);
    return NULL;
  }
  Py_INCREF((PyObject*)caller);
  self->caller = caller;
  self->reply = reply;
  return (PyObject*)self;
}

PyObject* hold_loan(Caller* caller, shmbus_loan_t* loan) {
  Loan* self = (Loan*)make(state()->loan);
  if (self == NULL) {
    shmbus_loan_drop(loan);
    return NULL;
  }
  Py_INCREF((PyObject*)caller);
  self->caller = caller;
  self->loan = loan;
  return (PyObject*)self;
}

int wait_for(shmbus_pending_t* pending, shmbus_reply_t** reply) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  int kind;
  for (;;) {
    int ready;
    Py_BEGIN_ALLOW_THREADS ready = shmbus_pending_wait_ready(pending, SLICE_NS);
    Py_END_ALLOW_THREADS if (ready) break;
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

static void pending_dealloc(PyObject* self) {
  Pending* pending = (Pending*)self;
  drop(pending->caller->mine, NULL, pending->pending, NULL);
  Py_DECREF(pending->caller);
  finish(self);
}

static PyObject* pending_ready(PyObject* self, PyObject* ignored) {
  Pending* pending = (Pending*)self;
  (void)ignored;
  if (pending->pending == NULL) return closed();
  if (wrong_thread(pending->caller)) return NULL;
  return PyBool_FromLong(shmbus_pending_wait_ready(pending->pending, 0));
}

static PyObject* pending_wait(PyObject* self, PyObject* ignored) {
  Pending* pending = (Pending*)self;
  shmbus_pending_t* taken = pending->pending;
  shmbus_reply_t* reply = NULL;
  (void)ignored;
  if (taken == NULL) return closed();
  if (wrong_thread(pending->caller)) return NULL;
  pending->pending = NULL;
  if (wait_for(taken, &reply) != 0) return NULL;
  return hold_reply(pending->caller, reply);
}

static PyObject* pending_cancel(PyObject* self, PyObject* ignored) {
  Pending* pending = (Pending*)self;
  (void)ignored;
  if (wrong_thread(pending->caller)) return NULL;
  shmbus_pending_cancel(pending->pending);
  Py_RETURN_NONE;
}

static void reply_dealloc(PyObject* self) {
  Reply* reply = (Reply*)self;
  drop(reply->caller->mine, NULL, NULL, reply->reply);
  Py_DECREF(reply->caller);
  finish(self);
}

/* A view holds the reply, and so its memory. */
static int reply_buffer(PyObject* self, Py_buffer* view, int flags) {
  size_t size = 0;
  const void* data = shmbus_reply_data(((Reply*)self)->reply, &size);
  return PyBuffer_FillInfo(view, self, (void*)(uintptr_t)data, (Py_ssize_t)size, 1, flags);
}

static void loan_dealloc(PyObject* self) {
  Loan* loan = (Loan*)self;
  drop(loan->caller->mine, loan->loan, NULL, NULL);
  Py_DECREF(loan->caller);
  finish(self);
}

static int loan_buffer(PyObject* self, Py_buffer* view, int flags) {
  Loan* loan = (Loan*)self;
  size_t size = 0;
  void* data = shmbus_loan_data(loan->loan, &size);
  if (loan->loan == NULL) {
    PyErr_SetString(PyExc_BufferError, "this loan was sent");
    view->obj = NULL;
    return -1;
  }
  if (PyBuffer_FillInfo(view, self, data, (Py_ssize_t)size, 0, flags) != 0) return -1;
  ++loan->views;
  return 0;
}

static void loan_release(PyObject* self, Py_buffer* view) {
  (void)view;
  --((Loan*)self)->views;
}

/* Sends a loan of which there are no views: nobody can write to what the handler reads. The object
 * does not have it meanwhile; after an error it has it again. */
static int send_loan(PyObject* self, PyObject* args, Job* job) {
  Loan* loan = (Loan*)self;
  long long timeout;
  if (!PyArg_ParseTuple(args, "L", &timeout)) return -1;
  if (loan->loan == NULL) {
    closed();
    return -1;
  }
  if (wrong_thread(loan->caller)) return -1;
  if (loan->views != 0) {
    PyErr_SetString(PyExc_BufferError, "views of this loan exist: release() them first");
    return -1;
  }
  job->loan = loan->loan;
  loan->loan = NULL;
  if (send_until(loan->caller, job, timeout) == 0) return 0;
  loan->loan = job->loan;
  return -1;
}

static PyObject* loan_start(PyObject* self, PyObject* args) {
  Job job = {.what = LOAN_START};
  if (send_loan(self, args, &job) != 0) return NULL;
  return hold_pending(((Loan*)self)->caller, job.pending);
}

static PyObject* loan_send(PyObject* self, PyObject* args) {
  Job job = {.what = LOAN_SEND};
  if (send_loan(self, args, &job) != 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject* loan_shrink(PyObject* self, PyObject* args) {
  Loan* loan = (Loan*)self;
  Py_ssize_t size;
  if (!PyArg_ParseTuple(args, "n", &size) || wrong_thread(loan->caller)) return NULL;
  if (loan->loan == NULL) return closed();
  if (loan->views != 0) {
    PyErr_SetString(PyExc_BufferError, "views of this loan exist: release() them first");
    return NULL;
  }
  if (size >= 0) shmbus_loan_shrink(loan->loan, (size_t)size);
  Py_RETURN_NONE;
}

static PyMethodDef pending_methods[] = {{"ready", pending_ready, METH_NOARGS, NULL},
                                        {"wait", pending_wait, METH_NOARGS, NULL},
                                        {"cancel", pending_cancel, METH_NOARGS, NULL},
                                        {NULL, NULL, 0, NULL}};
static PyMethodDef loan_methods[] = {{"start", loan_start, METH_VARARGS, NULL},
                                     {"send", loan_send, METH_VARARGS, NULL},
                                     {"shrink", loan_shrink, METH_VARARGS, NULL},
                                     {NULL, NULL, 0, NULL}};

static PyType_Slot pending_slots[] = {
    {Py_tp_methods, pending_methods}, {Py_tp_dealloc, pending_dealloc}, {0, NULL}};
static PyType_Slot reply_slots[] = {
    {Py_tp_dealloc, reply_dealloc}, {Py_bf_getbuffer, reply_buffer}, {0, NULL}};
static PyType_Slot loan_slots[] = {{Py_tp_methods, loan_methods},
                                   {Py_tp_dealloc, loan_dealloc},
                                   {Py_bf_getbuffer, loan_buffer},
                                   {Py_bf_releasebuffer, loan_release},
                                   {0, NULL}};

int add_held_types(PyObject* module, State* s) {
  if (add_type(module, &s->pending, "shmbus._native.Pending", sizeof(Pending), 0, pending_slots) !=
          0 ||
      add_type(module, &s->reply, "shmbus._native.Reply", sizeof(Reply), 0, reply_slots) != 0) {
    return -1;
  }
  return add_type(module, &s->loan, "shmbus._native.Loan", sizeof(Loan), 0, loan_slots);
}
