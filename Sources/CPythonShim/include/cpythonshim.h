#ifndef CPYTHONSHIM_H
#define CPYTHONSHIM_H

// The few things that a host does with libpython, on one thread, with the GIL held throughout. Functions
// return 0, or -1 with a sentence in `error`.

#include <stddef.h>

/// Starts the interpreter as if `program` (a Python, usually of a virtual environment) had been started:
/// its prefix, its site-packages. Of the process's environment it reads what Python does.
int cpython_start(const char *program, char *error, size_t capacity);

/// Puts `path` first on sys.path.
int cpython_prepend_path(const char *path, char *error, size_t capacity);

/// Calls `module.function(arguments…)` with strings; the function's integer result goes to `result`.
int cpython_call(const char *module, const char *function, const char *const *arguments, size_t count, long *result,
                 char *error, size_t capacity);

/// Replaces os.environ, and with it the process's environment, by `NAME=VALUE` strings.
int cpython_set_environment(const char *const *variables, size_t count, char *error, size_t capacity);

/// What has to surround a fork of a running interpreter (PyOS_BeforeFork and its two siblings).
void cpython_before_fork(void);
void cpython_after_fork_parent(void);
void cpython_after_fork_child(void);

/// Ends the interpreter: exit handlers, buffers.
int cpython_finish(void);

#endif
