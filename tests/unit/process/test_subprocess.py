"""Processes in the shape of asyncio's: the order of what a protocol is told, pipes, and redirection."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.support.face import asynctest, reported, served


async def twice(process: Any) -> None:
    """Says its input twice, and its command on standard error."""
    data = await process.stdin.read()
    process.stdout.write(data * 2)
    process.stderr.write(type(data)() if process.command is None else data[:0] + data[:1])
    process.exit(3)


class Protocol(nacre.SSHSubprocessProtocol[Any]):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.transport: Any = None
        self.changed = asyncio.Event()

    def connection_made(self, transport: nacre.SSHSubprocessTransport[Any]) -> None:
        self.transport = transport
        self.calls.append(("made",))

    def pipe_data_received(self, fd: int, data: Any) -> None:
        self.calls.append(("data", fd, data))
        self.changed.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.calls.append(("lost", fd, exc))

    def process_exited(self) -> None:
        self.calls.append(("exited", self.transport.get_returncode()))

    async def until(self, count: int) -> None:
        while len(self.calls) < count:
            self.changed.clear()
            await self.changed.wait()


@asynctest
async def test_the_order_of_calls() -> None:
    async with served(twice, encoding=None) as connection:
        transport, protocol = await connection.create_subprocess(Protocol, "cmd")
        assert transport.get_returncode() is None
        assert transport.get_pid() is None
        assert transport.get_protocol() is protocol
        assert transport.get_pipe_transport(3) is None
        pipe = transport.get_pipe_transport(0)
        assert pipe.can_write_eof()
        pipe.writelines([b"a", b"b"])
        pipe.write(b"c")
        pipe.close()
        with pytest.raises(BrokenPipeError):
            pipe.write(b"x")
        await transport.wait_closed()
        assert isinstance(protocol, Protocol)
        assert protocol.calls[:3] == [("made",), ("data", 1, b"abcabc"), ("data", 2, b"a")]
        assert sorted(protocol.calls[3:]) == [("exited", 3), ("lost", 1, None), ("lost", 2, None)]
        for each in (pipe, transport, transport.get_pipe_transport(1)):
            assert each.get_extra_info("connection") is connection


@asynctest
async def test_input_text_and_redirection(tmp_path: Path) -> None:
    async with served(twice) as connection:
        transport, protocol = await connection.create_subprocess(
            Protocol, "cmd", encoding="utf-8", input="äb", stderr=nacre.STDOUT
        )
        await transport.wait_closed()
        assert protocol.calls[1:3] == [("data", 1, "äbäb"), ("data", 1, "ä")]
        transport, protocol = await connection.create_subprocess(
            Protocol, "cmd", input=b"x", stdout=tmp_path / "out", stderr=nacre.DEVNULL
        )
        await transport.wait_closed()
        assert (tmp_path / "out").read_bytes() == b"xx"
        assert [call for call in protocol.calls if call[0] == "data"] == []


@asynctest
async def test_a_pipe_that_does_not_read_stops_the_process_and_gets_all_in_the_end() -> None:
    async def much(process: Any) -> None:
        process.stderr.write(b"begin")
        for _ in range(20):
            process.stdout.write(bytes(10_000))
            await process.stdout.drain()
        process.exit(0)

    async with served(much, encoding=None) as connection:
        holder: list[Protocol] = []

        class Pausing(Protocol):
            def connection_made(self, transport: nacre.SSHSubprocessTransport[Any]) -> None:
                super().connection_made(transport)
                holder.append(self)
                transport.get_pipe_transport(1).pause_reading()

        transport, protocol = await connection.create_subprocess(Pausing, "cmd", window=30_000)
        await holder[0].until(2)
        assert protocol.calls == [("made",), ("data", 2, b"begin")]
        transport.get_pipe_transport(1).resume_reading()
        await transport.wait_closed()
        assert sum(len(call[2]) for call in protocol.calls if call[:2] == ("data", 1)) == 200_000
        assert protocol.calls.count(("lost", 1, None)) == 1


@asynctest
async def test_what_a_pipe_keeps_is_told_after_the_end() -> None:
    async with served(twice, encoding=None) as connection:
        transport, protocol = await connection.create_subprocess(Protocol, "cmd")
        transport.get_pipe_transport(1).pause_reading()
        transport.get_pipe_transport(0).write(b"a")
        transport.get_pipe_transport(0).write_eof()
        await transport.wait_closed()
        assert ("lost", 1, None) not in protocol.calls
        before = len(protocol.calls)
        transport.get_pipe_transport(1).resume_reading()
        assert protocol.calls[before:] == [("data", 1, b"aa"), ("lost", 1, None)]


@asynctest
async def test_the_loss_of_the_connection_is_the_error_of_each_pipe() -> None:
    async def aborts(process: Any) -> None:
        await process.stdin.readline()
        process.channel.get_connection().abort()

    async with served(aborts) as connection:
        transport, protocol = await connection.create_subprocess(Protocol, "cmd")
        transport.get_pipe_transport(0).write(b"now\n")
        await transport.wait_closed()
        lost = [call for call in protocol.calls if call[0] == "lost"]
        assert [fd for _, fd, _ in lost] == [1, 2]
        assert all(isinstance(error, nacre.ConnectionLost) for _, _, error in lost)


@asynctest
async def test_a_protocol_that_raises_loses_its_process_alone() -> None:
    class Raising(Protocol):
        def pipe_data_received(self, fd: int, data: Any) -> None:
            raise ZeroDivisionError

    async with served(twice, encoding=None) as connection:
        transport, _ = await connection.create_subprocess(Raising, "cmd", input=b"x")
        await transport.wait_closed()
        assert [type(context["exception"]) for context in reported()] == [ZeroDivisionError]
        assert (await connection.run("cmd", input="x", encoding="utf-8")).stdout == "xx"


@asynctest
async def test_writing_is_paused_and_resumed() -> None:
    read = asyncio.Event()

    async def slow(process: Any) -> None:
        await read.wait()
        await process.stdin.read()
        process.exit(0)

    class Writing(Protocol):
        def pause_writing(self) -> None:
            self.calls.append(("pause",))

        def resume_writing(self) -> None:
            self.calls.append(("resume",))

    async with served(slow, encoding=None, window=20_000) as connection:
        transport, protocol = await connection.create_subprocess(Writing, "cmd")
        pipe = transport.get_pipe_transport(0)
        pipe.set_write_buffer_limits(high=1000)
        pipe.write(bytes(100_000))
        assert protocol.calls[-1] == ("pause",)
        assert pipe.get_write_buffer_size() > 1000
        read.set()
        pipe.close()
        await transport.wait_closed()
        assert ("resume",) in protocol.calls


@asynctest
async def test_what_is_said_at_once_is_told() -> None:
    """Output may come with the answer to the request, before the caller is woken."""

    def at_once(process: Any) -> None:
        process.stderr.write(b"one")
        process.stdout.write(b"two")
        process.exit(0)

    async with served(at_once, encoding=None) as connection:
        transport, protocol = await connection.create_subprocess(Protocol, "cmd")
        await transport.wait_closed()
        assert protocol.calls[1:3] == [("data", 2, b"one"), ("data", 1, b"two")]
