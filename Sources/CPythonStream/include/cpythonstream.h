#ifndef CPYTHONSTREAM_H
#define CPYTHONSTREAM_H

// `_husk_stream`, an extension module for every CPython from 3.11 on: the `write` of a kernel's sys.stdout, which a
// cell that prints calls twice a line. By way of ctypes a call takes 3 µs and more; this one takes a tenth.

struct _object;

/// Makes the module. It has one function, `writer(address, stream, request, rest)`, which returns a `write(text)`:
/// text goes to the C function at `address` (husk_channel_try_write), for the request whose number `request()`
/// returns; `rest(text, taken)` writes what was not taken at once, from that byte of its UTF-8 on.
struct _object *PyInit__husk_stream(void);

#endif
