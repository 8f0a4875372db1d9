"""A channel as a transport: a whole SSH connection inside another one, and how either end goes."""

from __future__ import annotations

from typing import Any

import pytest

import nacre
from nacre.aio.channel import SSHChannel
from nacre.aio.tunnel import ChannelTransport
from nacre.protocol import events
from nacre.server_connection import SSHServerConnection
from tests.support.face import OpenServer, asynctest, client_options, connect, connected, host_key, serving


async def handler(process: Any) -> None:
    """Send back what comes."""
    process.stdout.write(await process.stdin.read())
    process.exit(0)


@pytest.fixture
def inner(monkeypatch: pytest.MonkeyPatch) -> list[SSHServerConnection]:
    """Have servers answer a tunnel with a server of their own inside the channel; return these."""
    made: list[SSHServerConnection] = []

    async def accept(self: SSHServerConnection, event: events.ChannelOpenQuestion) -> Any:
        options = nacre.SSHServerConnectionOptions(process_factory=handler, encoding=None)
        end = SSHServerConnection(self._loop, options, OpenServer, nacre.load_keypairs(host_key()))  # type: ignore[arg-type]  # a list does as well
        made.append(end)
        channel: SSHChannel[bytes] = SSHChannel(self.link)
        channel.bind(event.channel, ChannelTransport(channel, end.driver))
        self._loop.call_soon(channel.start)
        return channel, events.OpenAccept(channel.get_recv_window(), channel.get_max_packet())

    opens = {**SSHServerConnection._opens, "direct-tcpip": accept}
    monkeypatch.setattr(SSHServerConnection, "_opens", opens)
    return made


@asynctest
async def test_a_connection_inside_another(inner: list[SSHServerConnection]) -> None:
    data = bytes(range(256)) * 16384
    async with serving() as listener, connected(listener) as outer:
        async with outer.connect_ssh("far", **client_options()) as connection:
            done = await connection.run("x", input=data, encoding=None)
            assert done.stdout == data
            assert connection.get_extra_info("peername") is None
            assert connection.get_extra_info("host") == "far"
        await inner[0].wait_closed()
        assert not outer.is_closed()
        connection, client = await outer.create_ssh_connection(None, "far", **client_options())
        assert isinstance(client, nacre.SSHClient)
        connection.abort()
        await connection.wait_closed()
        await inner[1].wait_closed()


@asynctest
async def test_the_inner_connection_ends_with_the_outer_one(inner: list[SSHServerConnection]) -> None:
    async with serving() as listener, connected(listener) as outer:
        connection = await outer.connect_ssh("far", **client_options())
        outer.abort()
        await connection.wait_closed()
        assert connection.is_closed()
        await outer.wait_closed()
        await inner[0].wait_closed()


@asynctest
async def test_what_is_said_last_is_sent_before_the_way_is_closed(inner: list[SSHServerConnection]) -> None:
    async with serving() as listener:
        outer = await connect(listener)
        connection = await outer.connect_ssh("far", **client_options())
        connection.own(outer)
        lost: list[Exception | None] = []
        owner = inner[0].get_owner()
        assert owner is not None
        owner.connection_lost = lost.append  # type: ignore[method-assign]  # to see what it is told
        async with connection:
            pass
        await inner[0].wait_closed()
        assert lost == [None]  # a DISCONNECT came
        assert outer.is_closed()


@asynctest
async def test_writing_while_the_outer_connection_ends(inner: list[SSHServerConnection]) -> None:
    async with serving() as listener, connected(listener) as outer:
        connection = await outer.connect_ssh("far", **client_options())
        outer.close()
        connection.send_debug("too late")
        connection.close()
        await connection.wait_closed()
        await outer.wait_closed()
        await inner[0].wait_closed()


@asynctest
async def test_a_server_that_does_not_tunnel() -> None:
    async with serving() as listener, connected(listener) as outer:
        with pytest.raises(nacre.ChannelOpenError):
            await outer.connect_ssh("far", **client_options())
        assert not outer.is_closed()
