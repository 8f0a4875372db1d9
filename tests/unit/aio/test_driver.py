"""The driver: one flush a turn, back-pressure of the transport, time, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest

import nacre
from nacre.aio import driver as driver_module
from nacre.aio import limits
from nacre.protocol.outbound import is_viewed
from tests.support.driving import Transport, make
from tests.support.face import (
    HOST,
    asynctest,
    connect,
    connected,
    host_key,
    reported,
    served,
    serving,
    two_sessions,
)


@asynctest
async def test_commands_of_one_turn_are_sent_together() -> None:
    driver, protocol, _, transport = make()
    assert transport.written == [b"hello"]
    for number in range(3):
        protocol.output.append(b"%d" % number)
        driver.touch()
    assert len(transport.written) == 1
    await asyncio.sleep(0)
    assert transport.written == [b"hello", b"0", b"1", b"2"]


@asynctest
async def test_what_a_read_causes_is_sent_at_its_end() -> None:
    driver, protocol, owner, transport = make()
    owner.handlers[str] = lambda event: protocol.output.append(b"answer")
    driver.buffer_updated(5)
    assert transport.written[-1] == b"answer"


@asynctest
@pytest.mark.parametrize(
    ("queued", "closed", "at_once"),
    [(9000, False, False), (limits.WHOLE_FLUSH, False, True), (9000, True, True)],
)
async def test_a_flush_waits_for_writers_that_were_woken(queued: int, closed: bool, at_once: bool) -> None:
    """They run in the next turn, and what they write goes with what was left over from before."""
    driver, protocol, owner, transport = make()
    protocol.queued, protocol.closed = queued, closed

    def room(event: Any) -> None:
        protocol.output.append(b"left over")
        driver.resumed()
        asyncio.get_running_loop().call_soon(protocol.output.append, b"written when woken")

    owner.handlers[str] = room
    driver.buffer_updated(5)
    assert ("left over" in str(transport.written)) is at_once
    await asyncio.sleep(0)
    together = [b"left over"] if at_once else [b"left over", b"written when woken"]
    assert transport.written[1:3] == together
    # Once for each time that somebody was woken.
    protocol.output = [b"more"]
    driver.run()
    assert transport.written[-1] == b"more"


@asynctest
async def test_what_was_written_is_let_go_of_before_more_is_asked_for() -> None:
    """Else it could not be used again, and each segment would be fresh memory."""
    driver, protocol, owner, transport = make()
    segment = bytearray(b"data")
    seen = []
    transport.write = lambda data: protocol.events.append("room")  # type: ignore[method-assign] # the socket took it
    owner.handlers[str] = lambda event: seen.append(is_viewed(segment))
    protocol.output = [memoryview(segment)]  # type: ignore[list-item] # segments are of either kind
    driver.run()
    assert seen == [False]


@asynctest
async def test_a_protocol_without_room_stops_the_transport() -> None:
    driver, protocol, _, transport = make()
    protocol.wants_input = False
    driver.buffer_updated(5)
    driver.buffer_updated(5)
    assert transport.calls == ["pause_reading"]
    protocol.wants_input = True
    driver.touch()
    await asyncio.sleep(0)
    assert transport.calls == ["pause_reading", "resume_reading"]


@asynctest
async def test_a_full_transport_holds_the_output() -> None:
    driver, protocol, _, _ = make()
    driver.pause_writing()
    driver.resume_writing()
    assert protocol.held == [True, False]
    await asyncio.sleep(0)


@asynctest
async def test_a_peer_that_takes_nothing_is_lost_and_one_that_is_slow_is_not() -> None:
    driver, protocol, _, transport = make()
    driver.write_timeout = 0.01
    lost = asyncio.Event()

    def lose(reason: str) -> None:
        protocol.events.append(reason)
        lost.set()

    protocol.lose = lose
    protocol.sent = 5
    sizes = [
        5,
        4,
        3,
        2,
        1,
        1,
        1,
        1,
        1,
    ]  # of the five bytes of the greeting one after the other is taken, then none
    transport.get_write_buffer_size = lambda: sizes.pop(0)  # type: ignore[method-assign]  # a stand-in
    driver.connection_made(transport)
    await lost.wait()
    assert sizes == [1]
    assert transport.calls == ["abort"]
    driver.connection_lost(None)


@asynctest
async def test_what_is_left_at_the_end_waits_for_a_peer_that_takes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT", 0.01)
    enough = limits.CLOSE_PROGRESS
    driver, protocol, owner, transport = make()
    gone = asyncio.Event()
    transport.abort = gone.set  # type: ignore[method-assign]  # a stand-in
    # At the end, and at each look: enough was taken twice, then a byte too few.
    sizes = [9 * enough, 8 * enough, 6 * enough, 5 * enough + 1]
    transport.get_write_buffer_size = lambda: sizes.pop(0)  # type: ignore[method-assign]  # a stand-in
    protocol.closed = True
    protocol.wants_input = False
    driver.run()
    await gone.wait()
    assert (transport.calls, sizes) == (["close"], [])
    driver.connection_lost(None)
    assert owner.lost


@asynctest
async def test_a_peer_that_has_taken_everything_is_not_watched() -> None:
    driver, protocol, _, transport = make()
    driver.write_timeout = 0.01
    protocol.sent = 5
    sizes = [5, 5, 0]
    transport.get_write_buffer_size = lambda: sizes.pop(0) if sizes else 4  # type: ignore[method-assign]  # a stand-in
    driver.connection_made(transport)
    while sizes:
        await asyncio.sleep(0.001)
    assert driver._stall is None
    protocol.output = [b"more"]
    driver.run()
    assert driver._stall is not None
    driver.connection_lost(None)
    assert driver._stall is None
    assert not transport.calls


@asynctest
async def test_nobody_is_watched_who_has_been_sent_everything_at_once() -> None:
    driver, _, _, transport = make()
    driver.write_timeout = 0.01
    transport.get_write_buffer_size = lambda: 0  # type: ignore[method-assign]  # a stand-in
    driver.connection_made(transport)
    assert driver._stall is None
    driver.connection_lost(None)


@asynctest
async def test_a_client_that_does_not_read_is_lost_by_the_server() -> None:
    async def talk(process: nacre.SSHServerProcess[bytes]) -> None:
        process.stdout.write(bytes(4 << 20))
        await process.stdout.drain()

    ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    class Server(nacre.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

        def connection_lost(self, exc: Exception | None) -> None:
            ended.set_result(exc)

    with socket.socket() as sock, socket.socket() as slow:
        for each, option in ((sock, socket.SO_SNDBUF), (slow, socket.SO_RCVBUF)):
            each.setsockopt(socket.SOL_SOCKET, option, 4096)
        sock.bind((HOST, 0))
        async with await nacre.listen(
            sock=sock, server_factory=Server, server_host_keys=[host_key()], process_factory=talk,
            encoding=None, write_timeout=0.2,
        ):  # fmt: skip
            slow.connect(sock.getsockname())
            client = await nacre.connect(sock=slow, known_hosts=None, client_keys=None, encoding=None)
            process = await client.create_process("x")
            transport = client.link.driver.transport
            assert transport is not None
            transport.pause_reading()
            error = await ended
            assert isinstance(error, nacre.ConnectionLost)
            assert str(error) == "the peer has taken nothing for 0.2 s"
            transport.resume_reading()
            client.abort()
            await process.wait_closed()
            await client.wait_closed()


@asynctest
async def test_the_timer_follows_the_earliest_deadline() -> None:
    loop = asyncio.get_running_loop()
    driver, protocol, _, _ = make()
    protocol.deadline = loop.time() + 3600
    driver.run()
    first = driver._timer
    assert first is not None
    protocol.deadline = loop.time() + 7200  # later: the timer stays
    driver.run()
    assert driver._timer is first
    protocol.deadline = loop.time()
    driver.run()
    while not protocol.ticks:
        await asyncio.sleep(0)
    assert driver._timer is None


@asynctest
async def test_buffers_are_kept_by_a_connection_in_use_until_it_is_idle() -> None:
    driver, protocol, _, _ = make()
    for turn in range(limits.TURNS_TO_KEEP + 5):
        driver.run()
        assert protocol.kept[-1] is (turn >= limits.TURNS_TO_KEEP - 2)  # the first turn was the start
    assert protocol.keeps == 1
    protocol.traffic += 1
    group = driver._watched
    assert group is not None
    assert driver in group
    assert driver.went_idle() is False, "it was in use, and is looked at again"
    assert not protocol.rests
    assert driver.went_idle() is True, "an idle connection is not looked at"
    del group[driver]
    assert protocol.rests == 1
    assert driver._watched is None
    driver.run()
    assert protocol.kept[-1] is False
    for _ in range(limits.TURNS_TO_KEEP):
        driver.run()
    group = driver._watched
    assert group is not None
    driver.connection_lost(None)
    assert driver not in group


@asynctest
async def test_what_cannot_be_sent_ends_the_connection() -> None:
    driver, protocol, owner, transport = make()

    def fail() -> list[bytes]:
        raise MemoryError

    protocol.data_to_send = fail  # type: ignore[method-assign]  # as when a packet cannot be sealed
    driver.touch()
    await asyncio.sleep(0)
    assert [type(error) for error in owner.reports] == [MemoryError]
    assert isinstance(driver.fault, MemoryError)
    assert transport.calls[-1] == "abort"


@asynctest
async def test_a_fault_of_ours_ends_this_connection_alone() -> None:
    driver, protocol, owner, transport = make()
    protocol.events.append(1)
    driver.run()
    assert [type(error) for error in owner.reports] == [ZeroDivisionError]
    assert transport.calls == ["abort"]
    driver.connection_lost(None)
    assert owner.lost


@asynctest
async def test_the_end_of_the_protocol_closes_the_transport_after_its_last_words() -> None:
    driver, protocol, _, transport = make()
    protocol.output.append(b"bye")
    protocol.closed = True
    protocol.wants_input = False
    driver.run()
    assert transport.written[-1] == b"bye"
    assert transport.calls == ["close"]
    driver.run()
    assert transport.calls == ["close"]
    assert driver._timer is not None  # drops a peer that does not take them
    driver.connection_lost(None)
    assert driver._timer is None
    assert protocol.released == 1


@asynctest
async def test_a_socket_that_has_sent_everything_is_not_waited_for() -> None:
    for held, waits in ((0, False), (5, True)):
        driver, protocol, _, transport = make()
        transport.get_extra_info = {"socket": object()}.get  # type: ignore[method-assign]  # it stands for a socket's
        transport.get_write_buffer_size = lambda held=held: held  # type: ignore[misc]  # likewise
        protocol.closed = True
        protocol.wants_input = False
        driver.run()
        assert transport.calls == ["close"]
        assert (driver._timer is not None) is waits
        driver.connection_lost(None)


@asynctest
async def test_an_event_after_the_end_is_a_fault_of_ours() -> None:
    driver, protocol, owner, _ = make()
    driver.connection_lost(None)
    protocol.events.append("late")
    with pytest.raises(RuntimeError, match="late after the end"):
        driver.run()
    assert owner.handled == []


@asynctest
async def test_the_loss_of_the_transport_is_the_end_of_the_protocol() -> None:
    driver, protocol, owner, _ = make()
    protocol.events.append("last")
    driver.connection_lost(ConnectionResetError())
    assert protocol.eof
    assert owner.handled == ["last"]
    assert owner.lost


@asynctest
async def test_nagle_is_off() -> None:
    async with served(lambda process: process.exit(0)) as connection:
        sock = connection.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    async with serving() as listener, connected(listener, tcp_keepalive=False) as connection:
        assert not connection.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


class Socket:
    """A TCP socket that writes down its options."""

    def __init__(self, fails: bool = False) -> None:
        self.options: list[int] = []
        self.fails = fails

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if self.fails:
            raise OSError
        self.options.append(option)

    def of(self, transport: Any, name: str, default: Any = None) -> Any:
        return {"socket": self, "peername": (HOST, 1)}.get(name, default)


@asynctest
@pytest.mark.parametrize("fails", [False, True])
async def test_what_comes_at_the_beginning_is_acknowledged_at_once(fails: bool, monkeypatch) -> None:
    monkeypatch.setattr(driver_module, "_QUICKACK", -7)
    end = Socket(fails)
    monkeypatch.setattr(Transport, "get_extra_info", lambda *asked: end.of(*asked))
    driver, _, _, _ = make()
    end.options.clear()
    for _ in range(3 * limits.QUICK_READS):
        driver.buffer_updated(1)
    assert end.options == ([] if fails else [-7] * limits.QUICK_READS)


@asynctest
async def test_who_sends_at_once_needs_no_quick_acknowledgement(monkeypatch) -> None:
    monkeypatch.setattr(driver_module, "_QUICKACK", -7)
    end = Socket()
    monkeypatch.setattr(Transport, "get_extra_info", lambda *asked: end.of(*asked))
    driver, protocol, _, _ = make()
    for version, taken in (("", 1), ("SSH-2.0-OpenSSH_9.2", 2), ("SSH-2.0-nacre_1.0", 2), ("", 2)):
        protocol.info.peer_version = version
        driver.buffer_updated(1)
        assert end.options == [-7] * taken


@asynctest
async def test_an_answer_acknowledges_by_itself(monkeypatch) -> None:
    monkeypatch.setattr(driver_module, "_QUICKACK", -7)
    end = Socket()
    monkeypatch.setattr(Transport, "get_extra_info", lambda *asked: end.of(*asked))
    driver, protocol, _, _ = make()
    protocol.output.append(b"answer")
    driver.buffer_updated(1)
    assert end.options == []
    driver.buffer_updated(1)
    assert end.options == [-7]


@asynctest
@pytest.mark.parametrize("peer", [None, "", "/run/socket", (3, 22)])
async def test_what_is_no_tcp_is_left_alone(peer: Any, monkeypatch) -> None:
    monkeypatch.setattr(driver_module, "_QUICKACK", -7)
    end = Socket()
    monkeypatch.setattr(
        Transport, "get_extra_info", lambda self, name, default=None: peer if name == "peername" else end
    )
    driver, _, _, _ = make()
    driver.buffer_updated(1)
    assert end.options == []


@asynctest
async def test_where_the_system_cannot_acknowledge_at_once_it_is_left_alone(monkeypatch) -> None:
    monkeypatch.setattr(driver_module, "_QUICKACK", None)
    end = Socket()
    monkeypatch.setattr(Transport, "get_extra_info", lambda *asked: end.of(*asked))
    driver, _, _, _ = make()
    driver.buffer_updated(1)
    assert end.options == []


@asynctest
async def test_a_peer_that_sends_nonsense_is_dropped_and_the_server_goes_on() -> None:
    async with serving() as listener:
        for nonsense in (b"GET / HTTP/1.0\r\n\r\n", b"\0" * 100, b"SSH-2.0-x\r\n" + b"\xff" * 5000, b""):
            reader, writer = await asyncio.open_connection(HOST, listener.get_port())
            writer.write(nonsense)
            writer.write_eof()
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionResetError):
                await writer.wait_closed()
        async with connected(listener) as connection:
            assert not connection.is_closed()


@asynctest
async def test_a_cut_at_any_byte_leaves_nothing() -> None:
    """The client's half of a login, cut short after each part: no task, no report."""
    recorded = bytearray()

    async def relay(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: bytearray | None
    ) -> None:
        try:
            while data := await reader.read(65536):
                if keep is not None:
                    keep += data
                writer.write(data)
        finally:
            writer.close()

    async with serving() as listener:
        relays: list[asyncio.Task[None]] = []

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            up, down = await asyncio.open_connection(HOST, listener.get_port())
            relays.append(asyncio.create_task(relay(reader, down, recorded)))
            relays.append(asyncio.create_task(relay(up, writer, None)))

        proxy = await asyncio.start_server(accept, HOST, 0)
        port = proxy.sockets[0].getsockname()[1]
        async with await nacre.connect(
            HOST, port, known_hosts=None, username="user", client_keys=None, sock=None
        ):
            pass
        proxy.close()
        await asyncio.gather(*relays, return_exceptions=True)
        assert len(recorded) > 500
        for cut in range(0, len(recorded), 37):
            reader, writer = await asyncio.open_connection(HOST, listener.get_port())
            writer.write(bytes(recorded[:cut]))
            writer.write_eof()
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionResetError):
                await writer.wait_closed()


@asynctest
async def test_a_setup_that_fails_is_reported_and_raised() -> None:
    class Failing(nacre.SSHClient):
        def connection_made(self, conn: Any) -> None:
            raise ZeroDivisionError

    async with serving() as listener:
        with pytest.raises(ZeroDivisionError):
            await connect(listener, client_factory=Failing)
        assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]
    assert host_key().get_algorithm() == "ssh-ed25519"


@asynctest
async def test_rekeying_by_bytes_loses_nothing() -> None:
    async with two_sessions(encoding=None) as (client, server, _):
        client.chan.write(b"x" * 100_000)
        await server.until(lambda: len(server.text) == 100_000)

    async def handler(process: Any) -> None:
        while data := await process.stdin.read(65536):
            process.stdout.write(data)
            await process.stdout.drain()
        process.exit(0)

    async with (
        serving(process_factory=handler, encoding=None, rekey_bytes=300_000) as listener,
        connected(listener, rekey_bytes=200_000) as connection,
    ):
        data = bytes(range(256)) * 8000
        result = await connection.run("x", input=data, encoding=None)
        assert result.stdout == data
