"""The bounds fit each other and the standards' minimums."""

from __future__ import annotations

from nacre.protocol import limits


def test_what_the_standards_demand_is_taken():
    assert limits.IDENT_LINE == 255  # RFC 4253 section 4.2
    assert limits.PACKET_BEFORE_AUTH >= 35_000  # RFC 4253 section 6.1
    assert limits.MAX_PACKET >= 32_768  # the payload that everybody must take
    assert limits.NAME == 64  # RFC 4251 section 6
    assert limits.REKEY_BYTES <= 1 << 30  # RFC 4253 section 9
    assert limits.REKEY_SECONDS <= 3600
    assert limits.REKEY_PACKETS <= 1 << 31  # RFC 4344 section 3.1
    assert limits.WINDOW_CEILING == 2**32 - 1  # RFC 4254 section 5.2


def test_every_bound_is_one():
    for name, value in vars(limits).items():
        if name.isupper():
            assert 0 < value < 1 << 40, name


def test_bounds_that_contain_others():
    assert limits.RECEIVE_CAPACITY > limits.PACKET > limits.PACKET_BEFORE_AUTH > limits.MAX_PACKET
    assert limits.WINDOW <= limits.RECEIVE_BUDGET <= limits.WINDOW_CEILING
    assert limits.WINDOW_MINIMUM < limits.WINDOW
    assert limits.OUTPUT_ROOM < limits.OUTPUT_CEILING
    assert limits.MAX_SESSIONS <= limits.MAX_CHANNELS
    assert limits.AUTH_FAILURES < limits.AUTH_QUERIES < limits.AUTH_REQUESTS
    assert limits.IDENT_TIMEOUT < limits.LOGIN_TIMEOUT
