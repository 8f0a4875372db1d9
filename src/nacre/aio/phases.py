"""Where a channel is in its life, and what it may still send.

Owns: `Phase` and `Sending`. Must not know: who changes them, and when.
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """Where a channel is in its life."""

    NEW = "new"
    OPEN = "open"
    STARTED = "started"
    GONE = "gone"


class Sending(Enum):
    """What may still be sent; the later states wait for the queue to run empty."""

    OPEN = "open"
    EOF = "eof"
    CLOSING = "closing"
    CLOSED = "closed"
