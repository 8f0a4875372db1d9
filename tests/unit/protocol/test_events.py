"""Events: slots alone, without tokens and secrets in what is shown, each a class of its own."""

from __future__ import annotations

import pytest

from nacre.protocol import events
from nacre.protocol.events import Event, Question, Token
from nacre.protocol.lane import Lane
from tests.support.cases import each_case
from tests.support.protocol import make_core

KINDS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
SECRET = "hunter2"


@pytest.fixture
def token():
    return Token(Lane(make_core(), lambda item: None, 1))


@each_case("kind", KINDS)
def test_every_event_is_slots_alone_and_documented(kind):
    assert not hasattr(object.__new__(kind), "__dict__")
    assert kind.__doc__


@each_case("kind", [kind for kind in KINDS if issubclass(kind, Question) and kind is not Question])
def test_every_question_says_what_answers_it_takes(kind):
    assert "Answers:" in kind.__doc__
    assert kind.__match_args__[0] == "token"


def test_secrets_and_tokens_are_not_shown(token):
    shown = [
        events.PasswordQuestion(token, "alice", SECRET, SECRET),
        events.KbdintResponses(token, "alice", (SECRET,)),
        events.PasswordAttempt(SECRET),
        events.SignatureNeeded(token, "ssh-ed25519", b"", SECRET.encode()),
    ]
    assert SECRET not in repr(shown)
    assert "oken" not in repr(shown)


def test_a_token_is_fresh(token):
    assert token.answered is False


def test_trust_is_one_value_and_nothing_that_is_true():
    assert events.Verdict.TRUSTED is not True
    assert len(events.Verdict) == 2
