"""Flow control (RFC 4254 section 5.2): what the peer may send us, lent from one budget.

Owns: `Budget` and `ReceiveWindow`. Must not know: messages. The window of the other direction is a
plain number of `nacre.protocol.channel`, since the peer alone decides about it.

A channel starts with a small part of what is left of the connection's budget, so that a thousand
channels fit; while a transfer is limited by its window, the window doubles, up to what was asked
for and while the budget lasts. Credit goes back when the application has consumed, half a window
at a time. A floor of `WINDOW_MINIMUM` is lent to every channel beyond the budget, so that a
connection can hold `receive_budget + max_channels * WINDOW_MINIMUM` bytes at the most.
"""

from __future__ import annotations

from typing import Final

from nacre.errors import LocalProtocolError, ProtocolError
from nacre.protocol import limits

_OPENING_SHARE: Final = 64
_GROWTH_SHARE: Final = 2


class Budget:
    """Bytes that the windows of one connection may hold together.

    Attributes:
        left: those that no channel has; a channel that closes gives its own back.
    """

    __slots__ = ("left",)

    def __init__(self, size: int) -> None:
        self.left = size

    def lend_first(self, wanted: int) -> int:
        """Lend a new channel its first window."""
        share = max(self.left // _OPENING_SHARE, limits.WINDOW_MINIMUM)
        granted = max(1, min(wanted, share))
        self.left -= granted
        return granted

    def lend_more(self, wanted: int) -> int:
        """Lend a busy channel up to `wanted` bytes more."""
        granted = max(0, min(wanted, self.left // _GROWTH_SHARE))
        self.left -= granted
        return granted


class ReceiveWindow:
    """What the peer may send on one channel.

    Args:
        budget: the connection's.
        wanted: the largest window that the channel may grow to, in bytes.
        max_packet: the largest data of one packet that the peer was told of.

    Attributes:
        size: the present window.
        left: what the peer may still send before it gets credit.
    """

    __slots__ = ("_budget", "_consumed", "_max_packet", "_unread", "_wanted", "left", "size")

    def __init__(self, budget: Budget, wanted: int, max_packet: int) -> None:
        self._budget = budget
        self._wanted = wanted
        self._max_packet = max_packet
        self._consumed = 0
        self._unread = 0
        self.size = budget.lend_first(wanted)
        self.left = self.size

    def received(self, size: int) -> None:
        """Take note of data.

        Raises:
            ProtocolError: it is more than the peer was given credit for, or than one packet may have.
        """
        if size > self.left or size > self._max_packet:
            raise ProtocolError(
                f"{size} bytes of data in a window of {self.left} and packets of at most {self._max_packet}"
            )
        self.left -= size
        self._unread += size

    def consumed(self, size: int) -> int:
        """The application has taken `size` bytes.

        Returns:
            The credit to send now; 0 while it is not worth a message.

        Raises:
            LocalProtocolError: more was consumed than was received.
        """
        if size > self._unread:
            raise LocalProtocolError(f"{size} bytes consumed of {self._unread} that were received")
        self._unread -= size
        self._consumed += size
        if self._consumed < self.size // 2 and self._consumed < self.size:
            return 0
        credit = self._consumed
        self._consumed = 0
        if self.left < self.size and self.size < self._wanted:
            more = self._budget.lend_more(min(self.size, self._wanted - self.size))
            self.size += more
            credit += more
        self.left += credit
        return credit

    def close(self) -> None:
        """The channel is gone: the budget gets its window back."""
        self._budget.left += self.size
        self.size = self.left = 0
