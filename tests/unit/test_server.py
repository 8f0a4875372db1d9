"""The server's callbacks: their defaults let nobody in, and nothing through."""

from __future__ import annotations

from typing import Any

import pytest

import nacre
from tests.support.face import (
    OpenServer,
    PasswordServer,
    asynctest,
    connect,
    connected,
    host_key,
    reported,
    serving,
    user_key,
)


def test_defaults_refuse() -> None:
    server = nacre.SSHServer()
    key = host_key()
    assert server.begin_auth("user") is True
    assert server.kbdint_auth_supported() is NotImplemented
    for answer in (
        server.public_key_auth_supported(),
        server.password_auth_supported(),
        server.host_based_auth_supported(),
        server.validate_public_key("user", key),
        server.validate_password("user", "x"),
        server.change_password("user", "x", "y"),
        server.get_kbdint_challenge("user", "", ""),
        server.validate_kbdint_response("user", []),
        server.validate_host_public_key("h", "a", 1, key),
        server.validate_host_ca_key("h", "a", 1, key),
        server.validate_host_based_user("u", "h", "c"),
        server.validate_ca_key("u", key),
        server.validate_gss_principal("u", "p", "h"),
        server.session_requested(),
        server.connection_requested("h", 1, "o", 2),
        server.unix_connection_requested("/x"),
        server.server_requested("h", 1),
        server.unix_server_requested("/x"),
        server.tun_requested(None),
        server.tap_requested(None),
    ):
        assert answer is False
    server.connection_made(None)  # type: ignore[arg-type]  # the default takes anything
    server.debug_msg_received("", "", False)
    server.auth_completed()
    server.connection_lost(None)


@asynctest
async def test_a_server_without_callbacks_lets_nobody_in() -> None:
    async with serving(server_factory=nacre.SSHServer) as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, password="x", client_keys=[user_key()])
    async with serving(server_factory=None) as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, password="x")


@asynctest
async def test_a_setup_that_fails_closes_the_connection_and_the_server_goes_on() -> None:
    fails = True

    class Server(OpenServer):
        def connection_made(self, conn: Any) -> None:
            if fails:
                raise ZeroDivisionError

    errors: list[BaseException] = []
    async with serving(
        server_factory=Server, error_handler=lambda conn, error: errors.append(error)
    ) as listener:
        with pytest.raises((nacre.ConnectionLost, ConnectionResetError)):
            await connect(listener)
        assert [type(error) for error in errors] == [ZeroDivisionError]
        fails = False
        async with connected(listener):
            pass
    assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]


@asynctest
async def test_auth_completed_may_be_a_coroutine_and_may_fail() -> None:
    done: list[str] = []

    class Server(PasswordServer):
        async def auth_completed(self) -> None:  # type: ignore[override]  # a coroutine is fine
            done.append(self.conn.get_extra_info("username"))
            raise ZeroDivisionError

    async with (
        serving(server_factory=Server) as listener,
        connected(listener, password="secret") as connection,
    ):
        await connection._link.global_request("turn", b"")
    assert done == ["user"]
    assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]


@asynctest
async def test_sessions_are_refused_with_the_reason_of_the_program() -> None:
    class Server(OpenServer):
        def session_requested(self) -> Any:
            raise nacre.ChannelOpenError(nacre.OPEN_RESOURCE_SHORTAGE, "no room")

    async with serving(server_factory=Server) as listener, connected(listener) as connection:
        with pytest.raises(nacre.ChannelOpenError, match="no room") as info:
            await connection.run("x")
        assert info.value.code == nacre.OPEN_RESOURCE_SHORTAGE
    async with serving() as listener, connected(listener) as connection:
        with pytest.raises(nacre.ChannelOpenError) as info:
            await connection.run("x")
        assert info.value.code == nacre.OPEN_ADMINISTRATIVELY_PROHIBITED


def test_partial_success_names_what_is_to_follow() -> None:
    assert nacre.PartialSuccess(("password",)).methods == ("password",)
