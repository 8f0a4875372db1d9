"""Messages 80 to 100, written out by hand from RFC 4254."""

from __future__ import annotations

import pytest

from nacre.errors import WireError
from nacre.wire import connection
from nacre.wire.message import BY_NUMBER, Sender, When
from tests.support.cases import each_case

CASES = [
    (connection.GlobalRequest("x@y", True, b"\7"), "50 00000003 784079 01 07"),
    (connection.RequestSuccess(b"\0\1"), "51 0001"),
    (connection.RequestFailure(), "52"),
    (
        connection.ChannelOpen("session", 1, 2, 3, b""),
        "5a 00000007 73657373696f6e 00000001 00000002 00000003",
    ),
    (connection.ChannelOpenConfirmation(1, 2, 3, 4, b""), "5b 00000001 00000002 00000003 00000004"),
    (connection.ChannelOpenFailure(1, 4, "no", ""), "5c 00000001 00000004 00000002 6e6f 00000000"),
    (connection.ChannelWindowAdjust(1, 0xFFFFFFFF), "5d 00000001 ffffffff"),
    (connection.ChannelDataMessage(1, b"ab"), "5e 00000001 00000002 6162"),
    (connection.ChannelExtendedData(1, 1, b"ab"), "5f 00000001 00000001 00000002 6162"),
    (connection.ChannelEof(1), "60 00000001"),
    (connection.ChannelClose(1), "61 00000001"),
    (connection.ChannelRequest(1, "exec", False, b"\0"), "62 00000001 00000004 65786563 00 00"),
    (connection.ChannelSuccess(1), "63 00000001"),
    (connection.ChannelFailure(1), "64 00000001"),
]
#: The rest of these is whatever it is: it has no end of its own.
OPEN_ENDED = {80, 81, 90, 91, 98}


@each_case(("value", "encoded"), CASES)
def test_messages(value, encoded):
    data = bytes.fromhex(encoded)
    assert value.encode() == data
    assert type(value).decode(data) == value
    assert (value.when, value.sender) == (When.CONNECTION, Sender.BOTH)


@each_case(("value", "encoded"), [case for case in CASES if case[0].number not in OPEN_ENDED])
def test_a_message_cut_short_or_too_long_is_refused(value, encoded):
    data = bytes.fromhex(encoded)
    for size in range(len(data)):
        with pytest.raises(WireError):
            type(value).decode(data[:size])
    with pytest.raises(WireError):
        type(value).decode(data + b"\0")


def test_every_number_of_the_standard_is_declared():
    assert {number for number in BY_NUMBER if 80 <= number < 128} == {80, 81, 82, *range(90, 101)}
