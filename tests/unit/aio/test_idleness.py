"""One timer for all connections of a loop that may have gone idle."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

from nacre.aio import limits
from nacre.aio.idleness import Idleness, idleness
from tests.support.face import asynctest


class Loop:
    """A clock that is set by hand, and one timer."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.due: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, function: Any) -> Any:
        assert when > self.now
        self.due.append((when, function))
        return object()

    def run(self, until: float) -> int:
        """Let time pass; returns how often the timer fired."""
        fired = 0
        while self.due and self.due[0][0] <= until:
            assert len(self.due) == 1, "there is one timer for all"
            self.now, function = self.due.pop()
            function()
            fired += 1
        self.now = until
        return fired


class One:
    """Notes when it was looked at; goes idle after so many looks."""

    def __init__(self, loop: Loop, busy: int) -> None:
        self.loop = loop
        self.busy = busy
        self.looks: list[float] = []

    def went_idle(self) -> bool:
        self.looks.append(self.loop.now)
        return len(self.looks) > self.busy


def test_everybody_is_looked_at_once_a_period_until_it_is_idle() -> None:
    loop = Loop()
    watch = Idleness(loop)  # type: ignore[arg-type]  # a loop as far as it is asked
    step = limits.IDLE / limits.IDLE_GROUPS
    many = []
    for number in range(200):
        loop.run(loop.now + step / 4)
        many.append((loop.now, One(loop, number % 3)))
        watch.watch(many[-1][1])
    fired = loop.run(loop.now + 5 * limits.IDLE)
    assert fired <= 3 * limits.IDLE_GROUPS, "a look is at many"
    assert not loop.due, "there is no timer where nobody is in use"
    for begin, one in many:
        assert len(one.looks) == one.busy + 1
        for number, when in enumerate(one.looks, 1):
            assert abs(when - begin - number * limits.IDLE) <= step


def test_one_alone_costs_one_turn_a_period() -> None:
    loop = Loop()
    one = One(loop, 9)
    Idleness(loop).watch(one)  # type: ignore[arg-type]  # likewise
    assert loop.run(loop.now + 20 * limits.IDLE) == 10


def test_who_is_taken_out_of_its_group_is_not_looked_at() -> None:
    loop = Loop()
    watch = Idleness(loop)  # type: ignore[arg-type]  # likewise
    gone, stays = One(loop, 1), One(loop, 1)
    for one in (gone, stays):
        group = watch.watch(one)
    del group[gone]
    loop.now += 10 * limits.IDLE  # the loop was held up
    loop.run(loop.now + 2 * limits.IDLE)
    assert not gone.looks
    assert len(stays.looks) == 2


@asynctest
async def test_each_loop_has_its_own() -> None:
    loop = asyncio.get_running_loop()
    first = idleness(loop)
    assert idleness(loop) is first
    other = asyncio.new_event_loop()
    try:
        assert idleness(other) is not first
    finally:
        other.close()


def test_a_loop_that_is_over_is_not_kept() -> None:
    loop = asyncio.new_event_loop()
    idleness(loop).watch(One(Loop(), 1))
    known = weakref.ref(loop)
    loop.close()
    del loop
    gc.collect()
    assert known() is None
