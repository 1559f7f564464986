"""Files that other programs on the host obey, planted through the folder they share."""

from __future__ import annotations

import os
import shutil

from attacks.definition import Group
from attacks.tools import HERE, Place, call, unused

PLANTED = Group("planted files")

RENAMEAT2, RENAME_EXCHANGE = 316, 2
OBEYED = [".git/config", ".git/hooks/pre-commit", ".envrc", ".vscode/settings.json"]
OBEYED.append(".idea/workspace.xml")


def append(here: Place, path: str) -> None:
    """To the file that is there."""
    with open(path, "a") as file:
        file.write("# planted\n")


def replace(here: Place, path: str) -> None:
    """By another one under its name."""
    with open("planted", "w") as file:
        file.write("# planted\n")
    os.rename("planted", path)


def remove(here: Place, path: str) -> None:
    """So that another one can take its place."""
    os.unlink(path)
    with open(path, "w") as file:
        file.write("# planted\n")


def change_mode(here: Place, path: str) -> None:
    """A hook that was switched off is switched on."""
    os.chmod(path, 0o755)


def link_over(here: Place, path: str) -> None:
    """A link to something that can be written."""
    link = unused("link")
    os.symlink("/tmp/planted", link)
    os.rename(link, path)


for path in OBEYED:
    for way in (append, replace, remove, change_mode, link_over):
        title = f"{path} by {way.__name__.replace('_', ' ')}"
        PLANTED.attack(title, "EROFS EBUSY EACCES EPERM EXDEV", path=path)(way)


@PLANTED.attack("a new hook", "EROFS EACCES EPERM")
def new_hook(here: Place) -> None:
    """Beside those that are there."""
    with open(".git/hooks/post-checkout", "w") as file:
        file.write("#!/bin/sh\n")


FOLDERS = [".git", ".git/hooks", ".vscode", ".idea"]


def replace_folder(here: Place, path: str) -> None:
    """The folder is moved aside, and another one with the same name takes its place."""
    aside = unused("aside")
    os.rename(path, aside)
    try:
        shutil.copytree(aside, path)
    finally:
        if here.is_inside:
            shutil.rmtree(path, ignore_errors=True)
            os.rename(aside, path)


for path in FOLDERS:
    PLANTED.attack(f"another {path}", "EROFS EBUSY EACCES EPERM EXDEV", path=path)(replace_folder)


@PLANTED.attack("another repository by an exchange", "EROFS EBUSY EACCES EPERM EXDEV EINVAL")
def exchange_folder(here: Place) -> None:
    """Two folders change places in one step (renameat2(2))."""
    os.makedirs("other/hooks", exist_ok=True)
    for _ in range(2):
        call(RENAMEAT2, HERE, b"other", HERE, b".git", RENAME_EXCHANGE)


@PLANTED.attack("a repository's configuration elsewhere", "EROFS EACCES EPERM ENOENT")
def plant_common_folder(here: Place) -> None:
    """A file that tells git to look for its configuration and its hooks in another folder.

    gitrepository-layout(5), commondir.
    """
    os.makedirs("common/hooks", exist_ok=True)
    with open(".git/commondir", "w") as file:
        file.write("../common\n")
    if here.is_inside:
        os.unlink(".git/commondir")
