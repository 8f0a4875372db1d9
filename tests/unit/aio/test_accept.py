"""The accept loop: admission, exhaustion, ports, and the loop that cannot watch sockets."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import pytest

from nacre.aio import limits
from nacre.aio.accept import AcceptLoop, open_sockets
from tests.support.face import HOST, asynctest, connected, serving


class Counter(asyncio.Protocol):
    """A connection that is only counted."""

    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Counter.made += 1
        self.transport = transport


async def start(admits: Any = lambda: True) -> tuple[AcceptLoop, int, list[Counter], list[Any]]:
    loop = asyncio.get_running_loop()
    sockets = await open_sockets(loop, HOST, 0)
    made: list[Counter] = []
    failed: list[Any] = []

    def make() -> Counter:
        made.append(Counter())
        return made[-1]

    accepting = AcceptLoop(loop, sockets, admits, make, failed.append)
    await accepting.start()
    return accepting, sockets[0].getsockname()[1], made, failed


async def finish(accepting: AcceptLoop, made: list[Counter]) -> None:
    accepting.close()
    await accepting.wait_closed()
    for counter in made:
        getattr(counter, "transport", asyncio.Transport()).close() if hasattr(counter, "transport") else None
    await asyncio.sleep(0)


@asynctest
async def test_connections_that_are_not_admitted_are_dropped_before_anything_is_made() -> None:
    accepting, port, made, _ = await start(lambda: False)
    reader, writer = await asyncio.open_connection(HOST, port)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert not made
    assert accepting.dropped == 1
    await finish(accepting, made)


@asynctest
async def test_one_port_for_every_address_of_a_host() -> None:
    sockets = await open_sockets(asyncio.get_running_loop(), "", 0)
    try:
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
    finally:
        for sock in sockets:
            sock.close()


@asynctest
async def test_a_port_in_use_is_named() -> None:
    taken = socket.socket()
    taken.bind((HOST, 0))
    taken.listen()
    port = taken.getsockname()[1]
    with (
        taken,
        pytest.raises(OSError, match=f"cannot listen on {HOST} port {port}: address already in use") as info,
    ):
        await open_sockets(asyncio.get_running_loop(), HOST, port)
    assert info.value.errno == errno.EADDRINUSE


@asynctest
async def test_running_out_of_descriptors_pauses_and_never_spins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EXHAUSTED_PAUSE", 0.05)
    accepting, port, made, _ = await start()
    tries = 0

    class Exhausted:
        def __init__(self, real: socket.socket) -> None:
            self.real = real

        def accept(self) -> Any:
            nonlocal tries
            tries += 1
            if tries <= 2:
                raise OSError(errno.EMFILE, "too many open files")
            return self.real.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    loop = asyncio.get_running_loop()
    real = accepting.sockets[0]
    loop.remove_reader(real)
    fake: Any = Exhausted(real)
    accepting.sockets = (fake,)
    loop.add_reader(real, accepting._wake, fake)
    _, writer = await asyncio.open_connection(HOST, port)
    while not made:
        await asyncio.sleep(0.001)
    assert tries == 4  # twice in vain, the connection, and "would block"
    writer.close()
    await writer.wait_closed()
    await finish(accepting, made)


@asynctest
async def test_closing_while_accepting_pauses() -> None:
    accepting, _, made, _ = await start()
    accepting._pause(OSError(errno.EMFILE, "x"))
    accepting._pause(OSError(errno.EMFILE, "x"))
    accepting.close()
    accepting.close()
    await finish(accepting, made)


@asynctest
async def test_a_loop_without_readers_uses_its_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    def cannot(*args: Any) -> None:
        raise NotImplementedError

    with monkeypatch.context() as patch:
        patch.setattr(loop, "add_reader", cannot)
        listening = serving(max_unauthenticated=2)
        listener = await listening.__aenter__()
    async with connected(listener) as connection:
        assert not connection.is_closed()
    waiting = [await asyncio.open_connection(HOST, listener.get_port()) for _ in range(3)]
    greetings = [await reader.readline() for reader, _ in waiting[:2]]
    assert all(greeting.startswith(b"SSH-2.0-") for greeting in greetings)
    with pytest.raises((ConnectionResetError, AssertionError)):
        assert await waiting[2][0].read()
    for _, writer in waiting:
        writer.close()
    await listening.__aexit__(None, None, None)
    await asyncio.sleep(0.01)


@asynctest
async def test_a_client_that_is_gone_already_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    accepting, port, made, failed = await start()

    async def gone(*args: Any, **kwargs: Any) -> Any:
        raise ConnectionResetError

    monkeypatch.setattr(asyncio.get_running_loop(), "connect_accepted_socket", gone)
    _, writer = await asyncio.open_connection(HOST, port)
    while not failed:
        await asyncio.sleep(0)
    assert failed == made
    writer.close()
    await finish(accepting, [])
