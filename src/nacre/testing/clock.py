"""A clock for tests: time that passes when they say so.

Owns: `Clock`. Must not know: what waits for the time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")
T = TypeVar("T")

#: Turns of the loop in which two ends have said what they have to say to each other.
_TURNS: Final = 50


class Clock:
    """Time limits, keepalives and re-keys without waiting for them.

    The event loop that `run` makes reads its time here, and here it stands still until `advance`. What
    comes by sockets comes as it always does; a thread or a process is not waited for by `advance`.

        clock = Clock()

        async def main():
            async with connected_pair(server={"login_timeout": 60}) as pair:
                await clock.advance(3600)

        clock.run(main())

    Attributes:
        now: the time, in seconds.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self._times: list[float] = []

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in an event loop of this clock, and return what it returns."""
        with asyncio.Runner(loop_factory=lambda: _Loop(self)) as runner:
            return runner.run(main)

    async def advance(self, seconds: float) -> None:
        """Let time pass: every timer that is due on the way fires at its time, in order.

        Args:
            seconds: how much time.

        Raises:
            ValueError: time does not run backwards.
        """
        if seconds < 0:
            raise ValueError("time does not run backwards")
        target = self.now + seconds
        await self._settle()
        while self._times and self._times[0] <= target:
            self.now = max(self.now, heapq.heappop(self._times))
            await self._settle()
        self.now = target
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def _expect(self, when: float) -> None:
        heapq.heappush(self._times, when)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that reads a `Clock`."""

    def __init__(self, clock: Clock) -> None:
        self._test_clock = clock
        super().__init__()

    def time(self) -> float:
        return self._test_clock.now

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._test_clock._expect(when)
        return super().call_at(when, callback, *args, context=context)
