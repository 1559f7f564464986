#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include "cpythonstream.h"

#include <stdint.h>

// A string keeps the UTF-8 that is made of it; a large one would take twice its memory for as long as it lives.
#define MAX_LENGTH 65536

typedef int64_t (*try_write)(uint64_t request, int stream, const char *bytes, size_t count);

struct writer {
  try_write write;
  int stream;
  PyObject *request, *rest;
};

static const char WRITER[] = "_husk_stream.writer";

static PyObject *write_text(PyObject *capsule, PyObject *text) {
  struct writer *writer = PyCapsule_GetPointer(capsule, WRITER);
  if (!writer) return NULL;
  if (!PyUnicode_Check(text)) {
    PyObject *name = PyType_GetName(Py_TYPE(text));
    if (name) PyErr_Format(PyExc_TypeError, "write() argument must be str, not %U", name);
    Py_XDECREF(name);
    return NULL;
  }
  Py_ssize_t length = PyUnicode_GetLength(text), count = 0;
  int64_t taken = 0;
  const char *bytes = length <= MAX_LENGTH ? PyUnicode_AsUTF8AndSize(text, &count) : NULL;
  if (bytes) {
    PyObject *number = PyObject_CallNoArgs(writer->request);
    if (!number) return NULL;
    uint64_t request = PyLong_AsUnsignedLongLong(number);
    Py_DECREF(number);
    if (request == UINT64_MAX && PyErr_Occurred()) return NULL;
    taken = writer->write(request, writer->stream, bytes, (size_t)count);
    if (taken == count) return PyLong_FromSsize_t(length);
  } else {
    PyErr_Clear();  // Surrogates: whoever writes the rest knows how they are shown.
  }
  PyObject *done = PyObject_CallFunction(writer->rest, "On", text, (Py_ssize_t)taken);
  if (!done) return NULL;
  Py_DECREF(done);
  return PyLong_FromSsize_t(length);
}

static PyMethodDef write_method = {"write", write_text, METH_O, "Writes text; returns its length."};

static void release(PyObject *capsule) {
  struct writer *writer = PyCapsule_GetPointer(capsule, WRITER);
  if (!writer) return;
  Py_DECREF(writer->request);
  Py_DECREF(writer->rest);
  PyMem_Free(writer);
}

static PyObject *make_writer(PyObject *module, PyObject *arguments) {
  (void)module;
  unsigned long long address;
  int stream;
  PyObject *request, *rest;
  if (!PyArg_ParseTuple(arguments, "KiOO:writer", &address, &stream, &request, &rest)) return NULL;
  struct writer *writer = PyMem_Malloc(sizeof *writer);
  if (!writer) return PyErr_NoMemory();
  *writer = (struct writer){(try_write)(uintptr_t)address, stream, request, rest};
  PyObject *capsule = PyCapsule_New(writer, WRITER, release);
  if (!capsule) {
    PyMem_Free(writer);
    return NULL;
  }
  Py_INCREF(request);
  Py_INCREF(rest);
  PyObject *function = PyCFunction_New(&write_method, capsule);
  Py_DECREF(capsule);
  return function;
}

static PyMethodDef functions[] = {
    {"writer", make_writer, METH_VARARGS, "writer(address, stream, request, rest): makes a write(text)."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_husk_stream", .m_size = -1, .m_methods = functions};

PyMODINIT_FUNC PyInit__husk_stream(void) { return PyModule_Create(&definition); }
