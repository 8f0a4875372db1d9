"""Sessions over streams: what `open_session` makes, and what runs a server's handler.

Owns: the callbacks that feed `Streams`, and the start of a handler with its streams. Must not know:
processes, options, how a session channel is opened.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, AnyStr, ClassVar, Generic

from nacre.aio.channel import EXTENDED_DATA_STDERR
from nacre.aio.session import SSHClientSession, SSHServerSession
from nacre.aio.stream import SSHReader, SSHWriter
from nacre.aio.streams import Streams
from nacre.errors import BreakReceived, SignalReceived, TerminalSizeChanged

#: A server's handler: called with standard input, output and error; may be a coroutine function.
SSHServerSessionFactory = Callable[[SSHReader[Any], SSHWriter[Any], SSHWriter[Any]], Awaitable[None] | None]


class StreamCallbacks(Generic[AnyStr]):
    """The callbacks of a session that has streams. To be put before a session class."""

    _streams: Streams[AnyStr]
    _chan: Any
    #: Types of data whose readers are made when they are needed.
    _expected: ClassVar[tuple[int | None, ...]] = ()

    def connection_made(self, chan: Any) -> None:
        """Make the streams."""
        self._chan = chan
        self._streams = Streams(chan, self, self._expected)

    def data_received(self, data: AnyStr, datatype: int | None) -> None:
        """Feed the reader of the data's type."""
        self._streams.data_received(data, datatype)

    def eof_received(self) -> bool:
        """Tell the readers; the other direction stays open."""
        self._streams.eof_received()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the readers, and those who wait in `drain`."""
        self._streams.connection_lost(exc)

    def pause_writing(self) -> None:
        """Let `drain` wait."""
        self._streams.pause_writing()

    def resume_writing(self) -> None:
        """End the wait in `drain`."""
        self._streams.resume_writing()

    def exception_received(self, exc: Exception) -> None:
        """Have standard input raise this when its reader comes to it."""
        self._streams.exception_received(exc)


class ClientStreamSession(StreamCallbacks[AnyStr], SSHClientSession[AnyStr]):
    """A client's session with streams."""

    def connection_made(self, chan: Any) -> None:
        """Make the streams before data comes."""
        super().connection_made(chan)
        self.stdin: SSHWriter[AnyStr] = self._streams.writer()
        self.stdout: SSHReader[AnyStr] = self._streams.reader()
        self.stderr: SSHReader[AnyStr] = self._streams.reader(EXTENDED_DATA_STDERR)


class ServerStreams(StreamCallbacks[AnyStr], SSHServerSession[AnyStr]):
    """A server's session with streams, which raises in its reader what is no data."""

    stdin: SSHReader[AnyStr]
    stdout: SSHWriter[AnyStr]
    stderr: SSHWriter[AnyStr]

    def session_started(self) -> None:
        """Make the streams, with the encoding that the channel has by now."""
        self.stdin = self._streams.reader()
        self.stdout = self._streams.writer()
        self.stderr = self._streams.writer(EXTENDED_DATA_STDERR)

    def break_received(self, msec: int) -> bool:
        """Raise `BreakReceived` in the reader."""
        self.exception_received(BreakReceived(msec))
        return True

    def signal_received(self, signal: str) -> None:
        """Raise `SignalReceived` in the reader."""
        self.exception_received(SignalReceived(signal))

    def soft_eof_received(self) -> None:
        """End one reading call, as at the end; what is typed later is read by the next one."""
        self._streams.soft_eof_received()

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """Raise `TerminalSizeChanged` in the reader."""
        self.exception_received(TerminalSizeChanged(width, height, pixwidth, pixheight))

    def run(self, handler: Callable[..., Any], *args: Any) -> None:
        """Call a handler; a coroutine runs as a task of the channel."""
        result = handler(*args)
        if inspect.isawaitable(result):
            self._chan.run(result)


class ServerHandlerSession(ServerStreams[AnyStr]):
    """A server's session that runs a handler with three streams.

    Args:
        handler: called with standard input, output and error.
    """

    def __init__(self, handler: SSHServerSessionFactory) -> None:
        self._handler = handler

    def shell_requested(self) -> bool:
        """Grant a shell: the handler."""
        return True

    def exec_requested(self, command: str) -> bool:
        """Grant a command: the handler looks it up at the channel."""
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        """Grant a subsystem, but for SFTP, which no handler of this kind speaks by accident."""
        return subsystem != "sftp"

    def session_started(self) -> None:
        """Run the handler."""
        super().session_started()
        self.run(self._handler, self.stdin, self.stdout, self.stderr)
