/* The module: errors, types, start. */
#include "native.h"

static struct PyModuleDef module;
static PyObject* the_module;

State* state(void) { return PyModule_GetState(the_module); }

PyObject* text_of(const char* text) {
  return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

PyObject* raise(const shmbus_error_t* error) {
  PyObject* causes = PyTuple_New(error->cause_count);
  PyObject* made;
  if (causes == NULL) return NULL;
  for (int i = 0; i < error->cause_count; ++i) {
    const shmbus_cause_t* cause = &error->causes[i];
    PyObject* one = Py_BuildValue("(iiNi)", (int)cause->kind, (int)cause->code,
                                  text_of(cause->command), (int)cause->after_gap);
    if (one == NULL || PyTuple_SetItem(causes, i, one) != 0) {
      Py_DECREF(causes);
      return NULL;
    }
  }
  made = PyObject_CallFunction(state()->make_error, "iiiKKNN", (int)error->kind, (int)error->code,
                               (int)error->may_have_run, (unsigned long long)error->needed,
                               (unsigned long long)error->retry_after_ns, text_of(error->text),
                               causes);
  if (made != NULL) {
    PyErr_SetObject((PyObject*)Py_TYPE(made), made);
    Py_DECREF(made);
  }
  return NULL;
}

PyObject* raise_kind(int32_t kind, const char* text) {
  shmbus_error_t error = SHMBUS_ERROR_INIT;
  error.kind = kind;
  strncpy(error.text, text, sizeof error.text - 1);
  return raise(&error);
}

PyObject* closed(void) {
  PyErr_SetString(PyExc_ValueError, "this object was closed or used up");
  return NULL;
}

PyObject* make(PyTypeObject* type) {
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  return alloc(type, 0);
}

void finish(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  release(self);
  Py_DECREF(type);
}

int add_type(PyObject* self, PyTypeObject** out, const char* name, int size, unsigned int flags,
             PyType_Slot* slots) {
  PyType_Spec spec = {name, size, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | flags,
                      slots};
  *out = (PyTypeObject*)PyType_FromModuleAndSpec(self, &spec, NULL);
  if (*out == NULL) return -1;
  return PyModule_AddObjectRef(self, strrchr(name, '.') + 1, (PyObject*)*out);
}

static PyObject* set_error_maker(PyObject* self, PyObject* maker) {
  State* const s = PyModule_GetState(self);
  PyObject* const before = s->make_error;
  Py_INCREF(maker);
  s->make_error = maker;
  Py_XDECREF(before);
  Py_RETURN_NONE;
}

static PyMethodDef functions[] = {{"open", bus_open, METH_VARARGS, NULL},
                                  {"set_error_maker", set_error_maker, METH_O, NULL},
                                  {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT,
                                    "shmbus._native",
                                    NULL,
                                    sizeof(State),
                                    functions,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL};

PyMODINIT_FUNC PyInit__native(void) {
  PyObject* self = PyModule_Create(&module);
  State* s;
  if (self == NULL) return NULL;
  s = PyModule_GetState(self);
  if (add_bus_types(self, s) != 0 || add_caller_types(self, s) != 0 ||
      add_command_types(self, s) != 0 || add_server_types(self, s) != 0 ||
      add_event_types(self, s) != 0 || add_stream_types(self, s) != 0 ||
      PyModule_AddStringConstant(self, "version", shmbus_version()) != 0) {
    Py_DECREF(self);
    return NULL;
  }
  the_module = self; /* lives as long as the process: its handlers may run until then */
  Py_INCREF(self);
  return self;
}
