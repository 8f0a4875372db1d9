"""What the parts of one protocol end share: both directions, the events, the questions, the time.

Owns: `Core`. Must not know: what any part does with it. `nacre.protocol.connection` makes one and
hands it to the handshake, to authentication and to the mux.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from nacre.crypto.compression import make_compressor, make_decompressor
from nacre.errors import ConnectionLost, DisconnectError, DisconnectReason
from nacre.protocol import limits
from nacre.protocol.events import Event
from nacre.protocol.inbound import Inbound
from nacre.protocol.outbound import Outbound
from nacre.protocol.settings import Info, Negotiated, Role, Settings, Sources
from nacre.protocol.state import Phase
from nacre.wire.message import Message, When
from nacre.wire.transport import Disconnect

if TYPE_CHECKING:
    from nacre.protocol.lane import Lane

#: May be sent during our own key exchange (RFC 4253 section 7.1: 1 to 19, 20 to 29, 30 to 49).
_DURING_EXCHANGE = (When.ALWAYS, When.NOISE, When.KEX_INIT, When.KEX_METHOD, When.KEX_END)


class Core:
    """The shared state of one protocol end.

    Attributes:
        deadline_moved: the next deadline may be another than when it was asked for last.
        now: the time of the latest call that brought one, in seconds of a monotonic clock.
        heard: when something was received last.
        unanswered: how many keepalives were sent since.
        unused_since: when the last channel has gone, or the login was complete.
        phase: how far the connection has come.
        events: what the driver has not pulled yet.
        emit: queues an event there.
        fault: a fault found outside the pump; the pump ends the connection with it.
        ready: lanes in which something waited for an answer that is there now; None or empty: there are none.
    """

    __slots__ = (
        "deadline_moved",
        "emit",
        "events",
        "fault",
        "heard",
        "inbound",
        "info",
        "now",
        "outbound",
        "phase",
        "ready",
        "role",
        "settings",
        "sources",
        "unanswered",
        "unused_since",
    )

    def __init__(self, role: Role, settings: Settings, sources: Sources) -> None:
        self.role = role
        self.settings = settings
        self.sources = sources
        self.info = Info(own_version=_version(settings.software_version), username=settings.username)
        self.inbound = Inbound()
        self.outbound = Outbound(sources.random)
        self.outbound.failed = self._lose
        self.events: list[Event] = []
        self.emit: Callable[[Event], None] = self.events.append
        self.ready: list[Lane] | None = None
        self.phase = Phase.KEYS
        self.fault: DisconnectError | None = None
        self.now = self.heard = self.unused_since = 0.0
        self.unanswered = 0
        self.deadline_moved = True

    def _lose(self, error: BaseException) -> None:
        """A packet could not be made, for want of memory for one: whoever asked for it hears why."""
        if self.fault is None:
            lost = ConnectionLost("a packet could not be sealed")
            self.fault = error if isinstance(error, DisconnectError) else lost

    def release(self) -> None:
        """Nothing will be sent any more: let go of what holds this."""
        self.outbound.failed = _nobody

    def opened(self) -> None:
        """The user is authenticated: packets may be larger, and are compressed where that was agreed on."""
        self.phase = Phase.OPEN
        self.unused_since = self.now
        self.deadline_moved = True
        self.inbound.limit = limits.PACKET
        agreed = self.info.negotiated
        if agreed is None:
            return
        if agreed.compression_client_to_server == agreed.compression_server_to_client == "none":
            return  # as most are, and as it is until now
        self.compress_outbound(agreed)
        self.decompress_inbound(agreed)

    def compress_outbound(self, agreed: Negotiated) -> None:
        """Compress what is sent from now on, from a new beginning: after SUCCESS, or our NEWKEYS."""
        client = self.role is Role.CLIENT
        name = agreed.compression_client_to_server if client else agreed.compression_server_to_client
        self.outbound.compressor = make_compressor(name) if self.phase is Phase.OPEN else None

    def decompress_inbound(self, agreed: Negotiated) -> None:
        """Decompress what is received from now on, from a new beginning: after SUCCESS, or the peer's NEWKEYS."""
        client = self.role is Role.CLIENT
        name = agreed.compression_server_to_client if client else agreed.compression_client_to_server
        opened = self.phase is Phase.OPEN
        self.inbound.decompressor = make_decompressor(name, limits.PACKET) if opened else None

    def send(self, message: Message) -> None:
        """Queue a message; it waits for the end of a key exchange where it must."""
        outbound = self.outbound
        if outbound.in_exchange and message.when not in _DURING_EXCHANGE:
            self._check_room(outbound.send(message.encode()))
            return
        outbound.send_data(None, message.encode(), None, 0)  # as `send_now`, without a call between
        if outbound.queued > limits.OUTPUT_CEILING:
            self._check_room(False)

    def send_payload(self, payload: bytes) -> None:
        """Queue an encoded message that may have to wait for the end of a key exchange."""
        outbound = self.outbound
        if outbound.in_exchange:
            self._check_room(outbound.send(payload))
            return
        outbound.send_data(None, payload, None, 0)  # as in `send`
        if outbound.queued > limits.OUTPUT_CEILING:
            self._check_room(False)

    def _check_room(self, fits: bool) -> None:
        if not fits and self.fault is None:
            self.fault = ConnectionLost("the peer does not read what it asked for")


def forget_frames(error: BaseException | None) -> None:
    """Take the traceback off what is kept as the reason of an end, and off what led to it.

    The frames hold the connection, and the connection holds the reason. Where in here a fault of the peer
    was seen says its text; whoever is told of it raises it anew.
    """
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


@functools.lru_cache(16)
def _version(software: str) -> str:
    """Return our identification: one object for all connections."""
    return f"SSH-2.0-{software}"


def _nobody(error: BaseException) -> None:
    """Told that a packet could not be made when there is nobody left to tell."""


def farewell_of(error: DisconnectError) -> bytes:
    """The message that tells the peer why the connection ends (RFC 4253 section 11.1)."""
    return Disconnect(error.code, error.reason[: limits.REASON], error.lang[: limits.NAME]).encode()


def internal_error() -> DisconnectError:
    """What the peer is told when we are at fault.

    Nothing that went wrong ever counts as right: the connection ends, and the exception goes on to the driver.
    """
    return DisconnectError(DisconnectReason.BY_APPLICATION, "internal error")
