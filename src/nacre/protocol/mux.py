"""Channels over one connection (RFC 4254), for both roles.

Owns: the table of channels, every message 90 to 100, the lanes of channels, and the credit that the peer
gets; global requests are handed on, and so is what is written. Must not know: what a channel is for, or the
key exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from struct import Struct
from typing import Any, Final, NamedTuple

from nacre.errors import LocalProtocolError, OpenFailureReason, ProtocolError
from nacre.protocol import limits
from nacre.protocol.channel import Channel, ChannelLane, ChannelState, Flow
from nacre.protocol.core import Core
from nacre.protocol.events import (
    ChannelClosed,
    ChannelData,
    ChannelEOF,
    ChannelOpened,
    ChannelOpenFailed,
    ChannelOpenQuestion,
    ChannelReply,
    ChannelRequestQuestion,
    OpenAccept,
    OpenRefuse,
)
from nacre.protocol.global_requests import KEEPALIVE, GlobalRequests
from nacre.protocol.handshake import Handshake
from nacre.protocol.lane import Lane
from nacre.protocol.settings import Role
from nacre.protocol.state import DATA_IS_LEGAL, Action, Phase, judge
from nacre.protocol.window import Budget, ReceiveWindow
from nacre.protocol.writing import Writing
from nacre.wire.connection import (
    ChannelClose,
    ChannelDataMessage,
    ChannelEof,
    ChannelExtendedData,
    ChannelFailure,
    ChannelOpen,
    ChannelOpenConfirmation,
    ChannelOpenFailure,
    ChannelRequest,
    ChannelSuccess,
    ChannelWindowAdjust,
    GlobalRequest,
    RequestFailure,
    RequestSuccess,
)
from nacre.wire.requests import CHANNEL_OPENS, CHANNEL_REQUESTS

_STDERR: Final = 1
#: The whole of EOF, CLOSE, SUCCESS and FAILURE: a number, and which channel. A session has four of them.
_BARE: Final = Struct(">BI")
_EOF, _CLOSE = ChannelEof.number, ChannelClose.number
_SUCCESS, _FAILURE = ChannelSuccess.number, ChannelFailure.number
#: For each message: to look up a member of an enum costs as much as to call a function.
_FLOW_OPEN, _FLOW_CLOSED, _CHANNEL_OPEN = Flow.OPEN, Flow.CLOSED, ChannelState.OPEN
_SESSION: Final = "session"


_Bare = ChannelEof | ChannelClose | ChannelSuccess | ChannelFailure


class Datum(NamedTuple):
    """Data that waits in the lane of its channel; what follows it of the same type joins it."""

    data: bytearray
    datatype: int | None


class Mux:
    """The connection protocol of one connection.

    Attributes:
        channels: every channel that has a number of ours.
        flowing: those whose data needs no second look: the table of the fast path.
        writing: what they send.
        global_requests: those of the connection, in both directions.
    """

    __slots__ = (
        "_budget",
        "_core",
        "_deciding",
        "_handshake",
        "_lane_octets",
        "_next_number",
        "_of_peer",
        "_sessions",
        "_waiting",
        "channels",
        "flowing",
        "global_requests",
        "writing",
    )

    def __init__(self, core: Core, handshake: Handshake) -> None:
        self._core = core
        self._handshake = handshake
        self.channels: dict[int, Channel] = {}
        self.flowing: dict[int, Channel] = {}
        self._budget = Budget(core.settings.receive_budget)
        self.global_requests = GlobalRequests(core)
        self._next_number = 0
        self._sessions = 0
        self._of_peer = 0
        self._deciding = 0
        self._lane_octets = 0
        self._waiting = 0
        self.writing = Writing(core, handshake, self.channels)

    # ------------------------------------------------------------ messages in

    def received(self, payload: bytes) -> None:
        """Take a message 80 to 100 that is legal now."""
        _HANDLERS[payload[0]](self, payload)

    def _global_request(self, payload: bytes) -> None:
        self.global_requests.received(payload)

    def _global_reply(self, payload: bytes) -> None:
        self.global_requests.reply(payload)

    def _channel(self, number: int) -> Channel:
        channel = self.channels.get(number)
        if channel is None or channel.state is not _CHANNEL_OPEN:
            raise ProtocolError(f"a message for channel {number}, which is not open")
        if channel.inbound is _FLOW_CLOSED:
            raise ProtocolError(f"a message for channel {number} after its CLOSE")
        return channel

    def _bare(self, payload: bytes, kind: type[_Bare]) -> Channel:
        """Return the channel that a message is for which says nothing more."""
        whole = len(payload) == _BARE.size
        number = (
            _BARE.unpack(payload)[1] if whole else kind.decode(payload).recipient_channel
        )  # which refuses it
        channel = self.channels.get(number)
        if channel is None or channel.state is not _CHANNEL_OPEN or channel.inbound is _FLOW_CLOSED:
            return self._channel(number)  # which says what is wrong
        return channel

    def _put(self, channel: Channel, item: Any) -> None:
        lane = channel.lane
        if lane is None or (lane.pending is None and not lane.queue):
            self.take(channel, item)
        else:
            self._wait(lane, item)

    def _wait(self, lane: Lane, item: Any) -> None:
        """Keep what came for a channel until its turn: the smallest message too costs an object."""
        if self._waiting >= limits.LANES_MESSAGES:
            raise ProtocolError("too many messages behind undecided ones")
        lane.put(item)
        self._waiting += 1

    def take_waiting(self, channel: Channel, item: Any) -> None:
        """Take what waited, now that its turn has come."""
        self._waiting -= 1
        self.take(channel, item)

    def take(self, channel: Channel, item: Any) -> None:
        """Take what has come to its turn in the lane of its channel."""
        if channel.outbound is Flow.CLOSED and not isinstance(item, ChannelClose):
            return  # we have closed it meanwhile: nobody is there to hear
        match item:
            case Datum():
                self._core.emit(ChannelData(channel.number, bytes(item.data), item.datatype))
                self._publish(channel)
            case ChannelEof():
                if channel.hearer is not None:
                    channel.hearer.eof_arrived()
                else:
                    self._core.emit(ChannelEOF(channel.number))
            case ChannelRequest():
                self._take_request(channel, item)
            case ChannelClose():
                self._closed_by_peer(channel)
            case _:
                raise LocalProtocolError(f"{item!r} in the lane of a channel")

    def _publish(self, channel: Channel) -> None:
        """Put the channel into the table of the fast path, or take it out."""
        lane = channel.lane
        if (
            channel.state is ChannelState.OPEN
            and channel.inbound is Flow.OPEN
            and channel.outbound is not Flow.CLOSED
            and (lane is None or (lane.pending is None and not lane.queue))
            and channel.number in self.channels
        ):
            self.flowing[channel.number] = channel
        else:
            self.flowing.pop(channel.number, None)

    # ------------------------------------------------------------ opening

    def open_channel(self, kind: str, data: bytes, window: int, max_packet: int) -> int:
        """Ask the peer for a channel; see `Connection.open_channel`."""
        number = self._allocate()
        channel = Channel(number, kind, ChannelState.OPENING)
        most = min(max_packet, limits.MAX_PACKET)
        channel.receive = ReceiveWindow(self._budget, window, most)
        self.channels[number] = channel
        self._core.send(ChannelOpen(kind, number, channel.receive.size, most, data))
        return number

    def _allocate(self) -> int:
        while self._next_number in self.channels:
            self._next_number = (self._next_number + 1) & limits.WINDOW_CEILING
        number = self._next_number
        self._next_number = (number + 1) & limits.WINDOW_CEILING
        return number

    def _open(self, payload: bytes) -> None:
        message = ChannelOpen.decode(payload)
        if len(message.data) > limits.LANE_REQUEST_BYTES:
            raise ProtocolError(f"a channel open of {len(message.data)} bytes")
        refusal = self._refusal(message)
        if refusal is not None:
            self._core.send(ChannelOpenFailure(message.sender_channel, *refusal, "en-US"))
            return
        known = CHANNEL_OPENS.get(message.kind)
        opened = known.decode(message.data) if known else message.data
        channel = Channel(
            self._allocate(), _SESSION if message.kind == _SESSION else message.kind, ChannelState.DECIDING
        )
        channel.peer_number = message.sender_channel
        channel.send_left = message.initial_window_size
        channel.max_send = min(message.maximum_packet_size, limits.MAX_PACKET)
        channel.lane = ChannelLane(self._core, self, channel)
        self.channels[channel.number] = channel
        self._of_peer += 1
        self._deciding += 1
        self._sessions += channel.kind == _SESSION
        channel.lane.ask(
            lambda token: ChannelOpenQuestion(token, channel.number, channel.kind, opened),
            partial(self._decided, channel),
        )

    def _refusal(self, message: ChannelOpen) -> tuple[int, str] | None:
        settings = self._core.settings
        shortage = OpenFailureReason.RESOURCE_SHORTAGE
        prohibited = OpenFailureReason.ADMINISTRATIVELY_PROHIBITED
        if message.maximum_packet_size == 0:
            return prohibited, "a maximum packet size of 0 lets no data through"
        if self._of_peer >= settings.max_channels or self._deciding >= limits.OPENS_PENDING:
            return shortage, "too many channels"
        if message.kind == _SESSION:
            if self._core.role is Role.CLIENT:  # RFC 4254 section 6.1: clients SHOULD reject them
                return prohibited, "a client has no sessions to offer"
            if self.global_requests.no_more_sessions:
                return prohibited, "no more sessions were announced"
            if self._sessions >= settings.max_sessions:
                return shortage, "too many sessions"
        return None

    def _decided(self, channel: Channel, value: object) -> None:
        self._deciding -= 1
        if not isinstance(value, OpenAccept):
            refusal = value if isinstance(value, OpenRefuse) else _REFUSED
            self._core.send(
                ChannelOpenFailure(channel.peer_number, refusal.code, refusal.reason, refusal.lang)
            )
            self._forget(channel)
            return
        channel.state = ChannelState.OPEN
        max_packet = min(value.max_packet, limits.MAX_PACKET)
        channel.receive = ReceiveWindow(self._budget, value.window, max_packet)
        self._core.send(
            ChannelOpenConfirmation(
                channel.peer_number, channel.number, channel.receive.size, max_packet, value.data
            )
        )
        self.flowing[channel.number] = channel  # nothing was legal before, so nothing waits

    def _opening(self, number: int) -> Channel:
        channel = self.channels.get(number)
        if channel is None or channel.state is not ChannelState.OPENING:
            raise ProtocolError(f"an answer to the opening of channel {number}, which nobody opened")
        return channel

    def _open_confirmed(self, payload: bytes) -> None:
        message = ChannelOpenConfirmation.decode(payload)
        channel = self._opening(message.recipient_channel)
        if message.maximum_packet_size == 0:
            raise ProtocolError("a maximum packet size of 0 lets no data through")
        channel.state = ChannelState.OPEN
        channel.peer_number = message.sender_channel
        channel.send_left = message.initial_window_size
        channel.max_send = min(message.maximum_packet_size, limits.MAX_PACKET)
        self.flowing[channel.number] = channel  # likewise
        if channel.hearer is not None:
            channel.hearer.opened()
        else:
            self._core.emit(ChannelOpened(channel.number, message.data))

    def _open_failed(self, payload: bytes) -> None:
        message = ChannelOpenFailure.decode(payload)
        channel = self._opening(message.recipient_channel)
        self._forget(channel)
        self._core.emit(ChannelOpenFailed(channel.number, message.code, message.description, message.lang))

    # ------------------------------------------------------------ data

    def _window_adjust(self, payload: bytes) -> None:
        message = ChannelWindowAdjust.decode(payload)
        channel = self._channel(message.recipient_channel)
        channel.send_left += message.bytes_to_add
        if channel.send_left > limits.WINDOW_CEILING:
            raise ProtocolError("a window of more than 2^32 - 1 bytes")
        self.writing.widened(channel)

    def _data(self, payload: bytes) -> None:
        message = ChannelDataMessage.decode(payload)
        self._take_data(message.recipient_channel, message.data, None)

    def _extended_data(self, payload: bytes) -> None:
        message = ChannelExtendedData.decode(payload)
        self._take_data(message.recipient_channel, message.data, message.datatype)

    def _take_data(self, number: int, data: bytes, datatype: int | None) -> None:
        channel = self._channel(number)
        if channel.inbound is not Flow.OPEN:
            raise ProtocolError(f"data on channel {number} after its EOF")
        window = self._window(channel)
        window.received(len(data))
        if not data or channel.outbound is Flow.CLOSED:
            return  # we are closing: nobody is there to read it
        if datatype not in (None, _STDERR):
            self.consumed(number, len(data))  # a type that nobody defined: dropped, not stuck
            return
        self._put_data(channel, data, datatype)

    def _put_data(self, channel: Channel, data: bytes, datatype: int | None) -> None:
        lane = channel.lane
        if lane is None or lane.idle:
            self._core.emit(ChannelData(channel.number, data, datatype))
        elif isinstance(lane.last, Datum) and lane.last.datatype == datatype:
            # The window bounds it, not the count: a client types ahead of an undecided exec.
            lane.last.data.extend(data)
        else:
            self._wait(lane, Datum(bytearray(data), datatype))

    def _window(self, channel: Channel) -> ReceiveWindow:
        if channel.receive is None:
            raise LocalProtocolError(f"channel {channel.number} has no window yet")
        return channel.receive

    def consumed(self, number: int, size: int) -> bool:
        """The application has taken data; see `Connection.consumed`."""
        channel = self.channels.get(number)
        if channel is not None and channel.receive is not None and size:
            credit = channel.receive.consumed(size)
            if credit:
                self.credit(channel, credit)
                return True
        return False

    def credit(self, channel: Channel, credit: int) -> None:
        """Let the peer send so much more, where that is of any use."""
        if channel.inbound is Flow.OPEN and channel.outbound is not Flow.CLOSED:
            self._core.send(ChannelWindowAdjust(channel.peer_number, credit))

    # ------------------------------------------------------------ end of data, close

    def _eof(self, payload: bytes) -> None:
        channel = self._bare(payload, ChannelEof)
        if channel.inbound is not _FLOW_OPEN:
            raise ProtocolError(f"a second EOF on channel {channel.number}")
        channel.inbound = Flow.ENDED
        self.flowing.pop(channel.number, None)
        lane = channel.lane
        idle = lane is None or (lane.pending is None and not lane.queue)
        if idle and channel.hearer is not None and channel.outbound is not _FLOW_CLOSED:
            channel.hearer.eof_arrived()
        else:
            self._put(channel, ChannelEof(channel.number))

    def _close(self, payload: bytes) -> None:
        channel = self._bare(payload, ChannelClose)
        channel.inbound = _FLOW_CLOSED
        self.flowing.pop(channel.number, None)
        if (lane := channel.lane) is not None and lane.pending is None and lane.queue:
            self._wait(lane, ChannelClose(channel.number))  # what came before it is delivered first
        else:
            self._closed_by_peer(channel)

    def _closed_by_peer(self, channel: Channel, *, told: bool = True) -> None:
        if channel.outbound is Flow.STATUS:
            channel.outbound = Flow.OWED  # as sshd: many close at EOF and want the status
            return
        if channel.outbound is not _FLOW_CLOSED:
            channel.outbound = _FLOW_CLOSED
            self._core.send_payload(_BARE.pack(_CLOSE, channel.peer_number))
        self._forget(channel)
        if told and channel.hearer is not None:
            channel.hearer.closed()
        else:
            self._core.emit(ChannelClosed(channel.number))

    def _forget(self, channel: Channel) -> None:
        """Free the number and all that belongs to it."""
        del self.channels[channel.number]
        self._lane_octets -= channel.lane_octets
        self.flowing.pop(channel.number, None)
        self.writing.blocked.pop(channel.number, None)
        if channel.by_peer:
            self._of_peer -= 1
            self._sessions -= channel.kind == _SESSION
        if (lane := channel.lane) is not None:
            if lane.pending is not None or lane.queue:
                self._waiting -= len(lane.queue or ())
                lane.void()
            channel.lane = None  # it holds the channel
        if channel.receive is not None:
            channel.receive.close()
        if not self.channels and self._core.settings.unused_timeout:
            self._core.unused_since = self._core.now
            self._core.deadline_moved = True

    def eof(self, number: int, *, status_follows: bool) -> None:
        """Send EOF; see `Connection.channel_eof`."""
        channel = self._ours(number)
        if channel.outbound is Flow.OPEN:
            channel.outbound = Flow.STATUS if status_follows else Flow.ENDED
            self._core.send_payload(_BARE.pack(_EOF, channel.peer_number))
        elif not status_follows and channel.outbound is Flow.STATUS:
            channel.outbound = Flow.ENDED
        elif not status_follows and channel.outbound is Flow.OWED:
            self.close(number)

    def close(self, number: int) -> None:
        """Send CLOSE; see `Connection.channel_close`."""
        channel = self.channels.get(number)
        if channel is None:
            return
        if channel.state is not ChannelState.OPEN:
            raise LocalProtocolError(f"channel {number} is not open yet")
        if channel.outbound is not Flow.CLOSED:
            owed, channel.outbound = channel.outbound is Flow.OWED, Flow.CLOSED
            self.flowing.pop(number, None)
            self.writing.blocked.pop(number, None)
            self._core.send_payload(_BARE.pack(_CLOSE, channel.peer_number))
            if owed:
                self._closed_by_peer(
                    channel, told=False
                )  # whoever closes it is not called in the midst of that

    def _ours(self, number: int) -> Channel:
        channel = self.channels.get(number)
        if channel is None or channel.state is not ChannelState.OPEN:
            raise LocalProtocolError(f"channel {number} is not open")
        return channel

    # ------------------------------------------------------------ channel requests

    def _request(self, payload: bytes) -> None:
        message = ChannelRequest.decode(payload)
        channel = self._channel(message.recipient_channel)
        if channel.outbound is Flow.CLOSED:
            return  # the peer has not seen our CLOSE; there is nobody to ask, and no reply after it
        channel.lane_octets += len(message.data)
        self._lane_octets += len(message.data)
        if channel.lane_octets > limits.LANE_REQUEST_BYTES or self._lane_octets > limits.LANES_REQUEST_BYTES:
            raise ProtocolError("too many bytes of requests behind an undecided one")
        lane = channel.lane
        if lane is None or (lane.pending is None and not lane.queue):
            self._take_request(channel, message)
        else:
            self._wait(lane, message)

    def _take_request(self, channel: Channel, message: ChannelRequest) -> None:
        if message.name == KEEPALIVE:
            self._answer_request(channel, message, value=False)
            return
        known = CHANNEL_REQUESTS.get(message.name)
        payload = known.decode(message.data) if known else message.data
        begun = None
        if (hearer := channel.hearer) is not None:
            begun = hearer.request_decided(payload, message.name)
            if self.channels.get(channel.number) is not channel:
                if begun is not True and begun is not False:
                    begun.close()
                return  # it has ended the connection: nobody waits for the answer
            if begun is True or begun is False:
                self._answer_request(channel, message, begun)
                if begun:
                    hearer.request_granted(message.name)
                return
        if channel.lane is None:
            channel.lane = ChannelLane(self._core, self, channel)
        self.flowing.pop(channel.number, None)  # what comes now waits for the answer
        channel.lane.ask(
            lambda token: ChannelRequestQuestion(
                token, channel.number, message.name, payload, message.want_reply, begun
            ),
            partial(self._answer_request, channel, message),
        )

    def _answer_request(self, channel: Channel, message: ChannelRequest, value: object) -> None:
        channel.lane_octets -= len(message.data)
        self._lane_octets -= len(message.data)
        if message.want_reply and channel.outbound is not Flow.CLOSED:
            reply = _SUCCESS if value is True else _FAILURE
            self._core.send_payload(_BARE.pack(reply, channel.peer_number))
        self._publish(channel)

    def request(self, number: int, name: str, payload: bytes, *, want_reply: bool) -> None:
        """Ask something of a channel; see `Connection.channel_request`."""
        channel = self._ours(number)
        if channel.outbound is Flow.CLOSED:
            raise LocalProtocolError(f"a request on channel {number} after its CLOSE")
        if want_reply:
            if channel.replies_expected >= limits.REPLIES_EXPECTED:
                raise LocalProtocolError(f"too many unanswered requests on channel {number}")
            channel.replies_expected += 1
        self._core.send(ChannelRequest(channel.peer_number, name, want_reply, payload))

    def _reply(self, payload: bytes) -> None:
        success = payload[0] == _SUCCESS
        channel = self._bare(payload, ChannelSuccess if success else ChannelFailure)
        if not channel.replies_expected:
            raise ProtocolError(f"an answer on channel {channel.number} to no request")
        channel.replies_expected -= 1
        if channel.hearer is not None:
            channel.hearer.reply_arrived(success)
        else:
            self._core.emit(ChannelReply(channel.number, success))

    # ------------------------------------------------------------ the end

    def drop(self) -> None:
        """The connection is gone: every channel ends, each once."""
        for channel in list(self.channels.values()):
            self._forget(channel)
            if channel.state is ChannelState.OPEN:
                self._core.emit(ChannelClosed(channel.number))
            elif channel.state is ChannelState.OPENING:
                self._core.emit(
                    ChannelOpenFailed(
                        channel.number, OpenFailureReason.CONNECT_FAILED, "the connection was lost", "en-US"
                    )
                )
        self.global_requests.drop()


_REFUSED: Final = OpenRefuse(OpenFailureReason.ADMINISTRATIVELY_PROHIBITED, "refused")
#: One table for all connections: who takes which message.
_HANDLERS: Final[dict[int, Callable[[Mux, bytes], None]]] = {
    GlobalRequest.number: Mux._global_request,
    RequestSuccess.number: Mux._global_reply,
    RequestFailure.number: Mux._global_reply,
    ChannelOpen.number: Mux._open,
    ChannelOpenConfirmation.number: Mux._open_confirmed,
    ChannelOpenFailure.number: Mux._open_failed,
    ChannelWindowAdjust.number: Mux._window_adjust,
    ChannelDataMessage.number: Mux._data,
    ChannelExtendedData.number: Mux._extended_data,
    ChannelEof.number: Mux._eof,
    ChannelClose.number: Mux._close,
    ChannelRequest.number: Mux._request,
    ChannelSuccess.number: Mux._reply,
    ChannelFailure.number: Mux._reply,
}


def _routine(role: Role) -> Mapping[int, Callable[[Mux, bytes], None]]:
    """Return who takes which message of an open connection, of those that `judge` lets through."""
    return {
        number: take
        for number, take in _HANDLERS.items()
        if all(judge(number, role, Phase.OPEN, step, strict=True) is Action.HANDLE for step in DATA_IS_LEGAL)
    }


#: For each role: what a connection that is open takes without being judged anew each time.
ROUTINE: Final = {role: _routine(role) for role in Role}
