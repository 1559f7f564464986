"""Public test suites of Jupyter's servers and clients, unchanged, against `husk serve`."""

from __future__ import annotations

from pathlib import Path

import pytest

from peers.husk import Husk
from suites import SUITES, Suite, run

# The first run makes an environment, and downloads the suites.
pytestmark = [pytest.mark.husk, pytest.mark.timeout(600)]


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_suite(suite: Suite, husk: Husk, base: Path, tmp_path: Path) -> None:
    """What of it is quick passes, but for what is known to fail, and nothing of that passes."""
    own = husk.with_state(base / f"suite-{suite.name}")
    outcome = run(suite, own, tmp_path, is_brief=True)
    assert outcome.unexpected == {}, outcome.log
