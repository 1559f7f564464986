"""Links and folders that are put where a server, or what builds a sandbox, writes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from attacks.arena import Arena, fingerprint
from attacks.files import write
from conftest import KINDS
from peers.waiting import wait_until

pytestmark = pytest.mark.parametrize("kind", KINDS)

# ---- Links that a cell puts where the server writes


def run_cell(arena: Arena, kind: str, folder: Path, code: str, *options: str) -> None:
    """Replays one cell in a folder that it may write."""
    husk = arena.ground(kind).husk
    file = write(folder / "cell.py", code)
    husk.run("run", file, "--python", husk.python, *options, cwd=folder, timeout=30)


PICTURE = "iVBORw0KGgo="
SHOW = f"from IPython.display import display\ndisplay({{'image/png': {PICTURE!r}}}, raw=True)\n"
SWAPS = {
    "the output": ("os.symlink('LAIR/file', 'out.ipynb')", ["--output", "out.ipynb"]),
    "the folder of the output": (
        "os.rename('results', 'aside'); os.symlink('LAIR', 'results')",
        ["--output", "results/out.ipynb"],
    ),
    "the folder of the pictures": (
        "os.rename('results', 'aside'); os.symlink('LAIR', 'results')\n" + SHOW,
        ["--pictures", "results"],
    ),
    "a folder of pictures to come": (
        "os.symlink('LAIR', 'new')\n" + SHOW,
        ["--pictures", "new"],
    ),
    "a picture": (
        "os.symlink('LAIR/file', 'results/picture-1.png')\n" + SHOW,
        ["--pictures", "results"],
    ),
}


@pytest.mark.parametrize(("code", "options"), SWAPS.values(), ids=SWAPS.keys())
def test_links_where_the_server_writes(
    arena: Arena, kind: str, folder: Path, lair: Path, code: str, options: list[str]
) -> None:
    """The server follows no link that a cell has made: nothing outside its folder changes."""
    results = folder / "results"
    results.mkdir()
    os.chown(results, folder.stat().st_uid, folder.stat().st_gid)
    before = fingerprint(lair)
    run_cell(arena, kind, folder, f"import os\n{code.replace('LAIR', str(lair))}", *options)
    assert (folder / "cell.py").exists()
    assert fingerprint(lair) == before


def test_links_where_anybody_writes(arena: Arena, kind: str, folder: Path, lair: Path) -> None:
    """A program that follows them changes something: the test above would notice."""
    before = fingerprint(lair)
    run_cell(arena, kind, folder, f"import os\nos.symlink({str(lair)!r}, 'results')")
    made = folder / "results/out.ipynb"
    made.write_text("{}")
    assert fingerprint(lair) != before
    made.unlink()


# Where a sandbox is built there is more than its inside sees, under names that can be guessed.
GUESSED = ["/.oldLAIR", "/.oldrootLAIR", "/proc/1/rootLAIR", "LAIR"]
GUESSED += [f"/{name}/{n}/lower" for name in (".scratch", ".layers") for n in range(8)]


@pytest.mark.parametrize("guessed", GUESSED)
def test_mount_below_a_planted_link(
    arena: Arena, kind: str, folder: Path, lair: Path, guessed: str
) -> None:
    """Nothing is made on the host for a folder that is to be mounted inside."""
    ground = arena.ground(kind)
    environment = ground.husk.python.parents[1]
    before = fingerprint(lair), os.listdir(environment)
    (folder / "data").symlink_to(guessed.replace("LAIR", str(lair)))
    target = f"{ground.shared}:{folder}/data/made"
    run_cell(arena, kind, folder, "print(1)", "--mount", target)
    assert (fingerprint(lair), os.listdir(environment)) == before


# ---- State directories


def link_to_own(folder: Path, state: Path) -> None:
    """A link to a folder that could be one."""
    (folder / "real").mkdir(mode=0o700)
    state.symlink_to(folder / "real")


def loose(folder: Path, state: Path) -> None:
    """A link to nothing."""
    state.symlink_to(folder / "nothing")


def plain(folder: Path, state: Path) -> None:
    """A file."""
    state.write_text("")


def pipe(folder: Path, state: Path) -> None:
    """A pipe."""
    os.mkfifo(state)


def open_to_group(folder: Path, state: Path) -> None:
    """A folder in which the group may write."""
    state.mkdir()
    state.chmod(0o770)


PLANTED = [link_to_own, loose, plain, pipe, open_to_group]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_planted_state(
    arena: Arena, kind: str, folder: Path, plant: Callable[[Path, Path], None]
) -> None:
    """It is named, and nothing runs."""
    ground = arena.ground(kind)
    planted = folder / "state"
    plant(folder, planted)
    for path in (planted, folder / "real"):
        if path.exists() or path.is_symlink():
            os.chown(path, ground.uid, ground.uid, follow_symlinks=False)
    file = write(folder / "one.py", "print(1)")
    done = ground.husk.with_state(planted).run(
        "run", file, "--python", ground.husk.python, cwd=folder, timeout=20
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert str(planted) in done.stderr


@pytest.mark.parametrize("name", ["kernels", "kernels/k", "ended", "ended/k"])
def test_link_in_a_state_directory(
    arena: Arena, kind: str, folder: Path, lair: Path, name: str
) -> None:
    """What a keeper clears away is never on the other side of a link."""
    ground = arena.ground(kind)
    state = folder / "state"
    (state / name).parent.mkdir(parents=True, mode=0o700)
    state.chmod(0o700)
    (state / name).symlink_to(lair)
    for path in [state, *state.rglob("*")]:
        os.chown(path, ground.uid, ground.uid, follow_symlinks=False)
    before = fingerprint(lair)
    file = write(folder / "one.py", "print(1)")
    husk = ground.husk.with_state(state)
    done = husk.run("run", file, "--python", husk.python, cwd=folder, timeout=20)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not (state / "keeper.sock").exists(), 10, "end of the keeper")
    assert fingerprint(lair) == before
