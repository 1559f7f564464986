#ifndef CLINUX_H
#define CLINUX_H

// What Swift cannot see of Linux: system calls without a libc wrapper, GNU extensions, macros, and the
// code that runs between clone and the return into Swift. No policy lives here.
//
// Unless said otherwise a function returns a value >= 0, or a negated errno value.

#include <stdbool.h>
#include <stddef.h>
#include <spawn.h>
#include <stdint.h>

// MARK: Descriptors

/// Largest number of descriptors that one message carries here. The kernel's own limit is 253 (unix(7)).
#define CLINUX_MAX_DESCRIPTORS 32

/// Returns a close-on-exec copy of `descriptor`, numbered `lowest` or above (fcntl(2), F_DUPFD_CLOEXEC).
int clinux_duplicate(int descriptor, int lowest);
int clinux_set_nonblocking(int descriptor, bool nonblocking);
int clinux_set_close_on_exec(int descriptor, bool close_on_exec);
/// Closes `first` to `last`, or only marks them close-on-exec (close_range(2)).
int clinux_close_range(unsigned first, unsigned last, bool only_close_on_exec);
int clinux_pipe(int ends[2]);
int clinux_set_pipe_size(int descriptor, int size);
/// Bytes that can be read from a pipe or a socket now (FIONREAD).
int clinux_readable_bytes(int descriptor);

/// Creates an anonymous file. `executable` asks for MFD_EXEC where the kernel knows it (memfd_create(2)).
int clinux_memory_file(const char *name, bool executable);
/// Forbids that the file ever shrinks or grows; with `content` also that it is ever written.
int clinux_seal(int descriptor, bool content);
/// The seals in force (F_GET_SEALS).
int clinux_seals(int descriptor);

/// Opens a place in the file system without opening what is there (open(2), O_PATH).
int clinux_open_path(const char *path);
/// Opens `path` as if `root` were the root: neither `..` nor a link leads out of it (openat2(2), RESOLVE_IN_ROOT).
/// Without `follow_links` a link anywhere in the path is -ELOOP. `read` opens for reading, else O_PATH.
int clinux_open_in_root(int root, const char *path, bool read, bool follow_links);
/// Renames within and between open folders, unless there is something with the new name (-EEXIST; renameat2(2)).
int clinux_rename_new(int old_folder, const char *old_name, int new_folder, const char *new_name);
int clinux_socketpair_seqpacket(int ends[2]);
/// Sends one message with descriptors. Returns the bytes sent.
int64_t clinux_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors,
                                size_t descriptor_count);
/// Receives one message. Descriptors beyond `descriptor_capacity` are closed; a message that did not
/// fit is -EMSGSIZE, with its descriptors closed. 0 is end of file.
int64_t clinux_receive_descriptors(int socket, void *bytes, size_t capacity, int *descriptors,
                                   size_t descriptor_capacity, size_t *descriptor_count);
/// The peer's uid as the kernel knows it (SO_PEERCRED).
int clinux_peer_credentials(int socket, int *pid, unsigned *uid);

// MARK: Terminals

/// Opens a new pseudoterminal of the file system that the caller sees: `ends[0]` is its master, `ends[1]` what a program
/// uses (pts(4); ioctl_tty(2), TIOCGPTPEER). Neither becomes the caller's controlling terminal.
int clinux_open_terminal(int ends[2]);
/// Makes a terminal the controlling one of the caller's session, which has none (TIOCSCTTY).
int clinux_control_terminal(int descriptor);
/// Characters that are shown of a terminal (TIOCSWINSZ).
int clinux_set_terminal_size(int descriptor, uint16_t rows, uint16_t columns);

// MARK: Waiting

struct clinux_event {
  uint32_t events;
  uint64_t token;
};

enum { CLINUX_READABLE = 0x001, CLINUX_WRITABLE = 0x004, CLINUX_ERROR = 0x008, CLINUX_HANGUP = 0x010,
       CLINUX_EDGE = 1 << 30 };

/// Makes posix_spawn(3) close every descriptor from `first` on in the child.
int clinux_spawn_closing_from(posix_spawn_file_actions_t *actions, int first);

/// A counter that wakes an epoll, 0 at first; it blocks nobody (eventfd(2)).
int clinux_eventfd(void);
int clinux_epoll_create(void);
int clinux_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t token);
int clinux_epoll_modify(int epoll, int descriptor, uint32_t events, uint64_t token);
int clinux_epoll_remove(int epoll, int descriptor);
/// Waits at most `timeout_ms` (-1: for ever). -EINTR is reported as 0 events.
int clinux_epoll_wait(int epoll, struct clinux_event *events, int capacity, int timeout_ms);

/// A descriptor that delivers `signals`, which are blocked for the calling thread first.
int clinux_signal_descriptor(const int *signals, size_t count);
/// The number of the next signal, or -EAGAIN.
int clinux_read_signal(int descriptor);
/// Blocks or unblocks every signal for the calling thread.
int clinux_block_all_signals(bool block);
/// Restores the default action of every signal.
void clinux_reset_signals(void);
int clinux_ignore_signal(int signal);

// MARK: Processes

int clinux_pidfd_open(int pid);
int clinux_pidfd_send_signal(int pidfd, int signal);
/// Collects an ended child. `code` becomes CLD_EXITED, CLD_KILLED or CLD_DUMPED, `status` its exit
/// status or signal. Returns 1 when collected, 0 when it still runs.
int clinux_pidfd_wait(int pidfd, int *code, int *status);
int clinux_set_subreaper(void);
int clinux_set_parent_death_signal(int signal);
int clinux_set_dumpable(bool dumpable);
int clinux_dumpable(void);
int clinux_set_no_new_privileges(void);
int clinux_set_process_name(const char *name);
/// Waits until a descriptor is readable, for a process that has nothing to do for long: its program's pages are given
/// up first, and come back when touched. Returns 1, or 0 after the timeout or a signal.
int clinux_rest(int descriptor, int timeout_ms);

enum clinux_namespace {
  CLINUX_NEW_USER = 0x10000000,
  CLINUX_NEW_PID = 0x20000000,
  CLINUX_NEW_MOUNT = 0x00020000,
  CLINUX_NEW_NETWORK = 0x40000000,
  CLINUX_NEW_IPC = 0x08000000,
  CLINUX_NEW_UTS = 0x04000000,
  CLINUX_NEW_CGROUP = 0x02000000,
  CLINUX_NEW_TIME = 0x00000080,
};

/// clone3(2): like fork, with new namespaces. The caller must have one thread. The child's cached
/// thread id is the parent's: it is for a child that soon calls execve.
/// `cgroup` is a directory descriptor of a cgroup v2 node, or -1.
int clinux_clone(uint64_t namespaces, int cgroup, int *pidfd);

/// What surrounds the fork of an interpreter that is already warm.
struct clinux_fork_hooks {
  void (*before)(void);
  void (*parent)(void);
  void (*child)(void);
};

/// Forks the caller into the namespaces of the process behind `pidfd`.
///
/// A launcher that shares this process's memory enters the namespaces, forks and ends, so that the
/// caller keeps its own. The new process returns from this very call with 0, on the caller's stack.
/// The caller gets the process's pid in its own pid namespace. The caller must have one thread.
/// With CLINUX_NEW_USER not in `namespaces` the user namespace is not entered.
int clinux_fork_into(int pidfd, uint64_t namespaces, const struct clinux_fork_hooks *hooks);

int clinux_exec_descriptor(int descriptor, char *const *arguments, char *const *environment);
int clinux_unshare(uint64_t namespaces);
int clinux_setns(int descriptor, uint64_t namespaces);

// MARK: Privileges and limits

/// Sets real, effective and saved ids. `clear_groups` empties the supplementary groups first.
int clinux_set_ids(unsigned uid, unsigned gid, bool clear_groups);
/// Empties every capability set and the bounding set, and locks the securebits.
int clinux_drop_capabilities(void);
int clinux_install_filter(const void *instructions, size_t byte_count);

/// The version of Landlock that this kernel offers (landlock_create_ruleset(2)), or a negated errno value.
int clinux_landlock_version(void);
/// A ruleset that handles these rights to files, and keeps abstract sockets and signals in when the bits say so.
int clinux_landlock_create(uint64_t file_rights, uint64_t scopes);
/// Grants rights to what lies beneath an open directory, or to an open file.
int clinux_landlock_allow(int ruleset, int descriptor, uint64_t file_rights);
/// Holds the calling thread, and all that it starts, to a ruleset. Needs no_new_privs.
int clinux_landlock_restrict(int ruleset);

enum clinux_limit {
  CLINUX_LIMIT_CORE = 4,
  CLINUX_LIMIT_FILE_SIZE = 1,
  CLINUX_LIMIT_OPEN_FILES = 7,
  CLINUX_LIMIT_PROCESSES = 6,
  CLINUX_LIMIT_DATA = 2,
  CLINUX_LIMIT_MEMORY_LOCK = 8,
  CLINUX_LIMIT_PENDING_SIGNALS = 11,
  CLINUX_LIMIT_MESSAGE_QUEUE = 12,
};
int clinux_set_limit(int limit, uint64_t soft, uint64_t hard);
int clinux_get_limit(int limit, uint64_t *soft, uint64_t *hard);

// MARK: Mounts

enum clinux_mount_flag {
  CLINUX_MOUNT_READ_ONLY = 0x1,
  CLINUX_MOUNT_NO_SETUID = 0x2,
  CLINUX_MOUNT_NO_DEVICES = 0x4,
  CLINUX_MOUNT_NO_EXEC = 0x8,
};

int clinux_pivot_root(const char *new_root, const char *put_old);
/// A detached copy of the mount at `path`, with its submounts when `recursive` (open_tree(2)).
int clinux_open_tree(const char *path, bool recursive);
/// The same of an open place.
int clinux_open_tree_at(int place);
int clinux_move_mount(int tree, const char *target);
/// Sets mount attributes on a tree; `user_namespace` >= 0 maps its owners (mount_setattr(2)).
int clinux_mount_setattr(int tree, uint64_t flags, int user_namespace, bool recursive);
int clinux_mount(const char *source, const char *target, const char *type, uint64_t flags, const char *options);
int clinux_make_private(const char *path);
int clinux_detach(const char *path);
/// Changes a bind mount's flags (MS_REMOUNT | MS_BIND).
int clinux_remount_bind(const char *path, uint64_t flags);
int clinux_bind(const char *source, const char *target, bool recursive);

int clinux_loopback_up(void);
int clinux_set_hostname(const char *name, size_t length);

// MARK: Shared memory between processes

uint64_t clinux_load_acquire(const void *address);
void clinux_store_release(void *address, uint64_t value);
/// Sequentially consistent: the store before it is visible before what is loaded after it.
uint32_t clinux_exchange(void *address, uint32_t value);

#endif
