"""Which keys have a context of the cipher's made for them: those in use, and few besides.

Owns: that choice. Must not know: ciphers, packets, connections, any clock.

A context of AES-GCM takes 2.3 KiB and is made in three microseconds; two of them were a third of an idle
connection. So what seals or opens makes its context when there is a packet, and loses it when others have
made theirs since and it has been used no more. What has ended is not held here.

Loops in several threads meet here: each step is one operation on the queue, and who loses a context while it
uses it has a reference of its own.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol
from weakref import ref

#: How many contexts there may be that are not in use: 75 KiB.
_KEPT: Final = 32
#: How many are looked at for each that is made: more than one, so that those out of use become fewer.
_LOOKS: Final = 2


class Holder(Protocol):
    """What makes a context of its own.

    Attributes:
        counter: another number after each use.
    """

    counter: int

    def let_go(self) -> None:
        """Drop the context until there is a use for it."""


#: Who has a context, and how far each had come when it was looked at last; the longest ago first.
_holders: Final[deque[tuple[ref[Holder], int]]] = deque()


def made(holder: Holder) -> None:
    """Take note that a context was made, and have some of those let go that have not been used for long."""
    _holders.append((ref(holder), holder.counter))
    for _ in range(_LOOKS):
        if len(_holders) <= _KEPT:
            return
        try:
            seen, counter = _holders.popleft()
        except IndexError:  # another thread was here
            return
        one = seen()
        if one is None:
            continue
        if one.counter == counter:
            one.let_go()
        else:
            _holders.append((seen, one.counter))
