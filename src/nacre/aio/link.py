"""One connection as asyncio sees it: its channels, its tasks, its questions and its end.

Owns: the table of channels, the answers that are waited for, the order in which a connection ends.
Must not know: any kind of channel, any request, authentication or the public face; features register
what they open and answer.

The end, in order: each channel's `connection_lost`, the owner's, then what still runs is cancelled.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine, Mapping
from enum import Enum
from typing import Any, ClassVar, Protocol

from nacre.aio.driver import Driver
from nacre.aio.log import SSHLogger, connection_name, make_logger
from nacre.aio.once import Once
from nacre.aio.tasks import Reports, Tasks, begun, being_cancelled
from nacre.errors import (
    ChannelOpenError,
    ConnectionLost,
    DisconnectError,
    DisconnectReason,
    LocalProtocolError,
    OpenFailureReason,
    said_by_peer,
)
from nacre.protocol import events
from nacre.protocol.connection import Connection


class Channel(Protocol):
    """What a link asks of a channel."""

    def closed(self) -> None:
        """The channel is closed in both directions; `Link.channel_closed` is due."""

    def opened(self) -> None:
        """The channel is open in both directions."""

    def open_failed(self, error: Exception) -> None:
        """The peer refused it."""

    def data_arrived(self, data: bytes, datatype: int | None) -> bool:
        """The peer sent data; return whether it is consumed, or `Connection.consumed` will be called."""

    def eof_arrived(self) -> None:
        """The peer sends no more data."""

    def writable(self) -> None:
        """The protocol takes data again."""

    def request_decided(self, payload: Any, name: str) -> Any:
        """The peer asks something: return whether it is granted, or a coroutine of it."""

    def request_granted(self, name: str) -> None:
        """The answer to this request was sent, and is yes."""

    def request_arrived(self, event: events.ChannelRequestQuestion) -> None:
        """What the peer asks takes longer: `Link.answer` is due."""

    def reply_arrived(self, success: bool) -> None:
        """The peer answered our oldest request."""

    def gone(self, error: Exception | None) -> None:
        """The channel is over, for this reason if there is one."""


class LinkOwner(Protocol):
    """What a link asks of the connection object of the face."""

    def transport_made(self, transport: asyncio.Transport) -> Connection:
        """Return the protocol end for this transport."""

    def link_lost(self, error: Exception | None) -> None:
        """The connection is over; called once."""

    def transport_gone(self) -> None:
        """The transport is gone too, with all that was sent before; called once, after `link_lost`."""


def not_opened(ended: Exception) -> Exception:
    """Return what the caller is told whose channel is not opened because the connection has ended."""
    error = ChannelOpenError(OpenFailureReason.CONNECT_FAILED, f"the connection is over: {ended}")
    error.__cause__ = ended
    return error


class LinkState(Enum):
    """Where a connection is in its life."""

    OPEN = "open"
    ENDING = "ending"
    GONE = "gone"


#: What an owner does about events. Here and below, the owner comes first: one table serves all of a class.
Handlers = Mapping[type[events.Event], Callable[[Any, Any], None]]
#: Answers an open of the peer: returns the channel and what it accepts with, or raises `ChannelOpenError`.
OpenHandler = Callable[
    [Any, events.ChannelOpenQuestion], Coroutine[Any, Any, tuple[Channel, events.OpenAccept]]
]
#: Answers a global request: False, True or the data of the reply.
GlobalHandler = Callable[[Any, events.GlobalRequestQuestion], Coroutine[Any, Any, bool | bytes]]


class Link:
    """The runtime of one connection.

    Args:
        owner: the connection object.
        loop: the event loop.
        extra_handlers: events that the owner handles: authentication, keys, debug messages.
        opens: who answers the peer's opens, by the kind of channel.
        requests: who answers the peer's global requests, by name.
    """

    table: ClassVar[Mapping[type[events.Event], Callable[[Any, Any], None]]]

    __slots__ = (
        "_aborted",
        "_former_owner",
        "_handlers",
        "_opens",
        "_owner",
        "_replies",
        "_reports",
        "_requests",
        "_transport_gone",
        "channels",
        "driver",
        "error",
        "loop",
        "name",
        "quit",
        "state",
        "tasks",
        "usable",
    )

    def __init__(
        self,
        owner: LinkOwner,
        loop: asyncio.AbstractEventLoop,
        extra_handlers: Handlers,
        opens: Mapping[str, OpenHandler],
        requests: Mapping[str, GlobalHandler],
    ) -> None:
        self.loop = loop
        self._owner: LinkOwner | None = owner
        self._former_owner: weakref.ref[LinkOwner] | None = None
        self.name = connection_name()
        self._reports = Reports(loop, self.name)
        self.tasks = Tasks(loop, self._reports.report)
        self.state = LinkState.OPEN
        #: Whether there is a connection that we have not ended; see `active`.
        self.usable = False
        self.channels: dict[int, Channel] = {}
        self.error: Exception | None = None
        self._aborted = False
        #: Whether it was ended by our own program.
        self.quit = False
        self._opens = opens
        self._requests = requests
        self._replies: tuple[asyncio.Future[tuple[bool, bytes]], ...] = ()
        self._transport_gone = Once()
        self._handlers = extra_handlers
        self.driver = Driver(loop, self)

    # ------------------------------------------------------------ asked by the driver

    def handle(self, event: events.Event) -> None:
        """Do what is to be done about an event."""
        of_channels = self.table.get(type(event))
        if of_channels is not None:
            of_channels(self, event)
        else:
            self._handlers[type(event)](self._owner or self.owner, event)

    def transport_made(self, transport: asyncio.Transport) -> Connection:
        """Ask the owner for the protocol end."""
        self._reports.transport = transport
        protocol: Connection = self.owner.transport_made(transport)
        self.usable = self.state is LinkState.OPEN
        return protocol

    def transport_lost(self) -> None:
        """The transport is gone, and so is the link, however it came to this."""
        if self.state is not LinkState.GONE:
            self._finish(ConnectionLost("the connection was lost"))
        self._transport_gone.set()
        owner = self.owner
        # An owner holds its link: held in turn, both would stay until a collector of garbage comes by.
        self._owner, self._former_owner = None, weakref.ref(owner)
        owner.transport_gone()

    def report(self, error: BaseException, where: str) -> None:
        """Tell the loop's exception handler of a failure that nobody waits for."""
        self._reports.report(error, where)

    # ------------------------------------------------------------ asked by channels and the owner

    @property
    def owner(self) -> Any:
        """The connection object; None when it is over and nobody holds that."""
        return self._owner if self._former_owner is None else self._former_owner()

    @property
    def logger(self) -> SSHLogger:
        """A logger that names this connection; made anew, since hardly anything is said of a connection in use."""
        return make_logger(self.name)

    @property
    def protocol(self) -> Connection:
        """The protocol end.

        Raises:
            ConnectionLost: there is none, because the transport was never made.
        """
        if self.driver.protocol is None:
            raise ConnectionLost("the connection is not open")
        return self.driver.protocol

    @property
    def active(self) -> bool:
        """Whether commands may be given to the protocol.

        Not from its end on: the channels are told one after the other, and what the first one does to
        the others must not fail because theirs has not been said yet.
        """
        protocol = self.driver.protocol
        return self.usable and (protocol is None or not protocol.closed)

    def open_protocol(self) -> Connection | None:
        """Return the protocol end where commands may be given to it, as `active` says; else None."""
        protocol = self.driver.protocol
        return protocol if self.usable and protocol is not None and not protocol.closed else None

    def require_active(self) -> None:
        """Raise what ended the connection, if it has ended."""
        if not self.active:
            raise self.lost_error()

    def lost_error(self) -> Exception:
        """Return why the connection cannot be used any more."""
        return self.error or ConnectionLost("the connection is closed")

    def touch(self) -> None:
        """A command was given to the protocol."""
        driver = self.driver
        if not driver.touched:
            driver.touch()

    def channel_logger(self, number: int) -> SSHLogger:
        """Return a logger that names this connection and a channel."""
        return make_logger(f"{self.name}, chan={number}")

    def answer(self, token: events.Token, value: object) -> None:
        """Answer a question of the protocol."""
        if self.driver.protocol is not None:
            self.driver.protocol.answer(token, value)
            if not self.driver.touched:
                self.driver.touch()

    def ask(self, token: events.Token, answer: Coroutine[Any, Any, Any], refusal: object, where: str) -> None:
        """Answer a question with what a coroutine of ours returns, and with `refusal` if it fails.

        Answered inline when the coroutine has nothing to wait for.
        """
        self.tasks.begin(self._ask(token, answer, refusal, where), where)

    async def _ask(
        self, token: events.Token, answer: Coroutine[Any, Any, Any], refusal: object, where: str
    ) -> None:
        value = refusal
        try:
            value = await answer
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the program's callback: reported
            self.report(error, where)
        except asyncio.CancelledError:
            # A callback that was cancelled by itself is a refusal; when we are cancelled, so be it.
            if being_cancelled():
                raise
        self.answer(token, value)

    def open_channel(self, channel: Channel, kind: str, data: bytes, window: int, max_packet: int) -> int:
        """Open a channel; it hears `opened` or `open_failed`. Returns its number.

        Raises:
            ChannelOpenError: the connection has ended; its cause is what ended it.
        """
        protocol = self.open_protocol()
        if protocol is None:
            raise not_opened(self.lost_error())
        number = protocol.open_channel(kind, data, window, max_packet)
        self.channels[number] = channel
        protocol.deliver_to(number, channel.data_arrived, channel)
        self.touch()
        return number

    async def global_request(self, name: str, payload: bytes) -> tuple[bool, bytes]:
        """Send a global request and return its reply: success, and its data."""
        self.require_active()
        reply: asyncio.Future[tuple[bool, bytes]] = self.loop.create_future()
        self.protocol.global_request(name, payload, True)
        self._replies += (reply,)
        self.touch()
        return await reply

    def disconnect(self, code: int, reason: str, lang: str) -> None:
        """End the connection with SSH_MSG_DISCONNECT, after what was given to the protocol before."""
        if self.state is not LinkState.OPEN:
            return
        self.state = LinkState.ENDING
        self.usable = False
        if self.driver.protocol is not None:
            self.driver.protocol.disconnect(code, reason, lang)
            self.driver.touch()
        else:
            self.driver.abort()

    def abort(self) -> None:
        """End the connection at once, with nothing more sent."""
        if self.state is LinkState.OPEN:
            self.state = LinkState.ENDING
        self.usable = False
        self._aborted = True
        self.driver.abort()

    def never_connected(self) -> None:
        """There will be no transport: let nobody wait for its end."""
        self.state = LinkState.GONE
        self._transport_gone.set()

    async def wait_closed(self) -> None:
        """Wait until the transport is gone and no task of this connection is left."""
        await self._transport_gone.wait()
        await self.tasks.wait()

    # ------------------------------------------------------------ channel events

    def _data(self, event: events.ChannelData) -> None:
        channel = self.channels.get(event.channel)
        if channel is not None and channel.data_arrived(event.data, event.datatype):
            self.protocol.consumed(event.channel, len(event.data))

    def _writable(self, event: events.ChannelWritable) -> None:
        channel = self.channels.get(event.channel)
        if channel is not None:
            channel.writable()

    def _eof(self, event: events.ChannelEOF) -> None:
        channel = self.channels.get(event.channel)
        if channel is not None:
            channel.eof_arrived()

    def _opened(self, event: events.ChannelOpened) -> None:
        channel = self.channels.get(event.channel)
        if channel is not None:
            channel.opened()

    def _open_failed(self, event: events.ChannelOpenFailed) -> None:
        channel = self.channels.pop(event.channel, None)
        if channel is not None:
            channel.open_failed(ChannelOpenError(event.code, event.reason, event.lang))

    def _closed(self, event: events.ChannelClosed) -> None:
        self.channel_closed(event.channel)

    def channel_closed(self, number: int) -> None:
        """A channel is closed in both directions."""
        channel = self.channels.pop(number, None)
        if channel is not None:
            channel.gone(self._failure())

    def _failure(self) -> Exception | None:
        """Return why the connection goes, when it is going: the reason of each channel's end."""
        if self._aborted or self.driver.protocol is None:
            return None
        return self.driver.protocol.failure

    def _channel_request(self, event: events.ChannelRequestQuestion) -> None:
        channel = self.channels.get(event.channel)
        if channel is not None:
            channel.request_arrived(event)
        else:
            event.begun.close()
            self.answer(event.token, False)

    def _channel_reply(self, event: events.ChannelReply) -> None:
        channel = self.channels.get(event.channel)
        if channel is not None:
            channel.reply_arrived(event.success)

    def _open_question(self, event: events.ChannelOpenQuestion) -> None:
        if not begun(rest := self._open(event)):
            self.tasks.spawn(rest, "answering a channel open")

    async def _open(self, event: events.ChannelOpenQuestion) -> None:
        answer: events.OpenAccept | events.OpenRefuse
        handler = self._opens.get(event.kind)
        if handler is None:
            reason = OpenFailureReason.UNKNOWN_CHANNEL_TYPE
            self.answer(
                event.token, events.OpenRefuse(reason, f"channels of type {event.kind!r} are not known")
            )
            return
        try:
            channel, accept = await handler(self._owner or self.owner, event)
        except ChannelOpenError as error:
            answer = events.OpenRefuse(error.code, error.reason, error.lang)
            self.answer(event.token, answer)
            return
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and being_cancelled():
                raise
            self.report(error, "opening a channel")
            answer = events.OpenRefuse(OpenFailureReason.CONNECT_FAILED, "the channel could not be opened")
            self.answer(event.token, answer)
            return
        if (protocol := self.open_protocol()) is not None:
            self.channels[event.channel] = channel
            protocol.deliver_to(event.channel, channel.data_arrived, channel)
            self.answer(event.token, accept)
            channel.opened()
        else:
            channel.gone(self._failure())  # its session heard of a beginning, and hears of the end

    # ------------------------------------------------------------ global requests

    def _global_request(self, event: events.GlobalRequestQuestion) -> None:
        handler = self._requests.get(event.name)
        if handler is None:
            self.answer(event.token, False)
        else:
            self.ask(event.token, handler(self.owner, event), False, f"the global request {event.name}")

    def _global_reply(self, event: events.GlobalReply) -> None:
        if not self._replies:
            raise LocalProtocolError("a global reply that nobody waits for")
        reply, *rest = self._replies
        self._replies = tuple(rest)
        if not reply.done():
            reply.set_result((event.success, event.data))

    # ------------------------------------------------------------ the end

    def _disconnected(self, event: events.Disconnected) -> None:
        error: DisconnectError | None = event.error
        if error is not None and error.code == DisconnectReason.BY_APPLICATION and event.by_peer:
            error = None
        elif error is not None and event.by_peer:
            error = said_by_peer(error)
        self._finish(None if self._aborted else error)

    def _finish(self, error: Exception | None) -> None:
        """Tell everybody that it is over, each once, and cancel what is left."""
        if self.state is LinkState.GONE:
            return
        self.quit = self.state is LinkState.ENDING
        self.state = LinkState.GONE
        self.usable = False
        self.error = error
        channels, self.channels = self.channels, {}
        for channel in channels.values():
            channel.gone(error)
        replies, self._replies = self._replies, ()
        for reply in replies:
            if not reply.done():
                reply.set_exception(self.lost_error())
        self.owner.link_lost(error)
        self.tasks.end()


#: What a link does about events itself: one table for all connections.
Link.table = {
    events.ChannelData: Link._data,
    events.ChannelWritable: Link._writable,
    events.ChannelEOF: Link._eof,
    events.ChannelClosed: Link._closed,
    events.ChannelOpened: Link._opened,
    events.ChannelOpenFailed: Link._open_failed,
    events.ChannelOpenQuestion: Link._open_question,
    events.ChannelRequestQuestion: Link._channel_request,
    events.ChannelReply: Link._channel_reply,
    events.GlobalRequestQuestion: Link._global_request,
    events.GlobalReply: Link._global_reply,
    events.Disconnected: Link._disconnected,
}
