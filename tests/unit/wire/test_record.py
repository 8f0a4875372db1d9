"""Records: values with names, and nothing of the program's in what is shown of a secret."""

from __future__ import annotations

import pickle
from typing import ClassVar

import pytest

from nacre.wire.record import fresh, hidden, record


@record
class Point:
    """Two values and a default."""

    kind: ClassVar[str] = "point"
    x: int
    y: int
    name: str = "here"

    def sum(self):
        return self.x + self.y


@record
class Guarded(Point):
    """One more, which is not shown."""

    word: str = hidden(default="")


@record
class Listed:
    """A value that each object has for itself."""

    values: list[int] = fresh(default_factory=list)


@record
class Empty:
    """Nothing."""


def test_values_come_by_position_and_by_name():
    assert (Point(1, y=2).sum(), Point(1, 2).name, Point(1, 2, "there").name) == (3, "here", "there")
    assert (Guarded(1, 2, "there", "x").word, Guarded(1, 2).word, Point.kind) == ("x", "", "point")


@pytest.mark.parametrize("arguments", [(), (1,), (1, 2, "a", "b")])
def test_each_value_is_given_once(arguments):
    with pytest.raises(TypeError, match=r"Point\.__init__"):
        Point(*arguments)


def test_no_value_is_added():
    with pytest.raises(AttributeError):
        Point(1, 2).z = 3
    assert not hasattr(Empty(), "__dict__")


def test_equal_are_those_of_one_class_with_the_same_values():
    assert Point(1, 2) == Point(1, 2) != Point(1, 3)
    assert Point(1, 2) != Guarded(1, 2)
    assert len({Point(1, 2), Point(1, 2), Point(2, 1), Empty(), Empty()}) == 3


def test_what_is_hidden_is_not_shown():
    assert repr(Guarded(1, 2, word="hunter2")) == "Guarded(x=1, y=2, name='here')"
    assert repr(Empty()) == "Empty()"


def test_a_record_is_taken_apart_by_match():
    match Point(1, 2):
        case Point(x, y, name=name):
            assert (x, y, name) == (1, 2, "here")


def test_a_fresh_value_is_each_object_s_own():
    one, other = Listed(), Listed()
    one.values.append(1)
    assert (one.values, other.values, Listed([2]).values) == ([1], [], [2])


def test_a_record_survives_being_sent_to_another_process():
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)
