"""Husk as root and as an ordinary user, whoever runs the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from peers.husk import ROOT, Husk

PROGRAMS = ("husk", "husk-keeper", "husk-python", "libhusk-channel.so", "libhusk-python-stream.so")


def unused_uid() -> int:
    """A user identifier that no account and no range of subordinate ones has."""
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for uid in range(47_000, 48_000) if uid not in taken)


class Users:
    """Finds or makes Husk for a kind of user, below a folder that all may enter."""

    def __init__(self, husk: Husk, base: Path) -> None:
        self._husk = husk
        self._base = base
        self._made: dict[str, tuple[Husk, Path]] = {}

    def get(self, kind: str) -> tuple[Husk, Path]:
        """Husk as `root` or as an `ordinary` user, and a folder of that user's."""
        if kind not in self._made:
            self._made[kind] = self._root() if kind == "root" else self._ordinary()
        return self._made[kind]

    @property
    def made(self) -> list[tuple[Husk, Path]]:
        """All that were made so far."""
        return list(self._made.values())

    def _root(self) -> tuple[Husk, Path]:
        if os.getuid() != 0:
            pytest.skip("the tests do not run as root")
        folder = self._base / "as-root"
        folder.mkdir()
        return self._husk, folder

    def _ordinary(self) -> tuple[Husk, Path]:
        folder = self._base / "as-user"
        folder.mkdir()
        if os.getuid() != 0:
            return self._husk, folder
        uid = unused_uid()
        self._base.chmod(0o755)
        installed = self._install()
        home = self._base / "home"
        home.mkdir()
        for owned in (folder, home):
            os.chown(owned, uid, uid)
        identity = (f"--reuid={uid}", f"--regid={uid}", "--clear-groups")
        husk = replace(
            self._husk,
            state=folder / "state",
            binaries=installed / "bin",
            python=installed / ".venv/bin/python3",
            prefix=("setpriv", *identity, "--inh-caps=-all", "--"),
            env={
                "HOME": str(home),
                "USER": "tester",
                "XDG_RUNTIME_DIR": "",
                "XDG_DATA_HOME": str(home / "data"),
            },
        )
        return husk, folder

    def _install(self) -> Path:
        """Copies what another user may not be able to reach: links where the disk is the same."""
        installed = self._base / "installed"
        (installed / "bin").mkdir(parents=True)
        for name in PROGRAMS:
            shutil.copy2(self._husk.binaries / name, installed / "bin" / name)
        shutil.copytree(ROOT / "Kernels", installed / "Kernels")
        environment = self._husk.python.parents[1]
        copied = subprocess.run(
            ["cp", "--archive", "--link", environment, installed / ".venv"],
            capture_output=True,
            check=False,
        )
        if copied.returncode != 0:
            shutil.rmtree(installed / ".venv", ignore_errors=True)
            subprocess.run(
                ["cp", "--archive", "--reflink=auto", environment, installed / ".venv"], check=True
            )
        subprocess.run(
            ["chmod", "-R", "a+rX", installed / "bin", installed / "Kernels"], check=True
        )
        return installed
