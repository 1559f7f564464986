"""The notebook's variables as a debugger shows them, while nothing is stopped."""

from __future__ import annotations

import re
from typing import Any

from .adapter import load_debugger

_HIDDEN = frozenset(
    {
        "__name__",
        "__doc__",
        "__package__",
        "__loader__",
        "__spec__",
        "__annotations__",
        "__builtins__",
        "__builtin__",
        "__display__",
        "get_ipython",
        "debugpy",
        "exit",
        "quit",
        "In",
        "Out",
        "_oh",
        "_dh",
        "_",
        "__",
        "___",
    }
)


def is_shown(name: str) -> bool:
    """Whether a variable is the user's: not one of Python's or IPython's."""
    return name not in _HIDDEN and not name.startswith("_i") and re.match(r"_\d", name) is None


class _Frame:
    """Stands where pydevd expects a frame."""

    f_back = None
    f_lineno = 1

    def __init__(self, namespace: dict[str, Any], file_name: str) -> None:
        self.f_globals = self.f_locals = namespace
        self.f_code = self
        self.co_filename = file_name
        self.co_name = "<module>"


class _Presentation:
    """Stands where pydevd expects a debugger: of that, variables need only how they are shown."""

    def __init__(self) -> None:
        from _pydevd_bundle.pydevd_api import PyDevdAPI

        self.variable_presentation = PyDevdAPI.VariablePresentation()


class VariableExplorer:
    """Gives each variable that has parts a number by which a client asks for them."""

    def __init__(self) -> None:
        """Load the debugger's own code for that."""
        # It puts pydevd on the path.
        load_debugger()
        from _pydevd_bundle.pydevd_frame_utils import create_frames_list_from_frame
        from _pydevd_bundle.pydevd_suspended_frames import SuspendedFramesManager, _FramesTracker

        self._frames_of = create_frames_list_from_frame
        self._make_manager = SuspendedFramesManager
        self._make_tracker = _FramesTracker
        self._manager = SuspendedFramesManager()

    def all(self, namespace: dict[str, Any], file_name: str) -> list[dict[str, Any]]:
        """Return the variables; what was numbered before no longer is."""
        # A tracker that has once let go cannot track again.
        self._manager = self._make_manager()
        self._frame = _Frame(namespace, file_name)
        tracker = self._make_tracker(self._manager, _Presentation())
        tracker.track("husk", self._frames_of(self._frame))
        return self.parts(id(self._frame))

    def parts(self, reference: int) -> list[dict[str, Any]]:
        """Return the parts of a variable by its number."""
        variable = self._manager.get_variable(reference)
        return [part.get_var_data() for part in variable.get_children_variables()]
