"""Ordinary programs work inside: no wall is in their way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.husk import ROOT, Husk
from peers.kernel import Kernel
from peers.users import Users
from peers.wire import Client

pytestmark = pytest.mark.husk

WHEEL = '''
import base64, hashlib, io, zipfile
def wheel(name, version):
    """A wheel as pip wants it (PyPA binary distribution format)."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "answer = 42\\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    def line(path, text):
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        return f"{path},sha256={digest.decode()},{len(text)}\\n"
    record = "".join(line(*file) for file in files.items()) + f"{info}/RECORD,,\\n"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, text in (files | {f"{info}/RECORD": record}).items(): archive.writestr(path, text)
    return data.getvalue()
'''

INDEX = """
import http.server, os, threading
os.makedirs("/tmp/index/simple/sandboxed", exist_ok=True)
with open("/tmp/index/simple/sandboxed/sandboxed-1.0-py3-none-any.whl", "wb") as file:
    file.write(wheel("sandboxed", "1.0"))
class Quiet(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments): super().__init__(*arguments, directory="/tmp/index")
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
"""


@pytest.fixture(params=["root", "ordinary"])
def inside(request: pytest.FixtureRequest, users: Users) -> Iterator[Client]:
    """A client of a kernel of each kind of user."""
    husk, folder = users.get(request.param)
    with Kernel.husk(husk, folder) as kernel:
        yield kernel.client()


def test_pip(inside: Client) -> None:
    """A wheel from an index installs into the environment's layer, and can be imported.

    An environment that is another user's is not writable, as outside: there is room elsewhere.
    """
    inside.run_ok(WHEEL + INDEX)
    done = inside.run_ok(
        "import os, sys\n"
        "options = '--no-cache-dir --disable-pip-version-check --quiet'\n"
        "target = sys.prefix\n"
        "if not os.access(sys.prefix, os.W_OK):\n"
        "    target = '/tmp/packages'\n"
        "    options += ' --target ' + target\n"
        "    sys.path.append(target)\n"
        "get_ipython().run_line_magic('pip', f'install {options} --index-url"
        " http://127.0.0.1:{server.server_port}/simple sandboxed')\n"
        "import sandboxed\n"
        "print(sandboxed.answer, sandboxed.__file__.startswith(target))",
        timeout=60,
    )
    assert "42 True" in done.stdout


PROGRAMS = {
    "numpy": "import numpy as np; x = np.random.rand(200, 200); print((x @ x).shape)",
    "pandas": "import pandas as pd; print(pd.DataFrame({'a': [1, 2]}).a.sum())",
    "matplotlib": "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.savefig('/tmp/a.png')",
    "sqlite3": (
        "import sqlite3; db = sqlite3.connect('/tmp/a.db'); db.execute('pragma journal_mode=wal');"
        " db.execute('create table t(x)'); db.execute('insert into t values (1)'); db.commit();"
        " print(db.execute('select * from t').fetchall())"
    ),
    "ssl": "import ssl; print(len(ssl.create_default_context().get_ca_certs()) > 0)",
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor as P;"
        " print(sum(P(8).map(lambda n: n, range(100))))"
    ),
    "processes": (
        "from concurrent.futures import ProcessPoolExecutor as P;"
        " print(sum(P(2).map(abs, range(100))))"
    ),
    "semaphores": "import multiprocessing as m; s = m.Semaphore(2); s.acquire(); print(s)",
    "shared memory": (
        "from multiprocessing.shared_memory import SharedMemory as S;"
        " s = S(create=True, size=99); s.close(); s.unlink()"
    ),
    "message queues": (
        "import ctypes, os; c = ctypes.CDLL(None, use_errno=True);"
        " q = c.mq_open(b'/queue', os.O_RDWR | os.O_CREAT, 0o600, None);"
        " assert q >= 0, os.strerror(ctypes.get_errno()); assert c.mq_send(q, b'x', 1, 0) == 0;"
        " assert os.listdir('/dev/mqueue') == ['queue']; assert c.mq_unlink(b'/queue') == 0"
    ),
    "subprocess": "import subprocess; print(subprocess.check_output(['ls', '/'], text=True))",
    "shell": "import os; assert os.system('set -e; for f in /usr/bin/*; do :; done; echo ok') == 0",
    "asyncio": (
        "import asyncio; print(asyncio.run(asyncio.create_subprocess_exec('true')).pid > 0)"
    ),
    "signals": "import signal, os; signal.alarm(9); signal.alarm(0); os.kill(os.getpid(), 0)",
    "terminals": "import pty, os; m, s = pty.openpty(); print(os.ttyname(s), os.isatty(s))",
    "sockets": (
        "import socket; a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1));"
        " s = socket.create_server(('localhost', 0)); socket.create_connection(s.getsockname())"
    ),
    "interfaces": "import socket; print(socket.if_nameindex())",
    "files": (
        "import tempfile, shutil, os; d = tempfile.mkdtemp(); open(d + '/a', 'w').close();"
        " os.chmod(d + '/a', 0o755); os.link(d + '/a', d + '/b'); os.rename(d + '/b', d + '/c');"
        " os.utime(d + '/a'); shutil.copytree(d, d + '2'); shutil.rmtree(d)"
    ),
    "tar": (
        "import subprocess; subprocess.check_call("
        "'cd /tmp && mkdir t && touch t/x && tar czf t.tgz t && rm -r t && tar xzf t.tgz && ls t',"
        " shell=True)"
    ),
    "limits": (
        "import resource as r; r.setrlimit(r.RLIMIT_CORE, (0, 0));"
        " r.setrlimit(r.RLIMIT_NOFILE, (99, 99))"
    ),
    "memory maps": "import mmap; m = mmap.mmap(-1, 1 << 20); m.madvise(mmap.MADV_DONTNEED)",
    "memory files": "import os; print(os.write(os.memfd_create('x'), b'abc'))",
    "times": "import time; time.sleep(0.01); print(time.localtime(), time.monotonic() > 0)",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_program(inside: Client, program: str) -> None:
    """It runs to its end in a Python of its own."""
    done = inside.run_ok(
        "import subprocess, sys\n"
        f"command = [sys.executable, '-c', {program!r}]\n"
        "done = subprocess.run(command, capture_output=True, text=True)\n"
        "print(done.returncode, done.stdout, done.stderr)"
    )
    assert done.stdout.startswith("0 "), done.stdout


@pytest.mark.parametrize(
    "command",
    [
        "git init -q /tmp/repo && cd /tmp/repo && git -c user.name=a -c user.email=b commit -q"
        " --allow-empty -m x && git log --oneline",
        "node -e 'console.log([1,2,3].map(x => x * 2).join())'",
        "gcc -x c - -o /tmp/c <<< 'int main(){return 7;}' ; /tmp/c; test $? = 7",
        "perl -e 'print fork() // die $!'",
        "sort -R /etc/passwd | xz -9 | xz -d | wc -l",
        "find / -xdev -maxdepth 2 > /dev/null 2>&1; test $? -le 1",
        "ps aux && free -m && uptime && df -h && nproc",
        "gpg --version",
    ],
    ids=lambda command: command.split()[0],
)
def test_command(inside: Client, command: str) -> None:
    """Programs of the system, where the machine has them."""
    name = command.split()[0]
    if shutil.which(name) is None or not shutil.which(name, path="/usr/bin:/bin:/usr/local/bin"):
        pytest.skip(f"this machine has no {name} in its system folders")
    done = inside.run_ok(
        "import subprocess\n"
        f"done = subprocess.run(['bash', '-c', {command!r}], capture_output=True, text=True)\n"
        "print(done.returncode, done.stdout, done.stderr)",
        timeout=50,
    )
    assert done.stdout.startswith("0 "), done.stdout


def test_environment_in_the_work_folder(husk: Husk, tmp_path: Path) -> None:
    """What is installed goes into a layer, also where the environment lies in the work folder."""
    mark = f"mark-{tmp_path.name}"
    code = tmp_path / "mark.py"
    code.write_text(f"import sys\nopen(f'{{sys.prefix}}/{mark}', 'w').close()\nprint('made')")
    linked = tmp_path / "venv"
    between = tmp_path.parent / f"{tmp_path.name}-between"
    between.symlink_to(ROOT / ".venv")
    linked.symlink_to(between)
    for folder, python in ((ROOT, husk.python), (tmp_path, linked / "bin/python3")):
        done = husk.run("run", code, "--python", python, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "made" in done.stdout
        assert not (ROOT / ".venv" / mark).exists()
