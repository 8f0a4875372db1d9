"""Questions in order: what is behind an undecided one waits, bounded; an answer counts once."""

from __future__ import annotations

import pytest

from nacre.errors import ProtocolError
from nacre.protocol.events import Question
from nacre.protocol.lane import Lane
from nacre.wire.record import record
from tests.support.protocol import make_core


@record
class Asked(Question):
    """A question of these tests."""


class Bench:
    """A lane whose items are asked about when they are words, and taken when they are numbers."""

    def __init__(self) -> None:
        self.core = make_core()
        self.lane = Lane(self.core, self.take, 3)
        self.taken: list[object] = []

    def take(self, item: object) -> None:
        self.taken.append(item)
        if isinstance(item, str):
            self.lane.ask(Asked, lambda value: self.taken.append((item, value)))

    def answer(self, value: object) -> None:
        token = self.core.events.pop(0).token
        self.lane.answered(token, value)

    def pump(self) -> None:
        while self.core.ready:
            if not self.core.ready[0].advance():
                self.core.ready.pop(0)


@pytest.fixture
def bench():
    return Bench()


def test_without_a_question_nothing_waits(bench):
    bench.lane.put(1)
    bench.lane.put(2)
    assert bench.taken == [1, 2]
    assert bench.lane.idle


def test_what_is_behind_a_question_waits_for_its_answer(bench):
    for item in ("a", 1, 2):
        bench.lane.put(item)
    assert bench.taken == ["a"]
    assert len(bench.lane.queue) == 2
    bench.answer(True)
    assert bench.taken == ["a", ("a", True)]  # nothing re-enters: the pump takes the rest
    bench.pump()
    assert bench.taken == ["a", ("a", True), 1, 2]
    assert bench.lane.idle


def test_what_comes_between_answer_and_pump_does_not_overtake(bench):
    for item in ("a", 1):
        bench.lane.put(item)
    bench.answer(True)
    bench.lane.put(2)
    bench.pump()
    assert bench.taken[2:] == [1, 2]


def test_questions_behind_questions(bench):
    for item in ("a", "b", 1):
        bench.lane.put(item)
    bench.answer(1)
    bench.pump()
    assert bench.taken == ["a", ("a", 1), "b"]
    bench.answer(2)
    bench.pump()
    assert bench.taken[3:] == [("b", 2), 1]


def test_what_waits_is_bounded(bench):
    bench.lane.put("a")
    for item in range(3):
        bench.lane.put(item)
    with pytest.raises(ProtocolError):
        bench.lane.put(3)


def test_an_answer_to_a_void_question_is_dropped(bench):
    bench.lane.put("a")
    bench.lane.put(1)
    token = bench.core.events.pop(0).token
    bench.lane.void()
    bench.lane.answered(token, True)
    assert bench.taken == ["a"]
    assert bench.lane.idle
    assert not bench.core.ready


def test_an_answer_to_an_older_question_is_dropped(bench):
    bench.lane.put("a")
    old = bench.core.events.pop(0).token
    bench.lane.void()
    bench.lane.put("b")
    bench.lane.answered(old, True)
    assert bench.lane.pending is not None
    assert bench.taken == ["a", "b"]


def test_a_handler_that_raises_does_not_lose_what_waits(bench):
    def fail(value):
        raise ProtocolError("no")

    bench.lane.ask(Asked, fail)
    bench.lane.put(1)
    with pytest.raises(ProtocolError):
        bench.answer(True)
    bench.pump()
    assert bench.taken == [1]
