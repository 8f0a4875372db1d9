"""Sockets of TCP that know what they are.

Owns: `stream_socket`. Must not know: who listens.

asyncio asks each socket for its family and its type several times before the first byte, and those of the
standard library make a member of an enum for each answer.
"""

from __future__ import annotations

import socket
from typing import Any, Final


class _Stream(socket.socket):
    type = socket.SOCK_STREAM  # a property there, which asks an enum each time

    def accept(self) -> tuple[socket.socket, Any]:
        """Return a connection, which blocks as the system has it, and where it comes from."""
        descriptor, address = self._accept()  # type: ignore[attr-defined]  # as socket.socket.accept does
        return type(self)(self.family, self.type, self.proto, descriptor), address


class _Stream4(_Stream):
    family = socket.AF_INET


class _Stream6(_Stream):
    family = socket.AF_INET6


_KINDS: Final[dict[int, type[socket.socket]]] = {socket.AF_INET: _Stream4, socket.AF_INET6: _Stream6}


def stream_socket(family: int, proto: int = socket.IPPROTO_TCP) -> socket.socket:
    """Return a new socket of TCP.

    Args:
        family: AF_INET or AF_INET6; of any other a socket as Python's own.
        proto: the protocol. With 0, asyncio would leave Nagle's algorithm on.
    """
    return _KINDS.get(family, socket.socket)(family, socket.SOCK_STREAM, proto)
