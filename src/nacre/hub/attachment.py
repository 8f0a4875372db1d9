"""Being the viewer of a session: the hub's end of a holder's socket.

Owns: `Attachment`, and how one ended. Must not know: how sessions are started or found, SSH. The
holder runs as the user, so nothing of what it says is taken for granted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from nacre.hub import frames
from nacre.hub.frames import Frame, FrameError, FrameReader

__all__ = ["Attachment", "Ending", "EndingKind"]

_READ: Final = 64 * 1024
#: The longest sentence, and the longest name of a signal, that a holder can have to say.
_SENTENCE: Final = 200
_SIGNAL_NAME: Final = 16


class EndingKind(Enum):
    """Why an attachment ended."""

    EXIT = "exit"
    SIGNAL = "signal"
    DETACHED = "detached"  # by us, or taken over by another login
    LOST = "lost"  # the holder went away without a word


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attachment ended.

    Attributes:
        status: the exit status, for EXIT.
        signal: the signal's name without SIG, for SIGNAL.
        text: a sentence for the user, for DETACHED and LOST.
    """

    kind: EndingKind
    status: int | None = None
    signal: str | None = None
    text: str = ""


class Attachment:
    """Being the viewer of a session. Iterate over it for the terminal's bytes, which end with those
    that restore the client's terminal; then `ending` says why. Close it when done.

    Args:
        closed: told once, when it is closed.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        closed: Callable[[Attachment], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._closed: Callable[[Attachment], None] | None = closed
        self._frames = FrameReader()
        self._arrived: deque[tuple[Frame, bytes]] = deque()
        self.ending: Ending | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next bytes of the terminal."""
        while self.ending is None:
            while self._arrived:
                kind, payload = self._arrived.popleft()
                if kind is not Frame.OUTPUT:
                    self.ending = _ending(kind, payload)
                    break
                if payload:
                    return payload
            else:
                await self._receive()
        self.close()
        raise StopAsyncIteration

    async def _receive(self) -> None:
        try:
            data = await self._reader.read(_READ)
            self._arrived.extend(self._frames.feed(data))
        except (OSError, FrameError):
            data = b""
        if not data:
            self.ending = Ending(EndingKind.LOST, text="the session ended unexpectedly")

    async def write(self, data: bytes) -> None:
        """Give bytes to the program; waits while it does not read."""
        for start in range(0, len(data), _READ):
            self._writer.write(frames.encode(Frame.INPUT, data[start : start + _READ]))
        with contextlib.suppress(OSError):  # the reader's side tells how it ended
            await self._writer.drain()

    def resize(self, columns: int, rows: int, width_pixels: int = 0, height_pixels: int = 0) -> None:
        """Change the terminal's size; 0 columns or rows are not passed on."""
        if columns and rows:
            self._writer.write(frames.encode_size(Frame.RESIZE, columns, rows, width_pixels, height_pixels))

    def signal(self, name: str) -> None:
        """Send a signal, named without SIG, to the foreground process group."""
        if name.isascii() and name.isalnum():
            self._writer.write(frames.encode(Frame.SIGNAL, name.encode()))

    def detach(self) -> None:
        """Stop being the viewer; the last output and the ending follow."""
        if not self._writer.is_closing():
            self._writer.write(frames.encode(Frame.DETACH))

    def close(self) -> None:
        """Go away at once, as when the client is gone: the session is detached."""
        self._writer.close()
        if self._closed is not None:
            closed, self._closed = self._closed, None
            closed(self)


def _ending(kind: Frame, payload: bytes) -> Ending:
    """Read the last frame. The holder runs as the user, so nothing of it is taken for granted."""
    if kind is Frame.DETACHED:
        return Ending(EndingKind.DETACHED, text=payload[:_SENTENCE].decode("utf-8", "replace"))
    if kind is Frame.EXIT:
        try:
            value = json.loads(payload)
        except (ValueError, RecursionError):
            value = None
        match value:
            case {"signal": str(name)} if name.isascii() and name.isalnum() and len(name) <= _SIGNAL_NAME:
                return Ending(EndingKind.SIGNAL, signal=name)
            case {"status": int(status)}:
                return Ending(EndingKind.EXIT, status=status & 0xFF)
    return Ending(EndingKind.LOST, text="the session's holder broke the rules")
