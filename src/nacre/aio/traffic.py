"""The class of traffic that the packets of a connection ask for: IPQoS (RFC 2474 section 3, RFC 3168 section 23.2).

Owns: the classes by name, and how a socket is told. Must not know: who asks for one, or what is sent.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from nacre.aio.log import logger

__all__ = ["Marker", "code"]

#: The bits below the six of a class are not ours: they tell of congestion.
_SHIFT: Final = 2
#: What RFC 791 had, by the names of OpenSSH; and RFC 3246, RFC 8622.
_NAMED: Final = {
    "lowdelay": 0x10,
    "throughput": 0x08,
    "reliability": 0x04,
    "ef": 46 << _SHIFT,
    "le": 1 << _SHIFT,
}


def code(name: str) -> int | None:
    """Return the octet that a class is, by a name of ssh_config(5) or in hexadecimal; None: the system's default."""
    if name == "none":
        return None
    if name in _NAMED:
        return _NAMED[name]
    if name.startswith("af"):  # RFC 2597: a class, and how soon it is dropped
        return (8 * int(name[2]) + 2 * int(name[3])) << _SHIFT
    if name.startswith("cs"):
        return (8 * int(name[2])) << _SHIFT
    return int(name, 16)


class Marker:
    """Tells the socket of one connection.

    Args:
        interactive: the octet for a connection where somebody types; None: the system's default.
        bulk: the octet for any other.
    """

    def __init__(self, interactive: int | None, bulk: int | None) -> None:
        self._interactive, self._bulk = interactive, bulk
        self._marked: int | None = None

    def connected(self, sock: Any) -> None:
        """Mark what is sent before the first session, as ssh does: somebody waits for the login."""
        self._mark(sock, self._interactive)

    def session_opens(self, sock: Any, *, has_terminal: bool) -> None:
        """Mark what is sent from here on; once somebody types it stays so, whatever else is done beside.

        Args:
            sock: of the transport; None, and one that is not of the internet, has no classes.
            has_terminal: whether the session is one in which somebody types.
        """
        if has_terminal:
            self._bulk = self._interactive
        self._mark(sock, self._bulk)

    def _mark(self, sock: Any, wanted: int | None) -> None:
        if wanted is None or wanted == self._marked or sock is None:
            return
        try:
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, wanted)
            elif sock.family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, wanted)
        except (OSError, AttributeError) as error:  # a system may lack it: what is sent arrives anyway
            logger.info("the class of traffic is not set: %s", error)
        self._marked = wanted
