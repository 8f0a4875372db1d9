"""The kinds of event loop that callbacks are tried under.

Owns: their names, and how each is made. Must not know: what runs in them.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Callable
from typing import Final

import pytest

#: asyncio's own; the same with tasks that begin at once (Python 3.12); uvloop.
KINDS: Final = ("plain", "eager", "uvloop")


def need(kind: str) -> None:
    """Skip the test that runs unless there is such a loop here."""
    if kind == "eager" and sys.version_info < (3, 12):
        pytest.skip("eager tasks are a thing of Python 3.12 and newer")
    if kind == "uvloop" and importlib.util.find_spec("uvloop") is None:
        pytest.skip("uvloop is missing; type: pip install uvloop")


def factory(kind: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes a loop of a kind; None for asyncio's own."""
    if kind == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    if kind == "eager":
        return _eager
    return None


def _eager() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    if sys.version_info >= (3, 12):
        loop.set_task_factory(asyncio.eager_task_factory)
    return loop
