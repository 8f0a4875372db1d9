"""Pipes, terminals and sockets of the operating system, read and written without blocking the loop.

Owns: which descriptors the loop can wait for, and reading and writing these. Must not know: files on
disks, processes.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

T = TypeVar("T")

#: Bytes of one read at least.
PIECE: Final = 64 * 1024


async def in_thread(function: Callable[[], T]) -> T:
    """Run a function in a thread. When this is cancelled the function is waited for all the same: what it
    works on must not be closed beneath it.
    """
    future = asyncio.get_running_loop().run_in_executor(None, function)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        if not future.cancelled():
            future.exception()
        raise


def number(file: Any) -> int | None:
    """Return the descriptor of a file object, or None when it has none."""
    try:
        found = file.fileno()
    except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
        return None
    return found if isinstance(found, int) else None


def waits(descriptor: int) -> bool:
    """Return whether reading may take forever, so that it is the loop which has to wait.

    A file on a disk is always ready, as far as the system says, and devices like /dev/zero are too.
    """
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (stat.S_ISCHR(mode) and os.isatty(descriptor))


def set_terminal_size(descriptor: int, size: tuple[int, int, int, int]) -> bool:
    """Tell a terminal its size: columns, rows, width and height in pixels. False: it is no terminal."""
    if not os.isatty(descriptor):
        return False
    import termios

    columns, rows = size[:2]
    termios.tcsetwinsize(descriptor, (rows, columns))
    return True


class _Descriptor:
    """A descriptor that does not block from now on.

    It is not put back: another descriptor of the same terminal or socket may be in use still.

    Args:
        descriptor: of a pipe, terminal or socket.
        close: called at the end; None: the descriptor is the caller's.
    """

    def __init__(self, descriptor: int, close: Callable[[], object] | None) -> None:
        self._number = descriptor
        self._close = close
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)

    async def _ready(
        self, add: Callable[[int, Callable[[], None]], object], remove: Callable[[int], object]
    ) -> None:
        future: asyncio.Future[None] = self._loop.create_future()
        add(self._number, lambda: None if future.done() else future.set_result(None))
        try:
            await future
        finally:
            remove(self._number)


class DescriptorSource(_Descriptor):
    """Reads a pipe, a terminal or a socket."""

    async def read(self, n: int) -> bytes:
        """Read what is there."""
        while True:
            try:
                return os.read(self._number, max(n, PIECE))
            except BlockingIOError:
                await self._ready(self._loop.add_reader, self._loop.remove_reader)
            except OSError as error:
                # Linux says so at the end of a terminal, when its other side is closed.
                if error.errno == errno.EIO:
                    return b""
                raise

    async def close(self) -> None:
        """Close what is ours."""
        if self._close is not None:
            self._close()


class DescriptorSink(_Descriptor):
    """Writes a pipe, a terminal or a socket."""

    text = False

    async def write(self, data: bytes) -> None:
        """Write all of this."""
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:
                await self._ready(self._loop.add_writer, self._loop.remove_writer)

    async def close(self, *, end: bool) -> None:
        """Close what is ours."""
        if self._close is not None:
            self._close()


class SocketSink(DescriptorSink):
    """Writes a socket, which stays the caller's."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock.fileno(), None)
        self._socket = sock

    async def close(self, *, end: bool) -> None:
        """Tell the other side that no more follows."""
        if end:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
