"""A test of many small cases as one item: each is tried, and each that fails is told by its name.

Owns: `each_case`. Must not know: any test.

An item costs some milliseconds in pytest and on its way between processes, a case of a table microseconds. For
cases that need no fixture; those that do, or take long, or are looked for by name, are `parametrize`d.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Final

import pytest

__all__ = ["each_case"]

#: What a failing test raises: `pytest.fail` and `pytest.raises` have an exception of their own.
_FAILURES: Final = (Exception, pytest.fail.Exception, BaseExceptionGroup)


def each_case(
    names: str | tuple[str, ...], cases: Iterable[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Call a test with each case in turn, within one item; the arguments are those of `parametrize`.

    Args:
        names: the arguments of the test, all of them; or the one.
        cases: a tuple of their values for each case; or the value of the one.
    """
    told = names if isinstance(names, tuple) else (names,)

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        tried = [case if isinstance(names, tuple) else (case,) for case in cases]
        assert tried, "no cases"

        def run(*one: Any, **others: Any) -> None:
            """Try `one`, as a test that borrows this one wants it; otherwise all; `others` come from above."""
            if one:
                test(*one, **others)
                return
            wrong = []
            for case in tried:
                given = dict(zip(told, case, strict=True))
                try:
                    test(**given, **others)
                except _FAILURES as error:
                    error.add_note("case: " + ", ".join(f"{name}={value!r}" for name, value in given.items()))
                    wrong.append(error)
            if wrong:
                raise BaseExceptionGroup(f"{len(wrong)} of {len(tried)} cases", wrong)

        functools.update_wrapper(run, test)
        del run.__wrapped__  # pytest would look through it, for fixtures of these names
        run.place_as = test  # the line that pytest tells
        return run

    return mark
