"""The two places where a program is run: a sandbox, and the host."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from attacks.definition import Attack
from attacks.listeners import Listeners
from peers.husk import Husk
from peers.kernel import Kernel, connection_info
from peers.users import Users
from peers.wire import Client

SECRET_VARIABLE = "HUSK_ATTACK_SECRET"
PATIENCE = 15
"""Seconds that a program is given."""

RUNNER = """
def run_attack(program, facts, patience):
    import json, os, subprocess, sys
    own = {"parent": os.getpid(), "program": f"/proc/{os.getpid()}/exe"}
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", program, json.dumps(facts | own)], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    print(json.dumps([process.returncode, out, err]))
"""


def outcome_of(status: int, output: str, errors: str) -> str:
    """One word for what became of a program: an error's name, a signal's, or its own word."""
    if status < 0:
        return signal.Signals(-status).name
    lines = output.splitlines()
    assert status == 0, errors
    assert lines, errors
    said = json.loads(lines[-1])
    return said["errno"] or said["outcome"]


def fingerprint(folder: Path) -> str:
    """A digest of every name, mode and content below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        digest.update(f"{path} {status.st_mode} {status.st_uid} ".encode())
        if stat.S_ISREG(status.st_mode):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def set_id_files(folder: Path) -> list[Path]:
    """Files below a folder that run as somebody else, but for the one that is put there."""
    return [
        path
        for path in folder.rglob("*")
        if path.name != "set-uid-id" and path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID)
    ]


@dataclass
class Ground:
    """What one kind of user has: Husk, folders, and the sandbox that all attacks share."""

    kind: str
    husk: Husk
    folder: Path
    shared: Path
    layer: Path
    kernels: dict[tuple[str, ...], tuple[Kernel, Client]] = field(default_factory=dict)
    failed: set[tuple[str, ...]] = field(default_factory=set)
    """Options with which no kernel has come up: it is not tried again for each attack."""

    @property
    def uid(self) -> int:
        """The user on the host."""
        return self.folder.stat().st_uid

    @property
    def work(self) -> Path:
        """The folder that is the sandbox's and the host's."""
        return self.folder / "work"

    @property
    def outside(self) -> Path:
        """A folder with the same things in it, for the programs that are run on the host."""
        return self.folder / "outside"

    @property
    def lair(self) -> Path:
        """A folder of the user's that no sandbox is shown."""
        return self.folder / "lair"


class Arena:
    """Runs attacks, as root and as an ordinary user."""

    def __init__(self, husk: Husk, users: Users, base: Path) -> None:
        self._husk = husk
        self._users = users
        self._grounds: dict[str, Ground] = {}
        self.secret = f"secret-{secrets.token_hex(16)}"
        self.key = f"key-{secrets.token_hex(16)}"
        self.marker = f"marker-{secrets.token_hex(8)}"
        base.chmod(0o755)
        self._base = base
        self.canary = base / "canary"
        self.canary.write_text(self.secret)
        # Whoever may write it may make hard links to it (protected_hardlinks, proc_sys_fs(5)).
        self.canary.chmod(0o666)
        self.listeners = Listeners(base)
        self._witness = subprocess.Popen(
            ["sh", "-c", "read line", self.marker], stdin=subprocess.PIPE
        )

    def close(self) -> None:
        """Ends what was started."""
        for ground in self._grounds.values():
            for kernel, _ in ground.kernels.values():
                kernel.stop()
        self.listeners.close()
        self._witness.communicate()

    # ---- Grounds

    def ground(self, kind: str) -> Ground:
        """The ground of `root` or of an `ordinary` user."""
        if kind not in self._grounds:
            husk, folder = self._users.get(kind)
            layer = next((husk.python.parents[1] / "lib").glob("python3*"))
            husk = husk.with_env(**{SECRET_VARIABLE: self.secret})
            layer = layer / "site-packages" / f"lair-{kind}"
            ground = Ground(kind, husk, folder, folder / "shared", layer)
            # An environment that the user may write gets a layer; its files are links to another's.
            for above in layer.parents[: len(layer.parts) - len(husk.python.parents[1].parts)]:
                os.chown(above, ground.uid, ground.uid)
            self._furnish(ground.work, ground.uid)
            for place in (ground.shared, ground.layer, ground.lair):
                self._fill(place)
                self._give(place, ground.uid)
            self._grounds[kind] = ground
        return self._grounds[kind]

    def new_lair(self, kind: str) -> Path:
        """The user's folder that no sandbox is shown, as it was in the beginning."""
        ground = self.ground(kind)
        shutil.rmtree(ground.lair)
        self._fill(ground.lair)
        self._give(ground.lair, ground.uid)
        return ground.lair

    @staticmethod
    def _fill(folder: Path) -> None:
        folder.mkdir(parents=True)
        for name in ("file", "other"):
            (folder / name).write_text("the host's\n")

    @staticmethod
    def _give(folder: Path, uid: int) -> None:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, uid, uid, follow_symlinks=False)

    def _furnish(self, folder: Path, uid: int) -> None:
        """Puts into a folder what a user's may hold, and what an attacker would like it to."""
        for name in (".git/hooks", ".vscode", ".idea", "nested"):
            (folder / name).mkdir(parents=True)
        for name in (
            ".git/config",
            ".git/hooks/pre-commit",
            ".envrc",
            ".vscode/settings.json",
            ".idea/workspace.xml",
        ):
            (folder / name).write_text("# the host's\n")
        (folder / "planted-link").symlink_to(self.canary)
        self._give(folder, uid)
        if os.getuid() == 0:
            os.mknod(folder / "node", stat.S_IFCHR | 0o666, os.makedev(1, 5))
            (folder / "node").chmod(0o666)
            shutil.copy("/usr/bin/id", folder / "set-uid-id")
            (folder / "set-uid-id").chmod(0o4755)

    # ---- Kernels

    def kernel(self, kind: str, options: tuple[str, ...] = ()) -> tuple[Kernel, Client]:
        """The kernel with these options, started when it is needed and again when it has died."""
        ground = self.ground(kind)
        kernel, client = ground.kernels.get(options, (None, None))
        if kernel is not None and client is not None and kernel.process.poll() is None:
            return kernel, client
        if kernel is not None:
            kernel.stop()
        if options in ground.failed:
            pytest.fail(f"no kernel with {options or 'no options'}, as before")
        kernel = self.start(kind, *options)
        try:
            client = kernel.client()
            client.run_ok(RUNNER, store_history=False)
        except BaseException:
            ground.failed.add(options)
            kernel.stop()
            raise
        ground.kernels[options] = kernel, client
        return kernel, client

    def start(self, kind: str, *options: str, cwd: Path | None = None) -> Kernel:
        """Starts a kernel in the work folder; its connection file is elsewhere."""
        ground = self.ground(kind)
        mounts = (
            *("--mount", f"{ground.shared}:/mnt/shared:ro"),
            *("--mount", f"{ground.work}/nested:/mnt/nested"),
        )
        return Kernel.husk(
            ground.husk,
            ground.folder,
            *(mounts if cwd is None else ()),
            *options,
            cwd=cwd or ground.work,
            connection=connection_info() | {"key": f"{self.key}-{uuid.uuid4().hex}"},
        )

    # ---- Facts

    def _facts(self, ground: Ground, inside: bool) -> dict[str, Any]:
        place = ground.work if inside else ground.outside
        return {
            "is_inside": inside,
            "uid": ground.uid,
            "secret": self.secret[::-1],
            "key": self.key[::-1],
            "marker": self.marker[::-1],
            "canary": str(self.canary),
            "shared": "/mnt/shared" if inside else str(ground.shared),
            "nested": "/mnt/nested" if inside else f"{place}/nested",
            "layer": str(ground.layer if inside else ground.outside / "layer"),
            "first": 1,
            "host_process": self._witness.pid,
            "name": os.uname().nodename,
            "memory": self.listeners.memory_key,
            "port": self.listeners.port,
            "abstract": self.listeners.abstract,
            "device": next(name for _, name in socket.if_nameindex() if name != "lo"),
            "sockets": [*self.listeners.paths, str(ground.husk.state / "keeper.sock")],
            "pids": 4096,
        }

    @staticmethod
    def _harmed(ground: Ground, attack: Attack, inside: bool) -> Path | None:
        if attack.harms != "layer":
            return None
        return ground.layer if inside else ground.outside / "layer"

    # ---- Running

    def inside(self, kind: str, attack: Attack, options: tuple[str, ...] = ()) -> str:
        """Makes an attack in a sandbox; returns one word for its outcome."""
        ground = self.ground(kind)
        _, client = self.kernel(kind, options or attack.options)
        facts = self._facts(ground, inside=True)
        harmed = self._harmed(ground, attack, inside=True)
        before = fingerprint(harmed) if harmed else ""
        code = f"run_attack({attack.text()!r}, {facts!r}, {PATIENCE})"
        done = client.run_ok(code, timeout=PATIENCE + 15, store_history=False)
        outcome = outcome_of(*json.loads(done.stdout.splitlines()[-1]))
        if harmed:
            outcome = self._judged(outcome, before != fingerprint(harmed))
        for path in set_id_files(ground.work):
            path.unlink()
            outcome = "succeeded"
        return outcome

    def outside(self, kind: str, attack: Attack) -> str:
        """Makes an attack on the host; returns one word for its outcome."""
        control = attack.control
        ground = self.ground(kind if control.user == "same" else control.user)
        shutil.rmtree(ground.outside, ignore_errors=True)
        self._furnish(ground.outside, ground.uid)
        self._fill(ground.outside / "layer")
        self._give(ground.outside / "layer", ground.uid)
        facts = self._facts(ground, inside=False)
        harmed = self._harmed(ground, attack, inside=False)
        before = fingerprint(harmed) if harmed else ""
        program = [str(ground.husk.python), "-I", "-c", attack.text(control.before)]
        words = [*ground.husk.prefix]
        if control.namespaces:
            words += ["unshare", *control.namespaces, "--"]
        with self._victim(ground) as victim, self._copy(ground) as copy:
            facts |= {"first": victim, "parent": victim, "program": str(copy)}
            process = subprocess.Popen(
                [*words, *program, json.dumps(facts)],
                cwd=ground.outside,
                env=ground.husk.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            try:
                output, errors = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, errors = process.communicate()
        outcome = outcome_of(process.returncode, output, errors)
        return self._judged(outcome, before != fingerprint(harmed)) if harmed else outcome

    @staticmethod
    def _judged(outcome: str, has_changed: bool) -> str:
        if has_changed:
            return "succeeded"
        return "unchanged" if outcome == "succeeded" else outcome

    @contextlib.contextmanager
    def _victim(self, ground: Ground) -> Iterator[int]:
        """A process of the same user's that waits, with secrets in its memory."""
        process = subprocess.Popen(
            [*ground.husk.prefix, "sh", "-c", "read line", self.marker, self.key],
            env=ground.husk.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process.pid
        finally:
            process.kill()
            process.communicate()

    @contextlib.contextmanager
    def _copy(self, ground: Ground) -> Iterator[Path]:
        """A program that nobody runs."""
        copy = ground.folder / f"program-{uuid.uuid4().hex[:8]}"
        shutil.copy("/bin/true", copy)
        os.chown(copy, ground.uid, ground.uid)
        yield copy
        copy.unlink()
