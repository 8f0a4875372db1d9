"""Points in time: each form, what is none, and which zone is meant."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime

import pytest

from nacre.keys.validity import FOREVER, seconds_since_epoch, wall_clock
from tests.support.cases import each_case


def test_absolute_times():
    assert seconds_since_epoch(0) == 0
    assert seconds_since_epoch(FOREVER) == FOREVER == 0xFFFFFFFFFFFFFFFF
    assert seconds_since_epoch(12.9) == 12
    assert seconds_since_epoch(datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)) == 1893553445
    assert seconds_since_epoch("20300102030405Z") == 1893553445
    assert seconds_since_epoch("203001020304Z") == 1893553440
    assert seconds_since_epoch("20300102Z") == 1893542400


def test_a_time_without_a_zone_is_local(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        assert seconds_since_epoch("20300101") == 1893474000
        assert seconds_since_epoch("20300101123000") == 1893519000
        assert seconds_since_epoch(datetime(2030, 1, 1)) == 1893474000  # noqa: DTZ001 - that is what is tested
        assert seconds_since_epoch("20300101123000Z") == 1893501000
    time.tzset()


@each_case(
    ("text", "seconds"),
    [("now", 0), ("NOW", 0), ("+0", 0), ("+1h30m", 5400), ("1d12h", 129600), ("-1w", -604800), ("-90", -90)],
)
def test_what_counts_from_now(text, seconds):
    before = wall_clock()
    assert int(before) <= seconds_since_epoch(text) - seconds <= wall_clock()


@each_case("value", ["", "forever", "2030-01-01", "20300101T000000", "20301301", "20300230", "+", "1x", "--1h", "1h ", "٢٠٣٠٠١٠١",
     -1, 1 << 64, math.inf, math.nan, "-100000w", "9" * 4000])  # fmt: skip
def test_what_is_no_time(value):
    with pytest.raises(ValueError):
        seconds_since_epoch(value)


@pytest.mark.parametrize("value", [None, True, b"now", (1,)])
def test_other_types(value):
    with pytest.raises(TypeError, match="a time is"):
        seconds_since_epoch(value)
