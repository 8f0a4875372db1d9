"""The keyboard-interactive method (RFC 4256), and the count of prompts and answers."""

from __future__ import annotations

import pytest

from nacre.errors import LocalProtocolError, PermissionDenied, ProtocolError
from nacre.protocol import limits
from nacre.protocol.events import (
    AuthNeeded,
    AuthSucceeded,
    Challenge,
    KbdintAttempt,
    KbdintChallenge,
    KbdintQuestion,
    KbdintResponses,
    Partial,
)
from nacre.wire.auth import UserauthInfoRequest, UserauthInfoResponse
from tests.pair.ends import LATER, Pair
from tests.support.protocol import failure, talk

ASK = Challenge("Login", "two things", "en", (("PIN: ", False), ("Colour: ", True)))


def dialogue(*, answers, asks=ASK, verdict=True, after=None) -> Pair:
    tries = iter([KbdintAttempt("pam"), after])
    return Pair(
        client_answers={AuthNeeded: lambda event: next(tries), KbdintChallenge: answers},
        server_answers={KbdintQuestion: asks, KbdintResponses: verdict},
    )


def test_a_dialogue():
    pair = dialogue(answers=["1234", "blue"]).start()
    assert pair.server.of(KbdintQuestion)[0].submethods == "pam"
    challenge = pair.client.of(KbdintChallenge)[0]
    assert (challenge.name, challenge.instructions, challenge.prompts) == ("Login", "two things", ASK.prompts)
    assert pair.server.of(KbdintResponses)[0].responses == ("1234", "blue")
    assert pair.server.of(AuthSucceeded)[0].method == "keyboard-interactive"


def test_a_second_challenge_and_one_without_prompts():
    rounds = iter([ASK, Challenge("done", "", "", ()), True])
    pair = dialogue(
        answers=lambda event: ["x"] * len(event.prompts), asks=lambda event: next(rounds),
        verdict=lambda event: next(rounds),
    ).start()  # fmt: skip
    assert [event.responses for event in pair.server.of(KbdintResponses)] == [("x", "x"), ()]
    assert pair.server.of(AuthSucceeded)


@pytest.mark.parametrize("verdict", [False, None, 1, "yes", Partial(("password",))])
def test_only_true_lets_in(verdict):
    pair = dialogue(answers=["1", "2"], verdict=verdict).start()
    assert not pair.server.of(AuthSucceeded)
    assert pair.client.of(AuthNeeded)[-1].partial is isinstance(verdict, Partial)


@pytest.mark.parametrize("asks", [False, None, "PIN"])
def test_a_server_that_asks_nothing_refuses(asks):
    pair = dialogue(answers=["1"], asks=asks).start()
    assert not pair.client.of(KbdintChallenge)
    assert not pair.server.of(AuthSucceeded)


def test_one_that_says_yes_at_once():
    assert dialogue(answers=[], asks=True).start().server.of(AuthSucceeded)


def test_a_client_may_have_no_answers():
    pair = dialogue(answers=None).start()
    assert isinstance(failure(pair.client), PermissionDenied)
    assert not pair.server.of(KbdintResponses)


@pytest.mark.parametrize("answers", [["1"], ["1", "2", "3"], "ab", 7, [1, 2]])
def test_answers_that_do_not_fit_are_our_mistake(answers):
    pair = dialogue(answers=LATER)
    pair.client.answers[KbdintChallenge] = LATER
    pair.start()
    with pytest.raises(LocalProtocolError):
        pair.client.connection.answer(pair.client.of(KbdintChallenge)[0].token, answers)


@pytest.mark.parametrize("responses", [(), ("1",), ("1", "2", "3")])
def test_a_peers_answers_that_do_not_fit_are_a_failure(responses):
    """RFC 4256 section 3.4: "the server MUST send a failure message"."""
    pair = dialogue(answers=LATER)
    pair.client.answers[KbdintChallenge] = LATER
    pair.start()
    talk(pair, pair.client, UserauthInfoResponse(responses).encode())
    assert not pair.server.connection.closed
    assert not pair.server.of(KbdintResponses)
    pair.client.answers[AuthNeeded] = LATER
    pair.client.connection.answer(pair.client.of(KbdintChallenge)[0].token, None)
    pair.client.pump()
    assert len(pair.client.of(AuthNeeded)) == 2


def test_answers_before_the_challenge_are_no_answers():
    pair = dialogue(answers=LATER, asks=LATER)
    pair.client.answers[KbdintChallenge] = LATER
    pair.start()
    talk(pair, pair.client, UserauthInfoResponse(("1", "2")).encode())
    pair.server.connection.answer(pair.server.of(KbdintQuestion)[0].token, False)
    pair.run()
    assert isinstance(failure(pair.server), ProtocolError)
    assert not pair.server.of(AuthSucceeded)


def test_answers_given_twice_are_a_fault():
    pair = dialogue(answers=["1", "2"], verdict=LATER).start()
    talk(pair, pair.client, UserauthInfoResponse(("1", "2")).encode())
    pair.server.connection.answer(pair.server.of(KbdintResponses)[0].token, False)
    pair.run()
    assert isinstance(failure(pair.server), ProtocolError)


@pytest.mark.parametrize("number", [60, 62, 79])
def test_nothing_but_answers_follows_a_challenge(number):
    pair = dialogue(answers=LATER).start()
    talk(pair, pair.client, bytes((number, 0, 0, 0, 0)))
    assert isinstance(failure(pair.server), ProtocolError)


@pytest.mark.parametrize("number", [61, 62, 79])
def test_nothing_but_a_challenge_follows_the_request(number):
    pair = dialogue(answers=LATER, asks=LATER).start()
    talk(pair, pair.server, bytes((number, 0, 0, 0, 0)))
    assert isinstance(failure(pair.client), ProtocolError)
    assert not pair.client.of(AuthSucceeded)


def test_prompts_are_bounded():
    pair = dialogue(answers=LATER, asks=LATER).start()
    many = tuple(("?", True) for _ in range(limits.KBDINT_PROMPTS + 1))
    talk(pair, pair.server, UserauthInfoRequest("", "", "", many).encode())
    assert isinstance(failure(pair.client), ProtocolError)


def test_challenges_without_end_are_given_up():
    pair = dialogue(answers=["1", "2"], verdict=ASK).start()
    assert isinstance(failure(pair.client), PermissionDenied)
    assert len(pair.client.of(KbdintChallenge)) <= limits.AUTH_REQUESTS
