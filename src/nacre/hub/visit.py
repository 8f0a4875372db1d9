"""One session channel of a client, as something to read from and write to.

Owns: `Visit`: the bytes both ways with back-pressure, what the client asked for, its terminal. Must
not know: what is done with it. Bytes are never decoded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import nacre
from nacre.hub.problem import one_line
from nacre.hub.sessions import Terminal

__all__ = ["Visit"]

#: What a client may have typed ahead before its channel is told to wait.
_TYPED_AHEAD: Final = 64 * 1024


class Visit(nacre.SSHServerSession[bytes]):
    """One session channel.

    Args:
        begin: called once the client has said what it wants.
        unbegun: called where the channel went before that.

    Attributes:
        terminal: the client's, or None where it asked for none.
        resized: called with columns, rows, width and height in pixels when they change.
        signalled: called with the name of a signal.
        lost: the channel is gone.
    """

    def __init__(self, begin: Callable[[Visit], None], unbegun: Callable[[Visit], None]) -> None:
        self._begin: Callable[[Visit], None] | None = begin
        self._unbegun = unbegun
        self._typed: deque[bytes] = deque()
        self._typed_size = 0
        self._paused = False
        self._ended = False
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self.channel: nacre.SSHServerChannel[bytes]
        self.terminal: Terminal | None = None
        self.resized: Callable[[int, int, int, int], None] | None = None
        self.signalled: Callable[[str], None] | None = None
        self.lost = asyncio.Event()

    # ------------------------------------------------------------ callbacks

    def connection_made(self, chan: nacre.SSHServerChannel[bytes]) -> None:
        """Keep the channel."""
        self.channel = chan

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Mapping[int, int]
    ) -> bool:
        """Keep the terminal."""
        self.terminal = Terminal(term_type, *term_size, modes=dict(term_modes))
        return True

    def shell_requested(self) -> bool:
        """Every kind of session is taken: what cannot be had is said to the client in words."""
        return True

    def exec_requested(self, command: str) -> bool:
        """As for a shell."""
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        """As for a shell."""
        return True

    def session_started(self) -> None:
        """The client waits for us."""
        if self._begin is not None:
            begin, self._begin = self._begin, None
            begin(self)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Keep what was typed."""
        self._typed.append(data)
        self._typed_size += len(data)
        self._readable.set()
        if self._typed_size > _TYPED_AHEAD and not self._paused:
            self._paused = True
            self.channel.pause_reading()

    def eof_received(self) -> bool:
        """Nothing more is typed; what we say still arrives."""
        self._ended = True
        self._readable.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone."""
        self._lose()
        if self._begin is not None:
            self._begin = None
            self._unbegun(self)

    def _lose(self) -> None:
        self._ended = True
        self.lost.set()
        self._readable.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """The client does not read fast enough."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable.set()

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """Keep the size, and pass it on."""
        if self.terminal is not None:
            old = self.terminal
            self.terminal = Terminal(old.term, width, height, pixwidth, pixheight, old.modes)
            if self.resized is not None:
                self.resized(width, height, pixwidth, pixheight)

    def signal_received(self, signal: str) -> None:
        """Pass it on."""
        if self.signalled is not None:
            self.signalled(signal)

    # ------------------------------------------------------------ for the front

    @property
    def typed(self) -> bool:
        """Whether there is something to read now."""
        return bool(self._typed)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended and not self._typed

    async def wait_readable(self) -> None:
        """Wait until something was typed, or nothing more will come."""
        while not self._typed and not self._ended:
            self._readable.clear()
            await self._readable.wait()

    async def read(self) -> bytes:
        """Return what was typed; b"" when nothing more will come."""
        await self.wait_readable()
        data = b"".join(self._typed)
        self._typed.clear()
        self._typed_size = 0
        if self._paused and not self.lost.is_set():
            self._paused = False
            self.channel.resume_reading()
        return data

    @property
    def writable(self) -> bool:
        """Whether the client has room for what we say."""
        return self._writable.is_set() and not self.lost.is_set()

    async def write(self, data: bytes) -> None:
        """Send bytes to the client's terminal; waits while it does not read."""
        if data:
            self._send(data, None)
        await self._writable.wait()

    async def tell(self, *lines: str) -> None:
        """Say lines to the person: on the terminal, else on standard error."""
        for line in lines:
            text = one_line(line).encode("utf-8", "replace")
            if self.terminal is not None:
                self._send(text + b"\r\n", None)
            else:
                self._send(text + b"\n", nacre.EXTENDED_DATA_STDERR)
        await self._writable.wait()

    def _send(self, data: bytes, datatype: int | None) -> None:
        if self.lost.is_set() or self.channel.is_closing():
            return
        try:
            self.channel.write(data, datatype)
        except BrokenPipeError:  # the client is there, and does not want to read any more
            self._lose()

    def exit(self, status: int) -> None:
        """End the session with an exit status; does nothing where it has ended."""
        if not self.channel.is_closing():
            self.channel.exit(status)

    def exit_with_signal(self, name: str) -> None:
        """End the session as its program ended: by a signal, named without SIG."""
        if not self.channel.is_closing():
            self.channel.exit_with_signal(name)
