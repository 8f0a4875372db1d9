"""Which keys have a context of their cipher made for them: those in use, and the few that were made last.

Owns: that choice. Must not know: any cipher, packets, connections, or a clock: whoever has the connection says
when it is in use, and when that is over.

A context of AES-GCM takes 2.3 KiB and is made in three microseconds; two of them were a third of an idle
connection. So what seals or opens makes its context when there is a packet, and loses it when as many others as
are kept have made theirs. What has ended is not held here.

Loops in several threads meet here: each step is one operation on the queue, and who loses a context while it
uses it has a reference of its own.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final
from weakref import ref

#: How many contexts there are of connections that are not in use, 150 KiB: those of 32 logins at a time.
_KEPT: Final = 64


class Use(Enum):
    """Whether whoever has a key goes on using it."""

    NOW_AND_THEN = "now and then"
    OFTEN = "often"


class Holder:
    """What makes a context of its own from a key, and can do without one in between."""

    __slots__ = ("__weakref__", "use")

    def __init__(self) -> None:
        self.use = Use.NOW_AND_THEN

    def let_go(self) -> None:
        """Drop the context, until the next packet."""
        raise NotImplementedError


#: Who has a context, the oldest first; those that were let go or have ended since included.
_made: Final[deque[ref[Holder]]] = deque()


def made(holder: Holder) -> None:
    """Take note that a holder has made its context; the oldest that is used now and then loses its own."""
    _made.append(ref(holder))
    if len(_made) > _KEPT:
        try:
            oldest = _made.popleft()()
        except IndexError:  # another thread was here
            return
        if oldest is not None and oldest.use is Use.NOW_AND_THEN:
            oldest.let_go()


def keep(cipher: object) -> None:
    """What this seals or opens is a connection in use: its context stays, until `rest`."""
    if isinstance(cipher, Holder):
        cipher.use = Use.OFTEN


def rest(cipher: object) -> None:
    """Nothing has come for a while: the context may go."""
    if isinstance(cipher, Holder):
        cipher.use = Use.NOW_AND_THEN
        cipher.let_go()


def follow(cipher: object, after: object) -> None:
    """Use a cipher as the one before it, whose key it replaces."""
    if isinstance(cipher, Holder) and isinstance(after, Holder):
        cipher.use = after.use
