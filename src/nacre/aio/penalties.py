"""Penalties by source: who misbehaves before the login is not let in again for a while.

Owns: what costs how much, and the bounded table of who owes what. Must not know: what a source is, or
how a connection ended.

The rules are those of OpenSSH's PerSourcePenalties: penalties add up, nothing happens below `least`, and
nobody is shut out for longer than `most`.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from nacre.wire.record import record


class Outcome(Enum):
    """How the time before a login ended."""

    SETTLED = "settled"  # logged in; or our own doing, as when the listener closes
    NOAUTH = "noauth"  # gone without having tried to authenticate
    AUTHFAIL = "authfail"  # gone with credentials refused
    GRACE_EXCEEDED = "grace_exceeded"  # too slow with the identification, the login, or to read
    REFUSED = "refuseconnection"  # a configuration has refused the connection of whoever it was
    CRASH = "crash"  # something of ours failed on what was sent


class Overflow(Enum):
    """What is done when the table is full."""

    PERMISSIVE = "permissive"  # the penalty that would end first makes room
    DENY = "deny-all"  # nobody who is not exempt is let in until there is room


@record
class PenaltyPolicy:
    """What costs how much, in seconds.

    Attributes:
        crash, authfail, noauth, grace_exceeded, refuseconnection: for each connection that ends so, see `Outcome`.
        least: a penalty below this one has no effect yet.
        most: how long somebody is shut out at most.
        sources: sources with a penalty that are kept, of IPv4 and of IPv6 each.
        overflow: what is done about more.
        sources6, overflow6: the same of IPv6 alone; 0 and None: as of IPv4.
    """

    crash: float = 90.0
    authfail: float = 5.0
    noauth: float = 1.0
    grace_exceeded: float = 10.0
    least: float = 15.0
    most: float = 600.0
    sources: int = 65_536
    overflow: Overflow = Overflow.PERMISSIVE
    refuseconnection: float = 10.0
    sources6: int = 0
    overflow6: Overflow | None = None

    def table(self, version: int) -> tuple[int, Overflow]:
        """Return how many sources of a version of IP are kept, and what is done about more."""
        if version == 4:
            return self.sources, self.overflow
        return self.sources6 or self.sources, self.overflow6 or self.overflow

    def cost(self, outcome: Outcome) -> float:
        """Return what an outcome costs."""
        if outcome is Outcome.SETTLED:
            return 0.0
        return float(getattr(self, outcome.value))

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> PenaltyPolicy:
        """Return a policy from values by name.

        Raises:
            ValueError: a name is unknown or a value of no use.
        """
        known = cls.__match_args__
        found: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"there is no penalty {name!r}: {', '.join(known)}")
            if name in ("overflow", "overflow6"):
                found[name] = Overflow(value)
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                raise ValueError(f"{name} is a number of at least 0, not {value!r}")
            else:
                found[name] = int(value) if name in ("sources", "sources6") else float(value)
        policy = cls(**found)
        if policy.least > policy.most or not policy.sources:
            raise ValueError("least is at most what most is, and sources at least 1")
        return policy


class Penalties:
    """The penalties of one family of sources.

    Args:
        policy: the rules.
        version: of IP.
    """

    def __init__(self, policy: PenaltyPolicy, version: int = 4) -> None:
        self._policy = policy
        self._most, self._overflow = policy.table(version)
        #: When each source is free again; in effect are those above `least` when last added to.
        self._until: dict[str, float] = {}
        self._active: set[str] = set()
        self._order: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._until)

    def add(self, source: str, seconds: float, now: float) -> None:
        """Add to the penalty of a source."""
        policy = self._policy
        if not seconds:
            return
        self._expire(now)
        if source not in self._until and len(self._until) >= self._most:
            if self._overflow is Overflow.DENY:
                return
            self._forget_first()
        until = min(max(self._until.get(source, now), now) + seconds, now + policy.most)
        self._until[source] = until
        if until - now >= policy.least:
            self._active.add(source)
        heapq.heappush(self._order, (until, source))
        if len(self._order) > _STALE * len(self._until) + _STALE:
            self._order = [(end, name) for name, end in self._until.items()]
            heapq.heapify(self._order)

    def remaining(self, source: str, now: float) -> float:
        """Return for how many seconds a source is still shut out; 0: it is not."""
        if self._overflow is Overflow.DENY and len(self._until) >= self._most:
            self._expire(now)
            if len(self._until) >= self._most:
                return self._order[0][0] - now
        until = self._until.get(source)
        if until is None or until <= now or source not in self._active:
            return 0.0
        return until - now

    def _expire(self, now: float) -> None:
        order = self._order
        while order and (order[0][0] <= now or self._until.get(order[0][1]) != order[0][0]):
            until, source = heapq.heappop(order)
            if self._until.get(source) == until:
                self._forget(source)

    def _forget_first(self) -> None:
        while True:
            until, source = heapq.heappop(self._order)
            if self._until.get(source) == until:
                self._forget(source)
                return

    def _forget(self, source: str) -> None:
        del self._until[source]
        self._active.discard(source)


#: Entries of the order by time that are out of date, per source, before it is made anew.
_STALE: Final = 4
