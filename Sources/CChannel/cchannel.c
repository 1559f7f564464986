#include "cchannel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { MEMORY = 3, EVENTS = 4, REQUESTS = 5, SPACE = 6, PIPE_OUT = 7, PIPE_ERR = 8 };
// How long a call waits for room.
enum patience { NONE, UNTIL_SIGNAL, FOR_EVER };

enum { KIND_MESSAGE = 1, KIND_OUT = 2, KIND_ERR = 3 };

#define MAGIC 0x314e48434b535548ULL  // "HUSKCHN1"
#define HEADER_SIZE 4096U
#define FRAME_HEADER 24U
#define MAX_PAYLOAD 65536U
#define GATHER_NANOSECONDS 20000000L

#define EVENT_HEAD 64
#define EVENT_TAIL 128
#define REQUEST_HEAD 192
#define REQUEST_TAIL 256
#define EVENT_SPACE_WANTED 320
#define REQUEST_SPACE_WANTED 384
#define OPEN_TEXT 512

// One lock for the two producers: the interpreter's threads and the thread of this library.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char *base;
static uint64_t event_offset, event_size, request_offset, request_size;
static uint64_t head, next_number = 1;  // The event ring's; this side is its only writer.
static uint64_t last_request_frame;
static atomic_bool is_off = true;
// `hearing` holds the requests bell while the interpreter's main thread is too busy to hear it.
static int hearing = -1;
static void (*on_request)(void);
static int timer = -1, pipes = -1;  // `pipes` is an epoll set of both: asking it takes a third of a poll of two.

// Text that waits to be published, in the frame that begins at the head: whoever kills the interpreter, the server
// still finds it there.
static struct {
  size_t count;
  uint64_t request;
  int stream;
} gathered;

// The beginning of a character that came through a pipe without its end.
static struct {
  char bytes[4];
  size_t count;
} carried[2];

static _Atomic uint64_t attribution;

static _Atomic uint64_t *word(size_t offset) { return (_Atomic uint64_t *)(base + offset); }
static _Atomic uint32_t *flag(size_t offset) { return (_Atomic uint32_t *)(base + offset); }

static void ring_bell(int descriptor) {
  ssize_t ignored = write(descriptor, "", 1);
  (void)ignored;  // A bell that is full of rings is ringing already.
}

// MARK: The event ring. The lock is held.

static void copy_in(uint64_t position, const void *bytes, size_t count) {
  size_t start = position & (event_size - 1), first = event_size - start;
  if (first > count) first = count;
  memcpy(base + event_offset + start, bytes, first);
  memcpy(base + event_offset, (const char *)bytes + first, count - first);
}

// Waits until `size` bytes fit.
static int wait_for_space(uint64_t size, enum patience patience) {
  for (;;) {
    if (head - atomic_load_explicit(word(EVENT_TAIL), memory_order_acquire) + size <= event_size) return 0;
    if (patience == NONE) return -EAGAIN;
    // The wish stands before the second look, or the room could be made in between and nobody would ring.
    atomic_store_explicit(flag(EVENT_SPACE_WANTED), 1, memory_order_seq_cst);
    if (head - atomic_load_explicit(word(EVENT_TAIL), memory_order_seq_cst) + size <= event_size) return 0;
    struct pollfd bell = {.fd = SPACE, .events = POLLIN};
    int ready = poll(&bell, 1, -1);
    if (ready < 0 && errno == EINTR && patience == UNTIL_SIGNAL) return -EINTR;
    char rings[64];
    if (ready > 0 && read(SPACE, rings, sizeof rings) < 0 && errno != EAGAIN) return -errno;
  }
}

static uint64_t frame_size(size_t count) { return (FRAME_HEADER + count + 7) & ~(uint64_t)7; }

// Writes the header of the frame at the head.
static void begin_frame(int kind, bool more, uint64_t request, size_t count) {
  unsigned char header[FRAME_HEADER] = {0};
  uint32_t length = (uint32_t)count;
  memcpy(header, &length, 4);
  header[4] = (unsigned char)kind;
  header[5] = more ? 1 : 0;
  memcpy(header + 8, &next_number, 8);
  memcpy(header + 16, &request, 8);
  copy_in(head, header, FRAME_HEADER);
}

// Publishes the frame at the head, whose header and payload stand.
static void end_frame(size_t count) {
  static const char zeros[8];
  uint64_t size = frame_size(count);
  copy_in(head + FRAME_HEADER + count, zeros, size - FRAME_HEADER - count);
  head += size;
  next_number++;
  atomic_store_explicit(word(EVENT_HEAD), head, memory_order_release);
}

static int publish(bool more, uint64_t request, const char *bytes, size_t count, enum patience patience) {
  int outcome = wait_for_space(frame_size(count), patience);
  if (outcome < 0) return outcome;
  begin_frame(KIND_MESSAGE, more, request, count);
  copy_in(head + FRAME_HEADER, bytes, count);
  end_frame(count);
  ring_bell(EVENTS);
  return 0;
}

// MARK: Gathering text. The lock is held.

static int open_text(uint64_t request, int stream, enum patience patience) {
  int outcome = wait_for_space(frame_size(MAX_PAYLOAD), patience);
  if (outcome < 0) return outcome;
  begin_frame(stream == 1 ? KIND_OUT : KIND_ERR, false, request, 0);
  gathered.stream = stream;
  gathered.request = request;
  if (timer >= 0) {
    struct itimerspec when = {.it_value = {.tv_nsec = GATHER_NANOSECONDS}};
    timerfd_settime(timer, 0, &when, NULL);
  }
  return 0;
}

// There is room: the frame was opened where the largest fits.
static void flush_gathered(void) {
  if (gathered.count == 0) return;
  uint32_t length = (uint32_t)gathered.count;
  copy_in(head, &length, sizeof length);
  end_frame(gathered.count);
  // After the head: a death in between leaves the text published, and an open frame with an old number.
  atomic_store_explicit(word(OPEN_TEXT), 0, memory_order_release);
  gathered.count = 0;
  ring_bell(EVENTS);
}

// How many of the last bytes are the beginning of a character that goes on.
static size_t incomplete_tail(const char *bytes, size_t count) {
  for (size_t back = 1; back <= 3 && back <= count; back++) {
    unsigned char byte = (unsigned char)bytes[count - back];
    if ((byte & 0xc0) == 0x80) continue;
    size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

// Takes as much text as there is room for; 0 or less only when nothing was taken.
static int64_t gather(uint64_t request, int stream, const char *bytes, size_t count, enum patience patience) {
  size_t taken = 0;
  while (taken < count) {
    if (gathered.stream != stream || gathered.request != request || gathered.count == MAX_PAYLOAD) flush_gathered();
    size_t room = MAX_PAYLOAD - gathered.count, part = count - taken;
    if (part > room) {
      part = room - incomplete_tail(bytes + taken, room);
      if (part == 0) {  // Only the beginning of a character would fit.
        flush_gathered();
        continue;
      }
    }
    if (gathered.count == 0) {
      int outcome = open_text(request, stream, patience);
      if (outcome < 0) return taken > 0 ? (int64_t)taken : outcome;
    }
    copy_in(head + FRAME_HEADER + gathered.count, bytes + taken, part);
    gathered.count += part;
    taken += part;
    atomic_store_explicit(word(OPEN_TEXT), gathered.count, memory_order_release);
  }
  return (int64_t)taken;
}

// Gathers what a pipe holds at this moment; a writer that never stops must not keep anybody here.
static void empty_pipe(int index) {
  int descriptor = index == 0 ? PIPE_OUT : PIPE_ERR, available = 0;
  if (ioctl(descriptor, FIONREAD, &available) < 0) return;
  char buffer[8192];
  while (available > 0) {
    size_t old = carried[index].count;
    memcpy(buffer, carried[index].bytes, old);
    ssize_t count = read(descriptor, buffer + old, sizeof buffer - old);
    if (count <= 0) return;
    available -= (int)count;
    size_t total = old + (size_t)count, tail = incomplete_tail(buffer, total);
    carried[index].count = tail;
    memcpy(carried[index].bytes, buffer + total - tail, tail);
    gather(atomic_load(&attribution), index + 1, buffer, total - tail, FOR_EVER);
  }
}

static bool have_pipes_something(void) {
  struct epoll_event event;
  return epoll_wait(pipes, &event, 1, 0) != 0;
}

static void empty_pipes(void) {
  if (!have_pipes_something()) return;
  for (int index = 0; index < 2; index++) empty_pipe(index);
}

// MARK: The thread

static void *serve(void *unused) {
  (void)unused;
  struct pollfd waiting[3] = {{.fd = PIPE_OUT, .events = POLLIN}, {.fd = PIPE_ERR, .events = POLLIN},
                              {.fd = timer, .events = POLLIN}};
  for (;;) {
    if (poll(waiting, 3, -1) < 0) continue;
    pthread_mutex_lock(&lock);
    empty_pipes();
    uint64_t expired;
    if (waiting[2].revents & POLLIN && read(timer, &expired, sizeof expired) > 0) flush_gathered();
    pthread_mutex_unlock(&lock);
    // The pipes have no other writer left: they would be ready for ever.
    for (int index = 0; index < 2; index++)
      if (waiting[index].revents & (POLLHUP | POLLNVAL) && !(waiting[index].revents & POLLIN)) {
        epoll_ctl(pipes, EPOLL_CTL_DEL, waiting[index].fd, NULL);
        waiting[index].fd = -1;
      }
  }
  return NULL;
}

static void *hear(void *unused) {
  (void)unused;
  for (;;) {
    struct epoll_event event;
    if (epoll_wait(hearing, &event, 1, -1) > 0) on_request();
  }
  return NULL;
}

static int start_thread(void *(*body)(void *), size_t stack) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, stack);
  // Signals are the interpreter's business; the new thread inherits the mask.
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_t thread;
  int outcome = pthread_create(&thread, &attributes, body, NULL);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attributes);
  return -outcome;
}

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork_parent(void) { pthread_mutex_unlock(&lock); }

static void after_fork_child(void) {
  atomic_store(&is_off, true);
  gathered.count = 0;
  pthread_mutex_unlock(&lock);
}

// MARK: Calls

int husk_channel_open(void) {
  struct stat status;
  if (fstat(MEMORY, &status) < 0) return -errno;
  if (status.st_size < (off_t)HEADER_SIZE) return -EPROTO;
  base = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, MEMORY, 0);
  if (base == MAP_FAILED) return -errno;
  uint32_t version;
  memcpy(&version, base + 8, sizeof version);
  event_offset = *word(16), event_size = *word(24), request_offset = *word(32), request_size = *word(40);
  if (*word(0) != MAGIC || version != 2 || event_offset + event_size > (uint64_t)status.st_size ||
      request_offset + request_size > (uint64_t)status.st_size)
    return -EPROTO;
  head = *word(EVENT_HEAD);
  for (int descriptor = MEMORY; descriptor <= PIPE_ERR; descriptor++) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  int outcome = pthread_atfork(before_fork, after_fork_parent, after_fork_child);
  if (outcome != 0) return -outcome;
  atomic_store(&is_off, false);
  return 0;
}

int husk_channel_start(void (*heard)(void)) {
  on_request = heard;
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  pipes = epoll_create1(EPOLL_CLOEXEC);
  hearing = epoll_create1(EPOLL_CLOEXEC);
  if (timer < 0 || pipes < 0 || hearing < 0) return -errno;
  for (int descriptor = PIPE_OUT; descriptor <= PIPE_ERR; descriptor++) {
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(pipes, EPOLL_CTL_ADD, descriptor, &event) < 0) return -errno;
  }
  int outcome = start_thread(serve, 128 << 10);
  // The callback is the interpreter's code, with stack frames of its size.
  return outcome < 0 ? outcome : start_thread(hear, 1 << 20);
}

int husk_channel_listen(int is_listening) {
  // A forked child shares the set with its parent.
  if (atomic_load(&is_off)) return -ENOTCONN;
  struct epoll_event event = {.events = EPOLLIN};
  return epoll_ctl(hearing, is_listening ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, REQUESTS, &event) < 0 ? -errno : 0;
}

int64_t husk_channel_write(uint64_t request, int stream, const char *bytes, size_t count) {
  if (atomic_load(&is_off)) {
    ssize_t written = write(stream, bytes, count);
    return written < 0 ? -errno : written;
  }
  pthread_mutex_lock(&lock);
  empty_pipes();
  int64_t taken = gather(request, stream, bytes, count, UNTIL_SIGNAL);
  pthread_mutex_unlock(&lock);
  return taken;
}

int64_t husk_channel_try_write(uint64_t request, int stream, const char *bytes, size_t count) {
  if (atomic_load(&is_off) || pthread_mutex_trylock(&lock) != 0) return 0;
  // Emptying a pipe may have to wait; a call that must not wait leaves it to one that may.
  int64_t taken = have_pipes_something() ? 0 : gather(request, stream, bytes, count, NONE);
  pthread_mutex_unlock(&lock);
  return taken < 0 ? 0 : taken;
}

int husk_channel_flush(void) {
  if (atomic_load(&is_off)) return 0;
  pthread_mutex_lock(&lock);
  empty_pipes();
  flush_gathered();
  pthread_mutex_unlock(&lock);
  return 0;
}

int husk_channel_drain(int final) {
  if (atomic_load(&is_off)) return 0;
  pthread_mutex_lock(&lock);
  empty_pipes();
  for (int index = 0; final && index < 2; index++) {
    if (carried[index].count == 0) continue;
    gather(atomic_load(&attribution), index + 1, carried[index].bytes, carried[index].count, FOR_EVER);
    carried[index].count = 0;
  }
  flush_gathered();
  pthread_mutex_unlock(&lock);
  return 0;
}

int husk_channel_send(uint64_t request, const char *bytes, size_t count) {
  if (atomic_load(&is_off)) return -ENOTCONN;
  pthread_mutex_lock(&lock);
  empty_pipes();
  flush_gathered();
  int outcome = 0;
  for (size_t offset = 0; outcome == 0 && offset < count;) {
    size_t part = count - offset < MAX_PAYLOAD ? count - offset : MAX_PAYLOAD;
    // Once a fragment is out the others must follow.
    outcome = publish(offset + part < count, request, bytes + offset, part, offset == 0 ? UNTIL_SIGNAL : FOR_EVER);
    offset += part;
  }
  pthread_mutex_unlock(&lock);
  return outcome;
}

int husk_channel_receive(struct husk_channel_frame *frame, char *payload, size_t capacity) {
  if (atomic_load(&is_off)) return -ENOTCONN;
  for (;;) {
    uint64_t tail = atomic_load_explicit(word(REQUEST_TAIL), memory_order_relaxed);
    uint64_t published = atomic_load_explicit(word(REQUEST_HEAD), memory_order_acquire);
    if (published == tail) return 0;
    unsigned char header[FRAME_HEADER];
    for (size_t i = 0; i < FRAME_HEADER; i++) header[i] = base[request_offset + ((tail + i) & (request_size - 1))];
    uint32_t length;
    memcpy(&length, header, 4);
    uint64_t size = (FRAME_HEADER + (uint64_t)length + 7) & ~(uint64_t)7;
    if (length > MAX_PAYLOAD || length > capacity || size > published - tail) return -EPROTO;
    memcpy(&frame->number, header + 8, 8);
    memcpy(&frame->request, header + 16, 8);
    frame->length = length;
    frame->more = header[5] & 1;
    size_t start = (tail + FRAME_HEADER) & (request_size - 1), first = request_size - start;
    if (first > length) first = length;
    memcpy(payload, base + request_offset + start, first);
    memcpy(payload + first, base + request_offset, length - first);
    atomic_store_explicit(word(REQUEST_TAIL), tail + size, memory_order_release);
    if (atomic_exchange_explicit(flag(REQUEST_SPACE_WANTED), 0, memory_order_seq_cst) != 0) ring_bell(EVENTS);
    // A frame that came before, from a server that died and one that took over.
    if (frame->number <= last_request_frame) continue;
    last_request_frame = frame->number;
    return 1;
  }
}

void husk_channel_attribute(uint64_t request) { atomic_store(&attribution, request); }
