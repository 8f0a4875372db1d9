"""The hostbased method (RFC 4252 section 9): what is signed, and what a host must have signed for."""

from __future__ import annotations

import pytest

from nacre.errors import LocalProtocolError, PermissionDenied, ProtocolError
from nacre.keys import generate_private_key
from nacre.protocol import limits
from nacre.protocol.auth.hostbased import signed_data
from nacre.protocol.events import (
    AuthBegin,
    AuthNeeded,
    AuthPolicy,
    AuthSucceeded,
    HostbasedAttempt,
    HostbasedQuestion,
    KeyRefused,
    Partial,
    SignatureNeeded,
)
from nacre.protocol.settings import Settings
from nacre.wire.auth import HostbasedData, UserauthRequest
from nacre.wire.fields import encode_string
from tests.pair.ends import LATER, Pair
from tests.support.protocol import failure, server_settings, talk

HOST = generate_private_key("ssh-ed25519")
ED25519 = "ssh-ed25519"
OFFERED = {AuthBegin: AuthPolicy(required=True, methods=("hostbased",)), HostbasedQuestion: True}


def login(sign=lambda event: HOST.sign(event.data, event.algorithm), *, client=None, server=None) -> Pair:
    tries = iter([HostbasedAttempt(ED25519, HOST.public_data, "client.example.", "bob")])
    answers = {AuthNeeded: lambda event: next(tries, None), SignatureNeeded: sign}
    return Pair(client_answers=answers, server_answers={**OFFERED, **(server or {})}, client=client).start()


@pytest.fixture
def pair() -> Pair:
    """A client that has asked for the methods and now does what the test says."""
    return Pair(server_answers=dict(OFFERED), client_answers={AuthNeeded: LATER}).start()


def request(
    pair: Pair, *, key=HOST, user="alice", algorithm=ED25519, host="h", name=b"bob", signed_for=None, tail=b""
) -> bytes:
    data = HostbasedData(algorithm, key.public_data, host, "").encode()[:-4] + encode_string(name)
    body = UserauthRequest(user, "ssh-connection", "hostbased", data).encode()
    session_id = pair.client.connection.info.session_id
    to_sign = (
        encode_string(session_id)
        + UserauthRequest(signed_for or user, "ssh-connection", "hostbased", data).encode()
    )
    return body + encode_string(HOST.sign(to_sign, ED25519)) + tail


def test_what_is_signed_is_what_the_standard_says():
    data = HostbasedData("x", b"K", "h.", "bo")
    assert signed_data(b"ID", "al", data) == bytes.fromhex(
        "00000002 4944 32 00000002 616c 0000000e 7373682d636f6e6e656374696f6e"
        "00000009 686f73746261736564 00000001 78 00000001 4b 00000002 682e 00000002 626f"
    )


def test_a_host_vouches_for_its_user():
    pair = login()
    asked = pair.server.of(HostbasedQuestion)[0]
    assert (asked.client_host, asked.client_username) == ("client.example.", "bob")
    assert (asked.username, asked.key_blob) == ("alice", HOST.public_data)
    succeeded = pair.server.of(AuthSucceeded)[0]
    assert (succeeded.username, succeeded.method, succeeded.key_blob) == ("alice", "hostbased", None)


@pytest.mark.parametrize("answer", [1, "yes", (), None, False])
def test_only_true_is_a_yes(answer):
    pair = login(server={HostbasedQuestion: answer})
    assert not pair.server.of(AuthSucceeded)
    assert isinstance(failure(pair.client), PermissionDenied)


def test_more_may_be_needed():
    pair = login(server={HostbasedQuestion: Partial(("password",))})
    assert pair.client.of(AuthNeeded)[-1].partial
    assert not pair.server.of(AuthSucceeded)


def test_a_wrong_signature_is_refused_without_a_question():
    pair = login(lambda event: HOST.sign(event.data + b"!", event.algorithm))
    assert not pair.server.of(HostbasedQuestion)
    assert [event.reason for event in pair.server.of(KeyRefused)] == ["its signature is wrong"]
    assert isinstance(failure(pair.client), PermissionDenied)


def test_the_signature_holds_for_this_user_alone(pair):
    talk(pair, pair.client, request(pair, signed_for="root"))
    assert not pair.server.of(HostbasedQuestion)
    talk(pair, pair.client, request(pair))
    assert pair.server.of(AuthSucceeded)


def test_another_key_than_the_one_that_signed_is_refused(pair):
    talk(pair, pair.client, request(pair, key=generate_private_key(ED25519)))
    assert not pair.server.of(HostbasedQuestion)


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "ecdsa-sha2-nistp256", "nobody"])
def test_an_algorithm_that_is_not_the_keys_is_refused(pair, algorithm):
    talk(pair, pair.client, request(pair, algorithm=algorithm))
    assert pair.server.of(KeyRefused)
    assert not pair.server.of(HostbasedQuestion)
    assert not pair.server.connection.closed


def test_an_algorithm_that_the_server_does_not_take_is_refused():
    tries = iter([HostbasedAttempt(ED25519, HOST.public_data, "h", "u")])
    pair = Pair(
        server_answers=dict(OFFERED),
        client_answers={
            AuthNeeded: lambda event: next(tries, None),
            SignatureNeeded: lambda event: HOST.sign(event.data, event.algorithm),
        },
        server=server_settings(signature_algorithms=("rsa-sha2-512",)),
    ).start()
    assert pair.server.of(KeyRefused)
    assert not pair.server.of(HostbasedQuestion)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tail": b"!"},
        {"name": b"\xff"},
        {"host": "h" * (limits.HOST_NAME + 1)},
        {"name": b"u" * (limits.USERNAME + 1)},
    ],
    ids=["trailing", "utf-8", "host", "user"],
)
def test_what_cannot_be_is_a_fault(pair, wrong):
    talk(pair, pair.client, request(pair, **wrong))
    assert isinstance(failure(pair.server), ProtocolError)
    assert not pair.server.of(HostbasedQuestion)


@pytest.mark.parametrize("number", [60, 61, 79])
def test_no_message_follows(pair, number):
    pair.server.answers[HostbasedQuestion] = LATER
    talk(pair, pair.client, request(pair), bytes((number, 0, 0, 0, 0)))
    pair.server.connection.answer(pair.server.of(HostbasedQuestion)[0].token, False)
    pair.run()
    assert isinstance(failure(pair.server), ProtocolError)


@pytest.mark.parametrize("number", [60, 61, 79])
def test_no_message_but_success_and_failure_answers(number):
    pair = login(server={HostbasedQuestion: LATER})
    talk(pair, pair.server, bytes((number, 0, 0, 0, 0)))
    assert isinstance(failure(pair.client), ProtocolError)


@pytest.mark.parametrize("answer", [None, ValueError("no")])
def test_without_a_signature_something_else_is_tried(answer):
    pair = login(lambda event: answer)
    assert len(pair.client.of(AuthNeeded)) == 2
    assert not pair.server.of(HostbasedQuestion)


def test_a_signature_that_is_none_is_our_mistake():
    with pytest.raises(LocalProtocolError):
        login(lambda event: "signature")


def test_it_is_no_credential_of_the_user():
    pair = login(client=Settings(username="alice", disable_trivial_auth=True))
    assert isinstance(failure(pair.client), PermissionDenied)


def test_where_it_is_not_offered_it_is_not_asked_about(pair):
    other = Pair(client_answers={AuthNeeded: LATER}).start()
    talk(other, other.client, request(other))
    assert not other.server.of(HostbasedQuestion)


@pytest.mark.parametrize(
    ("taken", "comes_in"),
    [(("ssh-ed25519",), True), (("rsa-sha2-512", "ssh-ed25519-cert-v01@openssh.com"), False), ((), False)],
)
def test_what_hosts_sign_with_may_be_said_apart_from_users(taken, comes_in):
    tries = iter([HostbasedAttempt(ED25519, HOST.public_data, "h", "u")])
    policy = AuthPolicy(
        required=True,
        methods=("hostbased",),
        publickey_algorithms=("rsa-sha2-512",),
        hostbased_algorithms=taken,
    )
    pair = Pair(
        server_answers={**OFFERED, AuthBegin: policy},
        client_answers={
            AuthNeeded: lambda event: next(tries, None),
            SignatureNeeded: lambda event: HOST.sign(event.data, event.algorithm),
        },
        server=server_settings(signature_algorithms=("rsa-sha2-512",)),
    ).start()
    assert bool(pair.server.of(AuthSucceeded)) is comes_in
    assert [event.reason for event in pair.server.of(KeyRefused)] == (
        [] if comes_in else ["it is not taken here"]
    )
