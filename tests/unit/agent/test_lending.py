"""A client's agent, used on a server: nacre at both ends. OpenSSH's programs are in tests/interop."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.agent import Agent, Destination, Hop, HopKey, lending
from nacre.agent.messages import MAX_MESSAGE
from nacre.errors import OpenFailureReason
from nacre.wire.fields import encode_string, encode_uint32
from tests.support.face import OpenServer, asynctest, connected, host_key, serving, user_key

ECDSA = nacre.generate_private_key("ecdsa-sha2-nistp256", comment="ecdsa")


class Server(OpenServer):
    """Runs what is put into `use` with its connection and the channel."""

    use: Any

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self.conn = conn

    def session_requested(self) -> Any:
        async def handler(stdin: Any, stdout: Any, stderr: Any) -> None:
            try:
                stdout.write(str(await type(self).use(self.conn, stdin.channel)))
            except (nacre.ChannelOpenError, ValueError, OSError) as error:
                stdout.write(f"{type(error).__name__}: {error}")
            finally:
                stdout.channel.exit(0)

        return handler


def server_using(function: Any) -> type[Server]:
    return type("Using", (Server,), {"use": staticmethod(function)})


@asynccontextmanager
async def said_by(
    function: Any, client: dict[str, Any], **options: Any
) -> AsyncIterator[tuple[str, nacre.SSHClientConnection]]:
    """What a server's session says whose function uses the client's agent."""
    async with (
        serving(**{"server_factory": server_using(function), **options}) as listener,
        connected(listener, **client) as connection,
    ):
        yield str((await connection.run("use it")).stdout), connection


async def said(function: Any, client: dict[str, Any], **options: Any) -> str:
    async with said_by(function, client, **options) as (text, _):
        return text


@asynccontextmanager
async def lender(*destinations: Destination, **changed: Any) -> AsyncIterator[dict[str, Any]]:
    """The options of a client that lends an agent with a key."""
    agent = Agent()
    await agent.add_keys([ECDSA], destinations=destinations)
    async with await agent.listen() as listening:
        yield {"agent_path": listening.path, "agent_forwarding": True, **changed}


async def sign(conn: nacre.SSHServerConnection, channel: Any) -> str:
    async with nacre.connect_agent(conn) as agent:
        (pair,) = await agent.get_keys()
        signature = await pair.sign_async(b"data")
    again = await pair.sign_async(b"data")  # over another channel
    return str(ECDSA.verify(b"data", signature) and ECDSA.verify(b"data", again))


async def by_socket(conn: nacre.SSHServerConnection, channel: Any) -> str:
    path = channel.get_agent_path()
    assert path == conn.get_agent_path()
    if path is None:
        return "None"
    modes = [oct(stat.S_IMODE(os.stat(each).st_mode)) for each in (path, Path(path).parent)]
    async with nacre.connect_agent(path) as agent, nacre.connect_agent(path) as another:
        comments = [key.get_comment() for each in (agent, another) for key in await each.get_keys()]
    return f"{path} {modes} {comments}"


@asynctest
async def test_over_the_connection() -> None:
    async with lender() as client:
        assert await said(sign, client) == "True"
        assert await said(sign, {"agent_forwarding": client["agent_path"]}) == "True"


@asynctest
async def test_over_a_socket_that_goes_with_the_connection() -> None:
    async with lender() as client:
        async with said_by(by_socket, client) as (text, connection):
            path, _, rest = text.partition(" ")
            assert rest == "['0o600', '0o700'] ['ecdsa', 'ecdsa']"
            assert os.path.exists(path)
            assert (await connection.run("again")).stdout == text  # one socket for all sessions
        while os.path.exists(os.path.dirname(path)):  # until the server has noticed the end
            await asyncio.sleep(0.001)


@asynctest
async def test_never_by_default() -> None:
    async with lender() as client:
        for options in ({**client, "agent_forwarding": False}, {"agent_path": client["agent_path"]}):
            assert "does not forward" in await said(sign, options)
            assert await said(by_socket, options) == "None"

        async def insist(conn: nacre.SSHServerConnection, channel: Any) -> None:
            await lending.ForwardedAgent(conn.link).open()

        assert "no agent was offered" in await said(insist, {"agent_path": client["agent_path"]})


@asynctest
async def test_without_an_agent_none_is_offered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert "does not forward" in await said(sign, {"agent_path": None, "agent_forwarding": True})
    assert "no agent to forward" in caplog.text
    async with lender() as client:
        missing = {**client, "agent_forwarding": client["agent_path"] + ".missing"}
        assert "cannot be reached" in await said(sign, missing)


@asynctest
async def test_what_the_server_permits() -> None:
    line = user_key().export_public_key().decode().strip()
    authority = nacre.generate_private_key("ssh-ed25519")
    allowed = authority.generate_user_certificate(user_key(), "id", principals=["user"])
    denied = authority.generate_user_certificate(
        user_key(), "id", principals=["user"], permit_agent_forwarding=False
    )
    trusted = f"cert-authority {authority.export_public_key().decode()}"
    async with lender(client_keys=[user_key()]) as client:
        assert "does not forward" in await said(sign, client, agent_forwarding=False)
        for options, permitted in (("", True), ("restrict,agent-forwarding ", True), ("restrict ", False),
                                   ("no-agent-forwarding ", False), ("no-pty ", True)):  # fmt: skip
            authorized = nacre.import_authorized_keys(options + line)
            login = {"authorized_client_keys": authorized, "server_factory": None}
            text = await said_with_login(sign, client, login)
            assert (text == "True") is permitted, options
        for certificate, permitted in ((allowed, True), (denied, False)):
            login = {"authorized_client_keys": nacre.import_authorized_keys(trusted)}
            text = await said_with_login(sign, {**client, "client_keys": [(user_key(), certificate)]}, login)
            assert (text == "True") is permitted


async def said_with_login(function: Any, client: dict[str, Any], login: dict[str, Any]) -> str:
    class Asking(server_using(function)):  # type: ignore[misc]  # made by a function
        def begin_auth(self, username: str) -> bool:
            return True

    return await said(function, client, **{**login, "server_factory": Asking})


@asynctest
async def test_the_agent_is_told_from_where_it_is_used() -> None:
    here = Hop("here", (HopKey(host_key().public_data),))
    further = Destination(Hop("there", (HopKey(ECDSA.public_data),)), here)

    async def seen(conn: nacre.SSHServerConnection, channel: Any) -> int:
        async with nacre.connect_agent(conn) as agent:
            return len(await agent.get_keys())

    for destinations, keys in (([Destination(here)], "0"), ([Destination(here), further], "1")):
        async with lender(*destinations) as client:
            assert await said(seen, client) == keys


@asynctest
async def test_two_hops_with_a_key_for_that_way() -> None:
    """The server logs in further with the agent of its client."""
    second = nacre.generate_private_key("ssh-ed25519")
    here = Hop("here", (HopKey(host_key().public_data),))
    further_way = Hop("there", (HopKey(second.public_data),), "somebody else")
    authorized = nacre.import_authorized_keys(ECDSA.export_public_key().decode())
    async with serving(
        server_factory=nacre.SSHServer, server_host_keys=[second], authorized_client_keys=authorized
    ) as further:

        async def onwards(conn: nacre.SSHServerConnection, channel: Any) -> str:
            try:
                async with connected(further, agent_path=conn, client_keys=[]):
                    return "in"
            except nacre.PermissionDenied:
                return "out"

        async with lender() as client:
            assert await said(onwards, client) == "in"
        async with lender(Destination(here)) as client:
            assert await said(onwards, client) == "out"
        async with lender(Destination(here), Destination(further_way, here)) as client:
            assert await said(onwards, client) == "out"
        # The login names its host (publickey-hostbound): without that no agent signs for whoever asks from afar.
        there = Hop("there", (HopKey(second.public_data),), "us*")
        async with lender(Destination(here), Destination(there, here)) as client:
            assert await said(onwards, client) == "in"


@asynctest
async def test_nothing_that_changes_an_agent_goes_through() -> None:
    requests: list[bytes] = []

    async def any_agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while size := await reader.read(4):
            requests.append(await reader.readexactly(int.from_bytes(size, "big")))
            writer.write(encode_string(b"\6"))
        writer.close()

    async def everything(conn: nacre.SSHServerConnection, channel: Any) -> int:
        reader, writer = await conn.open_agent_connection()
        answers = set()
        for number in {*range(256)} - {11, 13, 27}:
            writer.write(encode_string(bytes((number,)) + b"content"))
            answers.add(await reader.readexactly(5))
        for name in (b"query@example.com", b"restrict"):
            writer.write(encode_string(b"\x1b" + encode_string(name)))
            answers.add(await reader.readexactly(5))
        writer.close()
        assert answers == {encode_string(b"\5")}
        return len(requests)

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/agent"
        async with await asyncio.start_unix_server(any_agent, path):
            assert await said(everything, {"agent_path": None, "agent_forwarding": path}) == "1"
    assert lending.goes_through(requests[0])  # that it is bound
    assert len(requests) == 1


@asynctest
async def test_what_is_no_message_ends_its_channel_alone() -> None:
    async def damaged(conn: nacre.SSHServerConnection, channel: Any) -> str:
        for size in (0, MAX_MESSAGE + 1, 2**32 - 1):
            reader, writer = await conn.open_agent_connection()
            writer.write(encode_uint32(size))
            assert await reader.read() == b""
            writer.close()
        return await sign(conn, channel)

    async with lender() as client:
        assert await said(damaged, client) == "True"


@asynctest
async def test_channels_that_come_at_once_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "MAX_CLIENTS", 2)

    async def many(conn: nacre.SSHServerConnection, channel: Any) -> str:
        opened = await asyncio.gather(
            *(conn.open_agent_connection() for _ in range(5)), return_exceptions=True
        )
        refused = [each for each in opened if isinstance(each, nacre.ChannelOpenError)]
        for stream in opened:
            if not isinstance(stream, BaseException):
                stream[1].close()
        return str([error.code == OpenFailureReason.RESOURCE_SHORTAGE for error in refused])

    async with lender() as client:
        assert await said(many, client) == "[True, True, True]"


@asynctest
async def test_channels_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "MAX_CLIENTS", 2)

    async def many(conn: nacre.SSHServerConnection, channel: Any) -> str:
        streams = [await conn.open_agent_connection() for _ in range(2)]
        with pytest.raises(nacre.ChannelOpenError) as refused:
            await conn.open_agent_connection()
        assert refused.value.code == OpenFailureReason.RESOURCE_SHORTAGE
        for reader, writer in streams:
            writer.close()
            await reader.read()
        return await sign(conn, channel)

    async with lender() as client:
        assert await said(many, client) == "True"


@asynctest
async def test_no_place_for_a_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def without(conn: nacre.SSHServerConnection, channel: Any) -> str:
        return f"{await by_socket(conn, channel)} {await sign(conn, channel)}"

    async with lender() as client:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        assert await said(without, client) == "None True"


@asynctest
async def test_the_end_of_the_connection_is_the_end_of_what_uses_it() -> None:
    async with lender() as client, said_by(by_socket, client) as (text, connection):
        reader, writer = await asyncio.open_unix_connection(text.partition(" ")[0])
        writer.write(encode_string(b"\x0b"))
        assert await reader.readexactly(5)
        connection.abort()
        await reader.read()
        writer.close()


@asynctest
async def test_one_socket_however_many_sessions_ask_at_once_and_none_after_the_end() -> None:
    async def many(conn: nacre.SSHServerConnection, channel: Any) -> str:
        agent = lending.ForwardedAgent(conn.link)
        starting = [asyncio.create_task(agent.start()) for _ in range(3)]
        assert await asyncio.gather(*starting) == [True] * 3
        path = agent.path
        assert path is not None
        agent.close()
        assert not os.path.exists(os.path.dirname(path))
        assert not await agent.start()
        late = lending.ForwardedAgent(conn.link)
        start = asyncio.create_task(late.start())
        await asyncio.sleep(0)
        late.close()
        assert not await start
        assert late.path is None or not os.path.exists(late.path)
        for each in (agent, late):
            await each.wait_closed()
        return "done"

    assert await said(many, {}) == "done"
