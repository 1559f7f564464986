"""Debug requests: the Debug Adapter Protocol by way of debugpy, and what Jupyter adds to it (JEP 47)."""

from __future__ import annotations

import _thread
import ast
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from IPython.core.inputtransformer2 import leading_empty_lines

from . import cellnames
from .adapter import JSON, Adapter, AdapterError, leave_alone
from .variables import VariableExplorer, is_shown

if TYPE_CHECKING:
    from .kernel import Kernel


class Debugger:
    """Answers debug requests one after the other, on the thread of the control channel."""

    def __init__(self, kernel: Kernel) -> None:
        """Load nothing yet."""
        leave_alone()
        self._kernel = kernel
        self._adapter = Adapter(self._take_event)
        self._is_started = False
        self._breakpoints: dict[str, list[JSON]] = {}
        self._stopped: set[int] = set()
        self._explorer: VariableExplorer | None = None
        self._handlers: dict[str, Callable[[JSON], JSON]] = {
            "dumpCell": self._dump_cell,
            "setBreakpoints": self._set_breakpoints,
            "source": self._source,
            "variables": self._variables,
            "attach": self._attach,
            "configurationDone": self._respond,
        }
        self._always: dict[str, Callable[[JSON], JSON]] = {
            "debugInfo": self._debug_info,
            "inspectVariables": self._inspect_variables,
            "richInspectVariables": self._rich_inspect,
            "modules": self._modules,
            "copyToGlobals": self._copy_to_globals,
        }

    def answer(self, request: JSON) -> JSON:
        """Handle one request. A request for a debugger that has not been started has an empty answer."""
        command = request.get("command", "")
        if command == "initialize" and not self._is_started:
            self._start()
        try:
            if command in self._always:
                return self._always[command](request)
            if not self._is_started:
                return {}
            handler = self._handlers.get(command, self._adapter.ask)
            return handler(request)
        except AdapterError as error:
            return self._respond(request, success=False, message=str(error))
        finally:
            if command == "disconnect":
                self._stop()

    # -- life ------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._adapter.connect()
        self._is_started = True
        # Lines count from the cell's first line, empty or not.
        transforms = self._kernel.shell.input_transformer_manager.cleanup_transforms
        if leading_empty_lines in transforms:
            transforms.remove(leading_empty_lines)

    def _stop(self) -> None:
        self._adapter.close()
        self._is_started = False
        self._breakpoints = {}
        self._stopped = set()
        transforms = self._kernel.shell.input_transformer_manager.cleanup_transforms
        if leading_empty_lines not in transforms:
            transforms.insert(0, leading_empty_lines)

    @property
    def is_stopped(self) -> bool:
        """Whether code stands at a breakpoint: then nothing that is raised in its thread would reach it."""
        return bool(self._stopped)

    def go_on_interrupted(self) -> None:
        """Let everything go on, and interrupt it. Called on a thread of its own."""
        leave_alone()
        for thread in list(self._stopped):
            try:
                self._adapter.ask({"type": "request", "command": "continue", "arguments": {"threadId": thread}})
            except AdapterError:
                pass
        self._stopped.clear()
        os.kill(os.getpid(), signal.SIGINT)

    # -- events ----------------------------------------------------------------------------------------

    def _take_event(self, event: JSON) -> None:
        body = event.get("body", {})
        if event.get("event") == "stopped":
            if body.get("allThreadsStopped"):
                # Which threads, only the adapter knows; the thread that reads its answers cannot wait for one.
                _thread.start_new_thread(self._learn_stopped, (event,))
                return
            self._stopped.add(body.get("threadId"))
        elif event.get("event") == "continued":
            if body.get("allThreadsContinued"):
                self._stopped.clear()
            else:
                self._stopped.discard(body.get("threadId"))
        self._publish(event)

    def _learn_stopped(self, event: JSON) -> None:
        leave_alone()
        try:
            answer = self._adapter.ask({"type": "request", "command": "threads"})
            self._stopped.update(thread["id"] for thread in answer["body"]["threads"])
        except AdapterError:
            self._stopped.add(event["body"].get("threadId"))
        self._publish(event)

    def _publish(self, event: JSON) -> None:
        try:
            self._kernel.send("debug_event", event)
        except (TypeError, ValueError, RecursionError) as error:
            # No cell is there to fail, and the adapter has more to say.
            print(f"husk: an event of the debugger is not sent: {error}", file=sys.stderr, flush=True)

    # -- requests --------------------------------------------------------------------------------------

    @staticmethod
    def _respond(
        request: JSON, body: JSON | None = None, success: bool = True, message: str | None = None
    ) -> JSON:
        response = {
            "type": "response",
            "seq": request.get("seq", 0),
            "request_seq": request.get("seq", 0),
            "success": success,
            "command": request.get("command", ""),
        }
        if body is not None:
            response["body"] = body
        if message is not None:
            response["message"] = message
        return response

    def _attach(self, request: JSON) -> JSON:
        host, port = self._adapter.address
        arguments = {
            **request.get("arguments", {}),
            "connect": {"host": host, "port": port},
            # A breakpoint in a library is one too; what only carries cells out is not stepped into.
            "debugOptions": ["DebugStdLib"],
            "rules": [{"path": path, "include": False} for path in self._kernel.own_files()],
        }
        return self._adapter.attach({**request, "arguments": arguments})

    def _dump_cell(self, request: JSON) -> JSON:
        code = request["arguments"]["code"]
        path = cellnames.file_name(code)
        os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(code)
        return self._respond(request, {"sourcePath": path})

    def _set_breakpoints(self, request: JSON) -> JSON:
        source = request["arguments"]["source"]["path"]
        response = self._adapter.ask(request)
        if response.get("success"):
            # Where they are, which need not be where they were wanted.
            self._breakpoints[source] = [
                {"line": point["line"]} for point in response["body"]["breakpoints"] if "line" in point
            ]
        return response

    def _source(self, request: JSON) -> JSON:
        try:
            with open(request["arguments"]["source"]["path"], encoding="utf-8") as file:
                return self._respond(request, {"content": file.read()})
        except (OSError, UnicodeDecodeError):
            return self._respond(request, {}, success=False, message="source unavailable")

    def _debug_info(self, request: JSON) -> JSON:
        return self._respond(
            request,
            {
                "isStarted": self._is_started,
                "hashMethod": "Murmur2",
                "hashSeed": cellnames.HASH_SEED,
                "tmpFilePrefix": cellnames.prefix(),
                "tmpFileSuffix": cellnames.SUFFIX,
                "breakpoints": [
                    {"source": source, "breakpoints": points} for source, points in self._breakpoints.items()
                ],
                "stoppedThreads": sorted(self._stopped),
                "richRendering": True,
                "exceptionPaths": ["Python Exceptions"],
                "copyToGlobals": True,
            },
        )

    def _modules(self, request: JSON) -> JSON:
        arguments = request.get("arguments", {})
        loaded = list(sys.modules.copy().items())
        start = arguments.get("startModule", 0)
        count = arguments.get("moduleCount") or len(loaded)
        found = []
        for number, (name, module) in enumerate(loaded[start : start + count], start):
            path = getattr(getattr(module, "__spec__", None), "origin", None)
            if path and path.endswith(".py"):
                found.append({"id": number, "name": name, "path": path})
        return self._respond(request, {"modules": found, "totalModules": len(loaded)})

    # -- variables -------------------------------------------------------------------------------------

    @property
    def _variable_explorer(self) -> VariableExplorer:
        if self._explorer is None:
            self._explorer = VariableExplorer()
        return self._explorer

    def _inspect_variables(self, request: JSON) -> JSON:
        found = self._variable_explorer.all(self._kernel.shell.user_ns, cellnames.file_name(""))
        return self._shown(self._respond(request, {"variables": found}))

    def _variables(self, request: JSON) -> JSON:
        if self._stopped:
            return self._shown(self._adapter.ask(request))
        found = self._variable_explorer.parts(request["arguments"]["variablesReference"])
        return self._shown(self._respond(request, {"variables": found}))

    @staticmethod
    def _shown(response: JSON) -> JSON:
        body = response.get("body") or {}
        if "variables" in body:
            body["variables"] = [item for item in body["variables"] if is_shown(item["name"])]
        return response

    def _rich_inspect(self, request: JSON) -> JSON:
        arguments = request["arguments"]
        name = arguments["variableName"]
        if not name.isidentifier():
            # The groups that pydevd makes of variables are no variables.
            is_group = name in ("special variables", "function variables")
            return self._respond(request, {"data": {}, "metadata": {}}, success=is_group)
        if self._stopped:
            expression = f"get_ipython().display_formatter.format({name})"
            answer = self._adapter.ask(
                {
                    "type": "request",
                    "command": "evaluate",
                    "arguments": {
                        "expression": expression,
                        "frameId": arguments.get("frameId"),
                        "context": "clipboard",
                    },
                }
            )
            if not answer.get("success"):
                return self._respond(
                    request, {"data": {}, "metadata": {}}, success=False, message=answer.get("message")
                )
            data, metadata = ast.literal_eval(answer["body"]["result"])
        else:
            result = self._kernel.shell.user_expressions({name: name})[name]
            data, metadata = result.get("data", {}), result.get("metadata", {})
        metadata = {kind: value for kind, value in metadata.items() if kind in data}
        return self._respond(request, {"data": data, "metadata": metadata})

    def _copy_to_globals(self, request: JSON) -> JSON:
        arguments = request["arguments"]
        target, source = arguments["dstVariableName"], arguments["srcVariableName"]
        if not (target.isidentifier() and source.isidentifier()):
            return self._respond(
                request,
                success=False,
                message="dstVariableName and srcVariableName must be identifiers",
            )
        answer = self._adapter.ask(
            {
                "type": "request",
                "command": "setExpression",
                "seq": request.get("seq", 0),
                "arguments": {
                    "expression": f"globals()['{target}']",
                    "value": source,
                    "frameId": arguments.get("srcFrameId"),
                },
            }
        )
        return {**answer, "command": "copyToGlobals"}
