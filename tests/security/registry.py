"""Which test shows that a row of the history cannot happen here, and which fault turns it red.

Owns: `covers`, which a row's test is marked with, `Fault`, and the two ways to put a fault back. Must not
know: any row.

A fault is put back by patching nacre in this process: one place of a function's source is replaced, or one
name gets another value. What is left of the function stays what it is, so that a fault cannot go on passing
for one after the code around it has changed: a place that is not there any more raises.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final

import pytest

from nacre.crypto import registry as algorithms

__all__ = ["TESTS", "Fault", "covers", "replaced", "rewritten", "together"]

#: Annotations of a rewritten function stay text, as in the file that it comes from.
_ANNOTATIONS: Final = annotations.compiler_flag

Apply = Callable[[pytest.MonkeyPatch], None]

#: The test of each row that has one.
TESTS: Final[dict[int, Callable[[], None]]] = {}


def covers(row: int) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Mark the test of a row. It takes no arguments, so that it can be run with a fault as well."""

    def mark(test: Callable[[], None]) -> Callable[[], None]:
        before = TESTS.get(row)
        assert before is None or before.__name__ == test.__name__, f"row {row} has a test"
        TESTS[row] = test
        return test

    return mark


def _forget() -> None:
    """Have what is computed once computed again: the tables of algorithms."""
    for function in vars(algorithms).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


@dataclass(frozen=True)
class Fault:
    """One fault that can be put back.

    Attributes:
        row: the row whose test must turn red.
        what: the fault, in words.
        apply: puts it back.
    """

    row: int
    what: str
    apply: Apply

    @contextmanager
    def in_place(self) -> Any:
        """Have the fault while the block runs."""
        try:
            with pytest.MonkeyPatch.context() as patch:
                self.apply(patch)
                _forget()
                yield
        finally:
            _forget()


def rewritten(function: Any, old: str, new: str) -> Apply:
    """A fault in the source of a function or method: `old`, which must stand there once, becomes `new`."""
    if isinstance(function, property):
        function = function.fget
    function = getattr(function, "__wrapped__", function)
    function = getattr(function, "__func__", function)
    assert isinstance(function, FunctionType), function

    def apply(patch: pytest.MonkeyPatch) -> None:
        source = textwrap.dedent(inspect.getsource(function))
        source = source[source.index("async def " if inspect.iscoroutinefunction(function) else "def ") :]
        assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {function.__qualname__}"
        space = dict(function.__globals__)
        code = compile(source.replace(old, new), "<fault>", "exec", flags=_ANNOTATIONS)
        exec(code, space)
        patch.setattr(function, "__code__", space[function.__name__].__code__)

    return apply


def replaced(owner: Any, name: str, value: Any) -> Apply:
    """A fault in a name: it gets another value."""
    return lambda patch: patch.setattr(owner, name, value)


def together(*faults: Apply) -> Apply:
    """A fault in several places at once, where one alone is caught by the next line of defence."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        for fault in faults:
            fault(patch)

    return apply
