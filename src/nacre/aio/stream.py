"""`SSHReader` and `SSHWriter`, and the session half that feeds them.

Owns: reading by size, line and separator over pieces of data; back-pressure from a reader that does
not read; `drain`. Must not know: which requests a session answers, processes, options.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, AnyStr, Generic, cast

from nacre.aio import limits
from nacre.aio.once import Once
from nacre.aio.pieces import Pieces, Separator


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
        self._streams: Streams[AnyStr] = streams
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

    @property
    def streams(self) -> Streams[AnyStr]:
        """The half of the session that feeds this."""
        return self._streams

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the channel or its connection."""
        return self._chan.get_extra_info(name, default)

    def get_redirect_info(self) -> tuple[Any, int | None]:
        """Return the session and the data type that this reads."""
        return self._streams.session, self._datatype

    # ------------------------------------------------------------ feeding

    def feed_data(self, data: AnyStr) -> None:
        """Add data behind what waits to be read."""
        if data:
            self._pieces.push(data)
            if self._counted:
                self._streams.waiting += len(data)
            if self._wake is not None:
                self._notify()

    def feed_eof(self) -> None:
        """Say that nothing follows, for every reader of the session: one end is that of them all."""
        self._streams.eof_received()

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
            self._streams.waiting += size

    def collect(self) -> None:
        """Let what waits here no longer keep the peer from sending more."""
        if self._counted:
            self._streams.waiting -= self._pieces.size
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
                    self._streams.waiting -= len(data)
                self._streams.was_read()
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
                self._streams.was_read()
                return data
            parts: list[AnyStr] = []
            while await self._more(parts):
                parts.append(self._take(-1))
                self._streams.was_read()
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
                self._streams.was_read()
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
                while length < self._streams.limit and await self._more(scanned):
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
                self._streams.was_read()

    def collected(self) -> AnyStr:
        """Return what waits, without its exceptions, and leave nothing."""
        data = self._pieces.clear()
        if data:
            self._count(-len(data))
            self._streams.was_read()
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
        self._streams.was_read()
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


class Streams(Generic[AnyStr]):
    """The half of a session that feeds readers and lets writers wait: one for each channel.

    Args:
        chan: the channel. Its peer gets credit for what was read, not for what has come: what all
            readers hold is bounded by the window.
        session: the session that has these streams.
        expected: types of data whose reader is made when data of it comes, or somebody asks for it.
    """

    def __init__(self, chan: Any, session: Any = None, expected: tuple[int | None, ...] = ()) -> None:
        self.chan = chan
        self._session = session
        self._expected = expected
        chan.hold_credit()
        #: The longest line that is looked for.
        self.limit: int = chan.get_recv_window()
        #: What all readers together hold, in characters or bytes.
        self.waiting = 0
        #: The tasks that copy into this channel, and the data type that they write.
        self._feeds: dict[asyncio.Task[Any], int | None] | None = None
        #: Told of breaks, signals and sizes in place of the reader, while it is redirected.
        self.exceptions_to: Callable[[Exception], None] | None = None
        self._readers: dict[int | None, SSHReader[AnyStr]] = {}
        #: The reader that is given data of a type, where it is not the one of that type; None: nobody.
        self._rerouted: dict[int | None, SSHReader[AnyStr] | None] | None = None
        #: Happens when there is room again; None: there is.
        self._room: Once | None = None
        self._lost = self._ended = self._collecting = False
        #: Whether the channel closed before all that was written had been sent.
        self._dropped = False
        self._error: Exception | None = None

    def reader(self, datatype: int | None = None) -> SSHReader[AnyStr]:
        """Return the reader of a data type."""
        reader = self._readers.get(datatype)
        if reader is None:
            reader = self._readers[datatype] = SSHReader(self, datatype)
            if self._collecting:
                reader.collect()
            if self._error is not None:
                reader.feed_error(self._error)
            elif self._ended or self._lost:
                reader.end()
        return reader

    @property
    def session(self) -> Any:
        """The session; None when it is over and nobody holds that."""
        return self._session() if isinstance(self._session, weakref.ref) else self._session

    @property
    def nothing(self) -> AnyStr:
        """The empty text, or no bytes."""
        empty: Any = "" if self.chan.get_encoding()[0] is not None else b""
        nothing: AnyStr = empty
        return nothing

    def send_to(self, datatype: int | None, reader: SSHReader[AnyStr]) -> None:
        """Have data of a type read through this reader from now on."""
        self._rerouted = {**(self._rerouted or {}), datatype: reader}

    def drop(self, datatype: int | None) -> None:
        """Have data of a type dropped as it comes."""
        self._rerouted = {**(self._rerouted or {}), datatype: None}

    def _reader_of(self, datatype: int | None) -> SSHReader[AnyStr] | None:
        if self._rerouted and datatype in self._rerouted:
            return self._rerouted[datatype]
        return self.reader(datatype) if datatype in self._expected else self._readers.get(datatype)

    def writer(self, datatype: int | None = None) -> SSHWriter[AnyStr]:
        """Return a writer for a data type."""
        return SSHWriter(self, datatype)

    # ------------------------------------------------------------ told by the session

    def data_received(self, data: AnyStr, datatype: int | None) -> None:
        """Give data to its reader; data of a type that nobody reads is dropped."""
        reader = None if self._rerouted else self._readers.get(datatype)
        if reader is None:
            reader = self._reader_of(datatype)
        if reader is not None:
            reader.feed_data(data)
        if reader is None or reader.collecting:
            self.was_read()

    def eof_received(self) -> None:
        """Nothing follows for any reader."""
        self._ended = True
        for reader in self._readers.values():
            reader.end()

    def exception_received(self, error: Exception) -> None:
        """A break, signal or change of size: raised by the reader of plain data."""
        if self.exceptions_to is not None:
            self.exceptions_to(error)
            return
        reader = self._readers.get(None)
        if reader is not None:
            reader.feed_exception(error)

    def soft_eof_received(self) -> None:
        """The user typed the end-of-file character: one call of the reader of plain data ends there."""
        reader = self._readers.get(None)
        if reader is not None:
            reader.feed_exception(SoftEOF())

    def connection_lost(self, error: Exception | None) -> None:
        """The channel is closed."""
        self._lost = True
        self._error = error
        for reader in self._readers.values():
            if error is not None:
                reader.feed_error(error)
            else:
                reader.end()
        self._dropped = self._room is not None or self.chan.get_write_buffer_size() > 0
        if self._room is not None:
            self.resume_writing()
        # A session holds its streams: held in turn, both would stay until a collector of garbage comes by.
        if self._session is not None:
            self._session = weakref.ref(self._session)

    def pause_writing(self) -> None:
        """Let `drain` wait."""
        if self._room is None:
            self._room = Once()

    def resume_writing(self) -> None:
        """Wake everybody who waits in `drain`."""
        room, self._room = self._room, None
        if room is not None:
            room.set()

    # ------------------------------------------------------------ asked by readers and writers

    def was_read(self) -> None:
        """Let the peer send as much as was read."""
        self.chan.release_credit(self.waiting)

    def collect(self, *readers: SSHReader[AnyStr]) -> None:
        """Let everything come for these readers, however much it is: the program asked for all of it."""
        for reader in readers:
            reader.collect()
        self.was_read()

    def collect_all(self) -> None:
        """Let everything come, for those readers too that are not made yet."""
        self._collecting = True
        if self._readers:
            self.collect(*self._readers.values())

    def collected(self, *datatypes: int | None) -> tuple[AnyStr, ...]:
        """Return what waits of these types, and leave nothing; see `SSHReader.collected`."""
        readers = self._readers
        if not readers:
            return (self.nothing,) * len(datatypes)
        return tuple([self.reader(datatype).collected() for datatype in datatypes])

    def add_feed(self, task: asyncio.Task[Any], datatype: int | None) -> None:
        """Have `fed` wait for a task that copies into this channel."""
        if self._feeds is None:
            self._feeds = {}
        self._feeds[task] = datatype
        task.add_done_callback(self.remove_feed)

    def remove_feed(self, task: asyncio.Task[Any]) -> bool:
        """A task copies no more into this channel. Returns whether it was the last."""
        if self._feeds:
            self._feeds.pop(task, None)
        return not self._feeds

    async def fed(self, datatype: int | None) -> None:
        """Wait until nothing is copied into this channel as data of a type."""
        while tasks := [task for task, of_type in (self._feeds or {}).items() if of_type == datatype]:
            await asyncio.wait(tasks)
            await asyncio.sleep(0)

    async def drain(self) -> None:
        """Wait until the channel takes more."""
        while self._room is not None:
            await self._room.wait()
        if self._lost:
            if self._error is not None:
                raise self._error
            if self._dropped:
                raise BrokenPipeError("the channel was closed before it had taken what was written")
