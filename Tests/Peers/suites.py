"""Runs public test suites of Jupyter's servers and clients against `husk serve`.

    .venv-test/bin/python3 Tests/Peers/suites.py [SUITE…]

A suite is downloaded as its authors publish it, and runs unchanged: a plugin of ours, in
`suites/`, puts `husk serve` where the suite would start a server of its own. Environment and
downloads are kept in `.cache/suites`. What is known to fail is named below, with the reason; a
table of what passed, failed and was skipped is printed at the end.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from peers.husk import PYTHON, ROOT, Husk
from peers.processes import end_keeper
from peers.server import Server

HERE = Path(__file__).resolve().parent
PLUGINS = HERE / "suites"
REQUIREMENTS = PLUGINS / "requirements.txt"
CACHE = ROOT / ".cache/suites"
ENVIRONMENT = CACHE / "venv"

JUPYTER_SERVER = "a8960aa29263f6041283e97d4756b099fb49b767baab6371891ecb1bd40a63df"
OLD_MODEL = "a gateway's manager shows a kernel as it was when all kernels were last listed"
NO_FOLDER = "a gateway's manager knows no folder of a kernel's"
HOST_SEEN = "expects this machine's name and user in a kernel"


@dataclass(frozen=True)
class Suite:
    """A public test suite, and what is known about it."""

    name: str
    package: str
    version: str
    plugin: str | None
    """The module in `suites/` that puts Husk into its place."""
    tests: tuple[str, ...]
    """What pytest is told to run."""
    at_least: int
    """How many tests pass, so that a suite which skips everything is noticed."""
    brief: tuple[str, int] | None = None
    """The tests of a brief run, as pytest's -k has it, and how many of them pass."""
    digest: str | None = None
    """SHA-256 of the source distribution; None where the installed package has the tests."""
    options: tuple[str, ...] = ()
    """More options of pytest."""
    added: Mapping[str, str] = field(default_factory=dict)
    """Files that the distribution lacks, and their text."""
    known: Mapping[str, str] = field(default_factory=dict)
    """Tests that fail, as patterns, and why."""
    either: Mapping[str, str] = field(default_factory=dict)
    """Tests that may fail or pass, as patterns, and why."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Tests that are not run, and why."""


SUITES = (
    Suite(
        name="jupyter_server",
        package="jupyter_server",
        version="2.21.1",
        digest=JUPYTER_SERVER,
        plugin="retargeted",
        tests=(
            *(f"tests/services/{name}" for name in ("api", "config", "contents", "events")),
            *(f"tests/services/{name}" for name in ("kernels", "kernelspecs", "nbconvert")),
            *("tests/services/sessions", "tests/test_files.py", "tests/test_terminal.py"),
            "tests/test_view.py",
        ),
        options=("-p", "no:asyncio"),
        at_least=170,
        known={
            **dict.fromkeys(
                (
                    "*kernels.test_api::test_resolve_path_server_expands_user[[]*",
                    "*kernels.test_api::test_resolve_path_server_expands_user_normalizes*",
                ),
                "a sandbox's home is not that of the server's user",
            ),
            "*nbconvert.test_api::test_list_formats": "there is no /api/nbconvert",
            "*test_view::test_view[[]True*": "there is no /view",
            "*test_manager_no_hash::*": "asks for a contents manager without hashes",
            "*events.test_extension::*": "asks for an extension in the server's process",
            "*kernelspecs.test_api::test_get_kernelspecs": "asks for a kernelspec of its own",
            "*kernelspecs.test_api::test_get_kernel_resource_file": "the same",
            "*test_terminal::test_terminal_create_with_cwd": (
                "asks for a folder outside of the served one, which no sandbox shows"
            ),
            "*test_terminal::test_culling": "sets when a terminal is culled",
        },
        either={
            "*sessions.test_api::test_modify_kernel_*": (
                "expects that a kernel to which nobody is connected is still `starting`"
            ),
        },
        left_out={
            f"tests/services/kernels/test_cull.py::{name}": "sets how kernels are culled"
            for name in (
                *("test_cull_idle", "test_cull_connected", "test_cull_dead"),
                "test_cull_idle_disable",
            )
        },
    ),
    Suite(
        name="jupyter_server-gateway",
        package="jupyter_server",
        version="2.21.1",
        digest=JUPYTER_SERVER,
        plugin="fronted",
        tests=(
            *(f"tests/services/kernels/test_{name}.py" for name in ("api", "restart_error")),
            *("tests/services/kernels/test_execution_state.py", "tests/services/kernelspecs"),
            "tests/services/sessions",
        ),
        options=("-p", "no:asyncio"),
        at_least=30,
        brief=("not resolve_path and not kernelspecs", 21),
        known={
            "*kernels.test_api::test_connection*": OLD_MODEL,
            "*sessions.test_api::test_restart_kernel*": OLD_MODEL,
            "*_with_client_supplied_*id[[]*": "takes an id for one of a kernel's there",
            "*kernels.test_api::test_resolve_path_kernel*": NO_FOLDER,
            "*kernels.test_api::test_resolve_path_missing[[]*": NO_FOLDER,
            "*kernels.test_api::test_resolve_path_server_and_kernel*": NO_FOLDER,
            "*kernelspecs.test_api::test_list_kernelspecs*": "asks for kernelspecs of its own",
            "*kernelspecs.test_api::test_get_kernel*": "asks for kernelspecs of its own",
            "*sessions.test_api::test_create[[]*": "says of no kernel that it is ready",
            "*sessions.test_api::test_create_bad[[]*": "sets a default that the gateway's replaces",
        },
        either={
            "*sessions.test_api::test_modify_kernel_*": OLD_MODEL,
        },
        left_out={"tests/services/kernels/test_execution_state.py": OLD_MODEL},
    ),
    Suite(
        name="jupyter-kernel-client",
        package="jupyter-kernel-client",
        version="1.0.2",
        plugin=None,
        tests=("--pyargs", "jupyter_kernel_client.tests"),
        at_least=39,
        # Each of the others waits ten seconds now and then, in whichever thread closes its
        # WebSocket: more often with Jupyter Server.
        brief=("not test_client or df or no_context or list_variables", 21),
        known={
            "*::test_execution_*context_manager": HOST_SEEN,
            "*::test_multi_execution_in_event_loop": HOST_SEEN,
        },
    ),
    Suite(
        name="autogen-ext",
        package="autogen-ext",
        version="0.7.5",
        digest="711ab9238ea66ff2abef163c331e538092bdea661620727a4a9b2ebce1c22df9",
        plugin="containers",
        tests=("tests/code_executors/test_docker_jupyter_code_executor.py",),
        at_least=7,
        # A cell of the other one sleeps for ten seconds.
        brief=("not canncellation", 6),
    ),
    Suite(
        name="smolagents",
        package="smolagents",
        version="1.26.0",
        digest="4ec92313265f9cfbcabfc88e192b4bc4505f8475dc5f33dc872062fc567037bd",
        plugin="containers",
        tests=("tests/test_remote_executors.py::TestDockerExecutorIntegration",),
        at_least=12,
        # Each installs packages, which takes pip a second to find there.
        brief=("state_persistence or image or syntax", 3),
        added={
            "tests/__init__.py": "",
            "tests/utils/__init__.py": "",
            "tests/utils/markers.py": "def require_run_all(test): return test\n",
        },
    ),
)


@dataclass
class Outcome:
    """What has become of a suite's tests."""

    suite: Suite
    at_least: int
    passed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    log: str = ""

    @property
    def unexpected(self) -> dict[str, str]:
        """What fails and is not known to, and what is known to fail and does not."""
        allowed = (*self.suite.known, *self.suite.either)
        found = {test: why for test, why in self.failed.items() if not matches(test, allowed)}
        for test in self.passed:
            if matches(test, self.suite.known) and not matches(test, self.suite.either):
                found[test] = "it passes, and is said to fail"
        if len(self.passed) < self.at_least:
            found["all"] = f"{len(self.passed)} tests pass, fewer than {self.at_least}"
        return found

    def reason(self, test: str) -> str:
        """Why a test fails."""
        for pattern, why in {**self.suite.known, **self.suite.either}.items():
            if matches(test, [pattern]):
                return why
        return f"UNEXPECTED: {self.failed[test]}"


def matches(test: str, patterns: Sequence[str] | Mapping[str, str]) -> bool:
    """Whether a test is meant by one of the patterns."""
    return any(fnmatch.fnmatchcase(test, pattern) for pattern in patterns)


def sha256(path: Path) -> str:
    """The digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pip(*arguments: str | Path) -> None:
    """Runs pip, quietly."""
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    command = [ENVIRONMENT / "bin/python3", "-m", "pip", arguments[0], *quiet, *arguments[1:]]
    subprocess.run(list(map(str, command)), check=True, stdin=subprocess.DEVNULL)


def make_environment() -> None:
    """Installs what the suites need, once for each version of the requirements."""
    mark = ENVIRONMENT / ".requirements.sha256"
    if mark.exists() and mark.read_text() == sha256(REQUIREMENTS):
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
    pip("install", "-r", REQUIREMENTS)
    mark.write_text(sha256(REQUIREMENTS))


def unpacked(suite: Suite) -> Path:
    """The folder of a suite as it was published, downloaded once."""
    folder = CACHE / f"{suite.package.replace('-', '_')}-{suite.version}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            wanted = f"{suite.package}=={suite.version}"
            pip("download", "--no-deps", "--no-binary", suite.package, "--dest", name, wanted)
            (archive,) = Path(name).iterdir()
            assert sha256(archive) == suite.digest, f"{archive.name} is not what it was"
            with tarfile.open(archive) as content:
                content.extractall(name)
            (Path(name) / folder.name).rename(folder)
    for name, text in suite.added.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def run(suite: Suite, husk: Husk, folder: Path, is_brief: bool = False) -> Outcome:
    """Runs a suite, or what of it is quick, with a folder and a state directory of its own."""
    make_environment()
    environment = husk.environment | {
        "HUSK_SUITE_PROGRAM": husk.program,
        "HUSK_SUITE_PYTHON": str(ENVIRONMENT / "bin/python3"),
        "PYTHONPATH": os.pathsep.join([str(PLUGINS), str(HERE)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    # Tests compare it with what it is in a kernel, which does not see it.
    environment.pop("USER", None)
    if suite.plugin in ("retargeted", "fronted"):
        server = Server(husk, folder)
        environment |= {
            "HUSK_SUITE_URL": server.url,
            "HUSK_SUITE_TOKEN": server.token,
            "HUSK_SUITE_ROOT": str(server.root),
        }
        try:
            return pytest_of(suite, folder, environment, is_brief)
        finally:
            server.stop()
            end_keeper(husk.state)
    (folder / "root").mkdir()
    programs = folder / "bin"
    programs.mkdir()
    starter = programs / "jupyter-server"
    starter.write_text(f'#!/bin/sh\nexec {sys.executable} {PLUGINS}/as_jupyter_server.py "$@"\n')
    starter.chmod(0o755)
    environment |= {
        "HUSK_SUITE_ROOT": str(folder / "root"),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    try:
        return pytest_of(suite, folder, environment, is_brief)
    finally:
        end_keeper(husk.state)


def pytest_of(
    suite: Suite, folder: Path, environment: Mapping[str, str], is_brief: bool
) -> Outcome:
    """Runs the suite's own pytest, and reads its report."""
    report = folder / "report.xml"
    options = ["-q", "--color=no", "-p", "no:cacheprovider", f"--junitxml={report}", *suite.options]
    if suite.plugin:
        options += ["-p", suite.plugin]
    at_least = suite.at_least
    if is_brief and suite.brief:
        expression, at_least = suite.brief
        options += ["-k", expression]
    for test in suite.left_out:
        options += ["--deselect", test]
    done = subprocess.run(
        [str(ENVIRONMENT / "bin/python3"), "-m", "pytest", *options, *suite.tests],
        cwd=unpacked(suite) if suite.digest else folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    outcome = Outcome(suite, at_least, log=done.stdout)
    if not report.exists():
        outcome.failed["all"] = f"pytest ended with {done.returncode}"
        return outcome
    for case in ElementTree.parse(report).iter("testcase"):
        test = f"{case.get('classname')}::{case.get('name')}"
        problem = next((child for child in case if child.tag in ("failure", "error")), None)
        skip = case.find("skipped")
        if problem is not None:
            outcome.failed[test] = (problem.get("message") or problem.tag).splitlines()[0]
        elif skip is not None:
            outcome.skipped[test] = skip.get("message") or ""
        else:
            outcome.passed.append(test)
    return outcome


def main() -> int:
    """Runs the suites that are named, or all of them."""
    names = [suite.name for suite in SUITES]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(names))
    parser.add_argument("--brief", action="store_true", help="leave out what takes long")
    parser.add_argument("--verbose", action="store_true", help="print what pytest says")
    options = parser.parse_args()
    if unknown := set(options.suites) - set(names):
        parser.error(f"there is no suite {', '.join(sorted(unknown))}")
    if not PYTHON.exists():
        parser.error("make build makes what is missing")
    outcomes: list[Outcome] = []
    for suite in SUITES:
        if options.suites and suite.name not in options.suites:
            continue
        with tempfile.TemporaryDirectory(prefix="husk-") as name:
            folder = Path(name) / "suite"
            folder.mkdir()
            outcomes.append(run(suite, Husk(Path(name) / "state"), folder, options.brief))
        if options.verbose:
            print(outcomes[-1].log)
    for outcome in outcomes:
        suite = outcome.suite
        print(f"\n{suite.name} {suite.version}")
        for test in sorted(outcome.failed):
            print(f"  fails    {test}: {outcome.reason(test)}")
        for test, why in sorted(suite.left_out.items()):
            print(f"  left out {test}: {why}")
        for why in sorted(set(outcome.skipped.values())):
            count = list(outcome.skipped.values()).count(why)
            print(f"  skipped  {count}: {why}")
        for test, why in outcome.unexpected.items():
            print(f"  WRONG    {test}: {why}")
    print(f"\n{'suite':32}{'passed':>8}{'failed':>8}{'skipped':>8}")
    for outcome in outcomes:
        counts = (len(outcome.passed), len(outcome.failed), len(outcome.skipped))
        title = f"{outcome.suite.name} {outcome.suite.version}"
        print(f"{title:32}" + "".join(f"{count:8}" for count in counts))
    return 1 if any(outcome.unexpected for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
