"""Copying between the streams of a process and what they are redirected to.

Owns: one task for each redirected stream, the change between text and bytes on the way, what a failure
of either side does. Must not know: roles; what a source or sink is.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nacre.aio.stream import SSHReader
from nacre.errors import BreakReceived, DisconnectError, SignalReceived, TerminalSizeChanged
from nacre.process import descriptors
from nacre.process.sinks import ChannelSink, Sink
from nacre.process.sources import ChannelSource, Data, Source

#: What readers raise between pieces of data.
Notices = (BreakReceived, SignalReceived, TerminalSizeChanged)


class Converter:
    """Makes what a sink takes of what a source gives.

    Args:
        text: whether text is wanted.
        encoding: the codec where bytes and text meet; None: UTF-8.
        errors: its error policy.
    """

    def __init__(self, text: bool, encoding: str | None, errors: str) -> None:
        self._text = text
        self._encoding = encoding or "utf-8"
        self._errors = errors
        self._decoder: codecs.IncrementalDecoder | None = None

    def convert(self, data: Data) -> Data:
        """Convert a piece; a character that was cut is kept for the next one."""
        if isinstance(data, str):
            return data if self._text else data.encode(self._encoding, self._errors)
        if not self._text:
            return data
        if self._decoder is None:
            self._decoder = codecs.getincrementaldecoder(self._encoding)(self._errors)
        return self._decoder.decode(data)

    def finish(self) -> Data:
        """Return what is left at the end; an incomplete character is as the error policy says."""
        return b"" if self._decoder is None else self._decoder.decode(b"", True)


class Pumps:
    """The redirected streams of one process.

    Args:
        encoding: returns the codec of the process's channel and its error policy.
        notice: told of breaks, signals and sizes that a source has raised.
        broken: called with the name of a stream whose sink takes no more.
        failed: told of the name of a stream, and what stopped it.
    """

    def __init__(
        self,
        encoding: Callable[[], tuple[str | None, str]],
        notice: Callable[[Exception], None],
        broken: Callable[[str], None],
        failed: Callable[[str, Exception], None],
    ) -> None:
        self._encoding = encoding
        self._notice = notice
        self._broken = broken
        self._failed = failed
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, source: Source, sink: Sink, bufsize: int, end: bool) -> None:
        """Copy from a source to a sink until its end.

        Args:
            name: of the standard stream.
            source: what is read.
            sink: what is written.
            bufsize: bytes of one read, at most.
            end: whether the sink is to see the end.
        """
        task = asyncio.get_running_loop().create_task(self._run(name, source, sink, bufsize, end))
        self._tasks[name] = task
        if isinstance(sink, ChannelSink):
            _, datatype = sink.writer.get_redirect_info()
            sink.writer.streams.add_feed(task, datatype)

    async def stop(self, name: str) -> None:
        """Copy no more for a stream; what was not taken from its source stays there."""
        task = self._tasks.pop(name, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])

    def active(self, name: str) -> bool:
        """Return whether a stream is being copied."""
        task = self._tasks.get(name)
        return task is not None and not task.done()

    def cancel(self, *names: str) -> None:
        """Copy no more for these streams."""
        for name in names:
            task = self._tasks.get(name)
            if task is not None:
                task.cancel()

    async def wait(self, *names: str) -> None:
        """Wait until these streams have come to their end."""
        if not self._tasks:
            return
        current = asyncio.current_task()
        tasks = [task for name in names if (task := self._tasks.get(name)) not in (None, current)]
        if waiting := [task for task in tasks if task is not None and not task.done()]:
            await asyncio.wait(waiting)

    async def _run(self, name: str, source: Source, sink: Sink, bufsize: int, end: bool) -> None:
        finished = False
        try:
            try:
                await self._copy(name, source, sink, bufsize)
                finished = True
            finally:
                # Before anything is waited for: nobody must write into a channel that we have left.
                try:
                    await sink.close(end=end and finished)
                finally:
                    await source.close()
        except (BrokenPipeError, ConnectionResetError):
            self._broken(name)
        except DisconnectError:
            pass  # The end of the connection: the process's own channel, or the program, tells of it.
        except Exception as error:  # noqa: BLE001 - a file, or a codec: told
            self._failed(name, error)

    async def _copy(self, name: str, source: Source, sink: Sink, bufsize: int) -> None:
        converter = Converter(sink.text, *self._encoding())
        watched = source.reader if isinstance(source, ChannelSource) else None
        with _Watch(watched, self._notice):
            while True:
                try:
                    data = await source.read(bufsize)
                except Notices as notice:
                    self._notice(notice)
                    continue
                if not data:
                    break
                if piece := converter.convert(data):
                    await sink.write(piece)
            if piece := converter.finish():
                await sink.write(piece)


class _Watch:
    """Has the breaks, signals and sizes of a reader told at once, while its data is copied: data that
    nobody takes must not hold up the signal that ends it.
    """

    def __init__(self, reader: SSHReader[Any] | None, notice: Callable[[Exception], None]) -> None:
        self._reader = reader
        self._notice = notice

    def __enter__(self) -> None:
        if self._reader is not None:
            self._reader.streams.exceptions_to = self._notice

    def __exit__(self, *exc_info: object) -> None:
        if self._reader is not None and self._reader.streams.exceptions_to is self._notice:
            self._reader.streams.exceptions_to = None


def tell_channel(channel: Any, notice: Exception) -> None:
    """Pass a break, signal or change of size on to the server of another session."""
    with suppress(BrokenPipeError):
        match notice:
            case BreakReceived(msec=msec):
                channel.send_break(msec)
            case SignalReceived(signal=signal):
                channel.send_signal(signal)
            case TerminalSizeChanged():
                channel.change_terminal_size(notice.width, notice.height, notice.pixwidth, notice.pixheight)


def tell_process(target: Any, pid: int | None, notice: Exception) -> None:
    """Pass a signal or change of size on to a process of this machine.

    Args:
        target: where its input goes; a terminal is told its size.
        pid: of the process; None: it is not known.
        notice: a break interrupts, as at a terminal (BRKINT of POSIX).
    """
    match notice:
        case TerminalSizeChanged():
            number = target if isinstance(target, int) else descriptors.number(target)
            if number is not None and number >= 0 and descriptors.set_terminal_size(number, notice.term_size):
                return  # the terminal signals its processes itself
            if pid is not None:
                _signal(pid, "WINCH")
        case SignalReceived(signal=name) if pid is not None:
            _signal(pid, name)
        case BreakReceived() if pid is not None:
            _signal(pid, "INT")


def _signal(pid: int, name: str) -> None:
    # Named by the peer: only what is a signal by that name.
    number = signal.Signals.__members__.get(f"SIG{name}")
    if number is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
