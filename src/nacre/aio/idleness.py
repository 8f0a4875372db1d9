"""When connections that were in use have gone idle: one timer for all those of a loop.

Owns: who is looked at when. Must not know: connections, or what one does once it is idle.

A timer for each would cost a turn of the loop a second and connection; and timers that were late together
stay together, so that all of them hold up the same key.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Final, Protocol

from nacre.aio import limits


class Watched(Protocol):
    """Something that may have gone idle."""

    def went_idle(self) -> bool:
        """Return whether nothing has moved since it was asked the last time: it is not asked again then."""


#: Those who are looked at in one go; a dictionary, since that keeps an order.
Group = dict[Watched, None]


class Idleness:
    """Looks at everybody once in `limits.IDLE` seconds, at a part of them at a time; see `idleness`."""

    __slots__ = ("__weakref__", "_due", "_groups", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._groups: list[Group] = [{} for _ in range(limits.IDLE_GROUPS)]
        #: When it is the turn of each. Time goes in steps, each of which has one of the groups.
        self._due = [0] * limits.IDLE_GROUPS
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, one: Watched) -> Group:
        """Look at somebody from now on, for the first time after `limits.IDLE` seconds.

        Returns:
            Its group. Who is not to be looked at any more is taken out of it.
        """
        step = self._step()
        index = step % limits.IDLE_GROUPS
        group = self._groups[index]
        if not group:
            self._due[index] = step + limits.IDLE_GROUPS
        group[one] = None
        if self._timer is None:
            self._arm()
        return group

    def _step(self) -> int:
        return int(self._loop.time() * limits.IDLE_GROUPS / limits.IDLE)

    def _arm(self) -> None:
        """Look again when it is the turn of anybody."""
        due = [due for due, group in zip(self._due, self._groups, strict=True) if group]
        if due:
            self._timer = self._loop.call_at(min(due) * limits.IDLE / limits.IDLE_GROUPS, self.look)

    def look(self) -> None:
        """Look at those whose turn it is."""
        self._timer = None
        step = self._step()
        for index, group in enumerate(self._groups):
            if group and self._due[index] <= step:
                self._due[index] += limits.IDLE_GROUPS * (1 + (step - self._due[index]) // limits.IDLE_GROUPS)
                for one in [one for one in group if one.went_idle()]:
                    group.pop(one, None)
        if self._timer is None:
            self._arm()


#: By the id of a loop, which each of them keeps; who is watched, and the loop's timer, keep these.
_of_loops: Final[weakref.WeakValueDictionary[int, Idleness]] = weakref.WeakValueDictionary()


def idleness(loop: asyncio.AbstractEventLoop) -> Idleness:
    """Return the one of a loop."""
    found = _of_loops.get(id(loop))
    if found is None:
        found = _of_loops[id(loop)] = Idleness(loop)
    return found
