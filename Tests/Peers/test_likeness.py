"""What a user of ipykernel would notice: each case runs on ipykernel too, and gives the same."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peers.husk import ROOT, SECOND_PYTHON, Husk
from peers.sessions import Cell, Session

pytestmark = [pytest.mark.usefixtures("jupyter_environment"), pytest.mark.husk]

NAMES = ("python3", "husk-python")
"""ipykernel, in the environment of the tests, and Husk."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that both kernels start in."""
    return tmp_path_factory.mktemp("folder")


@pytest.fixture
def pair(folder: Path) -> Iterator[tuple[Session, Session]]:
    """Fresh kernels: ipykernel's, and ours."""
    with Session(NAMES[0], cwd=str(folder)) as real, Session(NAMES[1], cwd=str(folder)) as own:
        yield real, own


@pytest.fixture
def own(folder: Path) -> Iterator[Session]:
    """A fresh kernel of ours."""
    with Session(NAMES[1], cwd=str(folder)) as session:
        yield session


def both(folder: Path, code: str, *options: str, env: dict[str, str] | None = None) -> list[Cell]:
    """What a cell comes to on each, started with these options."""
    cells = []
    for name in NAMES:
        with Session(name, *options, env=env, cwd=str(folder)) as session:
            cells.append(session.run(code))
    return cells


# ---- Options


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--InteractiveShell.ast_node_interactivity=all"], "1\n2"),
        (["--ZMQInteractiveShell.ast_node_interactivity=none"], "1\n2"),
        (["--InteractiveShell.ast_node_interactivity", "all"], "1\n2"),
        (["--IPKernelApp.exec_lines=a = 7", "--IPKernelApp.exec_lines=b = a + 1"], "a, b"),
        (["--InteractiveShellApp.exec_lines=['a = 7']"], "a"),
        (["-c", "a = 3"], "a"),
        (["--matplotlib=inline"], "import matplotlib; matplotlib.get_backend()"),
        (["--matplotlib", "inline"], "import matplotlib; matplotlib.get_backend()"),
        (["--InlineBackend.figure_format=svg"], "get_ipython().config.InlineBackend"),
        (["--pylab=inline"], "pi, plot.__module__"),
        (["--InteractiveShellApp.extensions=autoreload"], "%autoreload 2"),
        (["--ext=autoreload"], "%autoreload 2"),
        (["--PlainTextFormatter.max_seq_length=3"], "list(range(9))"),
        (["--no-pprint"], "{'b': list(range(40)), 'a': list(range(40))}"),
        (["--autocall=1"], "len [1, 2]"),
        (["--no-automagic"], "pwd"),
        (["--cache-size=0"], "len(Out)"),
        (["--InteractiveShellApp.ignore_cwd=True"], "import sys; '' in sys.path"),
        (["--Completer.use_jedi=False"], "get_ipython().Completer.use_jedi"),
        (["--Kernel._execute_sleep=0", "--IPythonKernel.use_experimental_completions=True"], "1"),
        (["--Application.log_level=30", "--no-secure", "--Session.key="], "1"),
        (["--debug", "--quiet"], "1"),
        (["--profile=other"], "get_ipython().profile_dir.location.split('/')[-1]"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_options(folder: Path, options: list[str], code: str) -> None:
    """Options for the shell have their effect, the others are taken."""
    if "--profile=other" in options:
        made = Path(os.environ["IPYTHONDIR"]) / "profile_other"
        made.mkdir(parents=True, exist_ok=True)
    if "--Session.key=" in options:
        options = [option for option in options if "Session" not in option]
    real, own = both(folder, code, *options)
    assert own.reply["status"] == real.reply["status"]
    assert own.all("execute_result") == real.all("execute_result")
    assert own.all("execute_input") == real.all("execute_input")
    assert own.text() == real.text()


@pytest.mark.parametrize("option", ["--nonsense", "--nonsense=1", "-z", "--kernel.x=1", "stray"])
def test_nonsense_is_refused(husk: Husk, tmp_path: Path, option: str) -> None:
    """What is nobody's option is an error in one line."""
    file = tmp_path / "connection.json"
    file.write_text(json.dumps({"ip": "127.0.0.1", "transport": "tcp", "key": "k"}))
    done = husk.run("kernel", "-f", file, option)
    assert done.returncode == 2
    assert f"unknown option {option}; see husk kernel --help" in done.stderr


def test_bad_values_end_the_start(folder: Path) -> None:
    """A value that a trait does not take is an error at the start, as with ipykernel."""
    for name in NAMES:
        with pytest.raises(RuntimeError, match="died"):
            Session(name, "--InteractiveShell.ast_node_interactivity=some", cwd=str(folder))


# ---- A fresh kernel


@pytest.mark.parametrize(
    "magic",
    ["%tb", "%debug", "%xmode", "%man nothing_of_this_name", "%gui nonsense", "%gui inline"],
)
def test_nothing_of_the_rehearsal(pair: tuple[Session, Session], magic: str) -> None:
    """The error with which the interpreter was warmed is nobody's."""
    real, own = (session.run(magic) for session in pair)
    assert own.reply["status"] == real.reply["status"]
    assert own.text() == real.text()
    assert own.text("stderr") == real.text("stderr")
    assert len(own.all("error")) == len(real.all("error"))


def test_namespace(pair: tuple[Session, Session]) -> None:
    """The same names, `_` and its kin among them, with the same values."""
    code = (
        "import sys\nprint(sorted(globals()), repr(_), repr(__), repr(___), __doc__, __spec__,"
        " __loader__, __package__, [n for n in dir(sys) if n.startswith('last_')])"
    )
    real, own = (session.text(code) for session in pair)
    assert own == real
    assert pair[1].text("%who") == pair[0].text("%who")


def test_folder_and_home(own: Session, folder: Path) -> None:
    """The shell is where the sandbox has it, and at home there."""
    assert own.text("print(_dh[0])").strip() == str(folder)
    code = (
        "import os, site\n"
        "print(get_ipython().home_dir, os.path.expanduser('~'), site.getuserbase())"
    )
    assert own.text(code).split() == ["/home/user", "/home/user", "/home/user/.local"]
    assert own.text("%cd").strip() == "/home/user"
    assert own.text("%pwd\nprint(_dh)").count("/home/user") == 1


def test_path(pair: tuple[Session, Session]) -> None:
    """The current directory stands where ipykernel has it: behind the standard library."""
    code = "import sys; print([p.replace(sys.prefix, '') for p in sys.path])"
    real, own = (session.text(code) for session in pair)
    assert own == real


def test_store(own: Session) -> None:
    """`%store` keeps data for the session."""
    assert "Stored 'kept' (list)" in own.text("kept = [1, 2]\n%store kept")
    own.run("del kept")
    assert own.text("%store -r kept\nprint(kept)") == "[1, 2]\n"
    assert "kept" in own.text("%store")


# ---- Python's own variables


VARIABLES = {
    "PYTHONPATH": ("/etc:/usr/share", "import sys; print(sys.path[:3])"),
    "PYTHONWARNINGS": (
        "error::UserWarning,ignore::RuntimeWarning",
        "import sys, warnings; print(sys.warnoptions, [f[0] for f in warnings.filters])",
    ),
    "PYTHONDONTWRITEBYTECODE": ("1", "import sys; print(sys.dont_write_bytecode)"),
    "PYTHONPYCACHEPREFIX": ("/tmp/cache", "import sys; print(sys.pycache_prefix)"),
    "PYTHONINTMAXSTRDIGITS": ("1000", "import sys; print(sys.get_int_max_str_digits())"),
    "PYTHONBREAKPOINT": ("0", "breakpoint(); print('went on')"),
    "PYTHONTRACEMALLOC": (
        "3",
        "import tracemalloc as t; print(t.get_traceback_limit())",
    ),
    "PYTHONFAULTHANDLER": ("1", "import faulthandler; print(faulthandler.is_enabled())"),
    "PYTHONUNBUFFERED": ("1", "print('text')"),
    "PYTHONASYNCIODEBUG": ("1", "import asyncio; print(asyncio.new_event_loop().get_debug())"),
    "PYTHONHASHSEED": ("0", "import sys; print(hash('a'), sys.flags.hash_randomization)"),
    "PYTHONOPTIMIZE": ("1", "import sys; assert False\nprint(__debug__, sys.flags.optimize)"),
    "PYTHONUTF8": ("1", "import sys; print(sys.flags.utf8_mode)"),
    "PYTHONDEVMODE": ("1", "import sys; print(sys.flags.dev_mode)"),
    "PYTHONSAFEPATH": ("1", "import sys; print(sys.flags.safe_path, '' in sys.path)"),
    "PYTHONNODEBUGRANGES": ("1", "print(list((lambda: 0).__code__.co_positions())[0][2:])"),
}


@pytest.mark.parametrize("name", VARIABLES)
def test_variables_of_python(folder: Path, name: str) -> None:
    """They have the effect that they have on a Python that starts."""
    value, code = VARIABLES[name]
    own_env = {k: "" for k in os.environ if k.startswith("PYTHON")}
    real, own = both(folder, code, env={**own_env, name: value})
    assert own.reply["status"] == real.reply["status"] == "ok"
    assert own.text() == real.text()


def test_startup_file(folder: Path) -> None:
    """IPython's kernels run the file, too."""
    startup = folder / "startup.py"
    startup.write_text("begun = 5\n")
    real, own = both(folder, "print(begun)", env={"PYTHONSTARTUP": str(startup)})
    assert own.text() == real.text() == "5\n"


def test_env_of_the_kernelspec(folder: Path, tmp_path: Path, jupyter_path: Path) -> None:
    """What a kernelspec gives its kernel comes inside without an option, and nothing else does."""
    spec = json.loads((jupyter_path / "kernels/husk-python/kernel.json").read_text())
    spec["env"] = {"GREETING": "hello", "JOINED": "${BASE_OF_IT}/end"}
    folder_of_spec = tmp_path / "kernels/with-env"
    folder_of_spec.mkdir(parents=True)
    (folder_of_spec / "kernel.json").write_text(json.dumps(spec))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", f"{tmp_path}:{os.environ['JUPYTER_PATH']}")
        patch.setenv("BASE_OF_IT", "start")
        patch.setenv("SECRET", "1")
        with Session("with-env", cwd=str(folder)) as session:
            code = "import os; print([os.environ.get(n) for n in ('GREETING', 'JOINED', 'SECRET')])"
            assert session.text(code) == "['hello', 'start/end', None]\n"


@pytest.mark.skipif(not SECOND_PYTHON.exists(), reason="there is no second CPython")
def test_environment_behind_links(husk: Husk, tmp_path: Path) -> None:
    """An environment whose Python is a link to a link runs, under the names it has."""
    real = SECOND_PYTHON.resolve().parents[1]
    (tmp_path / "real").symlink_to(real)
    (tmp_path / "current").symlink_to("real")
    made = tmp_path / "made"
    (made / "bin").mkdir(parents=True)
    program = made / "bin/python3"
    program.symlink_to(tmp_path / "current/bin" / SECOND_PYTHON.resolve().name)
    (made / "pyvenv.cfg").write_text(f"home = {tmp_path}/current/bin\n")
    libraries = next((SECOND_PYTHON.parents[1] / "lib").glob("python3.*"))
    shutil.copytree(libraries, made / "lib" / libraries.name)
    (tmp_path / "work").mkdir()
    file = tmp_path / "work/cell.py"
    file.write_text("import sys; print(sys.prefix, sys.base_prefix)")
    done = husk.run("run", file, "--python", program, cwd=tmp_path / "work")
    assert f"{made} {tmp_path}/current" in done.stdout, done.stderr


# ---- Traces of the host

WALK = """
import gc, sys, types, linecache
gc.unfreeze()
needles = [needle[::-1] for needle in BACKWARDS]
seen, found = set(map(id, needles)), set()
todo = [gc.get_objects(), sys.modules, linecache.cache, sys.path_importer_cache]
def look(value):
    text = value if isinstance(value, str) else bytes(value).decode("latin-1")
    found.update(text[:200] for needle in needles if needle in text)
while todo:
    item = todo.pop()
    if id(item) in seen:
        continue
    seen.add(id(item))
    if isinstance(item, (str, bytes, bytearray)):
        look(item)
    elif isinstance(item, types.CodeType):
        todo += [item.co_filename, item.co_consts, item.co_names]
    else:
        todo += gc.get_referents(item)
print(sorted(found), len(seen) > 100_000)
"""


def test_no_trace_of_the_host(own: Session) -> None:
    """No object that code can walk to has a path of the checkout or the machine's name."""
    host = os.uname().nodename
    needles = [str(ROOT / name) for name in ("Kernels", ".build", "Sources")]
    needles.append(host if len(host) > 3 else str(ROOT / "Tests"))
    backwards = repr([needle[::-1] for needle in needles])
    assert own.text(WALK.replace("BACKWARDS", backwards)) == "[] True\n"
    maps = own.text("print(open('/proc/self/maps').read(), open('/proc/self/cmdline').read())")
    assert not [needle for needle in needles[:-1] if needle in maps]
    names = own.text(
        "import platform, os, socket\n"
        "print({platform.node(), os.uname().nodename, socket.gethostname()})"
    )
    assert repr(host) not in names
    assert names.count(",") == 0


def test_files_of_the_package_are_the_sandboxes(own: Session) -> None:
    """Every module of the kernel says that it comes from where the sandbox has it, and does."""
    code = (
        "import sys, os\n"
        "for n, m in sorted(sys.modules.items()):\n"
        "    if n.startswith('husk_kernel'):\n"
        "        loaders = {m.__loader__.path, m.__spec__.loader.path}\n"
        "        files = {m.__file__, m.__spec__.origin} | loaders\n"
        "        assert len(files) == 1 and os.path.exists(m.__file__), (n, files)\n"
        "        assert m.__file__.startswith('/opt/husk/python/'), files\n"
        "assert 'husk_warm' not in sys.modules and 'Disguise' not in repr(sys.meta_path)\n"
        "import importlib, husk_kernel.debugger, inspect\n"
        "print(inspect.getsource(husk_kernel.host.serve).count('def '))"
    )
    assert own.text(code) == "1\n"


# ---- Numbers of cells


def test_blank_cells_do_not_count(pair: tuple[Session, Session]) -> None:
    """`In` and `Out` have the numbers that clients show."""
    for code in [
        "1",
        "",
        "   \n\t",
        "2",
        "\x1c",
        "# comment",
        "3",
        "1/0",
        "def",
        "%nonsense",
        "In, Out",
        "_i3, _3",
    ]:
        real, own = (session.run(code) for session in pair)
        assert own.counts == real.counts, code
        if code.startswith(("In", "_i")):
            assert own.all("execute_result") == real.all("execute_result")


def test_numbers_of_what_is_not_stored(pair: tuple[Session, Session]) -> None:
    """The next number is shown and not used up."""
    cells: list[tuple[str, dict[str, Any]]] = [
        ("1", {}),
        ("2", {"store_history": False}),
        ("get_ipython().execution_count", {"store_history": False}),
        ("get_ipython().execution_count", {}),
        ("4", {"silent": True}),
        ("5", {"silent": True, "store_history": True}),
        ("In", {}),
        ("1/0", {"store_history": False}),
        ("get_ipython().execution_count = 40", {}),
        ("6", {}),
        ("get_ipython().run_cell('7', store_history=True)\n8", {}),
        ("9", {}),
    ]
    for code, options in cells:
        real, own = (session.run(code, **options) for session in pair)
        assert own.counts == real.counts, code
        assert [r["data"].get("text/plain", "")[:40] for r in own.all("execute_result")] == [
            r["data"].get("text/plain", "")[:40] for r in real.all("execute_result")
        ], code


# ---- The message that is handled


def test_parent(pair: tuple[Session, Session]) -> None:
    """Code finds the whole request, and extensions the metadata of the cell."""
    code = (
        "infos = []\n"
        "def see(info): infos.append((info.cell_id, info.cell_meta))\n"
        "get_ipython().events.register('pre_run_cell', see)\n"
        "parent = get_ipython().get_parent()\n"
        "date = parent['header']['date']\n"
        "print(list(parent), sorted(parent['header']), parent['content'], parent['buffers'])\n"
        "print(type(date).__name__, date.tzinfo is not None)"
    )
    real, own = (session.text(code) for session in pair)
    assert own == real
    shown = []
    for session in pair:
        message = session.client.session.msg(
            "execute_request",
            {"code": "print(infos[-1], get_ipython().get_parent()['metadata'])", "silent": False},
            metadata={"cellId": "c-1", "own": {"a": [1]}},
        )
        session.client.shell_channel.send(message)
        while (
            session.client.get_shell_msg(timeout=20)["parent_header"]["msg_id"]
            != message["header"]["msg_id"]
        ):
            pass
        while True:
            heard = session.client.get_iopub_msg(timeout=20)
            if heard["msg_type"] == "stream":
                shown.append(heard["content"]["text"])
                break
    assert shown[1] == shown[0]


def test_familiar_names(own: Session) -> None:
    """The modules that libraries import are the package's members too."""
    code = (
        "import ipykernel.iostream, ipykernel.zmqshell, ipykernel.kernelapp, ipykernel.comm\n"
        "print(ipykernel.iostream.OutStream.__name__, ipykernel.comm.Comm.__name__,\n"
        "      ipykernel.zmqshell.ZMQInteractiveShell.__name__,\n"
        "      ipykernel.kernelapp.IPKernelApp.initialized())"
    )
    assert own.text(code) == "OutStream Comm ZMQInteractiveShell True\n"


NAMES_OF_THE_KERNEL = """
import sys, logging
from ipykernel.iostream import IOPubThread
from ipykernel.kernelapp import IPKernelApp
shell, out = get_ipython(), sys.stdout
kernel, pub, hook = shell.kernel, shell.display_pub, shell.displayhook
print(isinstance(kernel.log, logging.Logger), isinstance(kernel.iopub_thread, IOPubThread))
print(kernel.implementation, isinstance(kernel.banner, str), len(kernel.ident))
print(kernel.implementation_version.count("."), kernel.language_info["name"])
print(kernel.execution_count == shell.execution_count)
print(kernel.do_complete("impo", 4)["matches"], kernel.do_inspect("print", 3)["found"])
print(IPKernelApp.instance().shell is shell, IPKernelApp.instance().kernel is kernel)
print(len({id(x) for x in (kernel.session, pub.session, hook.session, out.session)}))
print(pub.pub_socket is hook.pub_socket, out.pub_thread is kernel.iopub_thread)
print(out.echo, out.topic, sys.stderr.topic)
heads = [x.parent_header["msg_type"] for x in (pub, hook, out)]
print(heads)
for x in (pub, hook, out):
    x.set_parent(shell.get_parent())
for x in (pub, hook, out):
    x.parent_header = x.parent_header
kernel.iopub_thread.schedule(lambda: None)
content = {"data": {"text/plain": "by hand"}, "metadata": {}}
kernel.send_response(kernel.iopub_socket, "display_data", content)
out.flush()
kernel.send_response(kernel.iopub_socket, "stream", {"name": "stdout", "text": "text"})
"""


def test_names_of_the_kernel(pair: tuple[Session, Session]) -> None:
    """What libraries look for in ipykernel's objects is there, and does what it says."""
    cells = [session.run(NAMES_OF_THE_KERNEL) for session in pair]
    real, own = cells
    assert own.reply["status"] == real.reply["status"] == "ok", own.reply
    assert own.text() == real.text()
    assert own.all("display_data") == real.all("display_data")


def test_names_load_nothing(own: Session) -> None:
    """They cost a kernel nothing that nobody asks for."""
    code = "import sys; print({'zmq', 'tornado', 'jupyter_client', 'uuid'} & {*sys.modules})"
    before = own.text(code)
    own.text("get_ipython().kernel.log, get_ipython().kernel.iopub_thread")
    assert "zmq" not in before
    assert own.text(code) == before


def test_loop_of_tornado(folder: Path, husk: Husk, tmp_path: Path) -> None:
    """Where there is tornado it is the loop that runs, on every thread; elsewhere there is none."""
    code = (
        "import asyncio, threading\n"
        "found = []\n"
        "look = lambda: found.append(get_ipython().kernel.io_loop)\n"
        "{first}thread = threading.Thread(target=look); thread.start(); thread.join(); look()\n"
        "print(found[0] is found[1], found[0].asyncio_loop is asyncio.get_running_loop())"
    )
    prefix = tmp_path / "prefix"
    done = husk.run(
        "install", "--prefix", prefix, "--name", "with-tornado", "--python", sys.executable
    )
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(prefix / "share/jupyter"))
        for first in ("", "look(); found.clear(); "):
            with Session("with-tornado", cwd=str(folder)) as session:
                assert session.text(code.format(first=first)) == "True True\n"


PDB = "%pdb on"


def test_tracebacks_without_the_kernel(pair: tuple[Session, Session]) -> None:
    """An error in a debugger that cannot ask shows no frame of ours."""
    for session in pair:
        session.run(PDB)
    real, own = (session.run("1/0") for session in pair)
    assert own.reply["ename"] == real.reply["ename"]
    assert "husk" not in str(own.reply["traceback"])


# ---- exit


@pytest.mark.parametrize(
    "code", ["exit", "quit()", "exit(keep_kernel=False)", "get_ipython().ask_exit()"]
)
def test_exit_ends_the_kernel(folder: Path, code: str) -> None:
    """The reply comes, then the process ends with status 0, without a word, as Python ends."""
    told = []
    for name in NAMES:
        mark = folder / f"mark-{name}"
        with Session(name, cwd=str(folder)) as session:
            session.run(f"import atexit\natexit.register(lambda: open({str(mark)!r}, 'w').close())")
            cell = session.run(code)
            process = session.manager.provisioner.process
            status = process.wait(10)
            after = []
            while True:
                try:
                    after.append(session.client.get_iopub_msg(timeout=0.3))
                except queue.Empty:
                    break
            states = [m["content"] for m in after if m["msg_type"] != "iopub_welcome"]
            reply = (cell.reply["status"], cell.reply["payload"], cell.counts)
            told.append((reply, status, states, mark.exists()))
    assert told[1] == told[0]
    assert told[1][1] == 0


def test_exit_that_keeps_the_kernel(pair: tuple[Session, Session]) -> None:
    """The client is asked to end, and the kernel stays."""
    real, own = (session.run("quit(keep_kernel=True)") for session in pair)
    assert own.reply["payload"] == real.reply["payload"]
    time.sleep(0.4)
    assert [session.text("print('here')") for session in pair] == ["here\n", "here\n"]


def test_exit_in_a_replay(husk: Husk, tmp_path: Path) -> None:
    """`husk run` says that the kernel has ended before the notebook has."""
    file = tmp_path / "ends.py"
    file.write_text("# %%\nexit\n# %%\nimport asyncio\nawait asyncio.sleep(3)\nprint('never')\n")
    done = husk.run("run", file, "--python", husk.python)
    assert done.returncode == 1
    assert "\nnever" not in done.stdout


# ---- Input


def test_prompts_come_behind_text(own: Session) -> None:
    """A client that looks at stdin first has seen what was printed before the question."""
    overtaken = 0
    for _ in range(60):
        own.client.execute("print('before')\ninput()", allow_stdin=True)
        heard = False
        while not own.client.stdin_channel.msg_ready():
            try:
                message = own.client.get_iopub_msg(timeout=0.001)
                heard = heard or message["msg_type"] == "stream"
            except queue.Empty:
                continue
        overtaken += not heard
        own.client.get_stdin_msg(timeout=5)
        own.client.input("")
        own.client.get_shell_msg(timeout=10)
        while own.client.get_iopub_msg(timeout=5)["content"].get("execution_state") != "idle":
            pass
    assert overtaken <= 12


def test_testbook_starts_kernels_with_an_option(folder: Path) -> None:
    """What testbook passes to every kernel."""
    option = "--Kernel.shell_class=ipykernel.zmqshell.ZMQInteractiveShell"
    done = subprocess.run(
        [sys.executable, "-c", _NBCLIENT.format(option=option)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


_NBCLIENT = """
import nbformat
from nbclient import NotebookClient
book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(1)")])
client = NotebookClient(book, kernel_name="husk-python", timeout=30)
client.extra_arguments = ["{option}"]
with client.setup_kernel():
    client.execute_cell(book.cells[0], 0)
assert book.cells[0].outputs[0].text == "1\\n"
"""
