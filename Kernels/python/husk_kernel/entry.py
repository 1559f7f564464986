"""Where the warm host comes in: `warm` before the fork, `serve` after it."""

from .places import pretend_inside

pretend_inside()

from .host import serve, warm  # noqa: E402 - compiled as the sandbox sees it

__all__ = ["serve", "warm"]
