#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static int result(int outcome) { return outcome < 0 ? -errno : outcome; }

int clinux_open_terminal(int ends[2]) {
  int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0) return -errno;
  int unlocked = 0;
  int other = ioctl(master, TIOCSPTLCK, &unlocked);
  // By the master and not by a name: another file system may be mounted at /dev/pts.
  if (other >= 0) other = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (other < 0) {
    int error = errno;
    close(master);
    return -error;
  }
  ends[0] = master;
  ends[1] = other;
  return 0;
}

int clinux_control_terminal(int descriptor) { return result(ioctl(descriptor, TIOCSCTTY, 0)); }

int clinux_set_terminal_size(int descriptor, uint16_t rows, uint16_t columns) {
  struct winsize size = {.ws_row = rows, .ws_col = columns};
  return result(ioctl(descriptor, TIOCSWINSZ, &size));
}
