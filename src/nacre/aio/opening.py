"""What `connect` and its siblings return: to be awaited, or entered with `async with`.

Owns: `Opening`, and `opening`, which makes a coroutine function return one. Must not know: what is opened.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar


class _Closing(Protocol):
    """What can be entered, and is closed when it is left."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc_info: object) -> Any: ...


T = TypeVar("T", bound=_Closing)
P = ParamSpec("P")


class Opening(Coroutine[Any, Any, T], Generic[T]):
    """A coroutine that is an asynchronous context manager too: of what it returns.

    Args:
        coroutine: opens something.
    """

    __slots__ = ("_coroutine", "_opened")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._opened: T | None = None

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        """Go on, as a coroutine does: a task may run this."""
        return self._coroutine.send(value)

    def throw(self, typ: Any, val: Any = None, tb: TracebackType | None = None) -> Any:
        """Raise inside, as a coroutine does."""
        return self._coroutine.throw(typ if val is None else val)

    def close(self) -> None:
        """Give up before the end, as a coroutine does."""
        self._coroutine.close()

    async def __aenter__(self) -> T:
        self._opened = await self._coroutine
        return await self._opened.__aenter__()

    async def __aexit__(self, *exc_info: object) -> Any:
        assert self._opened is not None
        return await self._opened.__aexit__(*exc_info)


def opening(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Opening[T]]:
    """Make a coroutine function's result usable with `async with` too."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Opening[T]:
        return Opening(function(*args, **kwargs))

    return wrapper
