"""Messages 1 to 7, 192 and 193, written out by hand from RFC 4253, RFC 8308 and OpenSSH's PROTOCOL."""

from __future__ import annotations

import pytest

from nacre.errors import WireError
from nacre.wire.message import Sender, When
from nacre.wire.transport import (
    Debug,
    Disconnect,
    ExtInfo,
    Ignore,
    Ping,
    Pong,
    ServiceAccept,
    ServiceRequest,
    Unimplemented,
)  # fmt: skip
from tests.support.cases import each_case

CASES = [
    (Disconnect(11, "bye", "en"), "01 0000000b 00000003627965 00000002656e"),
    (Ignore(b"\0\1"), "02 000000020001"),
    (Unimplemented(258), "03 00000102"),
    (Debug(True, "hm", ""), "04 01 00000002686d 00000000"),
    (ServiceRequest("ssh-userauth"), "05 0000000c7373682d7573657261757468"),
    (ServiceAccept("ssh-userauth"), "06 0000000c7373682d7573657261757468"),
    (ExtInfo((("ping", b"0"), ("x", b""))), "07 00000002 0000000470696e67 0000000130 0000000178 00000000"),
    (Ping(b"hi"), "c0 000000026869"),
    (Pong(b"hi"), "c1 000000026869"),
]  # fmt: skip


@each_case(("value", "encoded"), CASES)
def test_messages(value, encoded):
    assert value.encode() == bytes.fromhex(encoded)
    assert type(value).decode(bytes.fromhex(encoded)) == value


@each_case(("value", "encoded"), CASES)
def test_a_message_cut_short_or_too_long_is_refused(value, encoded):
    data = bytes.fromhex(encoded)
    for size in range(len(data)):
        with pytest.raises(WireError):
            type(value).decode(data[:size])
    with pytest.raises(WireError):
        type(value).decode(data + b"\0")


def test_words_for_people_need_not_be_right():
    assert (
        Disconnect.decode(bytes.fromhex("010000000200000001ff00000000")).description
        == "\N{REPLACEMENT CHARACTER}"
    )


def test_words_for_people_go_out_whatever_they_are():
    """The name of a file that is not UTF-8 in a reason must not keep the reason back."""
    sent = Disconnect(2, "no \udcff here", "").encode()
    assert sent == bytes.fromhex("01 00000002 00000009") + b"no ? here" + bytes(4)


def test_more_extensions_than_bytes_are_refused():
    with pytest.raises(WireError):
        ExtInfo.decode(bytes.fromhex("07ffffffff"))


def test_who_may_send_what():
    assert (ServiceRequest.sender, ServiceAccept.sender) == (Sender.CLIENT, Sender.SERVER)
    assert {kind.sender for kind in (Disconnect, Ignore, Unimplemented, Debug, ExtInfo, Ping, Pong)} == {
        Sender.BOTH
    }
    assert {kind.when for kind in (Ignore, Unimplemented, Debug)} == {When.NOISE}
