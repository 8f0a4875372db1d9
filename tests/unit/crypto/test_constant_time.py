"""The comparison of secrets."""

from __future__ import annotations

import hmac

from nacre.crypto import constant_time, equal


def test_it_compares() -> None:
    assert equal(b"same", memoryview(b"same"))
    assert not equal(b"same", b"sane")
    assert not equal(b"same", b"same ")


def test_it_is_the_constant_time_one() -> None:
    assert constant_time.equal is hmac.compare_digest
