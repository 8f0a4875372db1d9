"""What a redirected stream is written to.

Owns: one small class for each kind of sink but descriptors. Must not know: who writes, or where the
data comes from.
"""

from __future__ import annotations

import asyncio
import io
from typing import Any, Protocol

from nacre.aio.stream import SSHWriter
from nacre.process.descriptors import in_thread


class Sink(Protocol):
    """Something that is written until its end."""

    #: Whether it takes text.
    text: bool

    async def write(self, data: Any) -> None:
        """Write all of this, and wait until there is room for more."""

    async def close(self, *, end: bool) -> None:
        """Give up what was opened; called once, last.

        Args:
            end: whether who reads it is to be told that the data has ended, where that is possible
                without closing it.
        """


def is_text(file: Any) -> bool:
    """Return whether a file takes and gives text."""
    return isinstance(file, io.TextIOBase) or isinstance(getattr(file, "encoding", None), str)


class ChannelSink:
    """A stream of a process, which may be of another connection."""

    def __init__(self, writer: SSHWriter[Any]) -> None:
        self.writer = writer
        self.text = writer.channel.get_encoding()[0] is not None

    async def write(self, data: Any) -> None:
        """Write, and wait for room."""
        self.writer.write(data)
        await self.writer.streams.drain()

    async def close(self, *, end: bool) -> None:
        """Say that no more follows, unless something else is still copied into the same channel."""
        task = asyncio.current_task()
        if task is not None and self.writer.streams.remove_feed(task) and end:
            self.writer.write_eof()


class StreamSink:
    """An asyncio writer; closing its transport is the program's."""

    text = False

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def write(self, data: Any) -> None:
        """Write, and wait for room."""
        self._writer.write(data)
        await self._writer.drain()

    async def close(self, *, end: bool) -> None:
        """Say that no more follows, where that can be said."""
        if end and not self._writer.is_closing() and self._writer.can_write_eof():
            self._writer.write_eof()


class AsyncFileSink:
    """A file whose methods are coroutines, as those of `aiofiles`."""

    def __init__(self, file: Any, close: bool) -> None:
        self._file = file
        self._close = close
        self.text = is_text(file)

    async def write(self, data: Any) -> None:
        """Write."""
        await self._file.write(data)

    async def close(self, *, end: bool) -> None:
        """Close the file, or bring out what it keeps."""
        if self._close:
            await self._file.close()
        elif hasattr(self._file, "flush"):
            await self._file.flush()


class FileSink:
    """A file on a disk, which a thread writes: the loop must not wait for the disk."""

    def __init__(self, file: Any, close: bool) -> None:
        self._file = file
        self._close = close
        self.text = is_text(file)

    def _write(self, data: Any) -> None:
        while data:
            written = self._file.write(data)
            # A raw file may take a part.
            data = data[written:] if isinstance(written, int) else b""
        self._file.flush()

    async def write(self, data: Any) -> None:
        """Write, so that others who read the file see it."""
        await in_thread(lambda: self._write(data))

    async def close(self, *, end: bool) -> None:
        """Close the file."""
        if self._close:
            await in_thread(self._file.close)


class MemorySink:
    """A file without a descriptor: it is written at once, and stays open to be read."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.text = is_text(file)

    async def write(self, data: Any) -> None:
        """Write."""
        self._file.write(data)

    async def close(self, *, end: bool) -> None:
        """Leave the data to the program."""
