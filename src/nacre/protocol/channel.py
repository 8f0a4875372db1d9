"""One channel (RFC 4254 section 5): its numbers, its state in each direction, its windows, its lane.

Owns: `Channel`, `ChannelLane`. Must not know: messages and who sends them (`nacre.protocol.mux`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from nacre.protocol import limits
from nacre.protocol.core import Core
from nacre.protocol.lane import Lane
from nacre.protocol.window import ReceiveWindow


class ChannelState(Enum):
    """How far a channel has come."""

    OPENING = "opening"  # ours; the peer has not confirmed it
    DECIDING = "deciding"  # the peer's; the application has not decided
    OPEN = "open"


class Flow(Enum):
    """One direction of a channel."""

    OPEN = "open"
    ENDED = "ended"  # after EOF
    STATUS = "status"  # ours, after EOF: how a program has ended is still to be told
    OWED = "owed"  # ours, after EOF: the same, and the peer has sent its CLOSE
    CLOSED = "closed"  # after CLOSE


class Hearer(Protocol):
    """Who is told of what comes on a channel, in place of an event; see `Connection.deliver_to`."""

    def opened(self) -> None:
        """The peer has opened the channel that we asked for."""

    def closed(self) -> None:
        """The channel is closed in both directions: its number means nothing any more."""

    def eof_arrived(self) -> None:
        """The peer sends no more data."""

    def reply_arrived(self, success: bool) -> None:
        """The peer answered our oldest request."""

    def request_decided(self, payload: Any, name: str) -> Any:
        """Return whether a request is granted, True or False; or what will know, of which the question then tells."""

    def request_granted(self, name: str) -> None:
        """The answer to this request was sent, and is yes."""


class Channel:
    """One channel of one connection.

    Attributes:
        number, peer_number: recipient_channel of what we get, and of what we send.
        inbound, outbound: what the peer, and what we, may still send.
        receive: the window of the inbound direction; None before the channel is open.
        send_left: what we may still send.
        max_send: the most data of one packet we send.
        replies_expected: answers that the peer owes us.
        deliver, hearer: see `Connection.deliver_to`.
        lane: what waits behind an undecided question; None: there never was one.
        wanted: the (window, max_packet) that our open asked for.
    """

    __slots__ = (
        "by_peer",
        "deliver",
        "hearer",
        "inbound",
        "kind",
        "lane",
        "lane_octets",
        "max_send",
        "number",
        "outbound",
        "peer_number",
        "receive",
        "replies_expected",
        "send_left",
        "state",
    )

    def __init__(self, number: int, kind: str, state: ChannelState) -> None:
        self.number = number
        self.kind = kind
        self.state = state
        self.by_peer = state is ChannelState.DECIDING
        self.peer_number = 0
        self.inbound = Flow.OPEN
        self.outbound = Flow.OPEN
        self.receive: ReceiveWindow | None = None
        self.deliver: Callable[[bytes, int | None], bool] | None = None
        self.hearer: Hearer | None = None
        self.send_left = 0
        self.max_send = 0
        self.replies_expected = 0
        self.lane: Lane | None = None
        self.lane_octets = 0


class Taker(Protocol):
    """What takes the items of a channel's lane: the mux."""

    def take_waiting(self, channel: Channel, item: Any) -> None:
        """Take what waited, now that its turn has come."""


class ChannelLane(Lane):
    """The lane of one channel. It has what it needs itself: a closure would cost twice the lane."""

    __slots__ = ("_channel", "_mux")

    def __init__(self, core: Core, mux: Taker, channel: Channel) -> None:
        # As `Lane.__init__`, of which each channel would cost a call.
        self._core = core
        self._take = self._owner = self._then = None
        self._bound = limits.LANE_MESSAGES
        self.queue = None
        self.pending = None
        self._mux = mux
        self._channel = channel

    def take(self, item: Any) -> None:
        """Take an item whose turn has come."""
        self._mux.take_waiting(self._channel, item)
