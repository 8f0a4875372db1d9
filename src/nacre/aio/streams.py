"""The half of a session that feeds its readers and lets its writers wait.

Owns: whose data is whose, readers that are made when they are needed, back-pressure from a reader that does not
read, `drain`. Must not know: how anything is read, which requests a session answers, processes, options.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, AnyStr, Generic, cast

from nacre.aio.once import Once
from nacre.aio.stream import SoftEOF, SSHReader, SSHWriter


class _Ended:
    """What readers ask of their streams when the channel is gone: there is no window any more, nor data to come.

    Args:
        streams: what it stands in for.
    """

    __slots__ = ("_session", "chan", "exceptions_to", "limit", "waiting")

    def __init__(self, streams: Streams[Any]) -> None:
        self.chan = streams.chan
        self.limit = streams.limit
        self.waiting = streams.waiting
        self.exceptions_to = streams.exceptions_to
        session = streams.session
        self._session = None if session is None else weakref.ref(session)

    @property
    def session(self) -> Any:
        """The session; None when nobody holds that."""
        return None if self._session is None else self._session()

    @property
    def nothing(self) -> Any:
        """The empty text, or no bytes."""
        return "" if self.chan.get_encoding()[0] is not None else b""

    def was_read(self) -> None:
        """Nobody waits for that."""

    def eof_received(self) -> None:
        """They have ended."""


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
            if self._lost:
                reader.streams = cast("Streams[AnyStr]", _Ended(self))
        return reader

    @property
    def limit(self) -> int:
        """The longest line that is looked for."""
        limit: int = self.chan.get_recv_window()
        return limit

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
        # Sessions hold their streams, and streams their readers: held in turn, all would stay until a collector of
        # garbage comes by.
        if self._session is not None:
            self._session = weakref.ref(self._session)
        if self._readers:
            ended = cast("Streams[AnyStr]", _Ended(self))
            for reader in self._readers.values():
                reader.streams = ended

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
