"""Who may come in at all: judged at the accept, before anything is allocated for a connection.

Owns: the bound on connections that have not logged in, in all and by source, and who is shut out for
what it did before. Must not know: sockets, or what a connection is.

The bound in all has the form of OpenSSH's MaxStartups, "start:rate:full": from `start` on, connections are
dropped at random, `rate` per cent of them first and all of them at `full`, so that in a flood from
everywhere an honest client still gets in by trying again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NamedTuple

from nacre.aio import limits
from nacre.aio.log import logger
from nacre.aio.penalties import Outcome, Penalties, PenaltyPolicy
from nacre.aio.sources import BLOCKS, Networks, host_of, parse_address, source_of
from nacre.wire.record import fresh, record

#: These are this machine's own, and the usual ways of a tunnel or a local load balancer.
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")


def _draw() -> float:
    """Return a random number from 0 to 1. `random` would be loaded for nothing else."""
    return int.from_bytes(os.urandom(4), "big") / (1 << 32)


class Startups(NamedTuple):
    """How many connections that have not logged in there may be.

    Attributes:
        start: from here on connections are dropped at random.
        rate: so many per cent of them at `start`, rising to all of them at `full`.
        full: the most.
    """

    start: int = limits.STARTUPS_START
    rate: int = limits.STARTUPS_RATE
    full: int = limits.UNAUTHENTICATED

    def drops(self, count: int, draw: Callable[[], float]) -> bool:
        """Return whether one more is dropped when there are `count`."""
        if count < self.start:
            return False
        if count >= self.full:
            return True
        share = self.rate + (100 - self.rate) * (count - self.start) / (self.full - self.start)
        return draw() * 100 < share


@record
class Policy:
    """What a listener lets in.

    Attributes:
        startups: connections that have not logged in, in all.
        per_source: the same of one source; 0: no bound of its own.
        penalties: what sources are punished for; None: nothing.
        exempt: networks to which neither of these two applies; UNIX sockets never are subject to them.
        balancers: networks whose connections begin with a PROXY header, which names the source.
        late: the source of every connection is only known later.
        blocks: how many bits of an IPv4 and of an IPv6 address are one source.
    """

    startups: Startups = fresh(default_factory=Startups)
    per_source: int = 0
    penalties: PenaltyPolicy | None = None
    exempt: Networks = fresh(default_factory=lambda: Networks(LOOPBACK))
    balancers: Networks = fresh(default_factory=Networks)
    late: bool = False
    blocks: tuple[int, int] = BLOCKS


class Refusal(Enum):
    """Why a connection is not let in."""

    STARTUPS = "too many have not logged in"
    PER_SOURCE = "too many of one source have not logged in"
    PENALTY = "the source is shut out for a while"


class _Origin(NamedTuple):
    """What a host is under a policy: its source, None where no bound applies, and the version of IP."""

    host: str | None
    source: str | None
    version: int
    balancer: bool

    @classmethod
    def of(cls, host: str | None, policy: Policy) -> _Origin:
        address = parse_address(host) if host is not None else None
        balancer = policy.balancers.include(address)
        if address is None or policy.exempt.include(address):
            return cls(host, None, 0, balancer)
        return cls(host, source_of(address, policy.blocks), address.version, balancer)


class Admission:
    """Judges for one listener.

    Args:
        policy: what is let in; it may be replaced.
        clock: seconds of a monotonic clock.
        draw: returns a random number from 0 to 1.

    Attributes:
        count: connections that have not logged in.
        refused: how many were refused for each reason.
    """

    def __init__(self, policy: Policy, clock: Callable[[], float], draw: Callable[[], float] = _draw) -> None:
        self._clock = clock
        self._draw = draw
        self._by_source: dict[str, int] = {}
        self._origins: dict[str | None, _Origin] = {}
        self._told = -limits.REFUSALS_TOLD
        self._untold = 0
        self.count = 0
        self.refused = dict.fromkeys(Refusal, 0)
        self._set(policy)

    def _set(self, policy: Policy) -> None:
        self._policy = policy
        rules = policy.penalties or PenaltyPolicy()
        self._penalties = {version: Penalties(rules, version) for version in (4, 6)}

    @property
    def policy(self) -> Policy:
        """What is let in."""
        return self._policy

    def change(self, policy: Policy) -> None:
        """Let in by other rules from now on; penalties are forgotten only where their rules change."""
        if policy.penalties != self._policy.penalties:
            self._set(policy)
        self._policy = policy
        self._origins.clear()

    def admit(self, peer: Any) -> Place | None:
        """Judge a connection by the address of its socket.

        Returns:
            Its place, until `Place.leave`; None: it is refused.
        """
        if self._policy.startups.drops(self.count, self._draw):
            self._refuse(Refusal.STARTUPS, host_of(peer))
            return None
        origin = self._origin(host_of(peer))
        if not (origin.balancer or self._policy.late) and (why := self._judge(origin)) is not None:
            self._refuse(why, origin.host)
            return None
        place = Place(self, proxied=origin.balancer)
        if not (origin.balancer or self._policy.late):
            self._hold(place, origin)
        self.count += 1
        return place

    def _origin(self, host: str | None) -> _Origin:
        """Say what a host is to us; in a flood the same few are asked about again and again."""
        known = self._origins.get(host)
        if known is None:
            known = _Origin.of(host, self._policy)
            if len(self._origins) >= limits.ORIGINS:
                self._origins.clear()
            self._origins[host] = known
        return known

    def locate(self, place: Place, host: str | None) -> bool:
        """Take note of where a connection comes from; see `Place.locate`."""
        origin = self._origin(host)
        why = self._judge(origin)
        if why is not None:
            self._refuse(why, host)
            return False
        self._hold(place, origin)
        return True

    def _judge(self, origin: _Origin) -> Refusal | None:
        policy, source = self._policy, origin.source
        if source is None:
            return None
        if policy.per_source and self._by_source.get(source, 0) >= policy.per_source:
            return Refusal.PER_SOURCE
        if policy.penalties is not None and self._penalties[origin.version].remaining(source, self._clock()):
            return Refusal.PENALTY
        return None

    def _hold(self, place: Place, origin: _Origin) -> None:
        source = origin.source
        if source is not None:
            place.source, place.version = source, origin.version
            self._by_source[source] = self._by_source.get(source, 0) + 1

    def leave(self, place: Place, outcome: Outcome) -> None:
        """Give a place back; see `Place.leave`."""
        self.count -= 1
        source = place.source
        if source is None:
            return
        left = self._by_source.pop(source) - 1
        if left:
            self._by_source[source] = left
        rules = self._policy.penalties
        if rules is not None:
            self._penalties[place.version].add(source, rules.cost(outcome), self._clock())

    def _refuse(self, why: Refusal, host: str | None) -> None:
        """Count, and say so now and then: a flood must not flood the log as well."""
        self.refused[why] += 1
        self._untold += 1
        now = self._clock()
        if now - self._told >= limits.REFUSALS_TOLD:
            self._told = now
            where = host or "a UNIX socket"
            logger.warning("refused %d connections, the last from %s: %s", self._untold, where, why.value)
            self._untold = 0


class Place:
    """The place of one connection among those that have not logged in.

    Attributes:
        proxied: it comes from a load balancer, and begins with a PROXY header.
        source: where it comes from; None where that is exempt, or not known yet.
        version: the version of IP of the source.
    """

    __slots__ = ("_admission", "_held", "proxied", "source", "version")

    def __init__(self, admission: Admission, *, proxied: bool) -> None:
        self._admission = admission
        self._held = True
        self.proxied = proxied
        self.source: str | None = None
        self.version = 0

    def locate(self, host: str | None) -> bool:
        """Say where the connection comes from, when the accept did not know; called once.

        Args:
            host: the address; None: a UNIX socket, or something else that is exempt.

        Returns:
            False: its source is refused; then it leaves.

        Raises:
            ValueError: this is no address.
        """
        return self._admission.locate(self, host)

    def leave(self, outcome: Outcome = Outcome.SETTLED) -> None:
        """The connection is logged in, or gone; what it cost is noted. Only the first call counts."""
        if self._held:
            self._held = False
            self._admission.leave(self, outcome)
