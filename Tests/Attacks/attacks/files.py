"""Files that a server is given."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write(path: Path, text: str | bytes) -> Path:
    """Makes a file of the folder's owner."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    owner = path.parent.stat().st_uid
    os.chown(path, owner, owner)
    return path


def book(*cells: dict[str, Any], **more: object) -> str:
    """A notebook as JSON."""
    parts = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": ""}
        | cell
        for cell in cells
    ]
    shape = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": parts}
    return json.dumps(shape | more)
