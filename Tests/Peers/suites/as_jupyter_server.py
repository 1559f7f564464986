"""Becomes `husk serve` with the options with which a test suite starts `jupyter-server`.

`suites.py` puts it first on the path under that name.
"""

from __future__ import annotations

import argparse
import os


def main() -> None:
    """Reads Jupyter Server's options, and executes `husk serve`."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--port", required=True)
    parser.add_argument("--IdentityProvider.token", dest="token", required=True)
    options, _ = parser.parse_known_args()
    husk = os.environ["HUSK_SUITE_PROGRAM"]
    command = ["serve", "--port", options.port, "--token", options.token]
    command += [
        "--root",
        os.environ["HUSK_SUITE_ROOT"],
        "--python",
        os.environ["HUSK_SUITE_PYTHON"],
    ]
    os.execv(husk, [husk, *command])


if __name__ == "__main__":
    main()
