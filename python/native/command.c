/* A command while its handler runs, and answers that come later. */
#include "native.h"

typedef struct {
  PyObject_HEAD shmbus_responder_t* responder;
  Ends ends;
} Responder;

static shmbus_context_t* command_of(PyObject* self) {
  shmbus_context_t* command = ((Command*)self)->command;
  if (command == NULL) {
    PyErr_SetString(PyExc_ValueError, "its handler has returned: defer() to answer later");
  }
  return command;
}

static PyObject* command_request(PyObject* self, PyObject* ignored) {
  shmbus_context_t* command = command_of(self);
  size_t size = 0;
  const void* data;
  (void)ignored;
  if (command == NULL) return NULL;
  data = shmbus_context_request(command, &size);
  return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
}

static PyObject* command_name(PyObject* self, PyObject* ignored) {
  shmbus_context_t* command = command_of(self);
  size_t size = 0;
  const char* name;
  (void)ignored;
  if (command == NULL) return NULL;
  name = shmbus_context_name(command, &size);
  return PyUnicode_DecodeUTF8(name, (Py_ssize_t)size, "replace");
}

static PyObject* command_one_way(PyObject* self, PyObject* ignored) {
  shmbus_context_t* command = command_of(self);
  (void)ignored;
  return command == NULL ? NULL : PyBool_FromLong(shmbus_context_one_way(command));
}

static PyObject* command_reply(PyObject* self, PyObject* bytes) {
  shmbus_context_t* command = command_of(self);
  Py_buffer view;
  if (command == NULL || PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) != 0) return NULL;
  /* Too large: the caller gets that error, with the size. */
  (void)shmbus_context_reply(command, view.buf, (size_t)view.len, NULL);
  PyBuffer_Release(&view);
  Py_RETURN_NONE;
}

static PyObject* command_reject(PyObject* self, PyObject* args) {
  shmbus_context_t* command = command_of(self);
  int code;
  const char* text;
  if (command == NULL || !PyArg_ParseTuple(args, "iz", &code, &text)) return NULL;
  shmbus_context_reject(command, code, text);
  Py_RETURN_NONE;
}

static PyObject* command_refuse(PyObject* self, PyObject* args) {
  shmbus_context_t* command = command_of(self);
  int kind, code;
  const char* text;
  if (command == NULL || !PyArg_ParseTuple(args, "iiz", &kind, &code, &text)) return NULL;
  shmbus_context_refuse(command, kind, code, text);
  Py_RETURN_NONE;
}

static PyObject* command_remaining(PyObject* self, PyObject* ignored) {
  shmbus_context_t* command = command_of(self);
  (void)ignored;
  return command == NULL ? NULL : PyLong_FromLongLong(shmbus_context_remaining_ns(command));
}

static PyObject* command_cancelled(PyObject* self, PyObject* ignored) {
  shmbus_context_t* command = command_of(self);
  (void)ignored;
  return command == NULL ? NULL : PyBool_FromLong(shmbus_context_cancelled(command));
}

static PyObject* command_attempt(PyObject* self, PyObject* ignored) {
  shmbus_context_t* command = command_of(self);
  (void)ignored;
  return command == NULL ? NULL : PyLong_FromLong((long)shmbus_context_attempt(command));
}

static PyObject* command_traceparent(PyObject* self, PyObject* ignored) {
  shmbus_context_t* command = command_of(self);
  char text[56];
  (void)ignored;
  if (command == NULL) return NULL;
  (void)shmbus_context_traceparent(command, text);
  return text_of(text);
}

static PyObject* command_caller(PyObject* self, PyObject* ignored) {
  shmbus_context_t* command = command_of(self);
  shmbus_caller_info_t info = {.size = sizeof info};
  (void)ignored;
  if (command == NULL) return NULL;
  shmbus_context_caller(command, &info);
  return Py_BuildValue("(IIN)", info.pid, info.uid, text_of(info.label));
}

/* When the command is too late; 0: never. */
static int64_t deadline_of(const shmbus_context_t* command) {
  const int64_t left = shmbus_context_remaining_ns(command);
  return left == SHMBUS_FOREVER ? 0 : now_ns() + (left < 1 ? 1 : left);
}

static PyObject* open_of_command(PyObject* self, int writes) {
  shmbus_context_t* command = command_of(self);
  if (command == NULL) return NULL;
  ((Command*)self)->ends.until = deadline_of(command);
  return open_ends(&((Command*)self)->ends, NULL, command, NULL, writes);
}
static PyObject* command_writer(PyObject* self, PyObject* ignored) {
  (void)ignored;
  return open_of_command(self, 1);
}
static PyObject* command_reader(PyObject* self, PyObject* ignored) {
  (void)ignored;
  return open_of_command(self, 0);
}

static PyObject* command_defer(PyObject* self, PyObject* ignored) {
  shmbus_context_t* command = command_of(self);
  Responder* responder;
  (void)ignored;
  if (command == NULL) return NULL;
  responder = (Responder*)make(state()->responder);
  if (responder == NULL) return NULL;
  responder->ends.until = deadline_of(command);
  responder->responder = shmbus_context_defer(command);
  if (responder->responder == NULL) {
    Py_DECREF((PyObject*)responder);
    PyErr_SetString(PyExc_ValueError, "deferred already, or out of memory");
    return NULL;
  }
  return (PyObject*)responder;
}

static void responder_dealloc(PyObject* self) {
  end_ends(&((Responder*)self)->ends);
  shmbus_responder_drop(((Responder*)self)->responder);
  finish(self);
}

static shmbus_responder_t* take_responder(PyObject* self) {
  shmbus_responder_t* taken = ((Responder*)self)->responder;
  if (ends_busy(&((Responder*)self)->ends)) return NULL;
  ((Responder*)self)->responder = NULL;
  if (taken == NULL) closed();
  end_ends(&((Responder*)self)->ends);
  return taken;
}

static PyObject* open_of_responder(PyObject* self, int writes) {
  Responder* const responder = (Responder*)self;
  if (responder->responder == NULL) return closed();
  return open_ends(&responder->ends, self, NULL, responder->responder, writes);
}
static PyObject* responder_writer(PyObject* self, PyObject* ignored) {
  (void)ignored;
  return open_of_responder(self, 1);
}
static PyObject* responder_reader(PyObject* self, PyObject* ignored) {
  (void)ignored;
  return open_of_responder(self, 0);
}

static PyObject* responder_reply(PyObject* self, PyObject* bytes) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_responder_t* responder;
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

static PyObject* responder_reject(PyObject* self, PyObject* args) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  shmbus_responder_t* responder;
  int code;
  const char* text;
  if (!PyArg_ParseTuple(args, "iz", &code, &text)) return NULL;
  responder = take_responder(self);
  if (responder == NULL) return NULL;
  if (shmbus_responder_reject(responder, code, text, &error) != SHMBUS_OK) return raise(&error);
  Py_RETURN_NONE;
}

static PyObject* responder_cancelled(PyObject* self, PyObject* ignored) {
  (void)ignored;
  return PyBool_FromLong(shmbus_responder_cancelled(((Responder*)self)->responder));
}

static void command_dealloc(PyObject* self) { finish(self); }

static PyMethodDef command_methods[] = {{"request", command_request, METH_NOARGS, NULL},
                                        {"name", command_name, METH_NOARGS, NULL},
                                        {"one_way", command_one_way, METH_NOARGS, NULL},
                                        {"reply", command_reply, METH_O, NULL},
                                        {"reject", command_reject, METH_VARARGS, NULL},
                                        {"refuse", command_refuse, METH_VARARGS, NULL},
                                        {"remaining_ns", command_remaining, METH_NOARGS, NULL},
                                        {"cancelled", command_cancelled, METH_NOARGS, NULL},
                                        {"attempt", command_attempt, METH_NOARGS, NULL},
                                        {"traceparent", command_traceparent, METH_NOARGS, NULL},
                                        {"caller", command_caller, METH_NOARGS, NULL},
                                        {"defer", command_defer, METH_NOARGS, NULL},
                                        {"writer", command_writer, METH_NOARGS, NULL},
                                        {"reader", command_reader, METH_NOARGS, NULL},
                                        {NULL, NULL, 0, NULL}};
static PyMethodDef responder_methods[] = {{"reply", responder_reply, METH_O, NULL},
                                          {"reject", responder_reject, METH_VARARGS, NULL},
                                          {"cancelled", responder_cancelled, METH_NOARGS, NULL},
                                          {"writer", responder_writer, METH_NOARGS, NULL},
                                          {"reader", responder_reader, METH_NOARGS, NULL},
                                          {NULL, NULL, 0, NULL}};

static PyType_Slot command_slots[] = {
    {Py_tp_methods, command_methods}, {Py_tp_dealloc, command_dealloc}, {0, NULL}};
static PyType_Slot responder_slots[] = {
    {Py_tp_methods, responder_methods}, {Py_tp_dealloc, responder_dealloc}, {0, NULL}};

int add_command_types(PyObject* module, State* s) {
  if (add_type(module, &s->command, "shmbus._native.Command", sizeof(Command), 0, command_slots) !=
      0) {
    return -1;
  }
  return add_type(module, &s->responder, "shmbus._native.Responder", sizeof(Responder), 0,
                  responder_slots);
}
