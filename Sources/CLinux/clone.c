// Making processes: the code between clone and the return into Swift.

#include "clinux.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// sched.h and linux/sched.h both name the flags; the raw call needs the second one's structure.
_Static_assert(CLINUX_NEW_USER == CLONE_NEWUSER && CLINUX_NEW_PID == CLONE_NEWPID, "namespace bits");
_Static_assert(CLINUX_NEW_MOUNT == CLONE_NEWNS && CLINUX_NEW_NETWORK == CLONE_NEWNET, "namespace bits");
_Static_assert(CLINUX_NEW_IPC == CLONE_NEWIPC && CLINUX_NEW_UTS == CLONE_NEWUTS, "namespace bits");
_Static_assert(CLINUX_NEW_CGROUP == CLONE_NEWCGROUP && CLINUX_NEW_TIME == CLONE_NEWTIME, "namespace bits");

int clinux_clone(uint64_t namespaces, int cgroup, int *pidfd) {
  struct clone_args arguments = {
      .flags = namespaces | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .exit_signal = SIGCHLD,
      .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
  };
  long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  return pid < 0 ? -errno : (int)pid;
}

#define LAUNCHER_STACK ((size_t)256 << 10)

struct launch {
  int pidfd;
  uint64_t namespaces;
  const struct clinux_fork_hooks *hooks;
  jmp_buf caller;
  int pid;  // The new process's, or a negated errno value.
};

// Runs in the launcher: a process of its own that shares memory with the caller, which is suspended
// (CLONE_VFORK) until the launcher ends. So nothing here may outlive it on its stack.
static int launcher(void *argument) {
  struct launch *launch = argument;
  // The user namespace first: entering the others needs the capabilities that it gives.
  uint64_t user = launch->namespaces & CLONE_NEWUSER, others = launch->namespaces & ~(uint64_t)CLONE_NEWUSER;
  if ((user && setns(launch->pidfd, (int)user) < 0) || (others && setns(launch->pidfd, (int)others) < 0)) {
    launch->pid = -errno;
    _exit(0);
  }
  const struct clinux_fork_hooks *hooks = launch->hooks;
  if (hooks) hooks->before();
  // libc's fork, for a child that lives on: it runs the atfork handlers and renews the cached thread id.
  pid_t pid = fork();
  if (pid == 0) {
    if (hooks) hooks->child();
    // The child has a copy of the caller's stack as it was when the caller was suspended, so it can go
    // on there and leave the launcher's small stack behind.
    longjmp(launch->caller, 1);
  }
  launch->pid = pid < 0 ? -errno : pid;
  if (hooks) hooks->parent();
  _exit(0);
}

int clinux_fork_into(int pidfd, uint64_t namespaces, const struct clinux_fork_hooks *hooks) {
  void *stack = mmap(NULL, LAUNCHER_STACK, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -errno;
  struct launch launch = {.pidfd = pidfd, .namespaces = namespaces, .hooks = hooks, .pid = -ECHILD};
  struct launch *volatile shared = &launch;
  if (setjmp(shared->caller) != 0) return 0;
  int child = clone(launcher, (char *)stack + LAUNCHER_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, shared);
  int outcome = child < 0 ? -errno : 0;
  if (child > 0) {
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    outcome = shared->pid;
  }
  munmap(stack, LAUNCHER_STACK);
  return outcome;
}
