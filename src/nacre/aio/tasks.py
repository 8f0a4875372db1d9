"""Calling what may be plain or a coroutine, and owning the tasks that come of it.

Owns: `settle`, and `Tasks`, the set of tasks that belong to one connection or channel. Must not
know: connections, channels or what the tasks do.

A callback that returns a plain value costs no task: `Tasks.begin` runs a coroutine of ours by hand
up to the first point where it has to wait, and makes a task of what is left.

What a program raises ends what it belongs to and nothing else: `sys.exit()` in a handler would end the
loop, and with it every other connection (security history row 102).
"""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, TypeAlias, TypeVar, cast

T = TypeVar("T")

#: What a callback may return: the value, or an awaitable of it.
MaybeAwait: TypeAlias = T | Awaitable[T]

#: Told of a failure: the exception, and where it came from as words for a person.
Report = Callable[[BaseException, str], None]


#: What a plain callback of a program may raise; KeyboardInterrupt alone is not its own.
FAILURES: Final = (Exception, SystemExit, GeneratorExit, asyncio.CancelledError)


@types.coroutine
def _leave() -> Generator[None, None, None]:
    yield


class _Contained(Coroutine[Any, Any, T]):
    """A coroutine, begun by hand or not, as a task runs it: a SystemExit is an error like another."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)  # what asyncio shows of a task

    def __await__(self) -> Generator[Any, Any, T]:
        raise TypeError("this is for a task to run")

    def send(self, value: Any) -> Any:
        try:
            return self._coroutine.send(value)
        except SystemExit as error:
            raise _exited(error) from error

    def throw(self, *raised: Any) -> Any:
        try:
            return self._coroutine.throw(*raised)
        except SystemExit as error:
            raise _exited(error) from error

    def close(self) -> None:
        self._coroutine.close()


def _exited(error: SystemExit) -> RuntimeError:
    return RuntimeError(f"a callback or handler tried to end the program: {error!r}")


async def settle(value: MaybeAwait[T], limit: float | None = None) -> T:
    """Return a plain value at once, or what an awaitable gives.

    For coroutines that `Tasks.begin` runs: the program's awaitable is first touched inside a task.

    Args:
        value: what a callback returned.
        limit: seconds that the awaitable may take; None: any.

    Raises:
        TimeoutError: it took longer, and was cancelled.
    """
    if value is None or value is True or value is False or not inspect.isawaitable(value):
        return value
    try:
        await _leave()
    except BaseException:  # the connection is gone before it was begun: it never will be
        if inspect.iscoroutine(value):
            value.close()
        raise
    if limit is None:
        return cast("T", await value)
    timeout = asyncio.timeout(limit)
    try:
        async with timeout:
            return cast("T", await value)
    except TimeoutError:
        if timeout.expired():
            raise TimeoutError(f"there was no answer within {limit:g} s") from None
        raise


def being_cancelled() -> bool:
    """Return whether a CancelledError is for the task that runs, and not of what it called."""
    task = asyncio.current_task()  # None: a plain callback, begun by hand, has raised it
    return task is not None and task.cancelling() > 0


def begun(coroutine: Coroutine[Any, Any, Any]) -> bool:
    """Run a coroutine of ours up to its first wait, as `Tasks.begin` does; tell whether it has ended."""
    try:
        coroutine.send(None)
    except StopIteration:
        return True
    return False


class Reports:
    """Tells the loop's exception handler of failures that nobody waits for.

    Of its own, and not a method of the connection: tasks hold it, and the connection holds the tasks.

    Attributes:
        transport: what the connection runs over, once there is one.
    """

    __slots__ = ("_loop", "_name", "transport")

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        self._loop = loop
        self._name = name
        self.transport: asyncio.Transport | None = None

    def report(self, error: BaseException, where: str) -> None:
        """Tell of a failure, and where it came from as words for a person."""
        self._loop.call_exception_handler(
            {"message": f"{self._name}: {where} failed", "exception": error, "transport": self.transport}
        )


class Tasks:
    """The tasks that belong to one connection or one channel.

    Args:
        loop: the event loop.
        report: told of what a task raised.
        parent: a set that these tasks belong to as well.
    """

    __slots__ = ("_cancelled", "_loop", "_parent", "_report", "_tasks")

    def __init__(self, loop: asyncio.AbstractEventLoop, report: Report, parent: Tasks | None = None) -> None:
        self._loop = loop
        self._report = report
        self._parent = parent
        self._tasks: set[asyncio.Task[Any]] | None = None
        self._cancelled = False

    def __len__(self) -> int:
        return len(self._tasks or ())

    def begin(self, coroutine: Coroutine[Any, Any, Any], where: str) -> None:
        """Run a coroutine of ours now, and what it has to wait for in a task.

        The coroutine may wait through `settle` alone until its first wait is over.
        """
        if not begun(coroutine):
            self.spawn(coroutine, where)

    def spawn(
        self,
        coroutine: Coroutine[Any, Any, T],
        where: str,
        failed: Callable[[BaseException], None] | None = None,
    ) -> asyncio.Task[T]:
        """Make a task of a coroutine.

        Args:
            coroutine: what to run, or to go on with.
            where: names it in reports.
            failed: told of what it raised, in place of `report`; of a cancellation that is not ours too.
        """
        task = self._loop.create_task(_Contained(coroutine))
        scope: Tasks | None = self
        while scope is not None:
            if scope._tasks is None:
                scope._tasks = set()  # most connections and channels never have one
            scope._tasks.add(task)
            scope = scope._parent
        task.add_done_callback(lambda done: self._ended(done, where, failed))
        if self._cancelled:
            task.cancel()
        return task

    def _ended(
        self,
        task: asyncio.Task[Any],
        where: str,
        failed: Callable[[BaseException], None] | None,
    ) -> None:
        scope: Tasks | None = self
        while scope is not None:
            if scope._tasks is not None:
                scope._tasks.discard(task)
            scope = scope._parent
        if task.cancelled():
            if failed is not None and not self._over():
                failed(asyncio.CancelledError())
            return
        error = task.exception()
        if error is None:
            return
        if failed is not None:
            failed(error)
        else:
            self._report(error, where)

    def _over(self) -> bool:
        return self._cancelled or (self._parent is not None and self._parent._over())

    def end(self) -> None:
        """Cancel what still runs, after what the end has woken had a turn of the loop to finish."""
        if self._tasks:
            self._loop.call_soon(self._loop.call_soon, self.cancel)
        else:
            self._cancelled = True

    def cancel(self) -> None:
        """Cancel what runs, and what is spawned from now on."""
        self._cancelled = True
        for task in tuple(self._tasks or ()):
            task.cancel()

    def release(self, task: asyncio.Task[Any] | None) -> None:
        """Leave a task to the parent alone: it waits for the end of what owns this set."""
        if task is not None and self._tasks:
            self._tasks.discard(task)

    async def wait(self) -> None:
        """Wait until no task is left, but for the one that waits."""
        if not self._tasks:
            return
        current = asyncio.current_task()
        while waiting := {task for task in self._tasks if task is not current}:
            await asyncio.wait(waiting)
