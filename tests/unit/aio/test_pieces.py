"""What waits to be read: order, joining, parts of pieces, and separators."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nacre.aio import limits
from nacre.aio.pieces import Pieces, Separator
from nacre.errors import SignalReceived, TerminalSizeChanged
from tests.support.cases import each_case

LONG = "x" * limits.JOIN_READ


def filled(*items: Any) -> Pieces[str]:
    pieces: Pieces[str] = Pieces("")
    for item in items:
        (pieces.push_exception if isinstance(item, Exception) else pieces.push)(item)
    return pieces


def test_parts_are_taken_in_order() -> None:
    pieces = filled("abc", LONG, "def")
    assert (len(pieces), pieces.size) == (3, len(LONG) + 6)
    assert pieces.take(2) == "ab"
    assert pieces.head() == ("abc", 2)
    assert pieces.take(2) == "cx"
    pieces.put_back("back")
    assert pieces.take(5) == "backx"
    assert pieces.pop() == LONG[2:]
    assert pieces.take(-1) == "def"
    assert not pieces
    assert (pieces.size, pieces.take(-1), pieces.clear()) == (0, "", "")


def test_small_pieces_are_joined_even_when_some_of_one_was_taken() -> None:
    pieces = filled("ab")
    assert pieces.take(1) == "a"
    pieces.push("cd")
    assert len(pieces) == 1
    assert (pieces.size, pieces.take(-1)) == (3, "bcd")


@each_case("most", [-1, 1000, 1001])
@each_case("count", [1, 2, 3])
def test_all_that_waits_is_taken_at_once(most: int, count: int) -> None:
    pieces = Pieces(b"")
    parts = [
        bytes([65 + number]) * (1000 // count + (number == 0) * (1000 % count)) for number in range(count)
    ]
    for part in parts:
        pieces.push(part)
    assert pieces.take(most) == b"".join(parts)
    assert not pieces
    assert pieces.size == 0
    pieces.push(b"more")
    assert pieces.take(2) == b"mo"
    assert pieces.take(-1) == b"re"


def test_data_ends_at_an_exception() -> None:
    signal = SignalReceived("INT")
    pieces = filled("ab", signal, "cd")
    assert pieces.exception() is None
    assert pieces.take(9) == "ab"
    assert pieces.exception() is signal
    assert pieces.take(-1) == ""
    pieces.pop_exception()
    assert pieces.take(9) == "cd"
    assert filled("ab", signal, "cd").clear() == "abcd"


def test_exceptions_are_few() -> None:
    pieces = filled(
        "a", *(SignalReceived(str(number)) for number in range(limits.STREAM_EXCEPTIONS + 5)), "b"
    )
    assert len(pieces) == limits.STREAM_EXCEPTIONS + 2
    pieces.take(-1)
    assert str(pieces.exception()) == str(SignalReceived("5"))
    sizes = filled(*(TerminalSizeChanged(width, 1, 0, 0) for width in range(9)))
    assert len(sizes) == 1
    assert str(sizes.exception()) == str(TerminalSizeChanged(8, 1, 0, 0))


@each_case(("wanted", "longest", "overlap", "ends"), [
        ("\n", 0, 0, [2, 3]), ("b\n", 0, 1, [2, -1]), (["\n", "b\n\n"], 0, 2, [3, 3]), (re.compile("b?\n"), 2, 1, [2, 3]),
        (re.compile("^\n"), 0, None, [-1, 3]), (re.compile("c$"), 5, 4, [4, 4]),
    ])  # fmt: skip
def test_separators(wanted: Any, longest: int, overlap: int | None, ends: list[int]) -> None:
    separator: Separator[str] = Separator(wanted, longest, "")
    assert separator.overlap == overlap
    assert [separator.end("b\n\nc", start) for start in (0, 2)] == ends
    assert separator.tail("12345") == ("12345"[5 - overlap :] if overlap else "")


@pytest.mark.parametrize("wanted", ["", b"", [], ["a", ""]])
def test_a_separator_is_something(wanted: Any) -> None:
    with pytest.raises(ValueError, match="empty"):
        Separator(wanted, 0, "")
