"""What the application asks of an open connection: channels, requests, new keys.

Owns: the commands, and whether one may be given now. Must not know: what they send, or what is received.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nacre.errors import LocalProtocolError
from nacre.protocol.channel import Hearer
from nacre.protocol.core import Core
from nacre.protocol.handshake import Handshake
from nacre.protocol.mux import Mux
from nacre.protocol.state import Phase
from nacre.wire.transport import Debug

#: For each command: to look up a member of an enum costs as much as to call a function.
_OPEN: Final = Phase.OPEN
_CLOSED: Final = Phase.CLOSED


def _not_open() -> LocalProtocolError:
    return LocalProtocolError("the connection is not open")


class Commands:
    """The half of a connection that is told what to do; `nacre.protocol.connection` has the other one.

    Args:
        core: the shared state.
        handshake: makes new keys.

    Attributes:
        closed: the connection is over; no command has any effect.
    """

    __slots__ = (
        "_core",
        "_handshake",
        "_mux",
        "closed",
    )

    def __init__(self, core: Core, handshake: Handshake) -> None:
        self._core = core
        self._handshake = handshake
        self._mux = Mux(core, handshake)
        self.closed = False

    def send_debug(self, message: str, lang: str = "en-US", *, always_display: bool = False) -> None:
        """Send SSH_MSG_DEBUG (RFC 4253 section 11.3).

        Raises:
            LocalProtocolError: the first key exchange is not over (a strict one has no place for
                it), or the connection has ended.
        """
        if self.closed or not self._core.outbound.encrypted:
            raise LocalProtocolError("a debug message can be sent between the first keys and the end only")
        self._core.send(Debug(always_display, message, lang))

    def rekey(self) -> None:
        """Ask for new keys (RFC 4253 section 9).

        Raises:
            LocalProtocolError: authentication is not complete.
        """
        if self._core.phase is not _OPEN:
            raise _not_open()
        self._handshake.start()

    def open_channel(self, kind: str, data: bytes, window: int, max_packet: int) -> int:
        """Ask for a channel (RFC 4254 section 5.1).

        Args:
            kind: the channel type, such as "session".
            data: the encoded payload of the kind.
            window: the largest receive window, in bytes; it starts smaller and grows.
            max_packet: the largest data of one packet we take, at most 32 KiB.

        Returns:
            The channel's number. `ChannelOpened` or `ChannelOpenFailed` follows.
        """
        if self._core.phase is not _OPEN:
            raise _not_open()
        return self._mux.open_channel(kind, data, window, max_packet)

    def deliver_to(
        self, channel: int, deliver: Callable[[bytes, int | None], bool], hearer: Hearer | None = None
    ) -> None:
        """Have plain data of a channel taken without an event, wherever its state needs no second look.

        Args:
            channel: its number.
            deliver: takes data, and None for its type; returns whether that was consumed at once. Where
                it was not, `consumed` follows.
            hearer: is told of what the peer does to the channel without an event too: that it opens and closes it,
                of the end of data, of answers and requests; None: there are events. What it cannot decide at once is
                asked with an event all the same, and so is told what no message of the peer's has brought.
        """
        known = self._mux.channels.get(channel)
        if known is not None:
            known.deliver = deliver
            known.hearer = hearer

    def channel_eof(self, channel: int, *, status_follows: bool = False) -> None:
        """Send EOF on a channel, once (RFC 4254 section 5.3).

        Args:
            channel: its number.
            status_follows: the peer's CLOSE is not answered before `channel_close`, so that it can still be told
                how a program has ended. Calling this again without it gives that up.
        """
        if self._core.phase is not _OPEN:
            raise _not_open()
        self._mux.eof(channel, status_follows=status_follows)

    def channel_close(self, channel: int) -> None:
        """Send CLOSE on a channel (RFC 4254 section 5.3); one that is gone already is fine."""
        if not self.closed:
            self._mux.close(channel)

    def channel_request(self, channel: int, name: str, payload: bytes, want_reply: bool) -> None:
        """Ask something of a channel (RFC 4254 section 5.4)."""
        if self._core.phase is not _OPEN:
            raise _not_open()
        self._mux.request(channel, name, payload, want_reply=want_reply)

    def consumed(self, channel: int, size: int) -> bool:
        """The application has taken `size` bytes of this channel's data: credit for the peer.

        Returns:
            Whether that is sent now; it waits until it is worth a message.
        """
        return self._core.phase is not _CLOSED and self._mux.consumed(channel, size)

    def global_request(self, name: str, payload: bytes, want_reply: bool) -> None:
        """Ask something of the connection (RFC 4254 section 4)."""
        if self._core.phase is not _OPEN:
            raise _not_open()
        self._mux.global_requests.request(name, payload, want_reply=want_reply)
