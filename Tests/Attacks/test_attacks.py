"""Every attack, in a sandbox of root's and of an ordinary user's, and where its wall is missing."""

from __future__ import annotations

import pytest

from attacks.arena import Arena
from attacks.catalogue import ATTACKS
from attacks.definition import Attack
from conftest import KINDS

ABSENT = ("ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT")
CONTROLS = [
    pytest.param(attack, kind, id=f"{kind}-{attack.title}")
    for attack in ATTACKS
    for kind in (KINDS if attack.control.user == "same" else (attack.control.user,))
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.title)
@pytest.mark.parametrize("kind", KINDS)
def test_inside(arena: Arena, kind: str, attack: Attack) -> None:
    """It is refused, and the sandbox goes on."""
    outcome = arena.inside(kind, attack)
    assert outcome in attack.refused, attack.program.__doc__


@pytest.mark.parametrize(
    "attack", [one for one in ATTACKS if not one.has_one_wall], ids=lambda attack: attack.title
)
def test_without_landlock(arena: Arena, attack: Attack) -> None:
    """It is refused by the other walls as well, of those that an ordinary user has."""
    outcome = arena.inside("ordinary", attack, ("--landlock", "off", *attack.options))
    assert outcome in attack.refused, attack.program.__doc__


@pytest.mark.parametrize(("attack", "kind"), CONTROLS)
def test_outside(arena: Arena, kind: str, attack: Attack) -> None:
    """It gets through where nothing stands in its way: the test above would notice."""
    control = attack.control
    if control.options:
        outcome = arena.inside(kind, attack, control.options)
    else:
        outcome = arena.outside(kind, attack)
    if control.outcome is not None:
        assert outcome == control.outcome
        return
    if outcome in ABSENT:
        pytest.skip(f"this machine's kernel does not have it: {outcome}")
    assert outcome not in attack.refused
