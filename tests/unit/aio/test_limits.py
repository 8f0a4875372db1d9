"""The bounds of the asyncio side fit each other."""

from __future__ import annotations

from nacre.aio import limits


def test_the_bounds_fit_each_other() -> None:
    assert limits.TRANSPORT_LOW < limits.TRANSPORT_HIGH
    assert limits.WRITE_HIGH < limits.WRITE_QUEUE
    assert limits.BACKLOG >= 1024
    assert limits.ACCEPTS_A_WAKE <= 64
    assert limits.UNAUTHENTICATED == 100
    assert limits.EXHAUSTED_PAUSE < 1
