"""Calls that block for somebody else's answer, taken out of the event loop's thread.

Owns: threads that end when there is nothing to do, and hold up the end of the process by nothing: who asks a
key distribution centre that is down may wait for minutes. Must not know: what is called.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

T = TypeVar("T")

#: Calls of one kind that wait at the same time; others wait for them.
_AT_ONCE: Final = 16
#: Those about one subject: a single file on a disk that is gone, or a single client, must not keep every thread.
_AT_ONCE_ABOUT_ONE: Final = 4


class Waiters:
    """Threads for one kind of call.

    Args:
        name: of the threads.
        at_once: how many there are at the most.
    """

    def __init__(self, name: str, at_once: int = _AT_ONCE) -> None:
        self._name = name
        self._at_once = at_once
        self._running = 0
        #: Those that wait for a thread, in order, with what each is about.
        self._calls: dict[Future[Any], tuple[Callable[[], Any], tuple[Hashable, ...]]] = {}
        self._about: Counter[Hashable] = Counter()
        self._lock = threading.Lock()

    async def call(self, function: Callable[[], T], about: tuple[Hashable, ...] = ()) -> T:
        """Return what a function returns, or raise what it raises; other tasks run meanwhile.

        Who stops waiting leaves the call to itself, or takes it back if it has not begun.

        Args:
            function: what to call.
            about: whom and what the call is about: of those about any one of these, a few wait at the same time.
        """
        done: Future[T] = Future()
        with self._lock:
            self._calls[done] = function, about
            more = self._running < self._at_once
            self._running += more
        if more:
            try:
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
            except (
                RuntimeError
            ):  # the system has no thread left: this call fails, and none waits for it for ever
                with self._lock:
                    self._running -= 1
                    self._calls.pop(done, None)
                done.cancel()
                raise
        try:
            return await asyncio.wrap_future(done)
        finally:
            with self._lock:
                self._calls.pop(done, None)

    def _next(self) -> Future[Any] | None:
        """Return the first call whose turn it is, if there is one; the lock is held."""
        return next(
            (
                done
                for done, (_, about) in self._calls.items()
                if all(self._about[subject] < _AT_ONCE_ABOUT_ONE for subject in about)
            ),
            None,
        )

    def _run(self) -> None:
        while True:
            with self._lock:
                done = self._next()
                if done is None:
                    self._running -= 1
                    return
                function, about = self._calls.pop(done)
                if not done.set_running_or_notify_cancel():
                    continue  # whoever wanted it is gone
                self._about.update(about)
            try:
                done.set_result(function())
            except BaseException as error:  # noqa: BLE001 - it is raised where the call came from
                done.set_exception(error)
            with self._lock:
                self._about -= Counter(about)
            del done, function  # an error has this frame in its traceback, and is in what has it
