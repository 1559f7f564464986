"""`husk serve` over TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from peers.husk import Husk, one_line
from peers.processes import end_keeper
from peers.server import V1, Server, text

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]


def make_certificate(folder: Path, name: str = "server", *options: str) -> tuple[Path, Path]:
    """A certificate of this machine's that has signed itself, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext"]
    command += ["subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key)]
    command += ["-out", str(certificate), *(options or ("-nodes",))]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return certificate, key


@pytest.fixture(scope="module")
def secure(husk: Husk, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a certificate that the test has made."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(folder)
    own = husk.with_state(base / "tls")
    server = Server(
        own, folder, "--certificate", certificate, "--key", key, certificate=certificate
    )
    yield server
    assert server.stop() == 0, server.log
    end_keeper(own.state)


def test_requests_and_the_url(secure: Server) -> None:
    """Requests pass with the certificate, and the printed URL can be followed."""
    assert f"https://127.0.0.1:{secure.port}/?token={secure.token}" in secure.log
    answer = secure.get("/api/kernels")
    assert answer.json() == []
    cookies = answer.headers["Set-Cookie"]
    assert "; Secure" in cookies
    with pytest.raises(requests.exceptions.SSLError):
        secure.get("/api", verify=True)


@pytest.mark.parametrize("framing", [None, V1], ids=["legacy", "v1"])
def test_channels(secure: Server, framing: str | None) -> None:
    """A cell over wss, with an output of some size."""
    kernel = secure.start_kernel()
    channels = secure.channels(kernel, framing=framing)
    assert text(channels.run("print('x' * 3_000_000)")) == "x" * 3_000_000 + "\n"
    channels.close()
    # A client that is lost, and one that stays over the end of its kernel.
    lost, stays = secure.channels(kernel), secure.channels(kernel)
    lost.drop()
    assert secure.delete(f"/api/kernels/{kernel}").status_code == 204
    stays.close()


def test_what_is_no_tls(secure: Server) -> None:
    """Plain HTTP, and noise, are turned away; others are served on."""
    for noise in (b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x00" * 64, b"\x16\x03\x01"):
        with socket.create_connection(("127.0.0.1", secure.port), timeout=20) as plain:
            plain.sendall(noise)
            plain.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while part := plain.recv(4096):
                    answer += part
            except ConnectionResetError:
                pass
            assert not answer.startswith(b"HTTP/1.1 200")
    assert secure.get("/api").ok


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_old_protocols_are_refused(secure: Server) -> None:
    """TLS 1.2 is the oldest."""
    context = ssl.create_default_context(cafile=secure.verify)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=20) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_files_that_are_wrong(husk: Husk, base: Path, tmp_path: Path) -> None:
    """What is wrong is said in a line that names the file."""
    certificate, key = make_certificate(tmp_path)
    _, other = make_certificate(tmp_path, "other")
    _, locked = make_certificate(tmp_path, "locked", "-passout", "pass:secret")
    missing, empty = tmp_path / "missing.pem", tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    own = husk.with_state(base / "wrong")
    for first, second, named in (
        (missing, key, f"{missing} cannot be read: No such file"),
        (certificate, missing, f"{missing} cannot be read: No such file"),
        (tmp_path, key, f"{tmp_path} cannot be read: it is a folder"),
        (empty, key, f"{empty} holds no certificate"),
        (certificate, empty, f"{empty} holds no private key"),
        (certificate, locked, "passphrase"),
        (certificate, other, f"the key in {other} is not that of the certificate in {certificate}"),
    ):
        files = ("--certificate", first, "--key", second)
        done = own.run("serve", "--root", tmp_path, "--port", "0", *files)
        assert done.returncode == 2, done.stderr
        assert named in one_line(done.stderr)
    done = own.run("serve", "--root", tmp_path, "--certificate", certificate)
    assert done.returncode == 64
    assert "belong together" in done.stderr
