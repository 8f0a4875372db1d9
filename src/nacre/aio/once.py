"""Something that happens once, and can be waited for.

Owns: `Once`. Must not know: what it is that happens.

An `asyncio.Event` does the same and more, and costs twenty times the memory while nobody waits: each
connection and each channel has one of these.
"""

from __future__ import annotations

import asyncio


class Once:
    """Not happened yet, until `set`."""

    __slots__ = ("_happened", "_waiters")

    def __init__(self) -> None:
        self._happened = False
        self._waiters: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        """Return whether it has happened."""
        return self._happened

    def set(self) -> None:
        """It has happened: whoever waits goes on."""
        self._happened = True
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self) -> None:
        """Wait until it has happened."""
        if self._happened:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if self._waiters is not None:
                self._waiters.remove(waiter)
