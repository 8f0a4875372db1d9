"""The server's side of authentication: who is let in, what is counted, what a change of user forgets."""

from __future__ import annotations

import pytest

from nacre.errors import (
    IllegalUserName,
    LocalProtocolError,
    PermissionDenied,
    ProtocolError,
    ServiceNotAvailable,
)
from nacre.protocol import limits
from nacre.protocol.events import (
    AuthBegin,
    AuthNeeded,
    AuthPolicy,
    AuthSucceeded,
    BannerReceived,
    Partial,
    PasswordAttempt,
    PasswordQuestion,
    PublicKeyQuestion,
)
from nacre.protocol.settings import Settings
from nacre.wire.auth import PublicKeyQuery, UserauthRequest
from nacre.wire.transport import ServiceRequest
from tests.pair.ends import HOST_KEY, LATER, PASSWORD, USER_KEY, Pair
from tests.support.cases import each_case
from tests.support.protocol import failure, inject, talk

CONNECTION = "ssh-connection"


def request(user: str, password: str = "wrong", service: str = CONNECTION, method: str = "password") -> bytes:
    data = b"\0" + len(password).to_bytes(4, "big") + password.encode() if method == "password" else b""
    return UserauthRequest(user, service, method, data).encode()


@pytest.fixture
def pair():
    """A client that has asked for the methods and now does what the test says."""
    return Pair(client_answers={AuthNeeded: LATER}).start()


@each_case("answer", [None, True, False, "yes", (), object()])
def test_without_a_policy_every_method_is_refused(answer):
    pair = Pair(
        server_answers={AuthBegin: answer, PasswordQuestion: True}, client_answers={AuthNeeded: LATER}
    ).start()
    assert pair.client.of(AuthNeeded)[0].methods == ()
    talk(pair, pair.client, request("alice", PASSWORD))
    assert not pair.server.of(PasswordQuestion)
    assert not pair.server.of(AuthSucceeded)


def test_a_policy_that_requires_nothing_lets_in():
    pair = Pair(server_answers={AuthBegin: AuthPolicy(required=False)}).start()
    assert pair.server.of(AuthSucceeded)[0].method == "none"
    assert pair.client.of(AuthSucceeded)


@pytest.mark.parametrize("required", [None, 0, ""])
def test_only_false_requires_nothing(required):
    pair = Pair(
        server_answers={AuthBegin: AuthPolicy(required=required)}, client_answers={AuthNeeded: LATER}
    ).start()
    assert not pair.server.of(AuthSucceeded)


@each_case("answer", [False, None, 1, "True", object(), (True,)])
def test_only_true_is_a_yes(answer):
    pair = Pair(server_answers={PasswordQuestion: answer}, client_answers={AuthNeeded: LATER}).start()
    talk(pair, pair.client, request("alice", PASSWORD))
    assert pair.server.of(PasswordQuestion)
    assert not pair.server.of(AuthSucceeded)


def test_methods_that_nobody_built_are_not_offered():
    policy = AuthPolicy(required=True, methods=("x@example.com", "password", "nobody"))
    pair = Pair(server_answers={AuthBegin: policy}, client_answers={AuthNeeded: LATER}).start()
    assert pair.client.of(AuthNeeded)[0].methods == ("password",)


def test_a_method_that_is_not_offered_is_not_asked_about():
    policy = AuthPolicy(required=True, methods=("publickey",))
    pair = Pair(
        server_answers={AuthBegin: policy, PasswordQuestion: True}, client_answers={AuthNeeded: LATER}
    ).start()
    talk(pair, pair.client, request("alice"))
    assert not pair.server.of(PasswordQuestion)
    assert not pair.server.of(AuthSucceeded)


def test_so_many_failures_and_no_more(pair):
    for count in range(limits.AUTH_FAILURES):
        assert not pair.server.connection.closed, count
        talk(pair, pair.client, request("alice"))
    assert isinstance(failure(pair.server), PermissionDenied)
    assert len(pair.server.of(PasswordQuestion)) == limits.AUTH_FAILURES


@pytest.mark.parametrize("most", [1, 2])
def test_fewer_failures_where_the_settings_say_so(most):
    settings = Settings(host_keys=(HOST_KEY,), max_auth_tries=most)
    pair = Pair(server=settings, client_answers={AuthNeeded: LATER}).start()
    for _ in range(most):
        assert not pair.server.connection.closed
        talk(pair, pair.client, request("alice"))
    assert isinstance(failure(pair.server), PermissionDenied)
    assert len(pair.server.of(PasswordQuestion)) == most


def test_a_change_of_the_user_does_not_reset_the_count(pair):
    for count in range(limits.AUTH_FAILURES):
        talk(pair, pair.client, request(f"user{count}"))
    assert isinstance(failure(pair.server), PermissionDenied)


def test_the_first_none_is_free_and_no_other(pair):
    for _ in range(limits.AUTH_FAILURES):
        talk(pair, pair.client, request("alice", method="none"))
    assert isinstance(failure(pair.server), PermissionDenied)


def test_what_was_refused_is_counted_for_the_penalties(pair):
    """Failures and queries alike, for both try credentials; the free "none" does not."""
    info = pair.server.connection.info
    assert info.refused == 0
    talk(pair, pair.client, request("alice"))
    assert info.refused == 1
    query = PublicKeyQuery(False, "ssh-ed25519", USER_KEY.public_data).encode()
    pair.server.answers[PublicKeyQuestion] = False
    talk(pair, pair.client, UserauthRequest("alice", CONNECTION, "publickey", query).encode())
    assert info.refused == 2


def test_a_change_of_the_user_forgets_what_was_right_before(pair):
    pair.server.answers[PasswordQuestion] = lambda event: (
        Partial(("password",)) if event.username == "alice" else False
    )
    talk(pair, pair.client, request("alice"))
    talk(pair, pair.client, request("bob"))
    begun = pair.server.of(AuthBegin)
    assert [event.username for event in begun] == ["alice", "bob"]
    talk(pair, pair.client, request("alice"))
    assert [event.username for event in pair.server.of(AuthBegin)] == ["alice", "bob", "alice"]
    assert not pair.server.of(AuthSucceeded)


def test_more_is_needed_from_what_the_answer_says():
    first = Pair(
        server_answers={PasswordQuestion: Partial(("keyboard-interactive", "x@example.com"))},
        client_answers={AuthNeeded: lambda event: None if event.partial else PasswordAttempt("x")},
    ).start()
    needed = first.client.of(AuthNeeded)
    assert [(event.partial, event.methods) for event in needed[1:]] == [(True, ("keyboard-interactive",))]
    assert not first.server.of(AuthSucceeded)


def test_the_user_of_the_success_is_the_one_of_the_attempt(pair):
    pair.server.answers[PasswordQuestion] = LATER
    talk(pair, pair.client, request("alice", PASSWORD))
    talk(pair, pair.client, request("root", PASSWORD))  # behind the undecided one
    question = pair.server.of(PasswordQuestion)[0]
    pair.server.connection.answer(question.token, True)
    pair.run()
    assert pair.server.of(AuthSucceeded)[0].username == "alice"
    assert pair.server.connection.info.username == "alice"
    assert len(pair.server.of(PasswordQuestion)) == 1


def test_requests_behind_an_undecided_one_are_bounded(pair):
    pair.server.answers[PasswordQuestion] = LATER
    for _ in range(limits.AUTH_PENDING + 2):
        talk(pair, pair.client, request("alice"))
    assert isinstance(failure(pair.server), ProtocolError)


def test_requests_are_bounded_whatever_they_are(pair):
    for count in range(limits.AUTH_REQUESTS - 1):
        assert not pair.server.connection.closed, count
        inject(pair.client, ServiceRequest("ssh-userauth").encode())
        pair.server.feed(pair.client.output())
        pair.server.output()  # which nobody reads
    assert isinstance(failure(pair.server), PermissionDenied)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (request("alice", service="ssh-userauth"), ServiceNotAvailable),
        (request("alice", service="ssh-connection@openssh.com"), ServiceNotAvailable),
        (request("alice", service=""), ServiceNotAvailable),
        (request("a" * (limits.USERNAME + 1)), IllegalUserName),
        (request("a\0b"), IllegalUserName),
        (request("a\x1b[2Jb"), IllegalUserName),
        (request("a\nb"), IllegalUserName),
        (request("a\u202eb"), IllegalUserName),
        (ServiceRequest("ssh-connection").encode(), ServiceNotAvailable),
        (UserauthRequest("alice", CONNECTION, "password", b"").encode(), ProtocolError),
        (b"\x3d\0\0\0\0", ProtocolError),  # an answer to no challenge
        (b"\x32\0", ProtocolError),
    ],
)
def test_requests_that_end_the_connection(pair, payload, error):
    talk(pair, pair.client, payload)
    assert isinstance(failure(pair.server), error)


def test_a_late_answer_after_the_connection_went_is_dropped(pair):
    pair.server.answers[PasswordQuestion] = LATER
    talk(pair, pair.client, request("alice"))
    pair.server.connection.receive_eof(0)
    pair.server.pump()
    pair.server.connection.answer(pair.server.of(PasswordQuestion)[0].token, True)
    pair.server.pump()
    assert not pair.server.of(AuthSucceeded)


def test_banners_come_before_success_only():
    pair = Pair(server_answers={AuthBegin: LATER})
    pair.server.connection.send_banner("early\r\n")
    pair.start()
    pair.server.connection.send_banner("later\r\n", "en")
    pair.run()
    assert pair.client.of(BannerReceived) == [
        BannerReceived("early\r\n", "en-US"),
        BannerReceived("later\r\n", "en"),
    ]
    pair.server.connection.answer(pair.server.of(AuthBegin)[0].token, AuthPolicy(required=False))
    pair.run()
    with pytest.raises(LocalProtocolError):
        pair.server.connection.send_banner("too late")


def test_a_refusal_looks_the_same_for_everybody():
    told = []
    for user in ("alice", "nobody"):
        pair = Pair(client_answers={AuthNeeded: LATER}).start()
        pair.client.events.clear()
        talk(pair, pair.client, request(user))
        told.append([(type(event), event.methods, event.partial) for event in pair.client.events])
    assert told[0] == told[1]
