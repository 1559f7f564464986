"""The host's network, its sockets, and changes to one's own."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import time

from attacks.definition import OTHERWISE, OWN_MOUNTS, OWN_NETWORK, ROOT, Control, Group
from attacks.tools import Place, bind, call, stop

NETWORK = Group("network")

SOCKET, SOCKETPAIR = 41, 53
OPEN = Control(options=("--network", "host"))
OWN = Control(namespaces=OWN_NETWORK)

# ---- Whoever listens on the host


def connect(here: Place, family: int, address: str) -> None:
    """To a port that somebody on the host listens on."""
    with socket.socket(family) as one:
        one.settimeout(2)
        one.connect((address, here.port))


for address, family in (
    ("127.0.0.1", socket.AF_INET),
    ("0.0.0.0", socket.AF_INET),
    ("::1", socket.AF_INET6),
):
    values = {"family": int(family), "address": address}
    NETWORK.attack(f"a port of {address}", "ECONNREFUSED ENETUNREACH", **values)(connect)
    NETWORK.attack(
        f"a port of {address} by the network", "ECONNREFUSED ENETUNREACH", OPEN, **values
    )(connect)


@NETWORK.attack("an abstract socket", "ECONNREFUSED EPERM")
def connect_abstract(here: Place) -> None:
    """It has no path; only the network hides it."""
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\0" + here.abstract)


NETWORK.attack(
    "an abstract socket from the host's network",
    "EPERM",
    options=("--network", "host"),
    has_one_wall=True,
)(connect_abstract)


@NETWORK.attack("abstract sockets that are listed", "absent")
def search_abstract(here: Place) -> None:
    """/proc/net/unix names them all."""
    with open("/proc/net/unix") as file:
        if here.abstract not in file.read():
            stop("absent")


def connect_path(here: Place, index: int) -> None:
    """By its path."""
    kind = socket.SOCK_STREAM if index == 0 else socket.SOCK_SEQPACKET
    with socket.socket(socket.AF_UNIX, kind) as one:
        one.connect(here.sockets[index])


for index, name in enumerate(("a socket of the host's", "the keeper's socket")):
    NETWORK.attack(name, "ENOENT EACCES", index=index)(connect_path)

# ---- What is not there


def connect_metadata(here: Place, address: str) -> None:
    """Refused at once: a client that asks whether it is in a cloud must not wait."""
    start = time.monotonic()
    try:
        with socket.socket() as one:
            one.settimeout(5)
            one.connect((address, 80))
    except OSError as error:
        if time.monotonic() - start > 1:
            stop("late")
        raise OSError(error.errno or errno.ETIMEDOUT, "") from error


def serve_metadata(here: Place) -> None:
    """Has the addresses for its own in a network of its own, and listens."""
    for address in ("169.254.169.254", "192.0.2.1"):
        os.system(f"ip address add {address}/32 dev lo")
    os.system("ip link set lo up")
    globals()["server"] = socket.create_server(("0.0.0.0", 80))


METADATA = Control(namespaces=OWN_NETWORK, before=serve_metadata)
for name, address in (("metadata of a cloud", "169.254.169.254"), ("any address", "192.0.2.1")):
    NETWORK.attack(name, "ENETUNREACH EHOSTUNREACH", METADATA, address=address)(connect_metadata)


def know_name(here: Place) -> None:
    """Has a table of names of its own."""
    with open("hosts", "w") as file:
        file.write("127.0.0.1 localhost only-here.example\n")
    bind("hosts", "/etc/hosts")


@NETWORK.attack(
    "a name that the host knows", "EAI absent", Control(namespaces=OWN_MOUNTS, before=know_name)
)
def resolve(here: Place) -> None:
    """Neither its table of names nor its name servers are there."""
    start = time.monotonic()
    try:
        socket.getaddrinfo("only-here.example", 80)
    except socket.gaierror:
        stop("absent" if time.monotonic() - start < 2 else "late")


@NETWORK.attack("network devices of the host's", "absent", ROOT)
def search_devices(here: Place) -> None:
    """There is a loopback device and nothing else."""
    if [name for _, name in socket.if_nameindex()] == ["lo"]:
        stop("absent")


@NETWORK.attack("connections of the host's", "absent")
def search_connections(here: Place) -> None:
    """/proc/net lists none."""
    port = f":{here.port:04X} "
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}") as file:
            if port in file.read():
                return
    stop("absent")


# ---- Families

ALLOWED = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK}
NAMED = {
    "packet": (socket.AF_PACKET, socket.SOCK_RAW),
    "vsock": (socket.AF_VSOCK, socket.SOCK_STREAM),
    "express data path": (44, socket.SOCK_RAW),
    "cryptography": (socket.AF_ALG, socket.SOCK_SEQPACKET),
    "bluetooth": (31, socket.SOCK_RAW),
    "tipc": (30, socket.SOCK_SEQPACKET),
    "keys": (15, socket.SOCK_RAW),
    "can": (socket.AF_CAN, socket.SOCK_RAW),
    "rds": (21, socket.SOCK_SEQPACKET),
    "shared memory": (43, socket.SOCK_STREAM),
}
ABSENT = "EAFNOSUPPORT ENOSYS EPERM EPROTONOSUPPORT"


def open_socket(here: Place, family: int, kind: int, protocol: int = 0) -> None:
    """By socket(2)."""
    os.close(call(SOCKET, family, kind, protocol))


for name, (family, kind) in NAMED.items():
    NETWORK.attack(f"sockets of {name}", ABSENT, OTHERWISE, family=int(family), kind=int(kind))(
        open_socket
    )


def open_every_family(here: Place, number: int) -> None:
    """Of all families, and of numbers that are none; the last refusal is told."""
    refusal = OSError()
    for family in {*range(64), 255, 1 << 16, *(1 << 32 | one for one in range(48))} - ALLOWED:
        for kind in (1, 2, 3, 5):
            try:
                call(number, family, kind, 0, bytes(8))
            except OSError as error:
                if errno.errorcode[error.errno or 0] not in ABSENT.split():
                    raise
                refusal = error
            else:
                return
    raise refusal


ABSENT_FAMILIES = ("every other family", "pairs of every other family")
for name, number in zip(ABSENT_FAMILIES, (SOCKET, SOCKETPAIR), strict=True):
    NETWORK.attack(name, ABSENT, OTHERWISE, number=number)(open_every_family)


PROTOCOLS = {
    "users": 2,
    "sockets": 4,
    "security of packets": 6,
    "labels": 7,
    "audit": 9,
    "names of routes": 10,
    "processes": 11,
    "filters": 12,
    "devices": 15,
    "everything else": 16,
    "scsi": 18,
    "cryptography": 21,
}
for name, protocol in PROTOCOLS.items():
    NETWORK.attack(
        f"messages of the kernel on {name}",
        ABSENT,
        OTHERWISE,
        family=int(socket.AF_NETLINK),
        kind=int(socket.SOCK_RAW),
        protocol=protocol,
    )(open_socket)


RAW = {
    "raw sockets": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
    "raw sockets of ICMP": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "raw sockets of TCP": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP),
    "raw sockets of version 6": (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
    "packets by the oldest call": (socket.AF_INET, 10, 0x0300),
}
for name, (family, kind, protocol) in RAW.items():
    NETWORK.attack(
        name,
        f"EPERM {ABSENT}",
        OTHERWISE,
        family=int(family),
        kind=int(kind),
        protocol=int(protocol),
    )(open_socket)

# ---- Changes


def ask_kernel(kind: int, flags: int, body: bytes) -> None:
    """Sends one request of rtnetlink(7) and fails as it fails."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as one:
        head = struct.pack("<IHHII", 16 + len(body), kind, flags | 5, 1, 0)
        one.send(head + body)
        code = -struct.unpack_from("<i", one.recv(4096), 16)[0]
    if code:
        raise OSError(code, os.strerror(code))


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute of a request."""
    return struct.pack("<HH", 4 + len(value), kind) + value.ljust(-(-len(value) // 4) * 4, b"\0")


CREATE = 0x600


@NETWORK.attack("another address", "EPERM", OWN)
def add_address(here: Place) -> None:
    """Of the loopback device."""
    address = socket.inet_aton("10.9.8.7")
    body = struct.pack("<BBBBI", socket.AF_INET, 32, 0, 0, 1)
    ask_kernel(20, CREATE, body + attribute(2, address) + attribute(1, address))


@NETWORK.attack("another route", "EPERM", OWN)
def add_route(here: Place) -> None:
    """Everything by the loopback device."""
    if not here.is_inside:
        os.system("ip link set lo up")
    body = struct.pack("<BBBBBBBBI", socket.AF_INET, 0, 0, 0, 254, 3, 253, 1, 0)
    ask_kernel(24, CREATE, body + attribute(4, struct.pack("<I", 1)))


@NETWORK.attack("another device", "EPERM", OWN)
def add_device(here: Place) -> None:
    """A pair of them, one end of which could be given away."""
    body = struct.pack("<BBHiII", 0, 0, 0, 0, 0, 0)
    ask_kernel(16, CREATE, body + attribute(18, attribute(1, b"veth")))


def control_device(here: Place, request: int, name: str) -> None:
    """By an ioctl of netdevice(7)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        fcntl.ioctl(one, request, struct.pack("<16sH22x", name.encode(), 0))


NETWORK.attack("the loopback device switched off", "EPERM", OWN, request=0x8914, name="lo")(
    control_device
)


def set_option(here: Place, level: int, option: int, value: int) -> None:
    """By setsockopt(2)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(level, option, value)


OPTIONS = {
    "marked packets": (socket.SOL_SOCKET, 36, 1),
    "packets of others": (socket.IPPROTO_IP, 19, 1),
    "a buffer of any size": (socket.SOL_SOCKET, 33, 1 << 26),
    "the highest priority": (socket.SOL_SOCKET, socket.SO_PRIORITY, 7),
    "a log of the socket": (socket.SOL_SOCKET, socket.SO_DEBUG, 1),
}
for name, (level, option, value) in OPTIONS.items():
    NETWORK.attack(name, "EPERM EACCES", ROOT, level=int(level), option=int(option), value=value)(
        set_option
    )


@NETWORK.attack("a socket on a device of the host's", "ENODEV EPERM", ROOT)
def bind_to_device(here: Place) -> None:
    """By the device's name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, here.device.encode())


@NETWORK.attack("a port of the privileged", "EACCES EPERM", ROOT)
def bind_low_port(here: Place) -> None:
    """Below 1024, where a client expects the system's own services."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 1))
