/* Publishers and subscribers: one thread at a time uses each. */
#include "native.h"

typedef struct {
  PyObject_HEAD shmbus_publisher_t* publisher;
  int busy; /* a thread publishes without the interpreter's lock */
} Publisher;

typedef struct {
  PyObject_HEAD shmbus_subscriber_t* subscriber;
  int busy;
  Py_ssize_t views; /* of the event that it holds */
  const void* data; /* of that event; NULL: it holds none */
  size_t size;
} Subscriber;

/* 1 and an exception. */
static int used_elsewhere(int busy) {
  if (!busy) return 0;
  raise_kind(SHMBUS_WRONG_THREAD,
             "another thread uses this publisher or subscriber: make one for each thread");
  return 1;
}

/* ---- Publishers ---- */

PyObject* bus_publisher(PyObject* self, PyObject* args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_publisher_options_t options = {.size = sizeof options};
  shmbus_bus_t* const bus = open_bus(self);
  shmbus_publisher_t* made = NULL;
  Publisher* publisher;
  const char* name;
  if (bus == NULL || !PyArg_ParseTuple(args, "szII", &name, &options.schema, &options.keep,
                                       &options.event_bytes)) {
    return NULL;
  }
  if (shmbus_publisher_new(bus, name, &options, &made, &error) != SHMBUS_OK) return raise(&error);
  publisher = (Publisher*)make(state()->publisher);
  if (publisher == NULL) {
    shmbus_publisher_free(made);
    return NULL;
  }
  publisher->publisher = made;
  return (PyObject*)publisher;
}

/* (event, timeout_ns): its number. */
static PyObject* publisher_publish(PyObject* self, PyObject* args) {
  Publisher* const publisher = (Publisher*)self;
  PyObject* event;
  Py_buffer view;
  Patience patience;
  long long timeout;
  uint64_t sequence = 0;
  int more = 1;
  if (!PyArg_ParseTuple(args, "OL", &event, &timeout)) return NULL;
  if (PyObject_GetBuffer(event, &view, PyBUF_SIMPLE) != 0) return NULL;
  for (patience = patience_of(timeout); more > 0;) {
    shmbus_error_t error = SHMBUS_ERROR_INIT;
    int kind;
    more = -1;
    if (used_elsewhere(publisher->busy)) break;
    if (publisher->publisher == NULL) {
      closed();
      break;
    }
    publisher->busy = 1;
    Py_BEGIN_ALLOW_THREADS kind = shmbus_publish(publisher->publisher, view.buf, (size_t)view.len,
                                                 slice_of(&patience), &sequence, &error);
    Py_END_ALLOW_THREADS publisher->busy = 0;
    if (kind == SHMBUS_OK) {
      more = 0;
    } else if (kind != SHMBUS_OVERLOADED || (more = waited(&patience)) == 0) {
      raise(&error);
      more = -1;
    }
  }
  PyBuffer_Release(&view);
  return more == 0 ? PyLong_FromUnsignedLongLong(sequence) : NULL;
}

static PyObject* publisher_close(PyObject* self, PyObject* ignored) {
  Publisher* const publisher = (Publisher*)self;
  shmbus_publisher_t* const taken = publisher->publisher;
  (void)ignored;
  if (used_elsewhere(publisher->busy)) return NULL;
  publisher->publisher = NULL;
  shmbus_publisher_free(taken);
  Py_RETURN_NONE;
}

static void publisher_dealloc(PyObject* self) {
  shmbus_publisher_free(((Publisher*)self)->publisher);
  finish(self);
}

/* ---- Subscribers ---- */

PyObject* bus_subscriber(PyObject* self, PyObject* args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_subscriber_options_t options = {.size = sizeof options};
  shmbus_bus_t* const bus = open_bus(self);
  shmbus_subscriber_t* made = NULL;
  Subscriber* subscriber;
  const char* name;
  if (bus == NULL || !PyArg_ParseTuple(args, "sziii", &name, &options.schema, &options.from,
                                       &options.when_slow, &options.wait)) {
    return NULL;
  }
  if (shmbus_subscriber_new(bus, name, &options, &made, &error) != SHMBUS_OK) return raise(&error);
  subscriber = (Subscriber*)make(state()->subscriber);
  if (subscriber == NULL) {
    shmbus_subscriber_free(made);
    return NULL;
  }
  subscriber->subscriber = made;
  return (PyObject*)subscriber;
}

/* 0: this thread may use it, and no view of an event is left. */
static int may_not_use(Subscriber* subscriber) {
  if (used_elsewhere(subscriber->busy)) return 1;
  if (subscriber->subscriber == NULL) {
    closed();
    return 1;
  }
  if (subscriber->views == 0) return 0;
  PyErr_SetString(PyExc_BufferError, "views of the last event exist: release() them first");
  return 1;
}

/* Waits for an event, which it then holds: 1; 0 when none came in time; -1 and an exception. */
static int wait_for_event(Subscriber* self, int64_t timeout, shmbus_event_t* event) {
  Patience patience = patience_of(timeout);
  int64_t slice = 0; /* first without giving the interpreter's lock up */
  for (;;) {
    shmbus_error_t error = SHMBUS_ERROR_INIT;
    int kind, more;
    if (may_not_use(self)) return -1;
    self->data = NULL; /* next lets go of it */
    if (slice == 0) {
      kind = shmbus_subscriber_next(self->subscriber, 0, event, &error);
    } else {
      self->busy = 1;
      Py_BEGIN_ALLOW_THREADS kind = shmbus_subscriber_next(self->subscriber, slice, event, &error);
      Py_END_ALLOW_THREADS self->busy = 0;
    }
    if (kind == SHMBUS_OK) return 1;
    if (kind != SHMBUS_TIMED_OUT) {
      raise(&error);
      return -1;
    }
    if (slice != 0 || patience.left == 0) {
      more = patience.left == 0 ? 0 : waited(&patience);
      if (more <= 0) return more;
    }
    slice = slice_of(&patience);
  }
}

/* (timeout_ns): (bytes, sequence, publisher), or None when none came in time. */
static PyObject* subscriber_next(PyObject* self, PyObject* args) {
  Subscriber* const subscriber = (Subscriber*)self;
  shmbus_event_t event = {.size = sizeof event};
  PyObject* bytes;
  long long timeout;
  int came;
  if (!PyArg_ParseTuple(args, "L", &timeout)) return NULL;
  came = wait_for_event(subscriber, timeout, &event);
  if (came < 0) return NULL;
  if (came == 0) Py_RETURN_NONE;
  bytes = PyBytes_FromStringAndSize(event.data, (Py_ssize_t)event.data_size);
  shmbus_subscriber_release(subscriber->subscriber);
  return bytes == NULL
             ? NULL
             : Py_BuildValue("(NKI)", bytes, (unsigned long long)event.sequence, event.publisher);
}

/* (timeout_ns): (sequence, publisher) of an event that its buffer shows until the next one, or
 * None. */
static PyObject* subscriber_look(PyObject* self, PyObject* args) {
  Subscriber* const subscriber = (Subscriber*)self;
  shmbus_event_t event = {.size = sizeof event};
  long long timeout;
  int came;
  if (!PyArg_ParseTuple(args, "L", &timeout)) return NULL;
  came = wait_for_event(subscriber, timeout, &event);
  if (came < 0) return NULL;
  if (came == 0) Py_RETURN_NONE;
  subscriber->data = event.data;
  subscriber->size = event.data_size;
  return Py_BuildValue("(KI)", (unsigned long long)event.sequence, event.publisher);
}

static int subscriber_buffer(PyObject* self, Py_buffer* view, int flags) {
  Subscriber* const subscriber = (Subscriber*)self;
  if (subscriber->data == NULL) {
    PyErr_SetString(PyExc_BufferError, "no event is held");
    view->obj = NULL;
    return -1;
  }
  if (PyBuffer_FillInfo(view, self, (void*)(uintptr_t)subscriber->data,
                        (Py_ssize_t)subscriber->size, 1, flags) != 0) {
    return -1;
  }
  ++subscriber->views;
  return 0;
}

/* With the last view the event is let go of: a publisher may wait for that. */
static void subscriber_released(PyObject* self, Py_buffer* view) {
  Subscriber* const subscriber = (Subscriber*)self;
  (void)view;
  if (--subscriber->views != 0) return;
  subscriber->data = NULL;
  shmbus_subscriber_release(subscriber->subscriber);
}

static PyObject* subscriber_ready(PyObject* self, PyObject* ignored) {
  Subscriber* const subscriber = (Subscriber*)self;
  (void)ignored;
  if (may_not_use(subscriber)) return NULL;
  return PyBool_FromLong(shmbus_subscriber_ready(subscriber->subscriber));
}

static PyObject* subscriber_missed(PyObject* self, PyObject* ignored) {
  Subscriber* const subscriber = (Subscriber*)self;
  (void)ignored;
  if (used_elsewhere(subscriber->busy)) return NULL;
  if (subscriber->subscriber == NULL) return closed();
  return PyLong_FromUnsignedLongLong(shmbus_subscriber_missed(subscriber->subscriber));
}

static PyObject* subscriber_fd(PyObject* self, PyObject* ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  Subscriber* const subscriber = (Subscriber*)self;
  int fd = -1;
  (void)ignored;
  if (may_not_use(subscriber)) return NULL;
  if (shmbus_subscriber_fd(subscriber->subscriber, &fd, &error) != SHMBUS_OK) return raise(&error);
  return PyLong_FromLong(fd);
}

static PyObject* subscriber_poll(PyObject* self, PyObject* ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  Subscriber* const subscriber = (Subscriber*)self;
  (void)ignored;
  if (may_not_use(subscriber)) return NULL;
  if (shmbus_subscriber_poll(subscriber->subscriber, &error) != SHMBUS_OK) return raise(&error);
  Py_RETURN_NONE;
}

static PyObject* subscriber_close(PyObject* self, PyObject* ignored) {
  Subscriber* const subscriber = (Subscriber*)self;
  shmbus_subscriber_t* const taken = subscriber->subscriber;
  (void)ignored;
  if (taken == NULL) Py_RETURN_NONE;
  if (may_not_use(subscriber)) return NULL;
  subscriber->subscriber = NULL;
  subscriber->data = NULL;
  shmbus_subscriber_free(taken);
  Py_RETURN_NONE;
}

static void subscriber_dealloc(PyObject* self) {
  shmbus_subscriber_free(((Subscriber*)self)->subscriber);
  finish(self);
}

static PyMethodDef publisher_methods[] = {{"publish", publisher_publish, METH_VARARGS, NULL},
                                          {"close", publisher_close, METH_NOARGS, NULL},
                                          {NULL, NULL, 0, NULL}};
static PyMethodDef subscriber_methods[] = {{"next", subscriber_next, METH_VARARGS, NULL},
                                           {"look", subscriber_look, METH_VARARGS, NULL},
                                           {"ready", subscriber_ready, METH_NOARGS, NULL},
                                           {"missed", subscriber_missed, METH_NOARGS, NULL},
                                           {"fd", subscriber_fd, METH_NOARGS, NULL},
                                           {"poll", subscriber_poll, METH_NOARGS, NULL},
                                           {"close", subscriber_close, METH_NOARGS, NULL},
                                           {NULL, NULL, 0, NULL}};

static PyType_Slot publisher_slots[] = {
    {Py_tp_methods, publisher_methods}, {Py_tp_dealloc, publisher_dealloc}, {0, NULL}};
static PyType_Slot subscriber_slots[] = {{Py_tp_methods, subscriber_methods},
                                         {Py_tp_dealloc, subscriber_dealloc},
                                         {Py_bf_getbuffer, subscriber_buffer},
                                         {Py_bf_releasebuffer, subscriber_released},
                                         {0, NULL}};

int add_event_types(PyObject* module, State* s) {
  if (add_type(module, &s->publisher, "shmbus._native.Publisher", sizeof(Publisher), 0,
               publisher_slots) != 0) {
    return -1;
  }
  return add_type(module, &s->subscriber, "shmbus._native.Subscriber", sizeof(Subscriber), 0,
                  subscriber_slots);
}
