"""What a client does about host keys that it does not know: OpenSSH's words (ssh_config(5)).

Owns: the words. Must not know: who acts on them.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["HostKeyChecking", "Wish"]


class HostKeyChecking(StrEnum):
    """StrictHostKeyChecking: what becomes of a key that is not known, and of one that has changed.

    YES: both are refused, unless the program's callback trusts them for this connection; nothing is written.
    ACCEPT_NEW: an unknown one is kept; a changed one is refused.
    ASK: an unknown one is kept if the program's callback says so; a changed one is refused.
    NO: an unknown one is kept; with a changed one the connection goes on without what a liar could use.
    """

    YES = "yes"
    ACCEPT_NEW = "accept-new"
    ASK = "ask"
    NO = "no"

    @property
    def keeps(self) -> bool:
        """Whether keys may be written to the user's file."""
        return self is not HostKeyChecking.YES


class Wish(StrEnum):
    """An answer that may be left to somebody who is asked each time."""

    YES = "yes"
    ASK = "ask"
    NO = "no"
