"""jupyter_kernel_test, as it is published, against the kernel and against a second CPython."""

from __future__ import annotations

import unittest
from typing import Any, ClassVar

import jupyter_kernel_test
import pytest
from jupyter_kernel_test import KernelTests

from peers.husk import PEER_KERNEL, SECOND_PYTHON

WelcomeTests = jupyter_kernel_test.IopubWelcomeTests

# The published classes are abstract: collected here by name, they would run without a kernel.
del jupyter_kernel_test


@pytest.fixture(autouse=True, scope="module")
def _environment(jupyter_environment: dict[str, str]) -> None:
    """The published tests find the kernelspec by JUPYTER_PATH."""


class Samples:
    """What the published tests run, and expect."""

    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples: ClassVar[list[dict[str, Any]]] = [{"text": "zi", "matches": {"zip"}}]
    complete_code_samples: ClassVar[list[str]] = [
        "1",
        "print('hello')",
        "def f(x):\n  return x*2\n\n",
    ]
    incomplete_code_samples: ClassVar[list[str]] = ["print('''hello", "def f(x):\n  x*2"]
    invalid_code_samples: ClassVar[list[str]] = ["import = 7q", "a b c"]
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('no')"
    code_execute_result: ClassVar[list[dict[str, str]]] = [
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
    ]
    code_display_data: ClassVar[list[dict[str, str]]] = [
        {
            "code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))",
            "mime": "text/html",
        },
        {
            "code": "from IPython.display import Math, display; display(Math('\\\\frac{1}{2}'))",
            "mime": "text/latex",
        },
    ]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    support_iopub_welcome = True
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"


class TestKernel(Samples, KernelTests):
    """The kernel of Debian's CPython."""

    kernel_name = PEER_KERNEL or "husk-python"


class TestWelcome(Samples, WelcomeTests):
    """The first message of the kernel of Debian's CPython."""

    kernel_name = PEER_KERNEL or "husk-python"


def needs_second(test: type[unittest.TestCase]) -> type[unittest.TestCase]:
    """Skips a test class, with the reason, where there is no second CPython."""
    reason = "no CPython of another minor version was found on this machine"
    test = pytest.mark.skipif(not SECOND_PYTHON.exists(), reason=reason)(test)
    return pytest.mark.husk(test)


@needs_second
class TestSecondKernel(Samples, KernelTests):
    """The kernel of another CPython."""

    kernel_name = "husk-second"


@needs_second
class TestSecondWelcome(Samples, WelcomeTests):
    """The first message of the kernel of another CPython."""

    kernel_name = "husk-second"


del KernelTests, WelcomeTests
