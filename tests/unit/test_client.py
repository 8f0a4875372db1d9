"""The client's callbacks: their defaults, and when each is called."""

from __future__ import annotations

from typing import Any

import pytest

import nacre
from tests.support.face import (
    PasswordServer,
    asynctest,
    connect,
    connected,
    host_key,
    reported,
    serving,
)


def test_defaults_trust_nothing_and_try_nothing() -> None:
    client = nacre.SSHClient()
    assert client.validate_host_public_key("h", "a", 22, host_key()) is False
    assert client.validate_host_ca_key("h", "a", 22, host_key()) is False
    assert client.public_key_auth_requested() is None
    assert client.password_auth_requested() is None
    assert client.password_change_requested("", "") is NotImplemented
    assert client.kbdint_auth_requested() is NotImplemented
    assert client.kbdint_challenge_received("", "", "", []) is NotImplemented
    client.connection_made(None)  # type: ignore[arg-type]  # the default takes anything
    client.connection_lost(None)
    client.debug_msg_received("", "", False)
    client.auth_banner_received("", "")
    client.auth_completed()
    client.password_changed()
    client.password_change_failed()


class Notes(nacre.SSHClient):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def connection_made(self, conn: Any) -> None:
        self.calls.append("made")

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append(("lost", exc))

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self.calls.append(("banner", msg, lang))

    def auth_completed(self) -> None:
        self.calls.append("completed")

    def debug_msg_received(self, msg: str, lang: str, always_display: bool) -> None:
        self.calls.append(("debug", msg, lang, always_display))


@asynctest
async def test_the_order_of_the_callbacks() -> None:
    class Server(PasswordServer):
        def begin_auth(self, username: str) -> bool:
            self.conn.send_auth_banner("welcome", "en")
            return True

        def auth_completed(self) -> None:
            self.conn.send_debug("hello", "de", True)

    notes = Notes()
    async with serving(server_factory=Server) as listener:
        connection = await connect(listener, client_factory=lambda: notes, password="secret")
        assert connection.get_owner() is notes
        while ("debug", "hello", "de", True) not in notes.calls:
            await connection._link.global_request("turn", b"")
        connection.close()
        await connection.wait_closed()
    assert notes.calls == [
        "made",
        ("banner", "welcome", "en"),
        "completed",
        ("debug", "hello", "de", True),
        ("lost", None),
    ]


@pytest.mark.parametrize("callback", ["auth_banner_received", "auth_completed", "debug_msg_received"])
@asynctest
async def test_a_callback_that_fails_is_reported_and_the_connection_lives(callback: str) -> None:
    def fail(self: Any, *args: Any) -> None:
        raise ZeroDivisionError

    class Server(PasswordServer):
        def begin_auth(self, username: str) -> bool:
            self.conn.send_auth_banner("welcome")
            return True

        def auth_completed(self) -> None:
            self.conn.send_debug("hello")

    client = type("Failing", (nacre.SSHClient,), {callback: fail})
    async with (
        serving(server_factory=Server) as listener,
        connected(listener, client_factory=client, password="secret") as connection,
    ):
        await connection._link.global_request("turn", b"")
        assert not connection.is_closed()
    assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]


@asynctest
async def test_connection_lost_that_fails_is_reported() -> None:
    class Failing(nacre.SSHClient):
        def connection_lost(self, exc: Exception | None) -> None:
            raise ZeroDivisionError

    async with serving() as listener, connected(listener, client_factory=Failing):
        pass
    assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]
