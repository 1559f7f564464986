// Waiting without holding memory.

#include "clinux.h"

#include <errno.h>
#include <link.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

// Mapped file pages are dropped from the page tables only; the next touch finds them in the page cache.
static int release(struct dl_phdr_info *object, size_t size, void *unused) {
  (void)size;
  (void)unused;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (size_t i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || part->p_flags & PF_W) continue;
    uintptr_t start = object->dlpi_addr + part->p_vaddr, end = start + part->p_memsz;
    start &= ~(page - 1);
    (void)madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 0;
}

int clinux_rest(int descriptor, int timeout_ms) {
  struct pollfd waited = {.fd = descriptor, .events = POLLIN};
  dl_iterate_phdr(release, NULL);
  // Whatever runs from here on brings 64 KiB back with each page that it touches.
  int count = poll(&waited, 1, timeout_ms);
  return count < 0 && errno != EINTR ? -errno : count > 0;
}
