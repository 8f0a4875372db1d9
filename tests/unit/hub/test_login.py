"""Who comes in: keys and invites, nothing else; strangers, removed users and wrong keys alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import nacre
from nacre.hub.login import MAX_CONNECTIONS, MAX_INVITES, MAX_SESSIONS, HubServer, LoginBook
from nacre.hub.paths import prepare
from nacre.hub.state import State
from tests.support.visits import FakeConnection

KEY = nacre.generate_private_key("ssh-ed25519")
OTHER = nacre.generate_private_key("ssh-ed25519")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[LoginBook]:
    with State.open(prepare(tmp_path / "state"), (70000, 70099)) as state:
        state.add_user("alice", keys=[(KEY.public_data, "")])
        yield LoginBook(state, lambda server, visit: None)


def connect(
    book: LoginBook, username: str = "alice", blob: bytes | None = None
) -> tuple[HubServer, FakeConnection]:
    server, connection = book.server(), FakeConnection(username, blob)
    server.connection_made(connection)
    return server, connection


def log_in(
    book: LoginBook, username: str = "alice", key: nacre.SSHKey = KEY
) -> tuple[HubServer, FakeConnection]:
    server, connection = connect(book, username, key.public_data)
    server.begin_auth(username)
    server.auth_completed()
    return server, connection


def test_everybody_needs_a_key_and_gets_the_banner_once(book):
    server, connection = connect(book)
    assert server.begin_auth("alice") is True
    assert server.begin_auth("nobody") is True
    assert len(connection.banners) == 1
    assert server.public_key_auth_supported()
    assert not server.password_auth_supported()
    assert server.kbdint_auth_supported() is NotImplemented  # as for passwords


@pytest.mark.parametrize(
    ("username", "key", "right"),
    [
        ("alice", KEY, True),
        ("alice+notebook", KEY, True),
        ("alice", OTHER, False),
        ("bob", KEY, False),
        ("Alice", KEY, False),
        ("", KEY, False),
        ("x" * 5000, KEY, False),
        ("invite-7KQ2-M4XD-9PTA", OTHER, True),
        ("INVITE-7kq2", OTHER, True),
    ],
)
def test_who_may_use_which_key(book, username, key, right):
    server, _ = connect(book)
    assert server.validate_public_key(username, key) is right


def test_a_removed_user_is_a_stranger(book):
    book.state.remove_user("alice")
    server, _ = connect(book)
    assert server.validate_public_key("alice", KEY) is False


def test_a_login(book, caplog):
    with caplog.at_level(logging.INFO, "nacre.hub"):
        server, connection = log_in(book, "alice+notebook")
        assert server.is_in
        assert (server.user.name, server.login.app, server.invite) == ("alice", "notebook", None)
        server.connection_lost(None)
    assert not connection.disconnected
    assert "login alice from 192.0.2.1 port 4711 with SHA256:" in caplog.text
    assert "logout alice" in caplog.text
    assert not book.servers


def test_a_user_who_was_removed_after_the_question_is_sent_away(book):
    server, connection = connect(book, "alice", KEY.public_data)
    book.state.remove_user("alice")
    server.auth_completed()
    assert connection.disconnected
    assert not server.is_in


def test_a_login_without_a_verified_key_is_none(book):
    server, connection = connect(book, "alice", None)
    server.auth_completed()
    assert connection.disconnected
    assert not server.is_in


def test_the_key_that_was_verified_counts_and_not_one_that_was_offered(book):
    server, connection = connect(book, "alice", OTHER.public_data)
    server.validate_public_key("alice", KEY)
    server.auth_completed()
    assert connection.disconnected
    assert not server.is_in


def test_a_refusal_is_logged_with_its_keys_and_without_the_code(book, caplog):
    server, _ = connect(book)
    server.begin_auth("bob\x1b[2J")
    for _ in range(20):
        server.validate_public_key("bob", nacre.generate_private_key("ssh-ed25519"))
    server.connection_lost(None)
    assert caplog.text.count("SHA256:") == 8
    assert "\x1b" not in caplog.text
    caplog.clear()
    server, _ = connect(book)
    server.begin_auth("invite-7KQ2-M4XD-9PTA")
    server.connection_lost(None)
    assert "M4XD" not in caplog.text


def test_an_invite_is_let_through_for_a_while(book):
    async def body():
        server, _ = log_in(book, "invite-7KQ2-M4XD-9PTA", OTHER)
        assert server.is_in
        assert (server.user, server.invite) == (None, "invite-7KQ2-M4XD-9PTA")
        assert server.name == "an invite"
        server.connection_lost(None)

    asyncio.run(body())


def test_connections_of_one_user_are_bounded(book):
    connections = [log_in(book)[1] for _ in range(MAX_CONNECTIONS + 1)]
    assert [bool(one.disconnected) for one in connections] == [False] * MAX_CONNECTIONS + [True]
    book.state.add_user("bob", keys=[(OTHER.public_data, "")])
    assert not log_in(book, "bob", OTHER)[1].disconnected


def test_connections_with_an_invite_are_bounded_by_source_too(book):
    async def body():
        def come(source):
            server, connection = connect(book, "invite-7KQ2-M4XD-9PTA", OTHER.public_data)
            connection.info["source"] = source
            server.begin_auth("invite-7KQ2-M4XD-9PTA")
            server.auth_completed()
            if connection.disconnected:
                server.connection_lost(None)
            return server, bool(connection.disconnected)

        one = [come("192.0.2.1") for _ in range(MAX_INVITES + 3)]
        assert [refused for _, refused in one] == [False] * MAX_INVITES + [True] * 3
        assert not come("192.0.2.2")[1]
        # What is exempt has the bound in all alone.
        others = [come(None)[1] for _ in range(MAX_CONNECTIONS - MAX_INVITES)]
        assert others == [False] * (MAX_CONNECTIONS - MAX_INVITES - 1) + [True]
        for server in list(book.servers):
            server.connection_lost(None)

    asyncio.run(body())


def test_sessions_of_one_connection_are_bounded_and_come_back(book):
    server, _ = log_in(book)
    visits = [server.session_requested()[1] for _ in range(MAX_SESSIONS)]
    assert server.session_requested() is False
    server.left(visits[0])
    assert server.session_requested() is not False
    assert len(server.visits) == MAX_SESSIONS


def test_no_session_before_the_login(book):
    server, _ = connect(book)
    assert server.session_requested() is False
    assert server.name == "nobody"
