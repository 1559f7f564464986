"""The system of an image inside: a folder, a tar file, an OCI layout, an archive of one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from peers.husk import ROOT, Husk, one_line
from peers.users import Users

TREE = ROOT / ".cache/image"

pytestmark = [
    pytest.mark.husk,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not TREE.exists(), reason="make image makes the tree, which root must do"),
]

LOOK = """
import os, ssl, sqlite3, subprocess, sys
print(sys.executable, os.path.exists('/image-mark'), os.path.exists('/usr/image-mark'))
print(open('/etc/hostname').read().strip(), os.getuid(), open('/etc/image-mark').read())
done = subprocess.run('id -un; ls /usr/image-mark', shell=True, capture_output=True, text=True)
print(done.stdout.split())
try: open('/usr/new', 'w')
except OSError as error: print(error.errno in (13, 30))
open('/tmp/new', 'w').close()
"""


@pytest.fixture(scope="module")
def tree(base: Path) -> Path:
    """A copy of the tree with marks in it, and with links that lead out of it."""
    copy = base / "tree"
    linked = subprocess.run(
        ["cp", "--archive", "--link", TREE, copy], capture_output=True, check=False
    )
    if linked.returncode != 0:
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["cp", "--archive", "--reflink=auto", TREE, copy], check=True)
    for place in ("image-mark", "usr/image-mark", "etc/image-mark"):
        (copy / place).write_text("marked")
    return copy


@pytest.fixture(scope="module")
def archive(tree: Path, base: Path) -> Path:
    """The tree as a tar file."""
    file = base / "tree.tar"
    subprocess.run(["tar", "--create", "--file", file, "--directory", tree, "."], check=True)
    return file


@pytest.fixture(scope="module")
def layout(tree: Path, base: Path) -> Path:
    """The tree as an OCI layout with the tag `latest`."""
    folder = base / "layout"
    for command in (
        ["umoci", "init", "--layout", folder],
        ["umoci", "new", "--image", f"{folder}:latest"],
        ["umoci", "insert", "--image", f"{folder}:latest", tree, "/"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return folder


def check(husk: Husk, image: Path | str, folder: Path) -> None:
    """Looks round inside of an image."""
    (folder / "look.py").write_text(LOOK)
    done = husk.run("run", "look.py", "--image", image, cwd=folder, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    shown = done.stdout.splitlines()
    assert "/usr/bin/python3 True True" in shown
    assert "husk 1000 marked" in shown
    assert "['user', '/usr/image-mark']" in shown
    assert "True" in shown


@pytest.fixture
def cached(husk: Husk, tmp_path: Path) -> Husk:
    """Husk that unpacks into a folder of this test's own."""
    return husk.with_env(XDG_CACHE_HOME=str(tmp_path / "cache"))


@pytest.mark.parametrize("kind", ["root", "ordinary"])
def test_folder(users: Users, tree: Path, kind: str) -> None:
    """A tree of files, for each kind of user."""
    husk, folder = users.get(kind)
    check(husk, tree, folder)


@pytest.mark.parametrize("form", ["archive", "layout", "layout:latest"])
def test_packed(cached: Husk, form: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """It is unpacked once."""
    name, _, tag = form.partition(":")
    image = str(request.getfixturevalue(name)) + (f":{tag}" if tag else "")
    check(cached, image, tmp_path)
    unpacked = list((tmp_path / "cache/husk/images").iterdir())
    assert len(unpacked) == 1
    times = unpacked[0].stat().st_mtime_ns
    check(cached, image, tmp_path)
    assert [path.stat().st_mtime_ns for path in (tmp_path / "cache/husk/images").iterdir()] == [
        times
    ]


def test_archive_of_a_layout(cached: Husk, layout: Path, tmp_path: Path) -> None:
    """As other tools export images."""
    file = tmp_path / "image.tar"
    subprocess.run(["tar", "--create", "--file", file, "--directory", layout, "."], check=True)
    check(cached, file, tmp_path)


def test_links_that_lead_out(husk: Husk, tree: Path, tmp_path: Path) -> None:
    """Whoever made the image gets nothing of the machine's by them."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_text("secret")
    own = tmp_path / "image"
    own.mkdir()
    for name in ("usr", "bin", "sbin", "lib", "lib64"):
        if (tree / name).is_symlink():
            (own / name).symlink_to(os.readlink(tree / name))
    subprocess.run(["cp", "--archive", "--link", tree / "usr", own / "usr"], check=True)
    (own / "srv").symlink_to(secret)
    (own / "etc").mkdir()
    (own / "etc/stolen").symlink_to(secret / "file")
    (own / "opt").symlink_to(secret)
    (own / "var").mkdir()
    (own / "var/lib").symlink_to(secret)
    (tmp_path / "work").mkdir()
    (tmp_path / "work/look.py").write_text(
        "import os\n"
        "for path in ('/srv/file', '/etc/stolen', '/opt/file', '/var/lib/file'):\n"
        "    print(path, os.path.exists(path))"
    )
    done = husk.run("run", "look.py", "--image", own, cwd=tmp_path / "work")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "True" not in done.stdout
    assert done.stdout.count("False") == 4


def test_wrong_images(cached: Husk, tmp_path: Path) -> None:
    """One line with the file and what is wrong with it, exit status 2."""
    empty = tmp_path / "empty"
    empty.mkdir()
    text = tmp_path / "text"
    text.write_text("no tar file")
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as file:
        file.addfile(tarfile.TarInfo("../../escaped"))
    for image in (tmp_path / "nothing", empty, text, evil, f"{empty}:latest"):
        done = cached.run("run", ROOT / "Notebooks/tour.ipynb", "--image", image, cwd=tmp_path)
        assert done.returncode == 2, done.stdout + done.stderr
        assert str(tmp_path) in one_line(done.stderr)
    assert not (tmp_path / "escaped").exists()
    assert not (tmp_path / "cache/husk/escaped").exists()


def test_python_of_the_image(cached: Husk, tree: Path, tmp_path: Path) -> None:
    """It is named by its path inside."""
    (tmp_path / "look.py").write_text("import sys; print(sys.executable)")
    run = ("run", "look.py", "--image", tree)
    done = cached.run(*run, "--python", "/usr/bin/python3", cwd=tmp_path)
    assert "/usr/bin/python3\n" in done.stdout
    done = cached.run(*run, "--python", "/usr/bin/python9", cwd=tmp_path)
    assert done.returncode == 2
    assert "/usr/bin/python9" in one_line(done.stderr)
