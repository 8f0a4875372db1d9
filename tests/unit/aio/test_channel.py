"""Channels end to end: the order of callbacks, back-pressure both ways, and every way to end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import nacre
from nacre.aio import limits
from nacre.aio.channel import SSHChannel
from tests.support.face import (
    Recorder,
    SessionServer,
    asynctest,
    connect,
    connected,
    reported,
    serving,
    two_sessions,
)


@asynctest
async def test_callbacks_come_in_order() -> None:
    async with two_sessions() as (client, server, _):
        client.chan.write("to the server")
        client.chan.write_eof()
        await server.until(lambda: "eof_received" in server.calls)
        server.chan.write("to the client")
        server.chan.exit(3)
        await client.chan.wait_closed()
        assert client.calls == [
            "connection_made",
            "session_started",
            "data_received",
            "eof_received",
            "exit_status 3",
            "connection_lost",
        ]
        await server.chan.wait_closed()
        assert server.calls == [
            "connection_made",
            "exec_requested",
            "session_started",
            "data_received",
            "eof_received",
            "connection_lost",
        ]
        assert (client.text, server.text) == ("to the client", "to the server")
        assert client.error is None


@asynctest
async def test_data_that_comes_before_the_session_has_started_waits() -> None:
    release = asyncio.Event()

    class Slow(Recorder):
        async def exec_requested(self, command: str) -> bool:  # type: ignore[override]  # it may be a coroutine
            self._note("exec_requested")
            await release.wait()
            return True

    class Eager(Recorder):
        def connection_made(self, chan: Any) -> None:
            super().connection_made(chan)
            chan.write("early")

    made: list[Any] = []
    async with (
        serving(server_factory=lambda: SessionServer(Slow, made)) as listener,
        connected(listener) as connection,
    ):
        opening = asyncio.create_task(connection.create_session(Eager, "x"))
        while not made or "exec_requested" not in made[0].calls:
            await asyncio.sleep(0)
        assert made[0].data == []
        release.set()
        await opening
        await made[0].until(lambda: made[0].data)
        assert made[0].calls == ["connection_made", "exec_requested", "session_started", "data_received"]
        assert made[0].text == "early"


@asynctest
async def test_text_is_decoded_whole_however_it_was_cut() -> None:
    text = "añ€𝄞" * 50
    async with two_sessions(encoding="utf-8") as (client, server, _):
        raw = text.encode()
        client.chan.set_encoding(None)
        for number in range(len(raw)):
            client.chan.write(raw[number : number + 1])
            if number % 7 == 0:
                await asyncio.sleep(0)
        await server.until(lambda: len(server.text) == len(text))
        assert server.text == text


@asynctest
async def test_text_that_is_none_closes_that_channel_alone() -> None:
    async with two_sessions(encoding="utf-8") as (client, server, connection):
        client.chan.set_encoding(None)
        client.chan.write(b"\xff\xfe")
        await server.closed.wait()
        assert isinstance(server.error, nacre.ProtocolError)
        assert isinstance(server.error.__cause__, UnicodeDecodeError)
        await client.closed.wait()
        assert client.chan.get_exit_status() == 1
        assert not connection.is_closed()
        assert isinstance(reported()[0]["exception"], nacre.ProtocolError)


@asynctest
async def test_text_cut_off_by_the_end_is_an_error_or_replaced() -> None:
    for errors in ("strict", "replace"):
        async with two_sessions(encoding="utf-8") as (client, server, _):
            server.chan.set_encoding("utf-8", errors)
            client.chan.set_encoding(None)
            client.chan.write("€".encode()[:2])
            client.chan.write_eof()
            await server.until(lambda: "eof_received" in server.calls or "connection_lost" in server.calls)
            if errors == "strict":
                assert isinstance(reported()[0]["exception"], nacre.ProtocolError)
            else:
                assert server.text == "�"


@pytest.mark.parametrize(("encoding", "wrong"), [(None, "text"), ("utf-8", b"bytes")])
@asynctest
async def test_the_wrong_kind_of_data_is_a_mistake(encoding: str | None, wrong: Any) -> None:
    async with two_sessions(encoding=encoding) as (client, _, _):
        with pytest.raises(TypeError):
            client.chan.write(wrong)


@asynctest
async def test_a_reader_that_pauses_stops_the_writer() -> None:
    async with two_sessions(encoding=None) as (client, server, _):
        server.chan.pause_reading()
        total = 8 * 1024 * 1024
        client.chan.write(bytes(total))
        assert "pause_writing" in client.calls
        waiting = client.chan.get_write_buffer_size()
        for _ in range(200):
            await asyncio.sleep(0)
        # Everything that may be under way is; no more than the window went.
        assert client.chan.get_write_buffer_size() >= total - server.chan.get_recv_window()
        assert client.chan.get_write_buffer_size() <= waiting
        assert server.data == []
        server.chan.resume_reading()
        await server.until(lambda: sum(len(data) for data, _ in server.data) == total)
        await client.until(lambda: "resume_writing" in client.calls)
        assert client.chan.get_write_buffer_size() == 0


@asynctest
async def test_pausing_inside_a_callback_stops_the_next() -> None:
    class OneAtATime(Recorder):
        def data_received(self, data: Any, datatype: int | None) -> None:
            assert not self.paused
            self.paused = True
            self.chan.pause_reading()
            super().data_received(data, datatype)

        paused = False

    async with two_sessions(server_session=OneAtATime(), encoding=None) as (client, server, _):
        for _ in range(5):
            client.chan.write(bytes(20000))
            await asyncio.sleep(0)
        client.chan.write_eof()
        while sum(len(data) for data, _ in server.data) < 100_000:
            await server.until(lambda: server.paused)
            assert "eof_received" not in server.calls
            server.paused = False
            server.chan.resume_reading()
            await asyncio.sleep(0)
        await server.until(lambda: "eof_received" in server.calls)


@asynctest
async def test_marks_decide_about_pausing() -> None:
    async with two_sessions(encoding=None) as (client, server, _):
        server.chan.pause_reading()
        with pytest.raises(ValueError):
            client.chan.set_write_buffer_limits(1, 2)
        client.chan.write(bytes(client.chan.get_recv_window()))
        client.chan.set_write_buffer_limits(100 * 1024 * 1024)
        size = client.chan.get_write_buffer_size()
        calls = list(client.calls)
        client.chan.write(bytes(100_000))
        assert client.calls == calls or client.calls[-1] == "resume_writing"
        client.chan.set_write_buffer_limits(0)
        assert client.calls[-1] == "pause_writing"
        assert client.chan.get_write_buffer_size() <= size + 100_000
        server.chan.resume_reading()
        await client.until(lambda: client.calls[-1] == "resume_writing")


@asynctest
async def test_a_program_that_does_not_wait_is_told() -> None:
    async with two_sessions(encoding=None) as (client, server, _):
        server.chan.pause_reading()
        piece = bytes(16 * 1024 * 1024)
        for _ in range(3):
            client.chan.write(piece)
        with pytest.raises(nacre.LocalProtocolError, match=r"drain\(\)"):
            client.chan.writelines([piece, piece])
        assert client.chan.get_write_buffer_size() <= limits.WRITE_QUEUE


@asynctest
async def test_order_is_kept_under_pressure() -> None:
    async with two_sessions(encoding=None) as (client, server, _):
        expected = b""
        for number in range(3000):
            data = b"%d," % number * (number % 50)
            expected += data
            client.chan.write(data)
        client.chan.writelines([b"a", b"b", b""])
        client.chan.write_eof()
        await server.until(lambda: "eof_received" in server.calls)
        assert server.text == expected + b"ab"


@asynctest
async def test_extended_data_keeps_its_type() -> None:
    async with two_sessions() as (client, server, _):
        server.chan.write("out")
        server.chan.write_stderr("err")
        server.chan.writelines_stderr(["a", "b"])
        server.chan.close()
        await client.closed.wait()
        assert client.text == "out"
        assert "".join(data for data, datatype in client.data if datatype == 1) == "errab"


@pytest.mark.parametrize("datatype", [0, 2, -1, 1 << 32, "stderr"])
@asynctest
async def test_a_type_of_data_that_there_is_not_is_a_mistake_and_harms_nothing(datatype: Any) -> None:
    async with two_sessions() as (client, server, _):
        for chan in (server.chan, client.chan):
            with pytest.raises(OSError, match="type"):
                chan.write("x", datatype)
        server.chan.write("y", 1)
        server.chan.exit(0)
        await client.closed.wait()
        assert client.data == [("y", 1)]


@asynctest
async def test_writing_to_a_closed_channel_is_a_broken_pipe() -> None:
    async with two_sessions() as (client, server, _):
        assert not client.chan.is_closing()
        client.chan.write_eof()
        assert client.chan.is_closing()
        with pytest.raises(BrokenPipeError):
            client.chan.write("x")
        server.chan.close()
        assert server.chan.is_closing()
        with pytest.raises(BrokenPipeError):
            server.chan.write("x")
        await client.chan.wait_closed()
        with pytest.raises(BrokenPipeError):
            client.chan.write("x")
        for chan in (client.chan, server.chan):  # each is harmless once it is closed
            chan.close()
            chan.abort()
            chan.write_eof()
            await chan.wait_closed()


@asynctest
async def test_close_sends_what_was_written_and_abort_does_not() -> None:
    for end, whole in (("close", True), ("abort", False)):
        async with two_sessions(encoding=None) as (client, server, _):
            total = 4 * 1024 * 1024
            client.chan.write(bytes(total))
            getattr(client.chan, end)()
            await server.closed.wait()
            await client.chan.wait_closed()
            assert (sum(len(data) for data, _ in server.data) == total) is whole
            assert client.chan.get_write_buffer_size() == 0


@asynctest
async def test_what_has_come_is_delivered_though_the_session_pauses_when_the_channel_goes() -> None:
    async with two_sessions() as (client, server, _):
        server.chan.pause_reading()
        client.chan.write("last words")
        client.chan.close()
        await server.closed.wait()
        assert server.text == "last words"
        assert server.calls[-2:] == ["eof_received", "connection_lost"]


@asynctest
async def test_the_loss_of_the_connection_reaches_every_channel_once() -> None:
    async with two_sessions() as (client, server, connection):
        connection._link.driver.transport.abort()
        await server.closed.wait()
        await client.closed.wait()
        assert isinstance(server.error, nacre.ConnectionLost)
        assert isinstance(client.error, nacre.ConnectionLost)
        assert [session.calls.count("connection_lost") for session in (client, server)] == [1, 1]


@asynctest
async def test_a_channel_opens_once() -> None:
    async with two_sessions() as (client, _, _):
        with pytest.raises(nacre.LocalProtocolError):
            await client.chan.open("session", b"", Recorder)
        with pytest.raises(nacre.LocalProtocolError):
            client.chan.bind(5, Recorder())


@asynctest
async def test_a_cancelled_open_leaves_no_channel() -> None:
    release = asyncio.Event()
    asked = asyncio.Event()
    server = Recorder()

    class Slow(nacre.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

        async def session_requested(self) -> Any:
            asked.set()
            await release.wait()
            return server

    async with serving(server_factory=Slow) as listener, connected(listener) as connection:
        task = asyncio.create_task(connection.create_session(Recorder, "x"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
        await server.closed.wait()
        while connection._link.channels:
            await asyncio.sleep(0)


@asynctest
async def test_facts() -> None:
    async with two_sessions(window=50000, max_pktsize=1000) as (client, _, connection):
        chan: SSHChannel[str] = client.chan
        assert chan.get_connection() is connection
        assert chan.get_extra_info("connection") is connection
        assert chan.get_extra_info("username") == "user"
        chan.set_extra_info(mine=1)
        assert chan.get_extra_info("mine") == 1
        assert chan.get_extra_info("nothing", "default") == "default"
        assert chan.get_encoding() == ("utf-8", "strict")
        assert chan.get_recv_window() == 50000
        assert chan.get_loop() is asyncio.get_running_loop()
        assert chan.can_write_eof()
        with pytest.raises(LookupError):
            chan.set_encoding("no such codec")


@asynctest
async def test_sixty_four_channels_at_once() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.stdout.write(await process.stdin.read())
        process.exit(0)

    async with serving(process_factory=handler) as listener:
        connection = await connect(listener)
        results = await asyncio.gather(*(connection.run("x", input=f"{n}" * 5000) for n in range(64)))
        assert [result.stdout for result in results] == [f"{n}" * 5000 for n in range(64)]
        connection.close()
        await connection.wait_closed()
