"""What servers preferred when this program connected to them last: the guess of the next key exchange.

Owns: the memory of it, which is bounded. Must not know: key exchanges, or connections. (RFC 4253 section 7: a client
may send its first share before it has seen the server's lists, and loses no more than that share by a wrong guess.)
"""

from __future__ import annotations

import threading
from typing import Final

__all__ = ["forget", "recall", "remember"]

#: Servers that are remembered.
_MOST: Final = 256

#: The first key exchange method and the first host key algorithm of a server's KEXINIT, by host and port.
_known: Final[dict[tuple[str, int], tuple[str, str]]] = {}
_lock: Final = threading.Lock()


def recall(host: str, port: int) -> tuple[str, str] | None:
    """Return what this server preferred the last time, None where that is not known."""
    return _known.get((host, port))


def remember(host: str, port: int, prefers: tuple[str, str]) -> None:
    """Take note of what a server prefers."""
    where = (host, port)
    if _known.get(where) == prefers:
        return
    with _lock:
        _known.pop(where, None)
        if len(_known) >= _MOST:
            del _known[next(iter(_known))]
        _known[where] = prefers


def forget(host: str, port: int) -> None:
    """Make no guess the next time: this one came to nothing."""
    with _lock:
        _known.pop((host, port), None)
