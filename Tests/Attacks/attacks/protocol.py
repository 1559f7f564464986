"""What a hostile interpreter can do on its channel, whose memory and bells it has in its hands.

The layout is described in `InterpreterChannel/ChannelLayout.swift`.
"""

from __future__ import annotations

from dataclasses import dataclass

MARK = "forged-3f9c"
"""A word that only forgeries hold."""

HELPERS = f"""
import json, mmap, os, struct

MARK = {MARK!r}
kernel = get_ipython().kernel
channel, own = kernel.channel, kernel.request_number()
memory = mmap.mmap(3, 0)
words = memoryview(memory).cast("Q")  # The server sees each of them changed whole.

def word(at):
    return words[at // 8]

def put(at, value):
    words[at // 8] = value % 2**64

EVENTS, SIZE = word(16), word(24)
EVENT_HEAD, REQUEST_TAIL = 64, 256

def next_number():
    "The number of the next frame: one after that in which some text was published."
    channel.flush()
    at = word(EVENT_HEAD) + 8
    channel.write(own, 1, b"?")
    channel.flush()
    return 1 + struct.unpack("<Q", bytes(memory[EVENTS + (at + n) % SIZE] for n in range(8)))[0]

def message(kind="display_data", content=None, metadata=b"{{}}", more=()):
    "A message in its parts."
    content = json.dumps({{"data": {{"text/plain": MARK}}, "metadata": {{}}}}).encode() \\
        if content is None else content
    kind = kind.encode() if isinstance(kind, str) else kind
    parts = [kind, b"", metadata, content, *more]
    return struct.pack(f"<I{{len(parts)}}I", len(parts), *map(len, parts)) + b"".join(parts)

def frame(payload=b"", kind=1, flags=0, zero=0, number=None, request=None, length=None):
    "A frame, right in all that is not said."
    head = struct.pack("<IBBHQQ", len(payload) if length is None else length, kind, flags, zero,
                       next_number() if number is None else number,
                       own if request is None else request)
    return (head + payload).ljust(-(-len(head + payload) // 8) * 8, b"\\0")

def publish(data, grow=None):
    "Puts bytes behind what is published, and rings."
    head = word(EVENT_HEAD)
    start = head % SIZE
    first = data[:SIZE - start]
    memory[EVENTS + start:EVENTS + start + len(first)] = first
    memory[EVENTS:EVENTS + len(data) - len(first)] = data[len(first):]
    put(EVENT_HEAD, head + (len(data) if grow is None else grow))
    os.write(4, struct.pack("<Q", 1))

def say(kind, content=b"{{}}", metadata=b"{{}}", request=None):
    "Sends a message as the library does."
    data = message(kind, content, metadata)
    channel._library.husk_channel_send(own if request is None else request, data, len(data))

def forge(**content):
    "The content of a reply that is none."
    return json.dumps({{"status": "ok", "execution_count": 1, "user_expressions": {{}},
                       "payload": [], "mark": MARK}} | content).encode()
"""


@dataclass(frozen=True)
class Forgery:
    """Something that no correct interpreter says."""

    name: str
    code: str
    reason: str = ""
    """Words of the reason with which the kernel ends; empty when it goes on."""


def frames() -> list[Forgery]:
    """Damage to frames and to where they stand."""
    made = [
        ("a frame over the limit", "publish(frame(length=65_537))", "claims 65537 bytes"),
        ("a frame of 4 GiB", "publish(frame(length=2**32 - 1))", "claims 4294967295 bytes"),
        ("a frame that is not all there", "publish(frame(length=60_000))", "claims 60000 bytes"),
        ("half a header", "publish(frame()[:8])", "event head"),
        ("a frame twice", "publish(frame(message(), number=next_number() - 1))", "came where"),
        ("a frame left out", "publish(frame(message(), number=next_number() + 1))", "came where"),
        ("a frame without a number", "publish(frame(message(), number=0))", "came where"),
        ("the last number", "publish(frame(message(), number=2**64 - 1))", "came where"),
        ("flags that there are not", "publish(frame(message(), flags=2))", "unknown kind"),
        ("every flag", "publish(frame(message(), flags=255))", "unknown kind"),
        ("text in fragments", "publish(frame(b'x', kind=2, flags=1))", "order of fragments"),
        (
            "text between fragments",
            "n = next_number(); publish(frame(message()[:9], flags=1, number=n)"
            " + frame(b'x', kind=2, number=n + 1))",
            "order of fragments",
        ),
        (
            "fragments of two requests",
            "n = next_number(); publish(frame(message()[:9], flags=1, number=n)"
            " + frame(message()[9:], number=n + 1, request=own + 1))",
            "order of fragments",
        ),
        (
            "a message of 257 MiB",
            "channel._library.husk_channel_send(own, bytes(257 << 20), 257 << 20)",
            "larger than 256 MiB",
        ),
        ("a head far ahead", "publish(b'', grow=2**40)", "event head"),
        ("a head a little ahead", "publish(b'', grow=SIZE + 8)", "event head"),
        ("a head that goes back", "publish(b'', grow=-(2**20))", "event head"),
        ("an odd head", "publish(b'x' * 5)", "event head"),
        (
            "holes in the memory",
            "import ctypes\nhole = map(ctypes.c_long, (0, 4096))\n"
            "ctypes.CDLL(None).fallocate(3, 3, *hole); os.write(4, struct.pack('<Q', 1))",
            "event head",
        ),
        ("random bytes", "publish(os.urandom(4096))", "channel was damaged"),
    ]
    made += [
        (f"kind {kind}", f"publish(frame(message(), kind={kind}))", f"unknown kind {kind}")
        for kind in (0, 4, 99, 255)
    ]
    return [Forgery(*row) for row in made]


def messages() -> list[Forgery]:
    """Damage to messages in frames that are right."""
    made = [
        (f"{count} parts", f"publish(frame(struct.pack('<I', {count})))", "part count")
        for count in (0, 3, 4097, 2**32 - 1)
    ]
    made += [
        ("no message at all", "publish(frame(b''))", "part count"),
        ("parts that are not there", "publish(frame(message()[:-1]))", "part length"),
        ("more than the parts", "publish(frame(message() + b'x' * 8))", "end"),
        (
            "a part of 4 GiB",
            "publish(frame(struct.pack('<5I', 4, 1, 2**32 - 1, 1, 1)))",
            "part len",
        ),
        ("no type", "say('')", "type"),
        ("a type of 65 bytes", "say('x' * 65)", "type"),
        ("a type that is no text", "say(b'\\xff\\xfe')", "type"),
        ("content that is not JSON", "say('display_data', b'{')", "content"),
        ("content that is a list", "say('display_data', b'[]')", "content"),
        ("content that is nothing", "say('display_data', b'')", "content"),
        ("content that is no text", "say('display_data', b'{\"a\": \"\\xff\"}')", "content"),
        ("content that is no number", "say('display_data', b'{\"a\": NaN}')", "content"),
        ("content with more behind it", "say('display_data', b'{}{}')", "content"),
        ("deep content", "say('display_data', b'{\"a\":' + b'[' * 50_000)", "content"),
        (
            "deep content that ends",
            "say('display_data', b'{\"a\":' + b'[' * 9_000 + b']' * 9_000 + b'}')",
            "content",
        ),
        ("metadata that is a text", "say('display_data', metadata=b'\"x\"')", "metadata"),
        ("a hello that is a list", "say('hello', b'[]')", "content"),
    ]
    types = ("status", "stream", "execute_input", "iopub_welcome", "shutdown_request")
    types += (
        "kernel_info_reply",
        "history_reply",
        "connect_reply",
        "interrupt_request",
        "nonsense",
    )
    made += [(f"the type {kind}", f"say({kind!r}, forge())", "type") for kind in types]
    return [Forgery(*row) for row in made]


def bombs() -> list[Forgery]:
    """Content that is JSON and more than most can read."""
    contents = {
        "a number of 60,000 digits": "9" * 60_000,
        "a number beyond every other": "1e999999",
        "two members of one name": '{"a": 1, "a": 2}',
        "a name of 60,000 letters": f'{{"{"k" * 60_000}": 1}}',
        "half a character": r'"\ud800"',
        "less than nothing": "-0.0e-9",
        "ten thousand members": "{" + ", ".join(f'"{n}": {n}' for n in range(6000)) + "}",
        "depth that is allowed": "[" * 150 + "]" * 150,
    }
    return [
        Forgery(name, f"""say("display_data", {f'{{"more": {content}}}'.encode()!r})""")
        for name, content in contents.items()
    ]


RINGS = """
import fcntl
def ring(bell, rings=b"x"):
    try: return os.write(bell, rings)
    except BlockingIOError: return 0
"""


def lies() -> list[Forgery]:
    """Messages that are right in every way but not true, and things done to the channel besides."""
    made = [
        ("a reply for a cell that has ended", "say('execute_reply', forge(), request=own - 1)"),
        ("a reply for nobody", "say('execute_reply', forge(), request=0)"),
        ("a reply for a request to come", "say('execute_reply', forge(), request=own + 10**6)"),
        ("a reply for the last number", "say('execute_reply', forge(), request=2**64 - 1)"),
        ("a reply for a cell that waits", "say('execute_reply', forge(), request=own + 1)"),
        ("an end for a cell that waits", "say('done', request=own + 1)"),
        ("a question for a cell that waits", "say('input_request', forge(), request=own + 1)"),
        ("a question for nobody", "say('input_request', forge(), request=0)"),
        ("a question for a request to come", "say('input_request', forge(), request=own + 10**6)"),
        (
            "a completion for a cell that has ended",
            "say('complete_reply', forge(), request=own - 1)",
        ),
        ("a usage for nobody", "say('usage_reply', forge(), request=10**9)"),
        ("a shutdown that nobody has asked for", "say('shutdown_reply', forge(), request=own - 1)"),
        ("a bell that does not stop", RINGS + "for _ in range(200_000): ring(4)"),
        (
            "a bell that is full and larger",
            RINGS + "fcntl.fcntl(4, fcntl.F_SETPIPE_SZ, 2**20)\nwhile ring(4, bytes(4096)): pass",
        ),
        (
            "a bell taken from the server",
            RINGS + "try: ear = os.open('/proc/self/fd/4', os.O_RDONLY | os.O_NONBLOCK)\n"
            "except PermissionError: ear = None\n"
            "for _ in range(1000 if ear else 0):\n    ring(4)\n"
            "    try: os.read(ear, 4096)\n    except BlockingIOError: pass",
        ),
        ("another magic", "memory[0:8] = bytes(8)"),
        ("other places for the rings", "struct.pack_into('<QQQQ', memory, 16, *[2**60] * 4)"),
        ("a wish for room that is always there", "put(320, 2**64 - 1); put(384, 2**64 - 1)"),
        ("numbers of the server's changed", "for at in (448, 456, 464, 472, 480): put(at, 2**63)"),
        ("memory cut short", "try: os.ftruncate(3, 0)\nexcept PermissionError: pass"),
        ("memory made longer", "try: os.ftruncate(3, 2**30)\nexcept PermissionError: pass"),
        (
            "seals on the memory",
            "import fcntl\ntry: fcntl.fcntl(3, 1033, 0x18)\nexcept PermissionError: pass",
        ),
        ("a head of the server's moved", "put(128, word(128) + 8); put(128, word(64))"),
    ]
    return [Forgery(*row) for row in made]


FILL = """
import fcntl, signal, termios
channel.listen(False)
try: other = os.open("/proc/self/fd/{bell}", os.O_RDWR | os.O_NONBLOCK)
except PermissionError: other = {bell}
try:
    while True: os.write(other, bytes(4096))
except OSError: pass
if {bell} == 4 and other != 4 and os.fork() == 0:
    while True:
        os.write(4, b"x")
        os.read(other, 65536)
"""
"""Makes a bell too full to ring, and takes from one that the server hears what it is about to hear.

Where another user has made the bell its other end cannot be had.
"""

WAYS = {
    "": "fcntl.fcntl({bell}, fcntl.F_SETFL, 0)\n",
    " by a control": "fcntl.ioctl({bell}, termios.FIONBIO, struct.pack('i', 0))\n",
}
STOP = "os.mkdir('held')\nos.kill(os.getpid(), signal.SIGSTOP)"


def holds() -> list[Forgery]:
    """Descriptors that are made to wait: whoever shares a flag with the interpreter waits too."""
    made = []
    for name, way in WAYS.items():
        for bell, whose in ((4, "events"), (5, "requests"), (6, "room")):
            code = FILL + way + ("put(320, 1)\nprint(1, flush=True)\n" if bell == 6 else "") + STOP
            made.append((f"the bell for {whose}{name}", code.format(bell=bell)))
    return [Forgery(*row) for row in made]


LEAVE_PIPES = """
import fcntl, os, signal
for pipe in {pipes}: fcntl.fcntl(pipe, fcntl.F_SETFL, 0)
if os.fork() == 0:
    os.setsid()
    signal.pause()
os._exit(3)
"""
"""Ends the interpreter while somebody still has its pipes; some of them make their reader wait."""


WIDE = {
    "forty million lists": "b'{\"a\":[' + b'[],' * 40_000_000 + b'[]]}'",
    "two million names": "b'{' + b','.join(b'\"%d\":1' % n for n in range(2_000_000)) + b'}'",
    "a hundred million characters": "b'{\"a\":\"' + b'x' * 100_000_000 + b'\"}'",
    "twenty million escapes": "b'{\"a\":\"' + b'\\\\u0000' * 20_000_000 + b'\"}'",
}
"""Content that is small to say and large to hold."""
