#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

_Static_assert(CLINUX_READABLE == EPOLLIN && CLINUX_WRITABLE == EPOLLOUT, "epoll bits");
_Static_assert(CLINUX_ERROR == EPOLLERR && CLINUX_HANGUP == EPOLLHUP, "epoll bits");
#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)
SAME(CLINUX_LIMIT_CORE, RLIMIT_CORE);
SAME(CLINUX_LIMIT_FILE_SIZE, RLIMIT_FSIZE);
SAME(CLINUX_LIMIT_OPEN_FILES, RLIMIT_NOFILE);
SAME(CLINUX_LIMIT_PROCESSES, RLIMIT_NPROC);
SAME(CLINUX_LIMIT_DATA, RLIMIT_DATA);
SAME(CLINUX_LIMIT_MEMORY_LOCK, RLIMIT_MEMLOCK);
SAME(CLINUX_LIMIT_PENDING_SIGNALS, RLIMIT_SIGPENDING);
SAME(CLINUX_LIMIT_MESSAGE_QUEUE, RLIMIT_MSGQUEUE);

static int result(long value) { return value < 0 ? -errno : (int)value; }

// MARK: Descriptors

int clinux_duplicate(int descriptor, int lowest) { return result(fcntl(descriptor, F_DUPFD_CLOEXEC, lowest)); }

static int change_flag(int descriptor, int get, int set, int bit, bool on) {
  int flags = fcntl(descriptor, get);
  if (flags < 0) return -errno;
  return result(fcntl(descriptor, set, on ? flags | bit : flags & ~bit));
}

int clinux_set_nonblocking(int descriptor, bool nonblocking) {
  return change_flag(descriptor, F_GETFL, F_SETFL, O_NONBLOCK, nonblocking);
}

int clinux_set_close_on_exec(int descriptor, bool close_on_exec) {
  return change_flag(descriptor, F_GETFD, F_SETFD, FD_CLOEXEC, close_on_exec);
}

int clinux_close_range(unsigned first, unsigned last, bool only_close_on_exec) {
  return result(syscall(SYS_close_range, first, last, only_close_on_exec ? 4U : 0U));
}

int clinux_pipe(int ends[2]) { return result(pipe2(ends, O_CLOEXEC)); }
int clinux_set_pipe_size(int descriptor, int size) { return result(fcntl(descriptor, F_SETPIPE_SZ, size)); }

int clinux_readable_bytes(int descriptor) {
  int count = 0;
  return ioctl(descriptor, FIONREAD, &count) < 0 ? -errno : count;
}

int clinux_memory_file(const char *name, bool executable) {
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  if (executable) {
    // Linux 6.3 wants the wish for an executable file spelt out where vm.memfd_noexec is set.
    int file = memfd_create(name, flags | MFD_EXEC);
    if (file >= 0 || errno != EINVAL) return result(file);
  }
  return result(memfd_create(name, flags));
}

int clinux_seal(int descriptor, bool content) {
  int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | (content ? F_SEAL_WRITE : 0);
  return result(fcntl(descriptor, F_ADD_SEALS, seals));
}

int clinux_seals(int descriptor) { return result(fcntl(descriptor, F_GET_SEALS)); }

int clinux_socketpair_seqpacket(int ends[2]) {
  return result(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
}

union control {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * CLINUX_MAX_DESCRIPTORS)];
};

int64_t clinux_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors,
                                size_t descriptor_count) {
  if (descriptor_count > CLINUX_MAX_DESCRIPTORS) return -E2BIG;
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  union control control;
  if (descriptor_count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptor_count);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptor_count);
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * descriptor_count);
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

int64_t clinux_receive_descriptors(int socket, void *bytes, size_t capacity, int *descriptors,
                                   size_t descriptor_capacity, size_t *descriptor_count) {
  struct iovec part = {.iov_base = bytes, .iov_len = capacity};
  union control control;
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  *descriptor_count = 0;
  ssize_t received;
  do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (received < 0 && errno == EINTR);
  if (received < 0) return -errno;
  size_t kept = 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
      if (kept < descriptor_capacity) descriptors[kept++] = descriptor;
      else close(descriptor);
    }
  }
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
    for (size_t i = 0; i < kept; i++) close(descriptors[i]);
    return -EMSGSIZE;
  }
  *descriptor_count = kept;
  return received;
}

int clinux_peer_credentials(int socket, int *pid, unsigned *uid) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
  *pid = peer.pid;
  *uid = peer.uid;
  return 0;
}

// MARK: Waiting

int clinux_spawn_closing_from(posix_spawn_file_actions_t *actions, int first) {
  return -posix_spawn_file_actions_addclosefrom_np(actions, first);
}

int clinux_eventfd(void) { return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int clinux_epoll_create(void) { return result(epoll_create1(EPOLL_CLOEXEC)); }

static int epoll_change(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
  uint32_t bits = (events & ~(uint32_t)CLINUX_EDGE) | (events & CLINUX_EDGE ? EPOLLET : 0);
  struct epoll_event event = {.events = bits, .data.u64 = token};
  return result(epoll_ctl(epoll, operation, descriptor, &event));
}

int clinux_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t token) {
  return epoll_change(epoll, EPOLL_CTL_ADD, descriptor, events, token);
}

int clinux_epoll_modify(int epoll, int descriptor, uint32_t events, uint64_t token) {
  return epoll_change(epoll, EPOLL_CTL_MOD, descriptor, events, token);
}

int clinux_epoll_remove(int epoll, int descriptor) {
  return epoll_change(epoll, EPOLL_CTL_DEL, descriptor, 0, 0);
}

int clinux_epoll_wait(int epoll, struct clinux_event *events, int capacity, int timeout_ms) {
  struct epoll_event ready[64];
  if (capacity > 64) capacity = 64;
  int count = epoll_wait(epoll, ready, capacity, timeout_ms);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) {
    events[i].events = ready[i].events;
    events[i].token = ready[i].data.u64;
  }
  return count;
}

int clinux_signal_descriptor(const int *signals, size_t count) {
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
  if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -errno;
  return result(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int clinux_read_signal(int descriptor) {
  struct signalfd_siginfo information;
  ssize_t count = read(descriptor, &information, sizeof information);
  if (count < 0) return -errno;
  return count == sizeof information ? (int)information.ssi_signo : -EIO;
}

int clinux_block_all_signals(bool block) {
  sigset_t all;
  sigfillset(&all);
  return result(sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &all, NULL));
}

void clinux_reset_signals(void) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  // SIGKILL, SIGSTOP and libc's two reserved signals refuse; nothing depends on them.
  for (int signal = 1; signal < NSIG; signal++) (void)sigaction(signal, &action, NULL);
}

int clinux_ignore_signal(int signal) {
  struct sigaction action = {.sa_handler = SIG_IGN};
  return result(sigaction(signal, &action, NULL));
}

// MARK: Processes

int clinux_pidfd_open(int pid) { return result(syscall(SYS_pidfd_open, pid, 0)); }

int clinux_pidfd_send_signal(int pidfd, int signal) {
  return result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int clinux_pidfd_wait(int pidfd, int *code, int *status) {
  siginfo_t information = {0};
  int outcome;
  do outcome = waitid(P_PIDFD, (id_t)pidfd, &information, WEXITED | WNOHANG);
  while (outcome < 0 && errno == EINTR);
  if (outcome < 0) return -errno;
  if (information.si_pid == 0) return 0;
  *code = information.si_code;
  *status = information.si_status;
  return 1;
}

int clinux_set_subreaper(void) { return result(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }
int clinux_set_parent_death_signal(int signal) { return result(prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)); }
int clinux_set_dumpable(bool dumpable) { return result(prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0, 0, 0, 0)); }
int clinux_dumpable(void) { return result(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)); }
int clinux_set_no_new_privileges(void) { return result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }
int clinux_set_process_name(const char *name) { return result(prctl(PR_SET_NAME, name, 0, 0, 0)); }

int clinux_unshare(uint64_t namespaces) { return result(unshare((int)namespaces)); }
int clinux_setns(int descriptor, uint64_t namespaces) { return result(setns(descriptor, (int)namespaces)); }

int clinux_exec_descriptor(int descriptor, char *const *arguments, char *const *environment) {
  return result(syscall(SYS_execveat, descriptor, "", arguments, environment, AT_EMPTY_PATH));
}

// MARK: Privileges and limits

int clinux_set_ids(unsigned uid, unsigned gid, bool clear_groups) {
  if (clear_groups && setgroups(0, NULL) < 0) return -errno;
  if (setresgid(gid, gid, gid) < 0) return -errno;
  return result(setresuid(uid, uid, uid));
}

int clinux_drop_capabilities(void) {
  // The bounding set first: PR_CAPBSET_DROP itself needs CAP_SETPCAP.
  for (int capability = 0; capability < 64; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno == EINVAL) break;
  (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  (void)prctl(PR_SET_SECUREBITS,
              SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
                  SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
              0, 0, 0);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2] = {{0}};
  return result(syscall(SYS_capset, &header, none));
}

int clinux_install_filter(const void *instructions, size_t byte_count) {
  if (byte_count % sizeof(struct sock_filter) != 0) return -EINVAL;
  struct sock_fprog program = {.len = (unsigned short)(byte_count / sizeof(struct sock_filter)),
                               .filter = (struct sock_filter *)instructions};
  return result(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

int clinux_open_path(const char *path) { return result(open(path, O_PATH | O_CLOEXEC)); }

int clinux_open_in_root(int root, const char *path, bool read, bool follow_links) {
  struct open_how how = {
      .flags = (read ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH) | O_CLOEXEC,
      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (follow_links ? 0 : RESOLVE_NO_SYMLINKS),
  };
  return result(syscall(SYS_openat2, root, path, &how, sizeof how));
}

int clinux_rename_new(int old_folder, const char *old_name, int new_folder, const char *new_name) {
  return result(renameat2(old_folder, old_name, new_folder, new_name, RENAME_NOREPLACE));
}

// linux/landlock.h of an older system knows fewer fields than the kernel it runs on.
struct ruleset_attributes {
  uint64_t file_rights, network_rights, scopes;
};
struct __attribute__((packed)) path_rule {
  uint64_t file_rights;
  int32_t descriptor;
};

int clinux_landlock_version(void) {
  const unsigned ask_version = 1;
  return result(syscall(SYS_landlock_create_ruleset, NULL, 0, ask_version));
}

int clinux_landlock_create(uint64_t file_rights, uint64_t scopes) {
  struct ruleset_attributes attributes = {.file_rights = file_rights, .scopes = scopes};
  // A kernel refuses a structure that is longer than the one it knows, unless the rest is zero.
  return result(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
}

int clinux_landlock_allow(int ruleset, int descriptor, uint64_t file_rights) {
  const int beneath_path = 1;
  struct path_rule rule = {.file_rights = file_rights, .descriptor = descriptor};
  return result(syscall(SYS_landlock_add_rule, ruleset, beneath_path, &rule, 0));
}

int clinux_landlock_restrict(int ruleset) { return result(syscall(SYS_landlock_restrict_self, ruleset, 0)); }

int clinux_set_limit(int limit, uint64_t soft, uint64_t hard) {
  struct rlimit value = {.rlim_cur = soft, .rlim_max = hard};
  return result(setrlimit(limit, &value));
}

int clinux_get_limit(int limit, uint64_t *soft, uint64_t *hard) {
  struct rlimit value;
  if (getrlimit(limit, &value) < 0) return -errno;
  *soft = value.rlim_cur;
  *hard = value.rlim_max;
  return 0;
}

// MARK: Mounts

int clinux_pivot_root(const char *new_root, const char *put_old) {
  return result(syscall(SYS_pivot_root, new_root, put_old));
}

int clinux_open_tree(const char *path, bool recursive) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  return result(syscall(SYS_open_tree, AT_FDCWD, path, flags));
}

int clinux_open_tree_at(int place) {
  return result(syscall(SYS_open_tree, place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
}

int clinux_move_mount(int tree, const char *target) {
  return result(syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH));
}

int clinux_mount_setattr(int tree, uint64_t flags, int user_namespace, bool recursive) {
  struct mount_attr attributes = {0};
  if (flags & CLINUX_MOUNT_READ_ONLY) attributes.attr_set |= MOUNT_ATTR_RDONLY;
  if (flags & CLINUX_MOUNT_NO_SETUID) attributes.attr_set |= MOUNT_ATTR_NOSUID;
  if (flags & CLINUX_MOUNT_NO_DEVICES) attributes.attr_set |= MOUNT_ATTR_NODEV;
  if (flags & CLINUX_MOUNT_NO_EXEC) attributes.attr_set |= MOUNT_ATTR_NOEXEC;
  if (user_namespace >= 0) {
    attributes.attr_set |= MOUNT_ATTR_IDMAP;
    attributes.userns_fd = (uint64_t)user_namespace;
  }
  unsigned at = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return result(syscall(SYS_mount_setattr, tree, "", at, &attributes, sizeof attributes));
}

static unsigned long mount_bits(uint64_t flags) {
  return (flags & CLINUX_MOUNT_READ_ONLY ? MS_RDONLY : 0) | (flags & CLINUX_MOUNT_NO_SETUID ? MS_NOSUID : 0) |
         (flags & CLINUX_MOUNT_NO_DEVICES ? MS_NODEV : 0) | (flags & CLINUX_MOUNT_NO_EXEC ? MS_NOEXEC : 0);
}

int clinux_mount(const char *source, const char *target, const char *type, uint64_t flags, const char *options) {
  return result(mount(source, target, type, mount_bits(flags), options));
}

int clinux_make_private(const char *path) { return result(mount(NULL, path, NULL, MS_REC | MS_PRIVATE, NULL)); }
int clinux_detach(const char *path) { return result(umount2(path, MNT_DETACH)); }

int clinux_remount_bind(const char *path, uint64_t flags) {
  return result(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | mount_bits(flags), NULL));
}

int clinux_bind(const char *source, const char *target, bool recursive) {
  return result(mount(source, target, NULL, MS_BIND | (recursive ? MS_REC : 0), NULL));
}

int clinux_loopback_up(void) {
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0) return -errno;
  struct ifreq request = {.ifr_name = "lo"};
  int outcome = 0;
  if (ioctl(control, SIOCGIFFLAGS, &request) < 0) outcome = -errno;
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  if (outcome == 0 && ioctl(control, SIOCSIFFLAGS, &request) < 0) outcome = -errno;
  close(control);
  return outcome;
}

int clinux_set_hostname(const char *name, size_t length) { return result(sethostname(name, length)); }

// MARK: Shared memory between processes

uint64_t clinux_load_acquire(const void *address) {
  return atomic_load_explicit((const _Atomic uint64_t *)address, memory_order_acquire);
}

void clinux_store_release(void *address, uint64_t value) {
  atomic_store_explicit((_Atomic uint64_t *)address, value, memory_order_release);
}

uint32_t clinux_exchange(void *address, uint32_t value) {
  return atomic_exchange_explicit((_Atomic uint32_t *)address, value, memory_order_seq_cst);
}
