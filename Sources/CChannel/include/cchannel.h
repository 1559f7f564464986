#ifndef CCHANNEL_H
#define CCHANNEL_H

// The interpreter's end of a kernel's channel. Plain C without any interpreter's API, so that one library serves
// every language and version; Python loads it by ctypes. What stands where in the shared memory is documented with
// the server's end (ChannelLayout).
//
// Descriptors: 1 and 2 are the write ends of pipes, 3 the channel's memory, 4 the end of the events bell that rings it,
// 5 and 6 the hearing ends of the requests bell and the space bell, 7 and 8 the pipes' read ends.
//
// Functions return 0 or more, or a negated errno value. -EINTR says that a signal came while the call waited for
// room and nothing had been published: call again once its handler has run. After fork() the channel is off in the
// child, where text goes to descriptors 1 and 2.

#include <stddef.h>
#include <stdint.h>

/// What husk_channel_receive found.
struct husk_channel_frame {
  uint64_t number;   ///< 1, 2, 3, …
  uint64_t request;  ///< The request that it concerns.
  uint32_t length;   ///< Bytes of payload.
  uint32_t more;     ///< 1: the message goes on in the next frame.
};

/// Maps the channel. No thread yet.
int husk_channel_open(void);

/// Starts two threads: one empties the pipes, so that nobody who writes to them ever waits for the interpreter, and
/// publishes text that has waited for 20 ms; the other calls `heard` for requests while the interpreter listens.
int husk_channel_start(void (*heard)(void));

/// Lets the second thread hear the requests bell, or no longer: for the time in which the interpreter's main thread is
/// too busy to hear it itself. `heard` must silence the bell.
int husk_channel_listen(int is_listening);

/// Writes text of `stream` (1 or 2) that belongs to `request`, behind everything that is in the pipes. Text is
/// gathered; it is published when much has come, when anything else is published, or after 20 ms. Returns how many
/// bytes were taken.
int64_t husk_channel_write(uint64_t request, int stream, const char *bytes, size_t count);

/// The same without ever waiting, for a caller that holds its interpreter's lock: returns how many bytes were taken
/// at once, which may be 0.
int64_t husk_channel_try_write(uint64_t request, int stream, const char *bytes, size_t count);

/// Publishes the text gathered so far.
int husk_channel_flush(void);

/// Empties the pipes into the channel; with `final` also the beginning of a character whose end has not come.
int husk_channel_drain(int final);

/// Publishes a message, behind all text.
int husk_channel_send(uint64_t request, const char *bytes, size_t count);

/// The next frame of a request. Returns 1 with a frame, 0 without.
int husk_channel_receive(struct husk_channel_frame *frame, char *payload, size_t capacity);

/// Says to which request what comes through the pipes belongs.
void husk_channel_attribute(uint64_t request);

#endif
