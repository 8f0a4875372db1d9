"""The server's connection: its sessions and what the login permits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.protocol.auth.publickey import signed_data
from nacre.wire.auth import UserauthRequest
from nacre.wire.fields import encode_string, encode_text
from tests.support.face import (
    PASSWORD,
    OpenServer,
    PasswordServer,
    Recorder,
    SessionServer,
    asynctest,
    connect,
    connected,
    reported,
    serving,
    user_key,
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


class Impostor(nacre.SSHClient):
    """Sends requests in other names, one after the other, once it is asked for a password."""

    def __init__(self, requests: Sequence[Callable[[bytes], UserauthRequest]]) -> None:
        self._requests = requests

    def connection_made(self, conn: nacre.SSHClientConnection) -> None:
        self._link = conn.link

    async def password_auth_requested(self) -> str:
        core = self._link.protocol._core
        for make in self._requests:
            core.send(make(core.info.session_id))
        self._link.touch()
        return await asyncio.get_running_loop().create_future()


def by_password(user: str, word: str) -> Callable[[bytes], UserauthRequest]:
    return lambda _: UserauthRequest(user, "ssh-connection", "password", b"\0" + encode_text(word))


def by_key(user: str) -> Callable[[bytes], UserauthRequest]:
    def made(session_id: bytes) -> UserauthRequest:
        key = user_key()
        signature = key.sign(signed_data(session_id, user, key.algorithm, key.public_data), key.algorithm)
        data = b"\1" + encode_text(key.algorithm) + encode_string(key.public_data) + encode_string(signature)
        return UserauthRequest(user, "ssh-connection", "publickey", data)

    return made


@asynctest
async def test_another_name_has_nothing_of_the_one_before(tmp_path: Path) -> None:
    config = tmp_path / "sshd_config"
    line = user_key().export_public_key().decode()
    (tmp_path / "carl").write_text(f'command="of carl",no-pty {line}')
    config.write_text(
        f"StrictModes no\nAuthorizedKeysFile {tmp_path}/%u\nMaxAuthTries 5\nMatch user alice\nMaxAuthTries 2\n"
        "Match user carl,dora\nAuthenticationMethods publickey,password\n"
        f"Match user erin\nRevokedKeys {tmp_path}/krl\n"
    )
    (tmp_path / "krl").touch()
    asked: list[str] = []
    completed: list[tuple[Any, ...]] = []
    over = asyncio.Event()

    class Server(PasswordServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            self.conn = conn

        def connection_lost(self, error: Exception | None) -> None:
            over.set()

        def validate_password(self, username: str, password: str) -> bool:
            asked.append(username)
            return password == PASSWORD

        def auth_completed(self) -> None:
            conn = self.conn
            settings = conn.link.protocol.settings
            completed.append((conn.forced_command(), conn.pty_allowed(), settings.max_auth_tries))
            over.set()

    wrong, right = (partial(by_password, word=word) for word in ("wrong", PASSWORD))
    async with serving(config=config, server_factory=Server) as listener:
        (tmp_path / "krl").unlink()  # from here on nothing can be told of erin
        for requests, names, outcome in (
            # Of two names, neither has more tries than its own line says.
            ([wrong("alice"), wrong("bob"), wrong("bob"), wrong("alice"), right("bob")], "alice bob bob alice", []),
            # Half a login is none of the next name's, nor of one about which nothing can be told.
            ([by_key("carl"), right("dora"), right("erin"), wrong("bob"), right("carl"), right("bob")],
             "bob bob", [(None, True, 5)]),
            ([by_key("carl"), right("carl")], "carl", [("of carl", False, 5)]),
        ):  # fmt: skip
            asked.clear()
            completed.clear()
            over.clear()
            client = asyncio.ensure_future(
                connect(listener, username="alice", client_factory=partial(Impostor, requests))
            )
            await over.wait()
            client.cancel()
            await asyncio.gather(client, return_exceptions=True)
            assert (asked, completed) == (names.split(), outcome)
            for connection in [client.result()] if not client.cancelled() and not client.exception() else []:
                connection.abort()
    assert [report["message"].partition(" ")[2] for report in reported()] == ["AuthBegin failed"]
