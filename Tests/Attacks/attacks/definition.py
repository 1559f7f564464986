"""What an attack is: a program, what must become of it inside, and how it gets through outside."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

TOOLS = (Path(__file__).parent / "tools.py").read_text()

Program = Callable[..., object]
Definition = ast.FunctionDef | ast.Assign


@dataclass(frozen=True)
class Control:
    """How the same program is run where its wall is missing, and what then becomes of it."""

    user: Literal["same", "root", "ordinary"] = "same"
    """Who runs it: whoever runs the sandbox, or one of the two whoever that is."""
    namespaces: tuple[str, ...] = ()
    """Options of unshare(1): namespaces of the program's own, in which it can do no harm."""
    before: Program | None = None
    """What is prepared in the program's process first."""
    outcome: str | None = "succeeded"
    """Its outcome; None for any that is no refusal."""
    options: tuple[str, ...] = ()
    """Options of `husk kernel` that take the wall away: it is then run inside after all."""


HOST = Control()
"""Run by the same user, in a folder of the host's."""

ROOT = Control(user="root")
"""Run by root, in a folder of the host's."""

OTHERWISE = Control(user="root", outcome=None)
"""Run by root with arguments that do no harm: whatever the system says, it is not the refusal."""

OWN_MOUNTS = ("--user", "--map-root-user", "--mount")
"""The root of a mount namespace, whoever asks."""

OWN_NETWORK = ("--user", "--map-root-user", "--net")
"""The root of a network namespace, whoever asks."""


@dataclass(frozen=True, repr=False)
class Attack:
    """A program that tries to do what the code in a sandbox must not be able to do."""

    name: str
    group: str
    program: Program
    refused: frozenset[str]
    """Outcomes that are a refusal: names of errors, names of signals, words of the program's."""
    control: Control = HOST
    values: dict[str, object] = field(default_factory=dict)
    """More arguments of the program's."""
    options: tuple[str, ...] = ()
    """Options of the `husk kernel` that it is run in, instead of the one that all share."""
    harms: str = ""
    """`layer` when the folder under the layer is to be changed: `unchanged` when it is not."""
    has_one_wall: bool = False
    """Whether nothing but Landlock is in its way."""

    def __repr__(self) -> str:
        return f"<{self.title}>"

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"{self.group}: {self.name}"

    def text(self, before: Program | None = None) -> str:
        """The whole program, to be run with what it is told of its place as its only argument."""
        steps = [self.program] if before is None else [before, self.program]
        names = ", ".join(step.__name__ for step in steps)
        return "\n\n".join([TOOLS, *map(source, steps), f"main([{names}], {self.values!r})"])


@cache
def parsed(module: str) -> tuple[list[str], dict[str, Definition]]:
    """The imports from the standard library and the definitions of a module."""
    imports: list[str] = []
    definitions: dict[str, Definition] = {}
    for node in ast.parse(Path(module).read_text()).body:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
            definitions[node.name] = node
        elif isinstance(node, ast.Assign):
            definitions |= dict.fromkeys(names_in(node.targets[0]), node)
        elif isinstance(node, ast.Import) or (
            isinstance(node, ast.ImportFrom) and node.module not in ("__future__", *OWN_MODULES)
        ):
            imports.append(ast.unparse(node))
    return imports, definitions


OWN_MODULES = ("attacks.definition", "attacks.tools")


def names_in(node: ast.AST) -> Iterable[str]:
    """Every name that is used below a node."""
    return (part.id for part in ast.walk(node) if isinstance(part, ast.Name))


def source(program: Program) -> str:
    """A function, and all of its module that it needs, without decorators."""
    imports, definitions = parsed(inspect.getsourcefile(program) or "")
    wanted = [program.__name__]
    for name in wanted:
        used = names_in(definitions[name])
        wanted.extend(other for other in used if other in definitions and other not in wanted)
    needed = {ast.unparse(node): None for name, node in definitions.items() if name in wanted}
    return "\n".join([*imports, *needed])


class Group:
    """Attacks on one part of the wall."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.attacks: list[Attack] = []

    def attack(
        self,
        name: str,
        refused: str,
        control: Control = HOST,
        /,
        *,
        options: tuple[str, ...] = (),
        harms: str = "",
        has_one_wall: bool = False,
        **values: object,
    ) -> Callable[[Program], Program]:
        """Makes an attack of a function. `refused` names the outcomes that are a refusal."""

        def add(program: Program) -> Program:
            outcomes = frozenset(refused.split())
            more = (control, values, options, harms, has_one_wall)
            self.attacks.append(Attack(name, self.name, program, outcomes, *more))
            return program

        return add
