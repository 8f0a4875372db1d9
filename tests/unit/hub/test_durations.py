"""Durations as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.hub.durations import MAX_DURATION, format_duration, parse_duration


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0.0),
        (90, 90.0),
        (1.5, 1.5),
        ("0", 0.0),
        ("90", 90.0),
        ("0.25", 0.25),
        ("90s", 90.0),
        ("1.5s", 1.5),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1h30m", 5400.0),
        ("7d", 604800.0),
        ("1d1h1m1s", 90061.0),
        (" 5s ", 5.0),
    ],
)
def test_what_a_duration_is(value: object, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        -1, -0.5, math.nan, math.inf, 10**400, MAX_DURATION + 1, True, None, [], {}, b"1s",
        "", "s", "h", "-1s", "1 h", "1x", "1m1h", "1h1h", "1e3", "1.5h", "１s", "nan", "inf", "9" * 13, "999999999d",
    ],
)  # fmt: skip
def test_what_is_none(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(value)


@given(st.integers(0, int(MAX_DURATION) * 1000))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=0.0006)


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= MAX_DURATION


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (60, "1m"), (90, "1m30s"), (3600, "1h"), (604800, "7d"), (1.25, "1.25s"), (0.1, "0.1s")],
)
def test_how_a_duration_is_written(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
