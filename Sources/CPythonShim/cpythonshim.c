#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "cpythonshim.h"

#include <stdio.h>
#include <string.h>

// Takes the pending exception as one line of text.
static int fail(char *error, size_t capacity) {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  PyObject *text = value ? PyObject_Str(value) : NULL;
  const char *name = type ? ((PyTypeObject *)type)->tp_name : "unknown error";
  const char *detail = text ? PyUnicode_AsUTF8(text) : NULL;
  snprintf(error, capacity, "%s: %s", name, detail ? detail : "");
  PyErr_Clear();
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(trace);
  return -1;
}

int cpython_start(const char *program, char *error, size_t capacity) {
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  config.parse_argv = 0;
  config.pathconfig_warnings = 0;
  config.write_bytecode = 0;
  PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, program);
  if (!PyStatus_Exception(status)) status = PyConfig_SetBytesString(&config, &config.executable, program);
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (!PyStatus_Exception(status)) return 0;
  snprintf(error, capacity, "Python did not start: %s", status.err_msg ? status.err_msg : "no reason given");
  return -1;
}

int cpython_prepend_path(const char *path, char *error, size_t capacity) {
  PyObject *list = PySys_GetObject("path");
  PyObject *entry = PyUnicode_DecodeFSDefault(path);
  int outcome = list && entry ? PyList_Insert(list, 0, entry) : -1;
  Py_XDECREF(entry);
  return outcome == 0 ? 0 : fail(error, capacity);
}

int cpython_call(const char *module, const char *function, const char *const *arguments, size_t count, long *result,
                 char *error, size_t capacity) {
  int outcome = -1;
  PyObject *answer = NULL, *callable = NULL, *tuple = PyTuple_New((Py_ssize_t)count);
  PyObject *imported = PyImport_ImportModule(module);
  if (imported) callable = PyObject_GetAttrString(imported, function);
  if (!callable || !tuple) goto done;
  for (size_t i = 0; i < count; i++) {
    PyObject *argument = PyUnicode_DecodeFSDefault(arguments[i]);
    if (!argument) goto done;
    PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, argument);
  }
  answer = PyObject_Call(callable, tuple, NULL);
  if (!answer) goto done;
  *result = PyLong_AsLong(answer);
  if (*result == -1 && PyErr_Occurred()) goto done;
  outcome = 0;
done:
  Py_XDECREF(answer);
  Py_XDECREF(callable);
  Py_XDECREF(tuple);
  Py_XDECREF(imported);
  return outcome == 0 ? 0 : fail(error, capacity);
}

int cpython_set_environment(const char *const *variables, size_t count, char *error, size_t capacity) {
  PyObject *os = PyImport_ImportModule("os");
  PyObject *environ = os ? PyObject_GetAttrString(os, "environ") : NULL;
  PyObject *cleared = environ ? PyObject_CallMethod(environ, "clear", NULL) : NULL;
  int outcome = cleared ? 0 : -1;
  for (size_t i = 0; outcome == 0 && i < count; i++) {
    const char *equals = strchr(variables[i], '=');
    if (!equals) continue;
    PyObject *name = PyUnicode_DecodeFSDefaultAndSize(variables[i], equals - variables[i]);
    PyObject *value = PyUnicode_DecodeFSDefault(equals + 1);
    outcome = name && value ? PyObject_SetItem(environ, name, value) : -1;
    Py_XDECREF(name);
    Py_XDECREF(value);
  }
  Py_XDECREF(cleared);
  Py_XDECREF(environ);
  Py_XDECREF(os);
  return outcome == 0 ? 0 : fail(error, capacity);
}

void cpython_before_fork(void) { PyOS_BeforeFork(); }
void cpython_after_fork_parent(void) { PyOS_AfterFork_Parent(); }
void cpython_after_fork_child(void) { PyOS_AfterFork_Child(); }

int cpython_finish(void) { return Py_FinalizeEx(); }
