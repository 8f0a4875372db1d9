"""Listeners at work: addresses, handlers, who is let in, limits before the login, and their end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

import nacre
from tests.support.face import (
    HOST,
    OpenServer,
    PasswordServer,
    asynctest,
    client_options,
    connect,
    connected,
    host_key,
    moved_clock,
    reported,
    serving,
)


@asynctest
async def test_addresses_and_the_end() -> None:
    listener = await nacre.listen(HOST, 0, server_host_keys=[host_key()], server_factory=OpenServer)
    port = listener.get_port()
    assert listener.get_addresses() == [(HOST, port)]
    assert listener.is_serving()
    assert len(listener.sockets) == 1
    connection = await connect(listener)
    listener.close()
    await listener.wait_closed()
    assert not listener.is_serving()
    assert (listener.get_addresses(), listener.get_port(), listener.sockets) == ([], 0, ())
    with pytest.raises(ConnectionRefusedError):
        await nacre.connect(HOST, port, **client_options())
    assert not connection.is_closed()  # what was accepted lives on
    connection.close()
    await connection.wait_closed()


@asynctest
async def test_every_interface_has_the_same_port() -> None:
    async with await nacre.listen(
        port=0, server_host_keys=[host_key()], server_factory=OpenServer
    ) as listener:
        assert listener.get_port()
        async with await nacre.connect(HOST, listener.get_port(), **client_options()):
            pass


@asynctest
async def test_the_acceptor_is_called_with_each_login() -> None:
    seen: list[Any] = []
    failed: list[Any] = []

    async def acceptor(conn: nacre.SSHServerConnection) -> None:
        seen.append(conn.get_extra_info("username"))
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cancelled with its connection")

    def error_handler(conn: nacre.SSHServerConnection, error: BaseException) -> None:
        failed.append(type(error))

    options: dict[str, Any] = {
        "server_factory": PasswordServer,
        "acceptor": acceptor,
        "error_handler": error_handler,
    }
    async with serving(**options) as listener:
        async with connected(listener, password="secret"):
            while not seen:
                await asyncio.sleep(0)
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, password="wrong")
        while len(seen) < 2 or not failed:
            await asyncio.sleep(0)
    assert seen == ["user", "cancelled with its connection"]
    assert len(failed) == 1
    plain: list[Any] = []
    async with serving(acceptor=plain.append) as listener, connected(listener):
        while not plain:
            await asyncio.sleep(0)


@asynctest
async def test_an_acceptor_that_fails_is_reported() -> None:
    async def acceptor(conn: nacre.SSHServerConnection) -> None:
        raise ZeroDivisionError

    async with serving(acceptor=acceptor) as listener, connected(listener) as connection:
        await connection._link.global_request("turn", b"")
        await connection._link.global_request("turn", b"")
    assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]


@asynctest
async def test_as_many_may_be_at_their_login_as_the_limit_says() -> None:
    async with serving(max_unauthenticated=3) as listener:
        waiting = [await asyncio.open_connection(HOST, listener.get_port()) for _ in range(3)]
        for reader, _ in waiting:
            assert (await reader.readline()).startswith(b"SSH-2.0-")
        reader, writer = await asyncio.open_connection(HOST, listener.get_port())
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b"Not allowed at this time\r\n"
        writer.close()
        waiting[0][1].close()
        while listener._admission.count > 2:
            await asyncio.sleep(0)
        # A login that is complete counts no more.
        async with connected(listener), connected(listener), connected(listener):
            pass
        for _, other in waiting:
            other.close()
        while listener._admission.count:
            await asyncio.sleep(0)


@asynctest
async def test_a_peer_that_says_nothing_is_dropped() -> None:
    for limit in ({"ident_timeout": 50}, {"login_timeout": 50}):
        async with serving(**limit) as listener, moved_clock() as move:
            reader, writer = await asyncio.open_connection(HOST, listener.get_port())
            if "login_timeout" in limit:
                writer.write(b"SSH-2.0-silent\r\n")
            assert (await reader.readline()).startswith(b"SSH-2.0-")
            move(50)
            await reader.read()
            writer.close()
            await writer.wait_closed()
            while listener._admission.count:
                await asyncio.sleep(0)


@asynctest
async def test_serving_until_it_is_cancelled_or_closed() -> None:
    async with serving() as listener:
        assert listener.get_loop() is asyncio.get_running_loop()
        for stop in ("cancel", "close"):
            task = asyncio.ensure_future(listener.serve_forever())
            await asyncio.sleep(0)
            if stop == "cancel":
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert not listener.is_serving()
            else:
                await task


@asynctest
async def test_a_burst_of_logins() -> None:
    async with serving(server_factory=PasswordServer) as listener:
        connections = await asyncio.gather(*(connect(listener, password="secret") for _ in range(40)))
        assert listener._admission.count == 0
        for connection in connections:
            connection.close()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))


# ------------------------------------------------------------ bounds by source


async def greeting(listener: nacre.SSHAcceptor, source: str) -> tuple[bytes, asyncio.StreamWriter]:
    """The first line that a client at an address of this machine gets."""
    reader, writer = await asyncio.open_connection(HOST, listener.get_port(), local_addr=(source, 0))
    return (await reader.readline()).strip(), writer


@asynctest
async def test_one_source_cannot_take_the_places_of_the_others() -> None:
    async with serving(max_per_source=2, exempt_sources=["127.0.0.9"]) as listener:
        got = [await greeting(listener, "127.0.0.2") for _ in range(3)]
        assert [line[:8] for line, _ in got] == [b"SSH-2.0-", b"SSH-2.0-", b"Not allo"]
        got += [await greeting(listener, "127.0.0.9") for _ in range(3)]
        assert all(line.startswith(b"SSH-2.0-") for line, _ in got[3:])
        async with connected(listener, local_addr=("127.0.0.3", 0)) as connection:
            assert connection.get_extra_info("sockname")[0] == "127.0.0.3"
        for _, writer in got:
            writer.close()
        while listener._admission.count:
            await asyncio.sleep(0)
        # A place that is given back is there again.
        line, writer = await greeting(listener, "127.0.0.2")
        assert line.startswith(b"SSH-2.0-")
        writer.close()


@pytest.mark.parametrize("how", ["authfail", "noauth", "grace_exceeded", "crash"])
def test_who_misbehaves_is_shut_out(how: str) -> None:
    class Server(PasswordServer):
        def public_key_auth_supported(self) -> bool:
            return True

    if how == "crash":

        class Broken(Server):
            def begin_auth(self, username: str) -> Any:
                # What our own code would do if it were wrong.
                kinds = (nacre.protocol.events.PasswordQuestion, nacre.protocol.events.KbdintQuestion)
                # A table of its own: the one that is there belongs to every connection.
                self.conn.link._handlers = {**self.conn.link._handlers, **dict.fromkeys(kinds)}
                return True

        Server = Broken

    @asynctest
    async def body() -> None:
        options = {"source_penalties": {how: 600}, "exempt_sources": []}
        if how == "grace_exceeded":
            options["login_timeout"] = 0.1
        async with serving(server_factory=Server, **options) as listener:
            if how in ("authfail", "noauth"):
                async with connected(listener, password="secret", local_addr=("127.0.0.2", 0)):
                    pass  # a login costs nothing
            if how in ("authfail", "crash"):
                with pytest.raises(nacre.DisconnectError):
                    await connect(listener, password="wrong", kbdint_auth=False, local_addr=("127.0.0.2", 0))
            else:
                line, writer = await greeting(listener, "127.0.0.2")
                assert line.startswith(b"SSH-2.0-")
                if how == "noauth":
                    writer.close()
            while listener._admission.count:
                await asyncio.sleep(0)
            line, other = await greeting(listener, "127.0.0.2")
            assert line == b"Not allowed at this time"
            other.close()
            line, other = await greeting(listener, "127.0.0.3")
            assert line.startswith(b"SSH-2.0-")
            other.close()
            if how == "grace_exceeded":
                writer.close()
            while listener._admission.count:
                await asyncio.sleep(0)
        assert bool(reported()) is (how == "crash")

    body()


@asynctest
async def test_what_we_end_ourselves_costs_the_client_nothing() -> None:
    made: list[nacre.SSHServerConnection] = []

    class Server(PasswordServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            made.append(conn)

    async with serving(
        server_factory=Server, source_penalties={"noauth": 600}, exempt_sources=[]
    ) as listener:
        for end in (nacre.SSHServerConnection.close, nacre.SSHServerConnection.abort):
            line, writer = await greeting(listener, "127.0.0.2")
            assert line.startswith(b"SSH-2.0-")
            end(made.pop())
            writer.close()
            while listener._admission.count:
                await asyncio.sleep(0)
        line, writer = await greeting(listener, "127.0.0.2")
        assert line.startswith(b"SSH-2.0-")
        writer.close()


@asynctest
async def test_the_bounds_can_be_changed_while_it_listens() -> None:
    async with serving() as listener:
        listener.update(max_unauthenticated=1)
        first, writer = await greeting(listener, "127.0.0.2")
        second, other = await greeting(listener, "127.0.0.2")
        assert (first[:8], second[:8]) == (b"SSH-2.0-", b"Not allo")
        writer.close()
        other.close()
