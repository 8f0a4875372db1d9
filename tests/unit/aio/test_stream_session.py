"""Sessions over streams, on both ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import nacre
from tests.support.face import asynctest, connected, reported, served, serving


@asynctest
async def test_open_session_and_a_handler_of_streams() -> None:
    async def handler(stdin: Any, stdout: Any, stderr: Any) -> None:
        async for line in stdin:
            stdout.write(f"out {line}")
        stderr.write(f"ran {stdout.channel.get_command()}")
        stdout.channel.exit(5)

    async with serving(session_factory=handler) as listener, connected(listener) as connection:
        stdin, stdout, stderr = await connection.open_session("cmd")
        stdin.writelines(["a\n", "b\n"])
        await stdin.drain()
        assert stdin.can_write_eof()
        stdin.write_eof()
        assert await stdout.read() == "out a\nout b\n"
        assert await stderr.read() == "ran cmd"
        await stdin.wait_closed()
        assert stdin.is_closing()
        assert stdin.channel.get_exit_status() == 5
        assert stdout.get_extra_info("username") == "user"
        assert stdin.get_extra_info("username") == "user"
        assert stdin.logger is stdout.logger
        stdin.close()


@pytest.mark.parametrize("how", ["class", "function", "coroutine", "handler", "from the server"])
@asynctest
async def test_the_forms_of_a_session_factory(how: str) -> None:
    class Session(nacre.SSHServerSession[str]):
        def connection_made(self, chan: Any) -> None:
            self.chan = chan

        def exec_requested(self, command: str) -> bool:
            return True

        def session_started(self) -> None:
            self.chan.write("hello")
            self.chan.exit(0)

    def function() -> Session:
        return Session()

    async def coroutine() -> Session:
        await asyncio.sleep(0)
        return Session()

    def handler(stdin: Any, stdout: Any, stderr: Any) -> None:
        stdout.write("hello")
        stdout.channel.exit(0)

    class Server(nacre.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

        async def session_requested(self) -> Any:
            return handler

    forms: dict[str, dict[str, Any]] = {
        "class": {"session_factory": Session},
        "function": {"session_factory": function},
        "coroutine": {"session_factory": coroutine},
        "handler": {"session_factory": handler},
        "from the server": {"server_factory": Server},
    }
    async with serving(**forms[how]) as listener, connected(listener) as connection:
        assert (await connection.run("x")).stdout == "hello"


@asynctest
async def test_a_factory_that_returns_something_else_is_reported() -> None:
    async with served(session_factory=lambda: 5) as connection:
        with pytest.raises(nacre.ChannelOpenError):
            await connection.run("x")
        assert isinstance(reported()[0]["exception"], TypeError)


@asynctest
async def test_sftp_is_not_handed_to_a_handler() -> None:
    async def handler(stdin: Any, stdout: Any, stderr: Any) -> None:
        stdout.channel.exit(0)

    async with served(session_factory=handler) as connection:
        with pytest.raises(nacre.ChannelOpenError):
            await connection.run(subsystem="sftp")
        assert (await connection.run(subsystem="other")).exit_status == 0


@asynctest
async def test_signals_breaks_and_sizes_are_raised_in_the_reader() -> None:
    seen: list[str] = []

    async def handler(process: Any) -> None:
        while True:
            try:
                line = await process.stdin.readline()
            except nacre.SignalReceived as signal:
                seen.append(f"signal {signal.signal}")
            except nacre.BreakReceived as received:
                seen.append(f"break {received.msec}")
            except nacre.TerminalSizeChanged as changed:
                seen.append(f"size {changed.term_size}")
            else:
                seen.append(line)
                if not line:
                    process.exit(0)
                    return

    async with served(handler) as connection:
        process = await connection.create_process(term_type="xterm", term_size=(80, 24))
        process.send_signal("INT")
        process.stdin.write("line\n")
        process.change_terminal_size(100, 30)
        process.send_break(10)
        process.stdin.write_eof()
        await process.wait()
    assert seen == ["signal INT", "line\n", "size (100, 30, 0, 0)", "break 10", ""]
    async with served(handler) as connection:
        seen.clear()
        process = await connection.create_process()
        process.stdin.write_eof()
        await process.wait()


@asynctest
async def test_a_handler_that_reads_slowly_bounds_what_is_held() -> None:
    go = asyncio.Event()
    held: list[int] = []

    async def handler(process: Any) -> None:
        await go.wait()
        held.append(process._streams.waiting)
        total = 0
        while data := await process.stdin.read(10000):
            total += len(data)
        process.stdout.write(str(total).encode())
        process.exit(0)

    async with served(handler, encoding=None, window=100_000) as connection:
        process = await connection.create_process(encoding=None)
        feeding = asyncio.create_task(process.feed(bytes(3_000_000)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not feeding.done()
        go.set()
        await feeding
        assert (await process.wait()).stdout == b"3000000"
        assert held[0] <= 100_000
