"""What a redirected stream reads from.

Owns: one small class for each kind of source but descriptors. Must not know: who reads, or where the
data goes.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from nacre.aio.stream import SSHReader
from nacre.process.descriptors import PIECE, in_thread

Data = bytes | str


class Source(Protocol):
    """Something that is read to its end."""

    async def read(self, n: int) -> Data:
        """Return at most `n` bytes or characters; empty at the end."""

    async def close(self) -> None:
        """Give up what was opened; called once, last."""


class ChannelSource:
    """Another stream of a process."""

    def __init__(self, reader: SSHReader[Any]) -> None:
        self.reader = reader

    async def read(self, n: int) -> Data:
        """Read what waits. Raises what was fed between pieces of data."""
        data: Data = await self.reader.read(max(n, PIECE))
        return data

    async def close(self) -> None:
        """Nothing was opened."""


class StreamSource:
    """An asyncio reader; closing its transport is the program's."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def read(self, n: int) -> Data:
        """Read what waits."""
        return await self._reader.read(max(n, PIECE))

    async def close(self) -> None:
        """Nothing was opened."""


class AsyncFileSource:
    """A file whose methods are coroutines, as those of `aiofiles`."""

    def __init__(self, file: Any, close: bool) -> None:
        self._file = file
        self._close = close

    async def read(self, n: int) -> Data:
        """Read a piece."""
        data: Data = await self._file.read(n)
        return data

    async def close(self) -> None:
        """Close the file."""
        if self._close:
            await self._file.close()


class FileSource:
    """A file on a disk, which a thread reads: the loop must not wait for the disk."""

    def __init__(self, file: Any, close: bool) -> None:
        self._file = file
        self._close = close

    async def read(self, n: int) -> Data:
        """Read a piece; larger ones than asked for, since each costs a change of threads."""
        return await in_thread(lambda: self._file.read(max(n, PIECE)) or b"")

    async def close(self) -> None:
        """Close the file."""
        if self._close:
            await in_thread(self._file.close)


class MemorySource:
    """A file without a descriptor: it is read at once, and stays open."""

    def __init__(self, file: Any) -> None:
        self._file = file

    async def read(self, n: int) -> Data:
        """Read a piece."""
        data: Data = self._file.read(n)
        return data

    async def close(self) -> None:
        """Leave the data to the program."""
