"""The client's side of authentication: what it sends when, and what it takes from a server."""

from __future__ import annotations

import pytest

from nacre.errors import LocalProtocolError, PermissionDenied, ProtocolError
from nacre.protocol import limits
from nacre.protocol.events import (
    AuthBegin,
    AuthNeeded,
    AuthPolicy,
    AuthSucceeded,
    BannerReceived,
    HostKeyQuestion,
    KbdintAttempt,
    PasswordAttempt,
    PasswordQuestion,
    PublicKeyAttempt,
    PublicKeyQuestion,
    SignatureNeeded,
    Verdict,
)
from nacre.protocol.settings import Settings
from nacre.protocol.state import Phase
from nacre.wire.auth import UserauthBanner, UserauthFailure, UserauthRequest, UserauthSuccess
from nacre.wire.transport import ServiceAccept, ServiceRequest
from tests.pair.ends import LATER, PASSWORD, USER_KEY, Pair
from tests.support.cases import each_case
from tests.support.protocol import failure, inject, talk


def waiting(**answers) -> Pair:
    """A client whose "none" the server has not answered."""
    return Pair(server_answers={AuthBegin: LATER}, client_answers=answers).start()


def test_it_asks_which_methods_there_are_and_then_tries():
    pair = Pair(client_answers={AuthNeeded: PasswordAttempt(PASSWORD)}).start()
    assert pair.client.of(AuthNeeded)[0].methods == ("publickey", "password", "keyboard-interactive")
    assert pair.client.of(AuthSucceeded)[0].method == "password"


def test_after_each_refusal_it_asks_again_and_none_gives_up():
    tries = iter([PasswordAttempt("a"), PasswordAttempt("b"), None])
    pair = Pair(client_answers={AuthNeeded: lambda event: next(tries)}).start()
    assert len(pair.server.of(PasswordQuestion)) == 2
    assert isinstance(failure(pair.client), PermissionDenied)
    assert "publickey, password" in failure(pair.client).reason
    assert failure(pair.server).code == 14


@pytest.mark.parametrize("value", [True, "password", b"", object()])
def test_an_answer_that_is_no_attempt_gives_up(value):
    pair = Pair(client_answers={AuthNeeded: value}).start()
    assert isinstance(failure(pair.client), PermissionDenied)


def test_no_byte_of_authentication_before_the_host_is_verified():
    pair = Pair(client_answers={HostKeyQuestion: LATER}).start()
    with pytest.raises(LocalProtocolError):
        pair.client.connection._client.begin()
    assert not pair.client.output()


def test_it_does_not_wait_for_the_service_but_takes_no_answer_before_it():
    pair = Pair(client_answers={HostKeyQuestion: LATER}).start()
    client = pair.client.connection
    sent = []
    client._core.outbound.trace = lambda payload: sent.append(payload[0])
    client.answer(pair.client.of(HostKeyQuestion)[0].token, Verdict.TRUSTED)
    while client.next_event() is not None:
        pass
    assert sent[-2:] == [ServiceRequest.number, UserauthRequest.number]
    assert client._core.phase is Phase.SERVICE
    talk(pair, pair.server, UserauthSuccess().encode())  # ahead of its SERVICE_ACCEPT
    assert isinstance(failure(pair.client), ProtocolError)
    assert not pair.client.of(AuthSucceeded)


def beginning_with_a_key(sign=None, after=None) -> Pair:
    """A client that tries a key before it asks for the methods."""
    signed = sign or (lambda event: USER_KEY.sign(event.data, event.algorithm))
    pair = Pair(client_answers={AuthNeeded: after, SignatureNeeded: signed})
    pair.client.connection.begin_with(PublicKeyAttempt("ssh-ed25519", USER_KEY.public_data, query=False))
    return pair


def test_the_first_key_goes_with_the_request_for_the_service():
    pair = beginning_with_a_key()
    sent = []
    pair.client.connection._core.outbound.trace = lambda payload: sent.append(payload[0])
    pair.start()
    assert sent[-2:] == [ServiceRequest.number, UserauthRequest.number]
    assert pair.client.of(AuthSucceeded)[0].method == "publickey"
    assert not pair.client.of(AuthNeeded)
    assert [event.verified for event in pair.server.of(PublicKeyQuestion)] == [True]


def test_after_a_first_key_that_does_not_do_the_rest_is_tried():
    pair = beginning_with_a_key(after=PasswordAttempt(PASSWORD))
    pair.server.answers[PublicKeyQuestion] = False
    pair.start()
    assert pair.client.of(AuthNeeded)[0].methods == ("publickey", "password", "keyboard-interactive")
    assert pair.client.of(AuthSucceeded)[0].method == "password"


def test_who_began_with_a_key_asks_at_the_end_whether_any_is_needed():
    pair = beginning_with_a_key()
    pair.server.answers[PublicKeyQuestion] = False
    sent = []
    pair.client.connection._core.outbound.trace = lambda payload: sent.append(bytes(payload))
    pair.start()
    requests = [UserauthRequest.decode(payload) for payload in sent if payload[0] == UserauthRequest.number]
    assert [request.method for request in requests] == ["publickey", "none"]
    assert len(pair.client.of(AuthNeeded)) == 1  # the program was told that it failed, and of the end
    assert isinstance(failure(pair.client), PermissionDenied)
    assert "the server takes publickey, password" in failure(pair.client).reason


def test_a_server_that_wanted_no_key_lets_in_without_one():
    pair = beginning_with_a_key()
    pair.server.answers[AuthBegin] = LATER
    pair.start()
    talk(pair, pair.server, UserauthFailure(("password",), partial_success=False).encode())
    talk(pair, pair.server, UserauthSuccess().encode())
    assert pair.client.of(AuthSucceeded)[0].method == "none"


@pytest.mark.parametrize("signature", [None, OSError("no key")])
def test_a_first_key_that_cannot_sign_leaves_the_question(signature):
    pair = beginning_with_a_key(lambda event: signature, PasswordAttempt(PASSWORD)).start()
    assert not pair.server.of(PublicKeyQuestion)
    assert pair.client.of(AuthNeeded)[0].methods == ("publickey", "password", "keyboard-interactive")
    assert pair.client.of(AuthSucceeded)[0].method == "password"


def test_success_out_of_nowhere_is_a_fault():
    pair = Pair(client_answers={AuthNeeded: LATER}).start()
    pair.client.connection._client._current = None
    talk(pair, pair.server, UserauthSuccess().encode())
    assert not pair.client.of(AuthSucceeded)  # it waits behind the question
    pair.client.connection.answer(pair.client.of(AuthNeeded)[0].token, None)
    pair.run()
    assert isinstance(failure(pair.client), PermissionDenied)
    assert not pair.client.of(AuthSucceeded)


@pytest.mark.parametrize("again", [UserauthFailure(("password",), False), UserauthSuccess()])
def test_an_answer_too_many_is_a_fault(again):
    pair = Pair(client_answers={AuthNeeded: PublicKeyAttempt("ssh-ed25519", USER_KEY.public_data, query=False),
                                SignatureNeeded: LATER}).start()  # fmt: skip
    client = pair.client.connection
    assert client._core.phase is Phase.AUTH
    client._client._current = None
    with pytest.raises(ProtocolError):
        client._client._take(again.encode())


@each_case("method", ["password", "keyboard-interactive", "publickey"])
@each_case("payload", [b"\x3c\0", b"\x3f", b"\x4f\0\0"])
def test_a_message_that_the_method_has_not_is_a_fault(method, payload):
    attempt = {
        "password": PasswordAttempt("x"),
        "keyboard-interactive": KbdintAttempt(),
        "publickey": PublicKeyAttempt("ssh-ed25519", USER_KEY.public_data),
    }[method]
    pair = Pair(
        server_answers={PasswordQuestion: LATER, PublicKeyQuestion: LATER,
                        AuthBegin: AuthPolicy(required=True, methods=("password", "publickey"))},
        client_answers={AuthNeeded: attempt},
    ).start()  # fmt: skip
    if not pair.client.connection.closed:
        talk(pair, pair.server, payload)
    assert pair.client.connection.closed
    assert not pair.client.of(AuthSucceeded)


def test_messages_of_a_method_in_answer_to_none_are_a_fault():
    pair = waiting()
    talk(pair, pair.server, b"\x3c\0\0\0\0\0\0\0\0")
    assert isinstance(failure(pair.client), ProtocolError)


def test_a_success_without_a_credential_can_be_refused():
    strict = Settings(username="alice", disable_trivial_auth=True)
    free = {AuthBegin: AuthPolicy(required=False)}
    assert Pair(server_answers=free).start().client.of(AuthSucceeded)
    pair = Pair(client=strict, server_answers=free).start()
    assert isinstance(failure(pair.client), PermissionDenied)
    assert not pair.client.of(AuthSucceeded)
    assert Pair(client=strict).start().client.of(AuthSucceeded)  # with a password it is fine


def test_banners_are_passed_on_and_bounded():
    pair = waiting()
    talk(pair, pair.server, UserauthBanner("hello\x1b[2J", "").encode())
    assert pair.client.of(BannerReceived) == [BannerReceived("hello\x1b[2J", "")]
    for _ in range(limits.BANNERS):
        talk(pair, pair.server, UserauthBanner("again", "").encode())
    assert isinstance(failure(pair.client), ProtocolError)
    assert len(pair.client.of(BannerReceived)) == limits.BANNERS


def test_a_server_that_never_has_enough():
    pair = waiting()
    pair.client.answers[AuthNeeded] = PasswordAttempt("x")
    for count in range(limits.AUTH_REQUESTS):
        assert not pair.client.connection.closed, count
        inject(pair.server, UserauthFailure(("password",), partial_success=True).encode())
        pair.client.feed(pair.server.output())
        pair.client.output()  # which nobody reads
    assert isinstance(failure(pair.client), PermissionDenied)


def test_another_service_than_asked_for_is_a_fault():
    pair = Pair(client_answers={HostKeyQuestion: LATER}).start()
    pair.client.connection._client.core.phase = Phase.SERVICE
    with pytest.raises(ProtocolError):
        pair.client.connection._client.service_accepted(ServiceAccept("ssh-connection").encode())
