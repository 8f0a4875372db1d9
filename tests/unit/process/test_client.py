"""Processes of a client: run, communicate, wait, and where their output goes."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.support.face import asynctest, moved_clock, reported, served


async def echo(process: Any) -> None:
    """Copies standard input, says the command on standard error, ends with status 3."""
    async for line in process.stdin:
        process.stdout.write(line)
    process.stderr.write(f"{process.command}\n")
    process.exit(3)


async def _talk(connection: nacre.SSHClientConnection) -> None:
    """Ask and wait for the answer, twice: what the server has said before has been taken."""
    for _ in range(2):
        await connection._link.global_request("turn", b"")


@asynctest
async def test_run() -> None:
    async with served(echo) as connection:
        result = await connection.run("cmd", input="a\nb\n", env={"X": "1"})
        assert result == nacre.SSHCompletedProcess({"X": "1"}, "cmd", None, 3, None, 3, "a\nb\n", "cmd\n")
        with pytest.raises(nacre.ProcessError) as info:
            await connection.run("cmd", input="", check=True)
        assert info.value.exit_status == 3
        assert info.value.stderr == "cmd\n"


@asynctest
async def test_a_process_that_has_ended_leaves_nothing_to_the_collector_of_garbage() -> None:
    async with served(lambda process: process.exit(0)) as connection:
        await connection.run("x")
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                await connection.run("x")
            assert gc.collect() < 10
        finally:
            gc.enable()


@asynctest
async def test_run_within_a_time() -> None:
    started = asyncio.Event()

    async def slow(process: Any) -> None:
        process.stdout.write("started")
        started.set()
        await process.stdin.read()

    async with served(slow) as connection, moved_clock() as move:
        running = asyncio.ensure_future(connection.run("x", timeout=100))
        await started.wait()
        await _talk(connection)
        move(100)
        with pytest.raises(nacre.TimeoutError, match=r"within 100 s") as info:
            await running
        assert info.value.stdout == "started"
        while connection._link.channels:
            await asyncio.sleep(0)


@asynctest
async def test_all_output_comes_however_much() -> None:
    async def much(process: Any) -> None:
        for _ in range(100):
            process.stdout.write(bytes(100_000))
            process.stderr.write(bytes(1000))
            await process.stdout.drain()
        process.exit(0)

    async with served(much, encoding=None, window=100_000) as connection:
        result = await connection.run("x", encoding=None)
        assert (len(result.stdout), len(result.stderr)) == (10_000_000, 100_000)


@asynctest
async def test_large_input_is_fed_as_it_is_taken() -> None:
    async def count(process: Any) -> None:
        total = 0
        while data := await process.stdin.read(65536):
            total += len(data)
        process.stdout.write(b"%d" % total)
        process.exit(0)

    async def refuses(process: Any) -> None:
        process.exit(9)

    async with served(count, encoding=None) as connection:
        assert (await connection.run("x", input=bytes(9_000_000), encoding=None)).stdout == b"9000000"
    async with served(refuses, encoding=None) as connection:
        assert (await connection.run("x", input=bytes(90_000_000), encoding=None)).exit_status == 9


@pytest.mark.parametrize("size", [1, 2_000_000])
@asynctest
async def test_input_of_the_wrong_kind_is_the_callers_mistake(size: int) -> None:
    async with served(echo) as connection:
        with pytest.raises(TypeError):
            await connection.run("x", input=bytes(size))
        with pytest.raises(TypeError):
            await connection.run("x", input="x" * size, encoding=None)


@asynctest
async def test_a_process_by_hand() -> None:
    async with served(echo) as connection, await connection.create_process("cmd") as process:
        assert process.exit_status is None
        process.stdin.write("one\n")
        assert await process.stdout.readline() == "one\n"
        process.stdin.write("two\n")
        process.stdin.write_eof()
        await process.wait_closed()
        assert process.collect_output() == ("two\n", "cmd\n")
        assert process.is_closing()
        assert (process.exit_status, process.exit_signal, process.returncode) == (3, None, 3)
        assert (process.command, process.subsystem, dict(process.env)) == ("cmd", None, {})
        assert process.channel is process.stdin.channel
        assert process.logger is process.channel.logger
        assert process.get_extra_info("username") == "user"


@asynctest
async def test_communicate() -> None:
    async with served(echo) as connection:
        process = await connection.create_process("cmd")
        assert await process.communicate("text") == ("text", "cmd\n")


@asynctest
async def test_devnull_and_stdout() -> None:
    async with served(echo) as connection:
        result = await connection.run("cmd", stdin=nacre.DEVNULL)
        assert result.stderr == "cmd\n"
        result = await connection.run("cmd", input="x", stderr=nacre.STDOUT)
        assert (result.stdout, result.stderr) == ("xcmd\n", "")
        result = await connection.run("cmd", input="x", stdout=nacre.DEVNULL)
        assert (result.stdout, result.stderr) == ("", "cmd\n")
        result = await connection.run("cmd", input="x", stderr=nacre.DEVNULL)
        assert (result.stdout, result.stderr) == ("x", "")
        process = await connection.create_process(
            "cmd", stdout=nacre.DEVNULL, stdin=nacre.DEVNULL, stderr=nacre.DEVNULL
        )
        assert await process.stdout.read() == await process.stderr.read() == ""
        assert process.stdin.is_closing()
        await process.wait()


@asynctest
async def test_one_stream_is_redirected_by_a_name_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("x")
    async with served(echo) as connection:
        process = await connection.create_process("cmd")
        await process.redirect_stdout(tmp_path / "out")
        await process.redirect_stderr(nacre.DEVNULL)
        await process.redirect_stdin(tmp_path / "in", send_eof=False)
        await process.stdin.drain()
        assert not process.is_closing()
        await process.redirect_stdin(tmp_path / "in")
        result = await process.wait()
        assert (result.stdout, result.stderr) == ("", "")
        assert (tmp_path / "out").read_text() == "xx"
        assert process.is_closing()
        process.terminate()  # which nobody hears any more
        await process.stdin.drain()


@asynctest
async def test_redirect_later() -> None:
    async with served(echo) as connection:
        process = await connection.create_process("cmd")
        await process.redirect(stdin=nacre.DEVNULL, stderr=nacre.STDOUT)
        assert (await process.wait()).stdout == "cmd\n"


@asynctest
async def test_a_time_limit_covers_the_opening() -> None:
    class Never(nacre.SSHServerSession[str]):
        async def exec_requested(self, command: str) -> bool:
            await asyncio.Event().wait()
            return True

    async with served(session_factory=Never) as connection:
        with pytest.raises(nacre.TimeoutError, match=r"did not start within 0.05 s") as info:
            await connection.run("cmd", timeout=0.05, env={"A": "b"})
        assert (info.value.command, info.value.exit_status, info.value.stdout) == ("cmd", None, "")
        assert info.value.env == {"A": "b"}
        while connection._link.channels:
            await asyncio.sleep(0)


@asynctest
async def test_the_loss_of_the_connection_ends_a_process() -> None:
    async def waits(process: Any) -> None:
        process.stdout.write("here")
        await process.stdin.read()

    async with served(waits) as connection:
        process = await connection.create_process("x")
        assert await process.stdout.read(10) == "here"
        reading = asyncio.create_task(process.stdout.read(10))
        draining = asyncio.create_task(process.stdin.drain())
        await asyncio.sleep(0)
        connection._link.driver.transport.abort()
        with pytest.raises(nacre.ConnectionLost):
            await reading
        await draining
        result = await process.wait()
        assert result.exit_status is None
        with pytest.raises(nacre.ProcessError):
            await process.wait(check=True)
    assert not reported()


@asynctest
async def test_signals() -> None:
    async def until_signal(process: Any) -> None:
        try:
            await process.stdin.read()
        except nacre.SignalReceived as signal:
            process.exit_with_signal(signal.signal)

    async with served(until_signal) as connection:
        for send, name in (
            (lambda process: process.terminate(), "TERM"),
            (lambda process: process.kill(), "KILL"),
            (lambda process: process.send_signal("USR1"), "USR1"),
        ):
            process = await connection.create_process("x")
            send(process)
            assert (await process.wait()).exit_signal == (name, False, "", "en-US")
        process = await connection.create_process("x", term_type="xterm")
        process.change_terminal_size(1, 2)
        process.send_break(1)
        process.close()
        await process.wait_closed()
    reported()  # the size was raised in a handler that did not expect it


@asynctest
async def test_what_stderr_says_at_once_goes_where_it_was_sent() -> None:
    """The first output may come with the answer to the request, before the caller is woken."""

    def at_once(process: Any) -> None:
        process.stderr.write("first ")
        process.stdout.write("second")
        process.exit(0)

    async with served(at_once) as connection:
        result = await connection.run("cmd", stderr=nacre.STDOUT)
        assert (result.stdout, result.stderr) == ("first second", "")
        result = await connection.run("cmd", stderr=nacre.DEVNULL)
        assert (result.stdout, result.stderr) == ("second", "")


@asynctest
async def test_one_time_limit_for_opening_and_running() -> None:
    """The seconds of the opening are gone when the process runs."""
    started = asyncio.Event()

    class Slow(nacre.SSHServerSession[str]):
        def exec_requested(self, command: str) -> bool:
            move(60)  # most of the time is over
            started.set()
            return True

    async with served(session_factory=Slow) as connection, moved_clock() as move:
        running = asyncio.ensure_future(connection.run("cmd", timeout=100))
        await started.wait()
        await _talk(connection)
        assert not running.done()
        move(60)
        with pytest.raises(nacre.TimeoutError, match=r"within 100 s"):
            await running
