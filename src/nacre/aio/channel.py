"""A channel as the program sees it: data both ways with back-pressure, and its end.

Owns: the write queue and its marks, opening and closing, the order of a session's callbacks.
Must not know: what a session or any other kind of channel is for (RFC 4254 section 5 only).

Callbacks come in this order: `connection_made`, `session_started`, `data_received` and
`eof_received`, `connection_lost`; data that comes before the session has started is kept for it.
Credit goes back to the peer for what the session was given, so that a session which pauses stops the peer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, AnyStr, Final, Generic, TypeVar, cast

from nacre.aio import limits
from nacre.aio.channel_requests import ChannelRequests
from nacre.aio.incoming import Incoming
from nacre.aio.log import SSHLogger
from nacre.aio.once import Once
from nacre.aio.phases import Phase, Sending
from nacre.aio.queues import SendQueue
from nacre.aio.session import require_plain
from nacre.aio.tasks import FAILURES
from nacre.errors import LocalProtocolError
from nacre.protocol import limits as protocol_limits

if TYPE_CHECKING:
    from nacre.aio.link import Link

T = TypeVar("T")

#: The type of data: None, or that of extended data.
DataType = int | None
#: Data type of standard error (RFC 4254 section 5.2).
EXTENDED_DATA_STDERR = 1


#: For each write: to look up a member of an enum costs as much as to call a function.
_SENDING: Final = Sending.OPEN
_SENT_CLOSE: Final = Sending.CLOSED
_NEW: Final = Phase.NEW
_STARTED: Final = Phase.STARTED
_GONE: Final = Phase.GONE
_STILL_SENDING: Final = (Sending.OPEN, Sending.EOF)


class SSHChannel(ChannelRequests, Generic[AnyStr]):
    """Base of the channels of the public surface.

    Args:
        link: the connection's runtime.
        encoding: the codec of its data; None: bytes.
        errors: the codec's error policy.
        window: bytes that the peer may have sent and the session not yet taken.
        max_pktsize: the largest data of one packet, in bytes.
    """

    # With those of the roles they are more than the instances of a class can share the names of: a
    # dictionary for each would cost five times the slots. What a program adds goes into `__dict__`.
    __slots__ = tuple(
        (
            "__dict__ __weakref__ _closed _eof_sent _extra _high _last_request _logger _low _max_packet _opening "
            "_queue _session_paused _window data_arrived"
        ).split()
    )

    def __init__(
        self,
        link: Link,
        encoding: str | None = None,
        errors: str = "strict",
        window: int = protocol_limits.WINDOW,
        max_pktsize: int = protocol_limits.MAX_PACKET,
    ) -> None:
        super().__init__(link)
        self._window = window
        self._max_packet = max_pktsize
        self._extra: dict[str, Any] | None = None
        #: What waits for the peer; None: nothing ever did.
        self._queue: SendQueue | None = None
        self._last_request: tuple[str, bytes] | None = None
        self._eof_sent = self._session_paused = False
        self._high, self._low = limits.WRITE_HIGH, limits.WRITE_HIGH // 4
        self._incoming = Incoming(self, encoding, errors)
        #: Gives data to the session, or keeps it.
        self.data_arrived: Callable[[bytes, int | None], bool] = self._incoming.data
        #: While it is being opened: told of the session, makes that, is called then.
        self._opening: (
            tuple[asyncio.Future[Any], Callable[[], Any], Callable[[asyncio.Future[Any]], bool]] | None
        ) = None
        #: Its end, where somebody waits for it.
        self._closed: Once | None = None
        self._logger: SSHLogger | None = None

    # ------------------------------------------------------------ facts

    @property
    def logger(self) -> SSHLogger:
        """A logger that names the connection, and this channel once it has a number."""
        if self._logger is None:
            if self._number is None:
                return self._link.logger
            self._logger = self._link.channel_logger(self._number)
        return self._logger

    def get_connection(self) -> Any:
        """Return the connection object that this channel belongs to."""
        return self._link.owner

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop."""
        return self._link.loop

    def get_encoding(self) -> tuple[str | None, str]:
        """Return the codec of the data (None: bytes) and its error policy."""
        return self._incoming.encoding, self._incoming.errors

    def set_encoding(self, encoding: str | None, errors: str = "strict") -> None:
        """Set the codec of the data that is delivered and written from now on.

        Raises:
            LookupError: there is no such codec.
        """
        self._incoming.set_encoding(encoding, errors)

    def get_recv_window(self) -> int:
        """Return the bytes that the peer may have under way to the session."""
        return self._window

    def get_max_packet(self) -> int:
        """Return the largest data of one packet that the peer may send, in bytes."""
        return self._max_packet

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about this channel, or about its connection."""
        if self._extra and name in self._extra:
            return self._extra[name]
        if name == "connection":
            return self._link.owner
        return self.get_connection().get_extra_info(name, default)

    def set_extra_info(self, **kwargs: Any) -> None:
        """Attach facts for `get_extra_info`."""
        self._extra = {**(self._extra or {}), **kwargs}

    # ------------------------------------------------------------ writing

    def can_write_eof(self) -> bool:
        """Return True: a channel can be closed in one direction."""
        return True

    def get_write_buffer_size(self) -> int:
        """Return the bytes that wait for the peer's window."""
        return 0 if self._queue is None else self._queue.size

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set where `pause_writing` and `resume_writing` are called, in bytes.

        Raises:
            ValueError: not `0 <= low <= high`.
        """
        if high is None:
            high = limits.WRITE_HIGH if low is None else 4 * low
        if low is None:
            low = high // 4
        if not 0 <= low <= high:
            raise ValueError(f"high ({high}) must be at least low ({low}), and low at least 0")
        self._high, self._low = high, low
        self._check_high()
        self._check_low()

    def write(self, data: AnyStr, datatype: int | None = None) -> None:
        """Send data; what there is no room for is queued.

        Args:
            data: str if the channel has an encoding, else bytes.
            datatype: None, or `EXTENDED_DATA_STDERR`.

        Raises:
            BrokenPipeError: the channel is closed for writing.
            OSError: there is no such type of data.
            TypeError: str on a channel of bytes, or bytes on one of text.
            LocalProtocolError: the program has not waited for room, and too much is queued.
        """
        encoding = self._incoming.encoding
        if encoding is None:
            if isinstance(data, str):
                raise TypeError("this channel carries bytes: it was opened with encoding=None")
            raw: bytes = data
        else:
            if not isinstance(data, str):
                raise TypeError(f"this channel carries str, encoded as {encoding}, not bytes")
            raw = data.encode(encoding, self._incoming.errors)
        if datatype is not None and datatype != EXTENDED_DATA_STDERR:
            raise OSError(
                f"there is no type {datatype!r} of data: None, or {EXTENDED_DATA_STDERR} for standard error"
            )
        link = self._link
        protocol = (driver := link.driver).protocol
        # As `Link.active`: a call of it would be a tenth of what a message of one byte costs.
        if self._sending is not _SENDING or not link.usable or (protocol and protocol.closed):
            raise BrokenPipeError("the channel is closed for writing")
        size = len(raw)
        if not size:
            return
        taken = 0
        queue = self._queue
        waiting = queue is not None and queue.size
        if not waiting and self._number is not None and self._phase is not _NEW and protocol:
            taken = protocol.channel_write(self._number, raw, datatype)
            if not driver.touched:
                driver.touch()
            if taken == size:
                return
        if queue is None:
            queue = self._queue = SendQueue()
        queue.push(memoryview(raw)[taken:] if taken else raw, datatype)
        self._check_high()

    def writelines(self, list_of_data: Iterable[AnyStr], datatype: int | None = None) -> None:
        """Send several pieces of data, as `write` does for their concatenation."""
        pieces = list(list_of_data)
        if pieces:
            self.write(pieces[0][:0].join(pieces), datatype)

    def write_eof(self) -> None:
        """Say that no more data follows what was written; the other direction stays open."""
        if self._sending is Sending.OPEN:
            self._sending = Sending.EOF
            self._finish_sending()

    def writable(self) -> None:
        """The protocol takes data again."""
        number = self._number
        queue = self._queue
        if number is None or self._sending is Sending.CLOSED:
            return
        while queue is not None and queue.size:
            write = self._link.protocol.channel_write
            data, datatype = queue.head()
            taken = write(number, data, datatype)
            complete = taken == len(data)
            data.release()
            queue.advance(taken)
            if not complete:
                break
        if self._session_paused:
            self._check_low()
        if self._sending is not _SENDING:
            self._finish_sending()

    def _finish_sending(self) -> None:
        """Send EOF, the last requests and CLOSE, each when it is due and nothing is queued before it."""
        link, queue = self._link, self._queue
        waiting = queue is not None and queue.size
        if waiting or self._number is None or self._phase is _NEW:
            return
        protocol = link.open_protocol()
        if protocol is None:
            return
        if self._sending in (Sending.EOF, Sending.CLOSING) and not self._eof_sent:
            self._eof_sent = True
            protocol.channel_eof(self._number, status_follows=self._status_follows())
        if self._last_request is not None:
            name, payload = self._last_request
            self._last_request = None
            protocol.channel_request(self._number, name, payload, False)
        if self._sending is Sending.CLOSING:
            self._sending = Sending.CLOSED
            protocol.channel_close(self._number)
        if not link.driver.touched:
            link.driver.touch()

    def _status_follows(self) -> bool:
        """Return whether something is still to be told after EOF."""
        return False

    def _check_high(self) -> None:
        if (
            self.get_write_buffer_size() > self._high
            and not self._session_paused
            and self._session is not None
        ):
            self._session_paused = True
            self._call(self._session.pause_writing)

    def _check_low(self) -> None:
        if self._session_paused and self.get_write_buffer_size() <= self._low:
            self._session_paused = False
            self._link.driver.resumed()
            self._call(self._session.resume_writing)

    # ------------------------------------------------------------ reading

    def pause_reading(self) -> None:
        """Have no more data delivered: the peer stops once its window is used up."""
        self._incoming.pause()

    def resume_reading(self) -> None:
        """Have data delivered again, what has arrived in the meantime first."""
        self._incoming.resume()
        self._link.touch()

    def eof_arrived(self) -> None:
        """The peer sends no more data."""
        self._incoming.eof()

    def hold_credit(self) -> None:
        """Return no credit for what is delivered: the session calls `release_credit`."""
        self._incoming.hold_credit()

    def release_credit(self, waiting: int) -> None:
        """Return credit for what was delivered, but for what the session still holds.

        Args:
            waiting: what it holds, in bytes, or in characters, which are no more than their bytes.
        """
        self._incoming.release_credit(waiting)

    def return_credit(self, size: int) -> None:
        """The session has taken so many bytes: the peer may send as much again."""
        if self._sending is not _SENT_CLOSE and self._phase is _STARTED:
            link = self._link
            protocol = link.open_protocol()
            if protocol is not None and protocol.consumed(cast("int", self._number), size):
                link.touch()

    def answer_eof(self) -> None:
        """The session did not ask to stay half open."""
        self.close()

    # ------------------------------------------------------------ opening and starting

    def opened(self) -> None:
        """The channel is open in both directions: what was written before can go."""
        self._phase = Phase.OPEN
        if self._queue is not None or self._sending is not _SENDING:
            self.writable()
        if self._opening is None:
            return
        (done, make_session, then), self._opening = self._opening, None
        if done.done():
            return  # whoever opened it has given up
        try:
            session = make_session()
            self._attach(session)
            follows = then(done)
        except FAILURES as error:
            self.abort()
            done.set_exception(RuntimeError(repr(error)) if isinstance(error, StopIteration) else error)
        else:
            if not follows:
                done.set_result(session)

    def open_failed(self, error: Exception) -> None:
        """The peer refused the channel."""
        self._phase = Phase.GONE
        self._number = None
        if self._opening is not None and not self._opening[0].done():
            self._opening[0].set_exception(error)
        if self._closed is not None:
            self._closed.set()

    def bind(self, number: int, session: Any) -> None:
        """Give an accepted channel its number and session; the caller then lets it be opened.

        Raises:
            LocalProtocolError: this channel object was used before.
        """
        if self._number is not None or self._phase is not Phase.NEW:
            raise LocalProtocolError("a channel object can be opened once")
        self._number = number
        self._attach(session)

    def _attach(self, session: Any) -> None:
        """Call the session's `connection_made`; what it raises is the caller's."""
        require_plain(session)
        self._session = session
        session.connection_made(self)

    async def open(
        self, kind: str, data: bytes, make_session: Callable[[], T], then: Callable[[], None] = lambda: None
    ) -> T:
        """Open this channel and make its session.

        The session is made, and `then` called, as soon as the peer has agreed: what it asks for goes out at once.

        Raises:
            ChannelOpenError: the peer refused, or the connection has ended.
        """

        def nothing_follows(done: asyncio.Future[Any]) -> bool:
            then()
            return False

        done = self._begin(kind, data, make_session, nothing_follows)
        try:
            session: T = await done
        except asyncio.CancelledError:
            self.abort()
            raise
        return session

    def _begin(
        self,
        kind: str,
        data: bytes,
        make_session: Callable[[], Any],
        then: Callable[[asyncio.Future[Any]], bool],
    ) -> asyncio.Future[Any]:
        """Begin to open this channel, as `open` does; who stops waiting calls `abort`.

        What is called as `then` may have the answer to a request be what is waited for here, and says so by returning True.

        Returns:
            Waits for the session, or for that answer; it raises ChannelOpenError when the peer refused.

        Raises:
            ChannelOpenError: the connection has ended.
        """
        if self._number is not None or self._phase is not _NEW:
            raise LocalProtocolError("a channel object can be opened once")
        done: asyncio.Future[Any] = self._link.loop.create_future()
        self._opening = done, make_session, then
        self._number = self._link.open_channel(self, kind, data, self._window, self._max_packet)
        return done

    def start(self) -> None:
        """Call `session_started`, then deliver what has arrived before."""
        if self._phase is not Phase.OPEN or self._failed:
            return
        self._phase = Phase.STARTED
        try:
            self._session.session_started()
        except FAILURES as error:  # the program's callback: reported
            self._fail(error, "session_started")
        if not self._failed:
            self._incoming.start(self._receiver())
            if not self._link.driver.touched:
                self._link.driver.touch()

    def _receiver(self) -> Any:
        """Return what is given the data that comes."""
        return self._session

    # ------------------------------------------------------------ the end

    def is_closing(self) -> bool:
        """Return whether no more can be written: the channel is closed or about to close, or `write_eof`
        was called.
        """
        return self._phase is Phase.GONE or self._sending is not Sending.OPEN

    def close(self) -> None:
        """Close the channel once what was written has been sent."""
        if self._phase is not _GONE and self._sending in _STILL_SENDING:
            self._sending = Sending.CLOSING
            self._finish_sending()

    def abort(self) -> None:
        """Close the channel now; what waits to be sent is dropped."""
        self._drop_queue()
        self._last_request = None
        if self._phase is Phase.GONE or self._sending is Sending.CLOSED:
            return
        if self._phase is Phase.NEW:
            # Still being opened: closed as soon as it is.
            self._sending = Sending.CLOSING
            return
        self._sending = Sending.CLOSED
        if self._number is not None and self._link.active:
            self._link.protocol.channel_close(self._number)
            self._link.touch()

    def _drop_queue(self) -> None:
        if self._queue is not None:
            self._queue.clear()

    async def wait_closed(self) -> None:
        """Wait until the channel is closed in both directions and its tasks have ended."""
        # A handler that waits for its own channel is not cancelled with it, but with the connection.
        if self._own_tasks is not None:
            self._own_tasks.release(asyncio.current_task())
        if self._phase is not Phase.GONE:
            if self._closed is None:
                self._closed = Once()
            await self._closed.wait()
        if self._own_tasks is not None:
            await self._own_tasks.wait()

    def gone(self, error: Exception | None) -> None:
        """The channel is over: what has arrived is delivered, and the session told, once."""
        if self._phase is Phase.GONE:
            return
        self._phase = Phase.GONE
        self._sending = Sending.CLOSED
        self._error = self._error or error
        if self._replies:
            replies, self._replies = self._replies, None
            for reply, _ in replies:
                if not reply.done():
                    reply.set_exception(self._gone_error())
        if self._opening is not None and not self._opening[0].done():
            self._opening[0].set_exception(self._gone_error())
        # What holds itself in a circle is freed late.
        self._incoming.finish()
        session, self._session, self._session_paused = self._session, None, False
        if session is not None:
            try:
                session.connection_lost(self._error)
            except FAILURES as raised:  # the program's callback: reported
                self._link.report(raised, "connection_lost of a session")
        if self._queue is not None:
            self._queue.clear()  # which was there to tell what the peer has not been sent
        if self._closed is not None:
            self._closed.set()
        if self._own_tasks is not None:
            self._own_tasks.end()
