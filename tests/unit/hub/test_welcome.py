"""What an invite leads to: the dialogue, the binding of the key, and one line for every wrong code."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import nacre
from nacre.hub import welcome as module
from nacre.hub.isolation import Isolation, Mode
from nacre.hub.keyboard import Keyboard
from nacre.hub.login import LoginBook
from nacre.hub.paths import prepare
from nacre.hub.problem import HubProblem
from nacre.hub.route import REFUSED
from nacre.hub.state import State
from nacre.hub.users import Role
from nacre.hub.welcome import Welcome
from tests.support.visits import FakeConnection, made

KEY = nacre.generate_private_key("ssh-ed25519")
APART = Isolation(Mode.UID, by_admin=False)
TOGETHER = Isolation(Mode.NONE, by_admin=False)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(prepare(tmp_path / "state"), (70000, 70099)) as opened:
        yield opened


@pytest.fixture
def expired(tmp_path: Path) -> str:
    """A code of the same state that was made long ago."""
    with State.open(prepare(tmp_path / "state"), (70000, 70099), lambda: 1_000_000.0) as past:
        return past.create_invite()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WRONG_SECONDS", 0.0)


def lead(state: State, code: str, typed: bytes, *, isolation: Isolation = APART, terminal: bool = True,
         welcome: Welcome | None = None):  # fmt: skip
    """Come with a code and type; returns what was seen, and the exit."""

    async def body():
        server = LoginBook(state, lambda server, visit: None).server()
        server.connection_made(FakeConnection(code, KEY.public_data))
        server.begin_auth(code)
        server.auth_completed()
        visit, channel = made(terminal=terminal, typed=typed)
        visit.eof_received()
        try:
            await (welcome or Welcome(state, isolation, lambda name: f"ssh {name}@hub")).lead(
                server, visit, Keyboard(visit)
            )
        finally:
            server.connection_lost(None)
        return channel.screen, channel.ended

    return asyncio.run(body())


def test_the_whole_way(state):
    screen, ended = lead(state, state.create_invite(role=Role.ADMIN), b"bob\ry")
    assert "SHA256:" in screen
    assert "ssh bob@hub" in screen
    assert ended == [0]
    assert state.user_has_key("bob", KEY.public_data).role is Role.ADMIN


@pytest.mark.parametrize("typed", [b"bob\rn", b"\x03", b"", b"bob\r"])
def test_leaving_binds_nothing_and_spends_nothing(state, typed):
    code = state.create_invite()
    screen, ended = lead(state, code, typed)
    assert "not spent" in screen
    assert ended == [REFUSED]
    assert not state.has_users()
    assert lead(state, code, b"bob\ry")[1] == [0]


def test_a_name_that_is_taken_or_is_none_is_asked_for_again(state):
    state.add_user("alice")
    _, ended = lead(state, state.create_invite(), b"Root\r" + b"\x15alice\ry" + b"\x15carol\ry")
    assert ended == [0]
    assert state.user("carol") is not None
    assert state.user_has_key("alice", KEY.public_data) is None


@pytest.mark.parametrize("kind", ["unknown", "used", "expired"])
def test_every_code_that_is_not_valid_gets_the_same_line(expired, state, kind):
    code = "invite-7KQ2-M4XD-9PTA"
    if kind == "used":
        code = state.create_invite()
        lead(state, code, b"bob\ry")
    if kind == "expired":
        code = expired
    with pytest.raises(HubProblem) as caught:
        lead(state, code, b"eve\ry")
    assert str(caught.value) == module._NOT_VALID
    assert state.user("eve") is None


def test_after_too_many_wrong_ones_a_right_one_is_refused_too(state):
    welcome = Welcome(state, APART, lambda name: "")
    for _ in range(20):
        with pytest.raises(HubProblem):
            lead(state, "invite-7KQ2-M4XD-9PTA", b"", welcome=welcome)
    with pytest.raises(HubProblem, match="not valid"):
        lead(state, state.create_invite(), b"bob\ry", welcome=welcome)
    assert not state.has_users()


def test_it_needs_a_terminal(state):
    with pytest.raises(HubProblem, match="-t"):
        lead(state, state.create_invite(), b"bob\ry", terminal=False)


def test_where_users_are_not_kept_apart_there_is_one(state):
    assert lead(state, state.create_invite(), b"alice\ry", isolation=TOGETHER)[1] == [0]
    for invite in (state.create_invite(), state.create_invite(user="bob")):
        with pytest.raises(HubProblem, match="cannot keep users apart"):
            lead(state, invite, b"bob\ry", isolation=TOGETHER)
    assert [user.name for user in state.users()] == ["alice"]


def test_one_more_key_of_the_one_user_is_fine_there(state):
    state.add_user("alice")
    assert lead(state, state.create_invite(user="alice"), b"y", isolation=TOGETHER)[1] == [0]
    assert state.user_has_key("alice", KEY.public_data) is not None
