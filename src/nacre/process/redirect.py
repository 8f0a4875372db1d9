"""Where the standard streams of a process go.

Owns: PIPE, DEVNULL and STDOUT, and the choice of a source or sink for what a program names. Must not
know: how anything is read or written, roles.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from nacre.aio.stream import SSHReader, SSHWriter
from nacre.process import descriptors, sinks, sources
from nacre.process.sinks import Sink
from nacre.process.sources import Source
from nacre.wire.record import fresh, record

#: Read or write through the process object. The values are those of `subprocess`.
PIPE: Final = -1
#: Standard error goes where standard output goes.
STDOUT: Final = -2
#: Read nothing, or drop what comes.
DEVNULL: Final = -3

_NAMES: Final = {PIPE: "PIPE", STDOUT: "STDOUT", DEVNULL: "DEVNULL"}


def _special(name: str, target: Any, *, merge: bool) -> int | None:
    """Return PIPE, DEVNULL or STDOUT if that is what was given, else None."""
    if isinstance(target, bool):
        raise TypeError(f"{name} cannot be {target!r}")
    if not isinstance(target, int) or target >= 0:
        return None
    if target not in (PIPE, DEVNULL) and not (target == STDOUT and merge):
        what = _NAMES.get(target, f"the descriptor {target}")
        raise ValueError(f"{name} cannot be redirected to {what}")
    return target


def _same(one: Any, other: Any) -> bool:
    """Return whether two targets are one file, so that one closing serves both."""
    if isinstance(one, int) and isinstance(other, int):
        return one == other and one >= 0
    if isinstance(one, (str, PurePath)) and isinstance(other, (str, PurePath)):
        return os.fspath(one) == os.fspath(other)
    return one is other and one is not None and not isinstance(one, int)


@record
class Plan:
    """What the streams of a process are to be connected with, open and ready.

    Attributes:
        special: PIPE, DEVNULL or STDOUT, by the name of the stream.
        sources: what is read, by the name of the stream.
        sinks: what is written, by the name of the stream.
        bufsize: bytes of one read.
        send_eof: whether the end of a source is told to the peer.
        recv_eof: whether the end of what the peer sends is told to a sink.
    """

    bufsize: int
    send_eof: bool
    recv_eof: bool
    special: dict[str, int] = fresh(default_factory=dict)
    sources: dict[str, Source] = fresh(default_factory=dict)
    sinks: dict[str, Sink] = fresh(default_factory=dict)

    def names(self) -> set[str]:
        """Return the streams that change."""
        return {*self.special, *self.sources, *self.sinks}

    async def close(self) -> None:
        """Give up what was opened: the streams stay as they are."""
        for source in self.sources.values():
            await source.close()
        for sink in self.sinks.values():
            await sink.close(end=False)

    async def open(self, read: Mapping[str, Any], written: Mapping[str, Any]) -> None:
        """Open what was named; nothing stays open when one of them fails.

        Args:
            read: what the named streams are fed from; None: as it is.
            written: where the named streams go; "stderr" among them may be STDOUT.

        Raises:
            OSError: something cannot be opened.
            TypeError, ValueError: something cannot be a source or a target.
        """
        if self.bufsize <= 0:
            raise ValueError("bufsize must be positive")
        written = dict(written)
        if "stderr" in written and _same(written["stdout"], written["stderr"]):
            written["stderr"] = STDOUT
        for name, target in (*read.items(), *written.items()):
            kind = (
                None if target is None else _special(name, target, merge=name == "stderr" and name in written)
            )
            if kind is not None:
                self.special[name] = kind
        try:
            for name, target in read.items():
                if target is not None and name not in self.special:
                    self.sources[name] = await open_source(name, target, close=self.send_eof)
            for name, target in written.items():
                if target is not None and name not in self.special:
                    self.sinks[name] = await open_sink(name, target, close=self.recv_eof)
        except BaseException:
            await self.close()
            raise


async def open_source(name: str, target: Any, *, close: bool) -> Source:
    """Return what reads from a target.

    Args:
        name: of the standard stream, for messages.
        target: a path, a file, an asynchronous file, a descriptor, a socket, an asyncio `StreamReader` or
            an `SSHReader`.
        close: whether what has a descriptor is closed at the end.

    Raises:
        OSError: it cannot be opened.
        TypeError: it is nothing that can be read.
    """
    match target:
        case SSHReader():
            return sources.ChannelSource(target)
        case asyncio.StreamReader():
            return sources.StreamSource(target)
        case socket.socket():
            return descriptors.DescriptorSource(target.fileno(), None)
        case str() | PurePath():
            file = await descriptors.in_thread(lambda: open(target, "rb", buffering=0))  # noqa: SIM115 - the source closes it
            return _file_source(file, True)
        case int():
            return _file_source(os.fdopen(target, "rb", buffering=0, closefd=close), True)
    if not callable(getattr(target, "read", None)):
        raise TypeError(f"{name} cannot be read from {type(target).__name__}")
    if inspect.iscoroutinefunction(target.read):
        return sources.AsyncFileSource(target, close)
    return _file_source(target, close)


def _file_source(file: Any, close: bool) -> Source:
    number = descriptors.number(file)
    if number is None:
        return sources.MemorySource(file)
    if descriptors.waits(number):
        return descriptors.DescriptorSource(number, file.close if close else None)
    return sources.FileSource(file, close)


async def open_sink(name: str, target: Any, *, close: bool) -> Sink:
    """Return what writes to a target.

    Args:
        name: of the standard stream, for messages.
        target: a path, a file, an asynchronous file, a descriptor, a socket, an asyncio `StreamWriter` or
            an `SSHWriter`.
        close: whether what has a descriptor is closed at the end.

    Raises:
        OSError: it cannot be opened.
        TypeError: it is nothing that can be written.
    """
    match target:
        case SSHWriter():
            return sinks.ChannelSink(target)
        case asyncio.StreamWriter():
            return sinks.StreamSink(target)
        case socket.socket():
            return descriptors.SocketSink(target)
        case str() | PurePath():
            file = await descriptors.in_thread(lambda: open(target, "wb"))  # noqa: SIM115 - the sink closes it
            return _file_sink(file, True)
        case int():
            return _file_sink(os.fdopen(target, "wb", closefd=close), True)
    if not callable(getattr(target, "write", None)):
        raise TypeError(f"{name} cannot be written to {type(target).__name__}")
    if inspect.iscoroutinefunction(target.write):
        return sinks.AsyncFileSink(target, close)
    return _file_sink(target, close)


def _file_sink(file: Any, close: bool) -> Sink:
    number = descriptors.number(file)
    if number is None:
        return sinks.MemorySink(file)
    if descriptors.waits(number):
        return descriptors.DescriptorSink(number, file.close if close else None)
    return sinks.FileSink(file, close)
