"""Channels that are closed once nothing has moved on them for a while (ChannelTimeout of sshd_config(5)).

Owns: `Activity`, `TimedChannel` and its kinds for sessions: when something has moved, and the timer. Must not know: which
kinds of channels have a limit, or who says so.

Nobody else's channel has any of it: what moves is noted in methods that stand before those of other channels.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import AnyStr, Final

from nacre.aio.channel import SSHChannel
from nacre.aio.editor_channel import SSHLineEditorChannel
from nacre.aio.server_channel import SSHServerChannel

__all__ = ["Activity", "Limits", "TimedChannel", "TimedEditorChannel", "TimedServerChannel"]

_KINDS: Final = {"shell": "session:shell", "exec": "session:command"}


#: How many seconds nothing may move on a channel, and on all of a connection; 0: for ever.
Limits = tuple[float, float]


class Activity:
    """When something has moved on any channel of a connection.

    Args:
        limits_of: returns the limits of a kind of channel, as OpenSSH names them.

    Attributes:
        moved: when, by the clock of the loop.
    """

    __slots__ = ("limits_of", "moved")

    def __init__(self, limits_of: Callable[[str], Limits]) -> None:
        self.limits_of = limits_of
        self.moved = 0.0


class TimedChannel(SSHChannel[AnyStr]):
    """A channel that has limits once `limit` was called."""

    __slots__ = ()

    _activity: Activity | None = None
    _limits: Limits = (0.0, 0.0)
    _moved = 0.0
    _timer: asyncio.TimerHandle | None = None

    def limit(self, activity: Activity, kind: str = "") -> None:
        """Close the channel once nothing has moved for as long as its kind may.

        Args:
            activity: of the connection.
            kind: of the channel; "": a session's, which is of none before it has started.
        """
        self._activity = activity
        self.data_arrived = self._data_moved
        if kind:
            self._begin_watch(kind)

    def _begin_watch(self, kind: str) -> None:
        activity = self._activity
        if activity is None or self._timer is not None:
            return
        self._limits = activity.limits_of(kind)
        self._note()
        self._arm()

    def _note(self) -> None:
        """Something has moved."""
        if self._activity is not None:
            self._moved = self._activity.moved = self._link.loop.time()

    def _arm(self) -> None:
        """Look when it may be time."""
        activity, limits = self._activity, self._limits
        assert activity is not None
        moved = self._moved, activity.moved
        due = [then + limit for then, limit in zip(moved, limits, strict=True) if limit]
        self._timer = self._link.loop.call_at(min(due), self._look, min(due)) if due else None

    def _look(self, due: float) -> None:
        """Close the channel if nothing has moved since, and else look again."""
        self._arm()
        if self._timer is not None and self._timer.when() <= due:
            self._timer.cancel()
            self._timer = None
            self.logger.info("closed: nothing has moved for as long as ChannelTimeout permits")
            self.abort()

    # ------------------------------------------------------------ what moves

    def _data_moved(self, data: bytes, datatype: int | None) -> bool:
        self._note()
        return self._incoming.data(data, datatype)

    def write(self, data: AnyStr, datatype: int | None = None) -> None:
        """Send data, as every channel does."""
        SSHChannel.write(self, data, datatype)
        self._note()

    def writable(self) -> None:
        """The protocol takes data again."""
        self._note()
        super().writable()

    def gone(self, error: Exception | None) -> None:
        """The channel is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.data_arrived = self._incoming.data  # it would hold itself
        super().gone(error)


class TimedServerChannel(TimedChannel[AnyStr], SSHServerChannel[AnyStr]):
    """A session's, whose kind is what was asked for; a forced command is of the kind of that."""

    def write(self, data: AnyStr, datatype: int | None = None) -> None:
        """Send data, as every session's channel does."""
        SSHServerChannel.write(self, data, datatype)
        self._note()

    def request_granted(self, name: str) -> None:
        """Start the session once what runs in it was granted, and the time with it."""
        super().request_granted(name)
        if name == "subsystem":
            asked = self._subsystem or self.get_extra_info("original_command", "")
            self._begin_watch(f"session:subsystem:{asked}")
        elif name in _KINDS:
            self._begin_watch(_KINDS[name])


class TimedEditorChannel(TimedServerChannel[AnyStr], SSHLineEditorChannel[AnyStr]):
    """A session's with a line editor."""
