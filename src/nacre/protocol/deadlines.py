"""What the time does to a connection: a login that takes too long, a peer that has gone silent.

Owns: the deadlines of the identification and of the login, the keepalive, and which deadline is next.
Must not know: what a keepalive consists of, or how a connection ends: the pump is told by an exception.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from nacre.errors import ConnectionLost, DisconnectError, DisconnectReason
from nacre.protocol.core import Core
from nacre.protocol.global_requests import GlobalRequests
from nacre.protocol.handshake import Handshake
from nacre.protocol.state import Phase


@functools.lru_cache(16)
def _keepalive(interval: float, count_max: int) -> tuple[float, int]:
    """Return these two: one object for all connections that have them."""
    return interval, count_max


class Overdue(ConnectionLost):
    """The peer was too slow with its identification, with the login, or to read."""


class Deadlines:
    """The deadlines of one connection.

    Args:
        core: says when the peer was heard last, and how many keepalives it has not answered since.
        handshake: has deadlines of its own.
        requests: send a keepalive.
        channels: those that there are.

    Attributes:
        started: when the connection began, in seconds of a monotonic clock; None: it has not.
    """

    __slots__ = ("_asked", "_channels", "_core", "_handshake", "_keepalive", "_requests", "started")

    def __init__(
        self, core: Core, handshake: Handshake, requests: GlobalRequests, channels: Mapping[int, object]
    ) -> None:
        self._core = core
        self._channels = channels
        self._handshake = handshake
        self._requests = requests
        self._keepalive = _keepalive(core.settings.keepalive_interval, core.settings.keepalive_count_max)
        #: When the last keepalive was sent; it counts while one is unanswered.
        self._asked = 0.0
        self.started: float | None = None

    def set_keepalive(self, interval: float, count_max: int) -> None:
        """Change the keepalive; see `Settings`."""
        self._keepalive = _keepalive(interval, count_max)
        self._core.deadline_moved = True

    def next(self) -> float | None:
        """When `check` must be called at the latest; None: no need."""
        self._core.deadline_moved = False
        phase = self._core.phase
        if phase is Phase.CLOSED or self.started is None:
            return None
        deadline = self._handshake.next_deadline()
        if phase is Phase.OPEN:
            if self._keepalive[0]:
                keepalive = self._keepalive_at()
                if keepalive is not None and (deadline is None or keepalive < deadline):
                    deadline = keepalive
            if self._core.settings.unused_timeout:
                unused = self._unused_at()
                if unused is not None and (deadline is None or unused < deadline):
                    deadline = unused
            return deadline
        times = [time for time, _ in self._of_login()]
        if deadline is not None:
            times.append(deadline)
        return min(times, default=None)

    def _of_login(self) -> list[tuple[float, str]]:
        settings, started = self._core.settings, self.started or 0.0
        deadlines = []
        if not self._core.info.peer_version and settings.ident_timeout:
            deadlines.append((started + settings.ident_timeout, "no SSH identification came in time"))
        if self._core.phase < Phase.OPEN and settings.login_timeout:
            deadlines.append((started + settings.login_timeout, "the login took too long"))
        return deadlines

    def _unused_at(self) -> float | None:
        """When a connection ends that has no channel, if it does (UnusedConnectionTimeout of sshd_config(5))."""
        if self._channels or self._core.phase is not Phase.OPEN:
            return None
        return self._core.unused_since + self._core.settings.unused_timeout

    def _keepalive_at(self) -> float | None:
        interval, _ = self._keepalive
        if not interval or self._core.phase is not Phase.OPEN:
            return None
        # Each has its whole interval to be answered in, however late we were to ask: a process that was stopped
        # for long, or whose machine slept, would else ask all its questions at once and wait for no answer.
        return (self._asked if self._core.unanswered else self._core.heard) + interval

    def check(self, now: float) -> None:
        """Act on the time.

        Raises:
            ConnectionLost: it is over with this peer.
            DisconnectError: the connection was not used for as long as it may be.
        """
        timeout = self._core.settings.unused_timeout
        if timeout and (unused := self._unused_at()) is not None and now >= unused:
            raise DisconnectError(DisconnectReason.BY_APPLICATION, f"no channel was open for {timeout:.0f} s")
        for time, reason in self._of_login():
            if now >= time:
                raise Overdue(reason)
        self._handshake.tick()
        self._check_keepalive(now)

    def _check_keepalive(self, now: float) -> None:
        at = self._keepalive_at()
        if at is None or now < at:
            return
        core = self._core
        _, count_max = self._keepalive
        if core.unanswered >= count_max:
            raise ConnectionLost(f"the peer left {core.unanswered} keepalives unanswered")
        core.unanswered += 1
        self._asked = now
        self._requests.keep_alive()
