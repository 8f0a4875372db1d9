"""The accept loop: admission, exhaustion, ports, and the loop that cannot watch sockets."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.aio import limits
from nacre.aio.accept import AcceptLoop, open_sockets
from nacre.aio.admission import Admission, Place, Policy, Startups
from tests.support.face import HOST, asynctest, connected, reported, serving


class Counter(asyncio.Protocol):
    """A connection that is only counted."""

    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Counter.made += 1
        self.transport = transport


class Listening:
    """Lets in whom it is told to, and counts."""

    def __init__(self, admits: bool) -> None:
        self.policy = Policy(startups=Startups(100, 100, 100) if admits else Startups(0, 100, 0))
        self.admission = Admission(self.policy, lambda: 0.0)
        self.made: list[Counter] = []

    def admit(self, peer: Any) -> Place | None:
        return self.admission.admit(peer)

    def make(self, place: Place) -> Counter:
        self.made.append(Counter())
        return self.made[-1]

    def make_unjudged(self, refused: Any) -> Any:
        raise AssertionError


async def start(admits: bool = True) -> tuple[AcceptLoop, int, list[Counter], Admission]:
    loop = asyncio.get_running_loop()
    sockets = await open_sockets(loop, HOST, 0)
    listening = Listening(admits)
    accepting = AcceptLoop(loop, sockets, listening)
    await accepting.start()
    return accepting, sockets[0].getsockname()[1], listening.made, listening.admission


async def finish(accepting: AcceptLoop, made: list[Counter]) -> None:
    accepting.close()
    await accepting.wait_closed()
    for counter in made:
        getattr(counter, "transport", asyncio.Transport()).close() if hasattr(counter, "transport") else None
    await asyncio.sleep(0)


@asynctest
async def test_connections_that_are_not_admitted_are_dropped_before_anything_is_made() -> None:
    accepting, port, made, _ = await start(admits=False)
    reader, writer = await asyncio.open_connection(HOST, port)
    assert await reader.read() == b"Not allowed at this time\r\n"
    writer.close()
    await writer.wait_closed()
    assert not made
    assert accepting.dropped == 1
    await finish(accepting, made)


@asynctest
async def test_a_connection_that_cannot_be_made_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    accepting, port, made, admission = await start()

    def cannot(self: Listening, place: Place) -> Counter:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Listening, "make", cannot)
        reader, writer = await asyncio.open_connection(HOST, port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
    assert [type(report["exception"]) for report in reported()] == [MemoryError]
    assert admission.count == 0
    _, writer = await asyncio.open_connection(HOST, port)
    while not made:
        await asyncio.sleep(0)
    writer.close()
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
    accepting, port, made, admission = await start()

    async def gone(*args: Any, **kwargs: Any) -> Any:
        raise ConnectionResetError

    monkeypatch.setattr(asyncio.get_running_loop(), "connect_accepted_socket", gone)
    _, writer = await asyncio.open_connection(HOST, port)
    while not made:
        await asyncio.sleep(0)
    while admission.count:
        await asyncio.sleep(0)
    writer.close()
    await finish(accepting, [])


#: A server that has few descriptors: it tells how often its loop turned while none was left.
SMALL = """
import asyncio, logging, resource, sys
import nacre

class Nobody(nacre.SSHServer):
    def begin_auth(self, username):
        return False

async def main():
    turns = 0
    loop = asyncio.get_running_loop()
    listener = await nacre.listen(
        "127.0.0.1", 0, server_factory=Nobody, server_host_keys=[nacre.generate_private_key("ssh-ed25519")]
    )
    resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
    pauses = logging.Handler()
    pauses.emit = lambda record: print("paused", flush=True)
    logging.getLogger("nacre").addHandler(pauses)
    once = loop._run_once
    def counting():
        nonlocal turns
        turns += 1
        once()
    loop._run_once = counting
    print(listener.get_port(), flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(turns, flush=True)
    listener.close()

asyncio.run(main())
"""


@asynctest
async def test_a_process_without_descriptors_pauses_and_serves_again() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SMALL, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(nacre.__file__).parents[1])},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    clients = [await asyncio.open_connection(HOST, port) for _ in range(30)]
    assert await process.stdout.readline() == b"paused\n"

    async def turns() -> int:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"?\n")
        while (line := await process.stdout.readline()) == b"paused\n":
            pass
        return int(line)

    before = await turns()
    await asyncio.sleep(1.2)  # what is measured is this time itself
    assert await turns() - before < 1000  # some tries in it; a loop that spins turns ten thousands of times
    # Fewer than 24 were accepted, the first to come; those that waited in the kernel's queue are served.
    for _, writer in clients[:8]:
        writer.close()
    await asyncio.gather(*(reader.readline() for reader, _ in clients[8:12]))
    for _, writer in clients[8:]:
        writer.close()
    process.stdin.close()
    await process.stdout.read()
    assert await process.wait() == 0
