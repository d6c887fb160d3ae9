/* Opening a bus, names, watches. */
#include "native.h"

PyObject* bus_open(PyObject* ignored, PyObject* args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_open_options_t options = {.size = sizeof options};
  const char* name;
  int create = 1, kind;
  Bus* self;
  shmbus_bus_t* bus = NULL;
  (void)ignored;
  if (!PyArg_ParseTuple(args, "szp", &name, &options.label, &create)) return NULL;
  if (!create) options.flags |= SHMBUS_OPEN_NO_CREATE;
  Py_BEGIN_ALLOW_THREADS kind = shmbus_open(name, &options, &bus, &error);
  Py_END_ALLOW_THREADS if (kind != SHMBUS_OK) return raise(&error);
  self = (Bus*)make(state()->bus);
  if (self == NULL) {
    shmbus_close(bus);
    return NULL;
  }
  self->bus = bus;
  return (PyObject*)self;
}

shmbus_bus_t* open_bus(PyObject* self) {
  Bus* const bus = (Bus*)self;
  if (bus->bus != NULL && !bus->closing) return bus->bus;
  PyErr_SetString(PyExc_ValueError, "this bus was closed");
  return NULL;
}

static void close_if_unused(Bus* bus) {
  if (bus->users != 0) return;
  shmbus_close(bus->bus);
  bus->bus = NULL;
}

void begin_use(Bus* bus) { ++bus->users; }
void end_use(Bus* bus) {
  --bus->users;
  if (bus->closing) close_if_unused(bus);
}

static PyObject* bus_close(PyObject* self, PyObject* ignored) {
  (void)ignored;
  ((Bus*)self)->closing = 1;
  close_if_unused((Bus*)self);
  Py_RETURN_NONE;
}

static void bus_dealloc(PyObject* self) {
  shmbus_close(((Bus*)self)->bus);
  finish(self);
}

static PyObject* bus_path(PyObject* self, PyObject* ignored) {
  shmbus_bus_t* const bus = open_bus(self);
  (void)ignored;
  return bus == NULL ? NULL : PyUnicode_DecodeFSDefault(shmbus_path(bus));
}

/* Waits in slices until `timeout_ns` is over; Ctrl-C ends it. */
static PyObject* bus_wait(PyObject* self, PyObject* args) {
  const char* name;
  long long left;
  if (!PyArg_ParseTuple(args, "sL", &name, &left)) return NULL;
  for (;;) {
    shmbus_error_t error = SHMBUS_ERROR_INIT;
    shmbus_bus_t* const bus = open_bus(self);
    const int64_t slice = left < SLICE_NS ? left : SLICE_NS;
    int kind;
    if (bus == NULL) return NULL;
    begin_use((Bus*)self);
    Py_BEGIN_ALLOW_THREADS kind = shmbus_wait_until_available(bus, name, slice, &error);
    Py_END_ALLOW_THREADS end_use((Bus*)self);
    if (kind == SHMBUS_OK) Py_RETURN_NONE;
    if (left != SHMBUS_FOREVER) left -= slice;
    if (kind != SHMBUS_TIMED_OUT || left <= 0) return raise(&error);
    if (PyErr_CheckSignals() != 0) return NULL;
  }
}

static PyObject* bus_schema(PyObject* self, PyObject* args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_bus_t* const bus = open_bus(self);
  char text[2048];
  const char* name;
  size_t length = 0;
  if (bus == NULL || !PyArg_ParseTuple(args, "s", &name)) return NULL;
  if (shmbus_schema(bus, name, text, sizeof text, &length, &error) != SHMBUS_OK) {
    return raise(&error);
  }
  return PyUnicode_DecodeUTF8(text, (Py_ssize_t)length, "replace");
}

/* ---- Watches: one thread at a time ---- */

typedef struct {
  PyObject_HEAD shmbus_watch_t* watch;
  int busy;
} Watch;

static int is_busy(const Watch* watch) {
  if (!watch->busy) return 0;
  PyErr_SetString(PyExc_RuntimeError, "another thread waits on this watch");
  return 1;
}

static PyObject* bus_watch(PyObject* self, PyObject* args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_bus_t* const bus = open_bus(self);
  const char* name = NULL;
  shmbus_watch_t* made = NULL;
  Watch* watch;
  if (bus == NULL || !PyArg_ParseTuple(args, "z", &name)) return NULL;
  if (shmbus_watch_new(bus, &name, name == NULL ? 0 : 1, &made, &error) != SHMBUS_OK) {
    return raise(&error);
  }
  watch = (Watch*)make(state()->watch);
  if (watch == NULL) {
    shmbus_watch_free(made);
    return NULL;
  }
  watch->watch = made;
  return (PyObject*)watch;
}

static void watch_dealloc(PyObject* self) {
  shmbus_watch_free(((Watch*)self)->watch);
  finish(self);
}

/* A list of (name, owner, pid, available, taken_over). */
static PyObject* watch_poll(PyObject* self, PyObject* ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  PyObject* list;
  (void)ignored;
  if (is_busy((Watch*)self)) return NULL;
  list = PyList_New(0);
  while (list != NULL) {
    shmbus_name_change_t change;
    size_t count = 0;
    PyObject* one;
    if (shmbus_watch_poll(((Watch*)self)->watch, &change, 1, &count, &error) != SHMBUS_OK) {
      Py_DECREF(list);
      return raise(&error);
    }
    if (count == 0) break;
    one = Py_BuildValue("(NNIii)", text_of(change.name), text_of(change.owner), change.pid,
                        (int)change.available, (int)change.taken_over);
    if (one == NULL || PyList_Append(list, one) != 0) Py_CLEAR(list);
    Py_XDECREF(one);
  }
  return list;
}

/* True once poll() has something to report, False when `timeout_ns` is over. */
static PyObject* watch_wait(PyObject* self, PyObject* args) {
  Watch* const watch = (Watch*)self;
  long long left;
  if (!PyArg_ParseTuple(args, "L", &left)) return NULL;
  for (;;) {
    shmbus_error_t error = SHMBUS_ERROR_INIT;
    const int64_t slice = left < SLICE_NS ? left : SLICE_NS;
    int kind, changed = 0;
    if (is_busy(watch)) return NULL;
    watch->busy = 1;
    Py_BEGIN_ALLOW_THREADS kind = shmbus_watch_wait(watch->watch, slice, &changed, &error);
    Py_END_ALLOW_THREADS watch->busy = 0;
    if (kind != SHMBUS_OK) return raise(&error);
    if (left != SHMBUS_FOREVER) left -= slice;
    if (changed || left <= 0) return PyBool_FromLong(changed);
    if (PyErr_CheckSignals() != 0) return NULL;
  }
}

static PyObject* watch_fd(PyObject* self, PyObject* ignored) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  int fd = -1;
  (void)ignored;
  if (is_busy((Watch*)self)) return NULL;
  if (shmbus_watch_fd(((Watch*)self)->watch, &fd, &error) != SHMBUS_OK) return raise(&error);
  return PyLong_FromLong(fd);
}

static PyMethodDef bus_methods[] = {{"close", bus_close, METH_NOARGS, NULL},
                                    {"path", bus_path, METH_NOARGS, NULL},
                                    {"wait_until_available", bus_wait, METH_VARARGS, NULL},
                                    {"schema", bus_schema, METH_VARARGS, NULL},
                                    {"caller", bus_caller, METH_VARARGS, NULL},
                                    {"server", bus_server, METH_VARARGS, NULL},
                                    {"watch", bus_watch, METH_VARARGS, NULL},
                                    {"publisher", bus_publisher, METH_VARARGS, NULL},
                                    {"subscriber", bus_subscriber, METH_VARARGS, NULL},
                                    {NULL, NULL, 0, NULL}};
static PyMethodDef watch_methods[] = {{"poll", watch_poll, METH_NOARGS, NULL},
                                      {"wait", watch_wait, METH_VARARGS, NULL},
                                      {"fd", watch_fd, METH_NOARGS, NULL},
                                      {NULL, NULL, 0, NULL}};

static PyType_Slot bus_slots[] = {
    {Py_tp_methods, bus_methods}, {Py_tp_dealloc, bus_dealloc}, {0, NULL}};
static PyType_Slot watch_slots[] = {
    {Py_tp_methods, watch_methods}, {Py_tp_dealloc, watch_dealloc}, {0, NULL}};

int add_bus_types(PyObject* module, State* s) {
  if (add_type(module, &s->bus, "shmbus._native.Bus", sizeof(Bus), 0, bus_slots) != 0) return -1;
  return add_type(module, &s->watch, "shmbus._native.Watch", sizeof(Watch), 0, watch_slots);
}
