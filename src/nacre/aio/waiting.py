"""Calls that block for somebody else's answer, taken out of the event loop's thread.

Owns: threads that end when there is nothing to do, and hold up the end of the process by nothing: who asks a
key distribution centre that is down may wait for minutes. Must not know: what is called.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

T = TypeVar("T")

#: Calls of one kind that wait at the same time; others wait for them.
_AT_ONCE: Final = 16


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
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._lock = threading.Lock()

    async def call(self, function: Callable[[], T]) -> T:
        """Return what a function returns, or raise what it raises; other tasks run meanwhile.

        Who stops waiting leaves the call to itself.
        """
        done: Future[T] = Future()
        with self._lock:
            self._calls.append((done, function))
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
                done.cancel()
                raise
        return await asyncio.wrap_future(done)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._calls:
                    self._running -= 1
                    return
                done, function = self._calls.popleft()
            if not done.set_running_or_notify_cancel():
                continue  # whoever wanted it is gone
            try:
                done.set_result(function())
            except BaseException as error:  # noqa: BLE001 - it is raised where the call came from
                done.set_exception(error)
