"""Waiting for the keys of somebody who is at a menu or in a dialogue of the hub's own.

Owns: `Keyboard`, which joins a visit's bytes to the decoder and knows when an ESC is the key itself.
Must not know: what a key does.
"""

from __future__ import annotations

import asyncio
from typing import Final

from nacre.hub.keystrokes import Keystrokes
from nacre.hub.visit import Visit

__all__ = ["Keyboard"]

#: How long an ESC may wait for the rest of a sequence before it is the key, in seconds.
_ESCAPE_SECONDS: Final = 0.2


class Keyboard:
    """The keys of one visit.

    Args:
        visit: whose bytes are decoded.

    Attributes:
        over: nothing more is asked of the person, because the hub ends.
    """

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._keystrokes = Keystrokes()
        self._woken = asyncio.Event()
        self.over = False

    def wake(self) -> None:
        """Have `keys` return without one, as when the size of the terminal has changed."""
        self._woken.set()

    def close(self) -> None:
        """Nothing more is asked: whoever waits for keys is to leave."""
        self.over = True
        self._woken.set()

    async def keys(self) -> list[str]:
        """Wait for keys; none where it was woken, or where nothing more will be typed."""
        reading = asyncio.ensure_future(self._visit.wait_readable())
        waking = asyncio.ensure_future(self._woken.wait())
        patience = _ESCAPE_SECONDS if self._keystrokes.unfinished else None
        try:
            done, _ = await asyncio.wait(
                (reading, waking), return_when=asyncio.FIRST_COMPLETED, timeout=patience
            )
        finally:
            reading.cancel()
            waking.cancel()
            await asyncio.gather(reading, waking, return_exceptions=True)
        self._woken.clear()
        if self._visit.typed:
            return self._keystrokes.feed(await self._visit.read())
        return [] if done else self._keystrokes.flush()
