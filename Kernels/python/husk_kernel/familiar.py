"""What libraries that know ipykernel look for."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .sendable import EVENTS

if TYPE_CHECKING:
    from .kernel import Kernel
    from .shell import ZMQInteractiveShell

VERSION = (7, 4, 0)
"""The ipykernel whose behaviour this kernel has."""


class Session:
    """Stands where ipykernel has its session, for code that sends events by hand."""

    def __init__(self, kernel: Kernel) -> None:
        """Send through a kernel."""
        self._kernel = kernel

    def send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: dict[str, Any] | None = None,
        parent: dict[str, Any] | None = None,
        ident: Any = None,
        buffers: list[Any] | None = None,
        track: bool = False,
        header: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Publish an event, for the request that `parent` is, or for the running cell."""
        kind = msg_or_type
        if isinstance(msg_or_type, dict):
            kind = msg_or_type.get("header", {}).get("msg_type", "")
            content = msg_or_type.get("content")
            metadata = msg_or_type.get("metadata")
        kernel = self._kernel
        token = kernel.set_thread_parent(parent) if parent else None
        try:
            if kind == "stream" and content:
                stream = sys.stderr if content.get("name") == "stderr" else sys.stdout
                stream.write(content.get("text", ""))
            elif kind in EVENTS:
                kernel.send(kind, content or {}, metadata, buffers)
        finally:
            if token is not None:
                kernel.reset_thread_parent(token)


class IOPubThread:
    """Stands where ipykernel has the thread that publishes: here every thread does so itself."""

    def schedule(self, function: Callable[[], Any]) -> None:
        """Do what is to be done in the order in which it was asked for."""
        function()

    def flush(self, timeout: float | None = None) -> None:
        """Show what has been written."""
        sys.stdout.flush()
        sys.stderr.flush()


class IPKernelApp:
    """Stands where libraries ask whether ipykernel runs them, and for its kernel."""

    kernel: Kernel
    shell: ZMQInteractiveShell

    @classmethod
    def initialized(cls) -> bool:
        """Whether there is a kernel."""
        return hasattr(cls, "kernel")

    @classmethod
    def instance(cls) -> type[IPKernelApp]:
        """Return what has the kernel."""
        return cls


def announce(kernel: Kernel) -> None:
    """Be recognised as a notebook by libraries that look for ipykernel's modules, installed or not."""
    _stand_in_for_package()
    from .comms import Comm
    from .shell import ZMQInteractiveShell
    from .streams import OutStream

    IPKernelApp.kernel = kernel
    IPKernelApp.shell = kernel.shell
    _stand_in("comm", Comm=Comm, CommManager=type(kernel.comm_manager))
    _stand_in("iostream", IOPubThread=IOPubThread, OutStream=OutStream)
    _stand_in("ipkernel", IPythonKernel=type(kernel))
    _stand_in("kernelapp", IPKernelApp=IPKernelApp)
    _stand_in("zmqshell", ZMQInteractiveShell=ZMQInteractiveShell)


def _stand_in_for_package() -> None:
    found = importlib.util.find_spec("ipykernel")
    package: Any = types.ModuleType("ipykernel")
    package.__spec__ = found or importlib.machinery.ModuleSpec("ipykernel", None, is_package=True)
    package.__path__ = list(found.submodule_search_locations or ()) if found else []
    package.version_info = VERSION
    package.__version__ = ".".join(map(str, VERSION))
    package.__getattr__ = _connect
    sys.modules["ipykernel"] = package


def _connect(name: str) -> Any:
    """Return what an installed package has beside its modules; importing it for nothing would cost time."""
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        return getattr(importlib.import_module("ipykernel.connect"), name)
    except ImportError:
        raise AttributeError(f"module 'ipykernel' has no attribute {name!r}") from None


def _stand_in(name: str, **members: Any) -> None:
    module = types.ModuleType(f"ipykernel.{name}")
    module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
    vars(module).update(members)
    sys.modules[module.__name__] = module
    setattr(sys.modules["ipykernel"], name, module)


def replace_debugger() -> None:
    """Make pdb one that an interrupt ends; Python's own asks again, and nothing would get out of it."""
    import pdb

    from IPython.core import debugger

    debugger.Pdb = debugger.InterruptiblePdb  # type: ignore[misc]
    pdb.Pdb = debugger.InterruptiblePdb  # type: ignore[misc,assignment]
    pdb.set_trace = debugger.set_trace
