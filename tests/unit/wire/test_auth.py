"""Messages 50 to 79, written out by hand from RFC 4252 and RFC 4256."""

from __future__ import annotations

import pytest

from nacre.errors import WireError
from nacre.wire import auth
from nacre.wire.message import BY_NUMBER, MESSAGES, Sender
from tests.support.cases import each_case

CASES = [
    (
        auth.UserauthRequest("al", "ssh-connection", "none", b"\1"),
        "32 00000002 616c 0000000e 7373682d636f6e6e656374696f6e 00000004 6e6f6e65 01",
    ),
    (auth.UserauthFailure(("publickey", "x"), True), "33 0000000b 7075626c69636b65792c78 01"),
    (auth.UserauthSuccess(), "34"),
    (auth.UserauthBanner("hi\r\n", ""), "35 00000004 68690d0a 00000000"),
    (auth.UserauthPkOk("ssh-ed25519", b"K"), "3c 0000000b 7373682d65643235353139 00000001 4b"),
    (auth.UserauthPasswdChangereq("new?", "en"), "3c 00000004 6e65773f 00000002 656e"),
    (
        auth.UserauthInfoRequest("n", "i", "", (("PIN", False),)),
        "3c 00000001 6e 00000001 69 00000000 00000001 00000003 50494e 00",
    ),
    (auth.UserauthInfoResponse(("1", "")), "3d 00000002 00000001 31 00000000"),
]


@each_case(("value", "encoded"), CASES)
def test_messages(value, encoded):
    data = bytes.fromhex(encoded)
    assert value.encode() == data
    assert type(value).decode(data) == value


@each_case(("value", "encoded"), CASES[1:])
def test_a_message_cut_short_or_too_long_is_refused(value, encoded):
    data = bytes.fromhex(encoded)
    for size in range(len(data)):
        with pytest.raises(WireError):
            type(value).decode(data[:size])
    with pytest.raises(WireError):
        type(value).decode(data + b"\0")


def test_number_60_means_four_things():
    assert {scope for scope, number in MESSAGES if number == 60} == {
        "publickey",
        "password",
        "keyboard-interactive",
        "gssapi-with-mic",
    }
    assert not {60, 61} & set(BY_NUMBER)


def test_what_clients_and_servers_send():
    assert {auth.UserauthRequest.sender, auth.UserauthInfoResponse.sender} == {Sender.CLIENT}
    servers = (auth.UserauthFailure, auth.UserauthSuccess, auth.UserauthBanner, auth.UserauthPkOk,
               auth.UserauthPasswdChangereq, auth.UserauthInfoRequest)  # fmt: skip
    assert {kind.sender for kind in servers} == {Sender.SERVER}


@pytest.mark.parametrize(
    "value",
    [
        auth.UserauthRequest("alice", "ssh-connection", "password", b"hunter2"),
        auth.PasswordData(False, "hunter2"),
        auth.UserauthInfoResponse(("hunter2",)),
    ],
)
def test_passwords_are_not_shown(value):
    assert "hunter2" not in repr(value)
    assert "<secret" in repr(value)


def test_what_follows_the_methods():
    query = auth.PublicKeyQuery(True, "ssh-ed25519", b"K")
    assert query.encode() == bytes.fromhex("01 0000000b 7373682d65643235353139 00000001 4b")
    assert auth.PasswordData.decode(bytes.fromhex("00 00000001 70")) == auth.PasswordData(False, "p")
    assert auth.KbdintData.decode(bytes.fromhex("00000000 00000003 70616d")) == auth.KbdintData("", "pam")
    host = auth.HostbasedData("x", b"K", "h.", "al")
    assert host.encode() == bytes.fromhex("00000001 78 00000001 4b 00000002 682e 00000002 616c")


@pytest.mark.parametrize(
    "data", [b"", b"\0", bytes.fromhex("00 00000005 70"), bytes.fromhex("00 00000001 ff")]
)
def test_password_data_that_is_refused(data):
    with pytest.raises(WireError):
        auth.PasswordData.decode(data)


def test_more_prompts_or_answers_than_bytes_are_refused():
    with pytest.raises(WireError):
        auth.UserauthInfoRequest.decode(bytes.fromhex("3c 00000000 00000000 00000000 7fffffff"))
    with pytest.raises(WireError):
        auth.UserauthInfoResponse.decode(bytes.fromhex("3d 7fffffff"))
