"""Times as ssh-keygen(1) writes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from nacre.keys.timestamp import parse_timestamp
from tests.support.cases import each_case


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260102Z", datetime(2026, 1, 2, tzinfo=UTC)),
        ("202601020304Z", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        ("20260102030405z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("20260102030405UTC", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_universal_time(text, expected):
    assert parse_timestamp(text) == expected


@pytest.mark.parametrize(("zone", "hour"), [("UTC0", 3), ("XYZ-2", 1)])
def test_local_time(monkeypatch, zone, hour):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert parse_timestamp("202601020304") == datetime(2026, 1, 2, hour, 4, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@each_case("text", ["", "Z", "2026", "2026010", "202601020", "20260102T03", "20261301", "20260230Z", "2026010203045", " 20260102",
     "20260102 ", "+1d", "always", "٢٠٢٦٠١٠٢", "00000101Z"])  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="time"):
        parse_timestamp(text)
