"""The password method (RFC 4252 section 8), and the change of an expired one."""

from __future__ import annotations

import pytest

from nacre.errors import PermissionDenied, ProtocolError
from nacre.protocol import limits
from nacre.protocol.events import (
    AuthNeeded,
    AuthSucceeded,
    Partial,
    PasswordAttempt,
    PasswordChangeQuestion,
    PasswordExpired,
    PasswordQuestion,
)
from nacre.wire.auth import UserauthRequest
from tests.pair.ends import LATER, PASSWORD, Pair
from tests.support.cases import each_case
from tests.support.protocol import failure, talk


def test_a_password():
    pair = Pair(client_answers={AuthNeeded: PasswordAttempt(PASSWORD)}).start()
    asked = pair.server.of(PasswordQuestion)[0]
    assert (asked.username, asked.password, asked.new_password) == ("alice", PASSWORD, None)
    assert pair.server.of(AuthSucceeded)[0].method == "password"


def test_it_need_not_be_ascii():
    pair = Pair(
        client_answers={AuthNeeded: PasswordAttempt("pässwörd ✓")}, server_answers={PasswordQuestion: True}
    )
    pair.start()
    assert pair.server.of(PasswordQuestion)[0].password == "pässwörd ✓"


def test_a_new_one_that_is_too_long_is_refused_without_a_question():
    pair = change((PASSWORD, "x" * (limits.PASSWORD + 1)))
    assert [event.new_password for event in pair.server.of(PasswordQuestion)] == [None]
    assert [event.password_changed for event in pair.client.of(AuthNeeded)] == [None, False]
    assert not pair.server.of(AuthSucceeded)


@pytest.mark.parametrize("number", [60, 61, 62, 79])
def test_no_message_follows_a_request(number):
    pair = change(LATER)
    talk(pair, pair.client, bytes((number, 0, 0, 0, 0)))
    assert isinstance(failure(pair.server), ProtocolError)


def test_one_that_is_too_long_is_wrong_without_a_question():
    tries = iter([PasswordAttempt("x" * (limits.PASSWORD + 1)), None])
    pair = Pair(client_answers={AuthNeeded: lambda event: next(tries)}).start()
    assert not pair.server.of(PasswordQuestion)
    assert isinstance(failure(pair.client), PermissionDenied)


def expired(event):
    """The server's answer: the old password is right and has expired; the new one must be another."""
    if event.new_password is None:
        return PasswordExpired("choose another", "en")
    return event.password == PASSWORD and event.new_password != PASSWORD


def change(answer, *, after=None) -> Pair:
    tries = iter([PasswordAttempt(PASSWORD), after])
    return Pair(
        client_answers={AuthNeeded: lambda event: next(tries), PasswordChangeQuestion: answer},
        server_answers={PasswordQuestion: expired},
    ).start()


def test_an_expired_password_is_changed():
    pair = change((PASSWORD, "new one"))
    assert pair.client.of(PasswordChangeQuestion)[0].prompt == "choose another"
    assert pair.server.of(PasswordQuestion)[1].new_password == "new one"
    assert pair.server.of(AuthSucceeded)


def test_a_change_that_is_refused_is_told():
    pair = change((PASSWORD, PASSWORD))
    assert [event.password_changed for event in pair.client.of(AuthNeeded)] == [None, False]
    assert not pair.server.of(AuthSucceeded)


def test_a_change_that_is_not_enough_is_told():
    pair = Pair(
        client_answers={AuthNeeded: lambda event: None if event.partial else PasswordAttempt("x"),
                        PasswordChangeQuestion: ("x", "y")},
        server_answers={PasswordQuestion: lambda event: (
            Partial(("publickey",)) if event.new_password else PasswordExpired("new?"))},
    ).start()  # fmt: skip
    last = pair.client.of(AuthNeeded)[-1]
    assert (last.partial, last.password_changed) == (True, True)


@pytest.mark.parametrize("answer", [None, "new", ("a",), (b"a", b"b"), 3])
def test_without_a_new_password_the_attempt_is_given_up(answer):
    pair = change(answer)
    assert len(pair.client.of(AuthNeeded)) == 3 - 1
    assert len(pair.server.of(PasswordQuestion)) == 1
    assert not pair.server.of(AuthSucceeded)


@each_case(
    "data",
    [
        b"",
        b"\0",
        b"\0\0\0\0\5pass",
        b"\0\0\0\0\1x!",
        b"\1\0\0\0\1x",
        b"\0\0\0\0\1\xff",
        b"\1\0\0\0\1x\0\0\0\1y!",
    ],
)
def test_requests_that_do_not_decode_are_a_fault(data):
    pair = Pair(client_answers={AuthNeeded: LATER}).start()
    talk(pair, pair.client, UserauthRequest("alice", "ssh-connection", "password", data).encode())
    assert isinstance(failure(pair.server), ProtocolError)
    assert not pair.server.of(PasswordQuestion)
