"""Arrivals: who is let in behind a load balancer or by a hook, and where loops tell the address late."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

import nacre
from tests.support.face import HOST, OpenServer, asynctest, client_options, host_key, reported, serving

HEADER = b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 22\r\n"
BALANCED: dict[str, Any] = {"proxy_protocol_from": ["127.0.0.0/8"]}


class Meeting(OpenServer):
    """Notes where each connection says that it comes from."""

    met: list[tuple[Any, ...]]

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        type(self).met.append(tuple(conn.get_extra_info(name) for name in ("peername", "sockname", "source")))


def meeting() -> type[Meeting]:
    return type("Meeting", (Meeting,), {"met": []})


async def dial(listener: nacre.SSHAcceptor, header: bytes) -> nacre.SSHClientConnection:
    """Connect as a load balancer does."""
    _, writer = await asyncio.open_connection(HOST, listener.get_port())
    sock = writer.get_extra_info("socket").dup()
    transport = writer.transport
    transport.pause_reading()
    sock.send(header)
    connection = await nacre.connect(sock=sock, **client_options())
    transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return connection


@asynctest
async def test_a_load_balancer_says_where_the_client_comes_from() -> None:
    factory = meeting()
    async with serving(server_factory=factory, **BALANCED) as listener:
        async with await dial(listener, HEADER):
            pass
        async with await dial(listener, b"PROXY UNKNOWN\r\n"):
            pass
    first, second = factory.met
    assert first == (("192.0.2.1", 4711), ("198.51.100.2", 22), "192.0.2.1")
    assert second[0][0] == HOST
    assert second[2] is None


@asynctest
async def test_what_comes_with_the_header_is_not_lost() -> None:
    async with serving(**BALANCED) as listener:
        reader, writer = await asyncio.open_connection(HOST, listener.get_port())
        for byte in HEADER[:-1]:
            writer.write(bytes((byte,)))
            await asyncio.sleep(0)
        # An identification that cannot be: the answer shows that it was read.
        writer.write(HEADER[-1:] + b"SSH-1.0-old\r\n" + bytes(100_000))
        assert (await reader.readline()).startswith(b"SSH-2.0-")
        with contextlib.suppress(ConnectionError):
            assert b"SSH-2.0 expected" in await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("sent", [b"SSH-2.0-impatient\r\n", b"PROXY TCP9 1 2 3 4\r\n", b""])
def test_a_load_balancer_that_says_nothing_of_use_is_dropped(sent: bytes) -> None:
    @asynctest
    async def body() -> None:
        async with serving(ident_timeout=0.1, **BALANCED) as listener:
            reader, writer = await asyncio.open_connection(HOST, listener.get_port())
            writer.write(sent)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""  # not even our identification
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            while listener._admission.count:
                await asyncio.sleep(0)

    body()


@asynctest
async def test_nobody_else_may_send_a_header() -> None:
    factory = meeting()
    async with serving(server_factory=factory, proxy_protocol_from=["192.0.2.0/24"]) as listener:
        reader, writer = await asyncio.open_connection(HOST, listener.get_port())
        writer.write(HEADER)
        assert (await reader.readline()).startswith(b"SSH-2.0-")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    assert factory.met[0][0][0] == HOST


@asynctest
async def test_the_header_counts_into_the_time_of_the_identification() -> None:
    made: list[nacre.SSHServerConnection] = []

    class Server(OpenServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            made.append(conn)

    loop = asyncio.get_running_loop()
    async with serving(server_factory=Server, ident_timeout=60, **BALANCED) as listener:
        reader, writer = await asyncio.open_connection(HOST, listener.get_port())
        while not listener._admission.count:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        sent = loop.time()
        writer.write(HEADER)
        await reader.readline()
        assert made[0].link.protocol.next_deadline() < sent + 60
        writer.close()
        while listener._admission.count:
            await asyncio.sleep(0)


@asynctest
async def test_bounds_apply_to_the_source_behind_the_balancer() -> None:
    async with serving(max_per_source=1, **BALANCED) as listener:
        waiting = []
        greetings = []
        for header in (HEADER, HEADER, HEADER.replace(b"2.1", b"2.9")):
            reader, writer = await asyncio.open_connection(HOST, listener.get_port())
            writer.write(header)
            waiting.append(writer)
            with contextlib.suppress(ConnectionError):
                greetings.append((await reader.readline())[:8])
                continue
            greetings.append(b"")
        assert greetings == [b"SSH-2.0-", b"", b"SSH-2.0-"]
        for writer in waiting:
            writer.close()
        while listener._admission.count:
            await asyncio.sleep(0)


@asynctest
async def test_a_hook_says_where_a_connection_comes_from() -> None:
    asked: list[str] = []
    answers: list[Any] = ["192.0.2.1", "192.0.2.1", None, "no address"]

    def source_of(connection: nacre.SSHServerConnection) -> Any:
        asked.append(connection.get_extra_info("peername")[0])
        return answers[len(asked) - 1]

    factory = meeting()
    async with serving(server_factory=factory, source_of=source_of, max_per_source=1) as listener:
        waiting = []
        for expected in (b"SSH-2.0-", b"", b"SSH-2.0-", b""):
            reader, writer = await asyncio.open_connection(HOST, listener.get_port())
            waiting.append(writer)
            with contextlib.suppress(ConnectionError):
                assert (await reader.readline())[:8] == expected
        assert asked == [HOST] * 4
        assert listener._admission.count == 2
        for writer in waiting:
            writer.close()
        while listener._admission.count:
            await asyncio.sleep(0)
    assert [source for *_, source in factory.met] == ["192.0.2.1", None]
    assert "source_of" in reported()[0]["message"]


@asynctest
async def test_a_loop_that_tells_the_address_late(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    def cannot(*args: Any) -> None:
        raise NotImplementedError

    async def listening(**options: Any) -> nacre.SSHAcceptor:
        with monkeypatch.context() as patch:
            patch.setattr(loop, "add_reader", cannot)
            return await nacre.listen(
                HOST, 0, server_factory=OpenServer, server_host_keys=[host_key()], **options
            )

    async with await listening(max_per_source=1, exempt_sources=[]) as listener:
        reader, writer = await asyncio.open_connection(HOST, listener.get_port())
        assert (await reader.readline()).startswith(b"SSH-2.0-")
        other, second = await asyncio.open_connection(HOST, listener.get_port())
        with contextlib.suppress(ConnectionError):
            assert await other.read() == b""
        for each in (writer, second):
            each.close()
        while listener._admission.count:
            await asyncio.sleep(0)
    async with await listening(**BALANCED) as listener, await dial(listener, HEADER):
        pass
