"""The server's connection: its sessions and what the login permits."""

from __future__ import annotations

from typing import Any

import pytest

import nacre
from tests.support.face import (
    OpenServer,
    PasswordServer,
    Recorder,
    SessionServer,
    asynctest,
    connect,
    connected,
    reported,
    serving,
)


@asynctest
async def test_a_channel_of_ones_own() -> None:
    made: list[Any] = []

    class Server(OpenServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            self.conn = conn

        def session_requested(self) -> Any:
            chan = self.conn.create_server_channel(encoding=None, window=12345, max_pktsize=500)
            made.append((chan, Recorder()))
            return made[-1]

    async with serving(server_factory=Server) as listener, connected(listener, encoding=None) as connection:
        await connection.create_session(Recorder, "x")
        chan, session = made[0]
        assert session.chan is chan
        assert (chan.get_encoding()[0], chan.get_recv_window(), chan.get_max_packet()) == (None, 12345, 500)


@asynctest
async def test_channels_start_from_the_options() -> None:
    conns: list[nacre.SSHServerConnection] = []

    class Server(OpenServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            conns.append(conn)

    async with (
        serving(server_factory=Server, encoding="latin-1", errors="replace", window=9999) as listener,
        connected(listener),
    ):
        chan = conns[0].create_server_channel()
        assert chan.get_encoding() == ("latin-1", "replace")
        assert chan.get_recv_window() == 9999
        assert conns[0].pty_allowed()
        assert conns[0].forced_command() is None
        assert conns[0].session_environment() == {}
        assert conns[0].get_key_option("x", 1) == 1


@pytest.mark.parametrize("wrong", [True, 5, "text", (None, 5)])
@asynctest
async def test_session_requested_that_returns_something_else_is_reported(wrong: Any) -> None:
    class Server(OpenServer):
        def session_requested(self) -> Any:
            return wrong

    async with serving(server_factory=Server) as listener, connected(listener) as connection:
        with pytest.raises(nacre.ChannelOpenError):
            await connection.run("x")
        assert not connection.is_closed()
    (report,) = reported()
    assert "session_requested returned" in str(report["exception"])


@pytest.mark.parametrize("early", [True, False])
@asynctest
async def test_banners(early: bool) -> None:
    seen: list[str] = []

    class Client(nacre.SSHClient):
        def auth_banner_received(self, msg: str, lang: str) -> None:
            seen.append(msg)

    class Server(PasswordServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            self.conn = conn
            if early:
                conn.send_auth_banner("welcome\n")

        def begin_auth(self, username: str) -> bool:
            if not early:
                self.conn.send_auth_banner("welcome\n")
            return True

        def auth_completed(self) -> None:
            with pytest.raises(nacre.LocalProtocolError):
                self.conn.send_auth_banner("too late")

    async with serving(server_factory=Server) as listener:
        async with connected(listener, client_factory=Client, password="secret"):
            pass
        assert seen == ["welcome\n"]
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_factory=Client)
        assert len(seen) == 2


@asynctest
async def test_process_and_session_factories_come_before_the_callback() -> None:
    class Server(OpenServer):
        def session_requested(self) -> Any:
            raise AssertionError("not asked")

    async with (
        serving(server_factory=Server, process_factory=lambda process: process.exit(5)) as listener,
        connected(listener) as connection,
    ):
        assert (await connection.run("x")).exit_status == 5


@asynctest
async def test_one_client_has_as_many_sessions_and_channels_as_the_options_say() -> None:
    shortage = nacre.errors.OpenFailureReason.RESOURCE_SHORTAGE
    for limit, reason in (
        ({"max_sessions": 2}, "too many sessions"),
        ({"max_channels": 2}, "too many channels"),
    ):
        async with (
            serving(server_factory=lambda: SessionServer(Recorder, []), **limit) as listener,
            connected(listener) as connection,
            connected(listener) as another,
        ):
            channels = [(await connection.create_session(Recorder, "x"))[0] for _ in range(2)]
            with pytest.raises(nacre.ChannelOpenError, match=reason) as refused:
                await connection.create_session(Recorder, "x")
            assert refused.value.code == shortage
            await another.create_session(Recorder, "x")  # another client has its own
            channels[0].close()
            await channels[0].wait_closed()
            await connection.create_session(Recorder, "x")
            for one in (connection, another):
                one.close()
                await one.wait_closed()
