"""`SSHReader` and `SSHWriter`: one data type of a session, as a program reads and writes it.

Owns: reading by size, line and separator over pieces of data. Must not know: what a session keeps for all of
them (`nacre.aio.streams`), which requests it answers, processes, options.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, AnyStr, Generic, cast

from nacre.aio import limits
from nacre.aio.pieces import Pieces, Separator

if TYPE_CHECKING:
    from nacre.aio.streams import Streams


class SoftEOF(Exception):
    """The user typed the end-of-file character: a call that has data returns it, the next one ends as at the
    end.
    """


class _Turns(asyncio.Lock):
    """Has those who read do so one after the other.

    Attributes:
        wanted: how many read, or wait for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.wanted = 0

    async def __aenter__(self) -> None:
        self.wanted += 1
        try:
            await self.acquire()
        except BaseException:
            self.wanted -= 1
            raise

    async def __aexit__(self, *exc_info: object) -> None:
        self.wanted -= 1
        self.release()


class SSHReader(Generic[AnyStr]):
    """Reads one data type of a session: standard input, output or error.

    Breaks, signals and changes of the terminal's size are raised by the reading call that reaches
    them, as `BreakReceived`, `SignalReceived` and `TerminalSizeChanged`.
    """

    def __init__(self, streams: Streams[AnyStr], datatype: int | None = None) -> None:
        #: The half of the session that feeds this.
        self.streams: Streams[AnyStr] = streams
        self._chan = streams.chan
        self._eof = False
        self._error: Exception | None = None
        self._wake: asyncio.Future[None] | None = None
        self._turns: _Turns | None = None
        #: How many calls did not have to wait since one had to.
        self._at_once = 0
        #: Whether what waits here keeps the peer from sending more; see `Streams.collect`.
        self._counted = True
        self._empty: AnyStr = streams.nothing
        self._pieces: Pieces[AnyStr] = Pieces(self._empty)
        self._datatype = datatype

    @property
    def channel(self) -> Any:
        """The channel that this reads from."""
        return self._chan

    @property
    def logger(self) -> Any:
        """The logger of the channel."""
        return self._chan.logger

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the channel or its connection."""
        return self._chan.get_extra_info(name, default)

    def get_redirect_info(self) -> tuple[Any, int | None]:
        """Return the session and the data type that this reads."""
        return self.streams.session, self._datatype

    # ------------------------------------------------------------ feeding

    def feed_data(self, data: AnyStr) -> None:
        """Add data behind what waits to be read."""
        if data:
            self._pieces.push(data)
            if self._counted:
                self.streams.waiting += len(data)
            if self._wake is not None:
                self._notify()

    def feed_eof(self) -> None:
        """Say that nothing follows, for every reader of the session: one end is that of them all."""
        self.streams.eof_received()

    def end(self) -> None:
        """Nothing follows here."""
        self._eof = True
        if self._wake is not None:
            self._notify()

    def feed_exception(self, error: Exception) -> None:
        """Have a reading call raise this when it comes to it. Sizes in a row are one; the oldest go."""
        self._pieces.push_exception(error)
        self._notify()

    def feed_error(self, error: Exception) -> None:
        """Say that nothing follows because of this error."""
        self._error = error
        self.end()

    def _count(self, size: int) -> None:
        if self._counted:
            self.streams.waiting += size

    def collect(self) -> None:
        """Let what waits here no longer keep the peer from sending more."""
        if self._counted:
            self.streams.waiting -= self._pieces.size
            self._counted = False

    @property
    def collecting(self) -> bool:
        """Whether `collect` was called."""
        return not self._counted

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # ------------------------------------------------------------ reading

    def _turn(self) -> _Turns:
        if self._turns is None:
            self._turns = _Turns()
        return self._turns

    def at_eof(self) -> bool:
        """Return whether everything was read and nothing follows."""
        return self._eof and not self._pieces

    async def read(self, n: int = -1) -> AnyStr:
        """Read at most `n` characters or bytes, at least one unless at the end.

        Args:
            n: -1: read until the end, or until a break, signal or change of size.

        Returns:
            What was read; empty at the end.
        """
        self._at_once += 1
        if (
            n > 0
            and self._pieces.size
            and (self._turns is None or not self._turns.wanted)
            and self._at_once < limits.READS_AT_ONCE
        ):
            data = self._pieces.take(n)
            if data:  # else an exception comes first
                if self._counted:
                    self.streams.waiting -= len(data)
                self.streams.was_read()
                return data
        async with self._turn():
            if n == 0:
                return self._empty
            if self._at_once >= limits.READS_AT_ONCE:
                await self._let_others()
            if n > 0:
                if not await self._readable():
                    return self._empty
                data = self._take(n)
                self.streams.was_read()
                return data
            parts: list[AnyStr] = []
            while await self._more(parts):
                parts.append(self._take(-1))
                self.streams.was_read()
            return self._empty.join(parts)

    async def readexactly(self, n: int) -> AnyStr:
        """Read exactly `n` characters or bytes.

        Raises:
            asyncio.IncompleteReadError: the end, or a break, signal or change of size, came first; its
                `partial` has what there was.
        """
        if n < 0:
            raise ValueError("the size to read cannot be negative")
        self._at_once += 1
        async with self._turn():
            if self._at_once >= limits.READS_AT_ONCE:
                await self._let_others()
            parts: list[AnyStr] = []
            missing = n
            while missing and await self._more(parts):
                parts.append(self._take(missing))
                missing -= len(parts[-1])
                self.streams.was_read()
            data = self._empty.join(parts)
            if missing:
                raise asyncio.IncompleteReadError(cast("Any", data), n)
            return data

    async def readline(self) -> AnyStr:
        """Read one line with its newline.

        Returns:
            The line; without its newline at the end, before a break, signal or change of size, or when
            the line fills the window.
        """
        try:
            return await self.readuntil("\n" if isinstance(self._empty, str) else b"\n")
        except asyncio.IncompleteReadError as error:
            partial: Any = error.partial
            return cast("AnyStr", partial)

    async def readuntil(self, separator: Any, max_separator_len: int = 0) -> AnyStr:
        """Read up to and with a separator.

        Args:
            separator: str or bytes; several of them; or a compiled pattern.
            max_separator_len: the longest text that a pattern matches; 0: unknown, so that what
                waits is searched again from its start whenever data comes.

        Raises:
            asyncio.IncompleteReadError: the end, or a break, signal or change of size, came first, or
                the line fills the window; its `partial` has what there was.
        """
        sought: Separator[AnyStr] = Separator(separator, max_separator_len, self._empty)
        self._at_once += 1
        async with self._turn():
            if self._at_once >= limits.READS_AT_ONCE:
                await self._let_others()
            scanned: list[AnyStr] = []  # pieces without a separator, taken out so that each is searched once
            length = 0
            try:
                tail = self._empty
                while length < self.streams.limit and await self._more(scanned):
                    head, start = self._pieces.head()
                    window, offset = head, length - start  # where it begins, in all that was looked at
                    if sought.overlap is None:
                        window, offset = self._empty.join(scanned) + head[start:], 0
                    elif tail:
                        window, offset = tail + head[start:], length - len(tail)
                    end = sought.end(window, start if window is head else 0)
                    if end >= 0:
                        end += offset
                        if end > length:
                            scanned.append(self._take(end - length))
                        data, scanned = self._empty.join(scanned), []
                        self._put_back(data[end:])
                        return data[:end]
                    tail = sought.tail(window if window is not head else head[start:])
                    scanned.append(self._take_piece())
                    length += len(scanned[-1])
                partial, scanned = self._empty.join(scanned), []
                raise asyncio.IncompleteReadError(cast("Any", partial), None)
            finally:
                self._put_back(self._empty.join(scanned))
                self.streams.was_read()

    def collected(self) -> AnyStr:
        """Return what waits, without its exceptions, and leave nothing."""
        data = self._pieces.clear()
        if data:
            self._count(-len(data))
            self.streams.was_read()
        return data

    def __aiter__(self) -> AsyncIterator[AnyStr]:
        return self

    async def __anext__(self) -> AnyStr:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def _readable(self) -> bool:
        """Wait for data; False at the end.

        Raises what was fed between pieces of data, and what ended the connection.
        """
        while not self._pieces:
            if self._eof:
                if self._error is not None:
                    raise self._error
                return False
            await self._wait()
        error = self._pieces.exception()
        if error is not None:
            self._pieces.pop_exception()
            if isinstance(error, SoftEOF):
                return False
            raise error
        return True

    async def _let_others(self) -> None:
        """Let the loop turn: who sends a window of empty lines must not keep it with one who reads them all."""
        self._at_once = 0
        await asyncio.sleep(0)

    async def _wait(self) -> None:
        self._at_once = 0
        # What a call holds while it waits for more must not keep that from coming.
        self.streams.was_read()
        self._wake = self._chan.get_loop().create_future()
        try:
            await self._wake
        finally:
            self._wake = None

    async def _more(self, parts: list[AnyStr]) -> bool:
        """As `_readable`, for what is read in several steps.

        Breaks and the like end the call with what was read before them, and are raised by the next one.
        When the connection ends, or the call is cancelled, what was read is put back before it is raised:
        half of a text must not look like the whole.
        """
        try:
            while not self._pieces and not self._eof:
                await self._wait()
            if parts and self._pieces.exception() is not None:
                return False
            return await self._readable()
        except BaseException:
            self._put_back(self._empty.join(parts))
            parts.clear()
            raise

    def _take(self, n: int) -> AnyStr:
        """Take at most `n` of what waits (-1: all), up to the next exception."""
        data = self._pieces.take(n)
        self._count(-len(data))
        return data

    def _take_piece(self) -> AnyStr:
        data = self._pieces.pop()
        self._count(-len(data))
        return data

    def _put_back(self, data: AnyStr) -> None:
        if data:
            self._pieces.put_back(data)
            self._count(len(data))


class SSHWriter(Generic[AnyStr]):
    """Writes one data type of a session: standard input, output or error."""

    def __init__(self, streams: Streams[AnyStr], datatype: int | None = None) -> None:
        self._streams: Streams[AnyStr] = streams
        self._chan = streams.chan
        self._datatype = datatype

    @property
    def channel(self) -> Any:
        """The channel that this writes to."""
        return self._chan

    @property
    def logger(self) -> Any:
        """The logger of the channel."""
        return self._chan.logger

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the channel or its connection."""
        return self._chan.get_extra_info(name, default)

    @property
    def streams(self) -> Streams[AnyStr]:
        """The half of the session that lets this wait."""
        return self._streams

    def get_redirect_info(self) -> tuple[Any, int | None]:
        """Return the session and the data type that this writes."""
        return self._streams.session, self._datatype

    def can_write_eof(self) -> bool:
        """Return True."""
        return bool(self._chan.can_write_eof())

    def write(self, data: AnyStr) -> None:
        """Send data; see `drain`.

        Raises:
            BrokenPipeError: the channel is closed for writing.
        """
        self._chan.write(data, self._datatype)

    def writelines(self, list_of_data: Iterable[AnyStr]) -> None:
        """Send several pieces of data."""
        self._chan.writelines(list_of_data, self._datatype)

    def write_eof(self) -> None:
        """Say that no more data follows."""
        self._chan.write_eof()

    async def drain(self) -> None:
        """Wait until there is room to write more, and until what is redirected to here has ended.

        Raises:
            BrokenPipeError: the channel was closed before all that was written had been sent.
            DisconnectError: the connection ended.
        """
        await self._streams.fed(self._datatype)
        await self._streams.drain()

    def close(self) -> None:
        """Close the channel once what was written has been sent."""
        self._chan.close()

    def is_closing(self) -> bool:
        """Return whether no more can be written: the channel is closed or about to close, or `write_eof`
        was called.
        """
        return bool(self._chan.is_closing())

    async def wait_closed(self) -> None:
        """Wait until the channel is closed."""
        await self._chan.wait_closed()
