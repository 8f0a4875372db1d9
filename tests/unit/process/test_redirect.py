"""Redirection as a whole: each kind of source and target, from the client's side."""

from __future__ import annotations

import asyncio
import io
import os
import socket
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.support.face import asynctest, connected, reported, served, serving


async def echo(process: Any) -> None:
    """Copies standard input, says the command on standard error, ends with status 3."""
    while data := await process.stdin.read(100_000):
        process.stdout.write(data)
        await process.stdout.drain()
    line = f"{process.command}\n"
    process.stderr.write(line if process.channel.get_encoding()[0] else line.encode())
    process.exit(3)


class AsyncFile:
    """A file as `aiofiles` makes them."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    async def read(self, n: int) -> Any:
        return self.file.read(n)

    async def write(self, data: Any) -> Any:
        return self.file.write(data)

    async def flush(self) -> None:
        self.file.flush()

    async def close(self) -> None:
        self.file.close()


def test_constants() -> None:
    assert (nacre.PIPE, nacre.STDOUT, nacre.DEVNULL) == (-1, -2, -3)


@asynctest
async def test_what_cannot_be_redirected_starts_nothing(tmp_path: Path) -> None:
    class NoMethods:
        pass

    async with served(echo) as connection:
        for redirection, error in (
            ({"stdin": tmp_path / "missing"}, FileNotFoundError),
            ({"stdout": tmp_path / "no" / "where", "stdin": "/dev/null"}, FileNotFoundError),
            ({"stderr": NoMethods()}, TypeError),
            ({"stdin": NoMethods()}, TypeError),
            ({"stdout": True}, TypeError),
            ({"stdout": nacre.STDOUT}, ValueError),
            ({"stdin": -9}, ValueError),
            ({"bufsize": 0}, ValueError),
        ):
            with pytest.raises(error):
                await connection.create_process("x", **redirection)  # type: ignore[arg-type]  # wrong on purpose
        assert not connection._link.channels


@pytest.mark.parametrize("encoding", [None, "utf-8"])
@asynctest
async def test_paths_and_files(tmp_path: Path, encoding: str | None) -> None:
    text = "ümläut\n" * 50_000
    (tmp_path / "in").write_text(text)
    async with served(echo, encoding="utf-8") as connection:

        async def run(stdin: Any, stdout: Any, **more: Any) -> None:
            result = await connection.run(
                "c", stdin=stdin, stdout=stdout, stderr=str(tmp_path / "err"), encoding=encoding, **more
            )
            assert (result.exit_status, len(result.stdout), len(result.stderr)) == (3, 0, 0)
            assert (tmp_path / "err").read_text() == "c\n"

        await run(str(tmp_path / "in"), tmp_path / "out")
        assert (tmp_path / "out").read_text() == text
        for read, write in (("rb", "wb"), ("r", "w")):
            with open(tmp_path / "in", read) as source, open(tmp_path / f"out{write}", write) as target:
                await run(source, target)
                assert (source.closed, target.closed) == (True, True)
            assert (tmp_path / f"out{write}").read_text() == text
            with open(tmp_path / "in", read) as source, open(tmp_path / f"async{write}", write) as target:
                await run(AsyncFile(source), AsyncFile(target))
                assert target.closed
            assert (tmp_path / f"async{write}").read_text() == text
        memory = io.BytesIO()
        await run(io.StringIO(text), memory)
        assert memory.getvalue().decode() == text


@asynctest
async def test_targets_that_stay_open(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w") as target:
        async with served(echo) as connection:
            for word in ("one ", "two"):
                await connection.run("c", input=word, stdout=target, stderr=target, recv_eof=False)
            process = await connection.create_process("c", stdout=AsyncFile(target), recv_eof=False)
            # One source after the other.
            for word in ("three ", "four"):
                await process.redirect(stdin=io.StringIO(word), send_eof=False)
                await process.stdin.drain()
            process.stdin.write_eof()
            await process.wait()
    assert (tmp_path / "out").read_text() == "one c\ntwoc\nthree four"


@asynctest
async def test_pipes_and_descriptors(tmp_path: Path) -> None:
    read_in, write_in = os.pipe()
    read_out, write_out = os.pipe()
    async with served(echo, encoding=None) as connection:
        process = await connection.create_process("c", stdin=read_in, stdout=write_out, encoding=None)
        os.write(write_in, b"through pipes")
        os.close(write_in)
        await process.wait()
        with open(read_out, "rb") as file:
            assert file.read() == b"through pipes"
        for descriptor in (read_in, write_out):
            with pytest.raises(OSError):
                os.fstat(descriptor)
        descriptor = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
        await connection.run("c", input=b"to a file", stdout=descriptor, encoding=None)
        assert (tmp_path / "out").read_bytes() == b"to a file"


@asynctest
async def test_a_socket_for_both_directions() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        async with served(echo, encoding=None) as connection:
            process = await connection.create_process("c", stdin=ours, stdout=ours, encoding=None)
            loop = asyncio.get_running_loop()
            reader, writer = await asyncio.open_connection(sock=theirs)
            data = os.urandom(1_000_000)
            writer.write(data)
            writer.write_eof()
            assert await reader.read() == data
            assert (await process.wait()).stderr == b"c\n"
            assert ours.fileno() >= 0
            writer.close()
            await loop.run_in_executor(None, lambda: None)


@asynctest
async def test_asyncio_streams_and_subprocesses() -> None:
    async with served(echo, encoding=None) as connection:
        first = await asyncio.create_subprocess_exec("printf", "a\\nb\\n", stdout=-1)
        last = await asyncio.create_subprocess_exec("wc", "-l", stdin=-1, stdout=-1)
        result = await connection.run("c", stdin=first.stdout, stdout=last.stdin, encoding=None)
        assert result.stderr == b"c\n"
        assert (await last.communicate())[0].strip() == b"2"
        await first.wait()


@asynctest
async def test_between_two_servers_with_different_encodings() -> None:
    async with (
        serving(process_factory=echo, encoding=None) as one,
        serving(process_factory=echo) as other,
        connected(one) as near,
        connected(other) as far,
    ):
        data = "wörter\n" * 100_000
        first = await near.create_process("first", encoding=None)
        second = await far.create_process("second", stdin=first.stdout, stderr=nacre.STDOUT)
        await first.redirect(stdin=io.StringIO(data))
        assert (await second.wait()).stdout == data + "second\n"
        assert (await first.wait()).stderr == b"first\n"
        # And the other way: into the writer of a process that reads later.
        second = await far.create_process("second")
        text, result = await asyncio.gather(
            second.stdout.read(),
            near.run("first", input=data.encode(), stdout=second.stdin, stderr=second.stdin, encoding=None),
        )
        assert (text, result.exit_status) == (data + "first\n", 3)


@asynctest
async def test_a_hop_passes_on_everything() -> None:
    async def until_signal(process: Any) -> None:
        process.stdout.write("up\n")
        told = []
        while True:
            try:
                data = await process.stdin.read(10)
                if not data:
                    break
            except nacre.TerminalSizeChanged as size:
                told.append(f"size {size.width}")
            except nacre.BreakReceived as break_:
                told.append(f"break {break_.msec}")
            except nacre.SignalReceived as signal:
                told.append(f"signal {signal.signal}")
            process.stderr.write(f"{told[-1] if told else data}\n")
        process.exit(7)

    async with serving(process_factory=until_signal, line_editor=False) as inner:

        async def hop(process: Any) -> None:
            async with connected(inner) as connection:
                far = await connection.create_process(
                    process.command,
                    stdin=process.stdin,
                    stdout=process.stdout,
                    stderr=process.stderr,
                    term_type="xterm",
                )
                process.exit((await far.wait()).exit_status)

        async with served(hop, line_editor=False) as connection:
            process = await connection.create_process("x", term_type="xterm")
            assert await process.stdout.readline() == "up\n"
            process.change_terminal_size(99, 9)
            assert await process.stderr.readline() == "size 99\n"
            process.send_break(5)
            assert await process.stderr.readline() == "break 5\n"
            process.send_signal("USR1")
            assert await process.stderr.readline() == "signal USR1\n"
            process.stdin.write_eof()
            assert (await process.wait()).exit_status == 7


@asynctest
async def test_a_slow_target_stops_the_server() -> None:
    sent = 0

    async def much(process: Any) -> None:
        nonlocal sent
        for _ in range(300):
            process.stdout.write(bytes(100_000))
            await process.stdout.drain()
            sent += 100_000
        process.exit(0)

    read, write = os.pipe()
    async with served(much, encoding=None, window=100_000) as connection:
        process = await connection.create_process("x", stdout=write, encoding=None, window=100_000)
        waiting = asyncio.create_task(process.wait())  # collects what is read by the program alone
        total = len(await asyncio.to_thread(os.read, read, 1))
        for _ in range(100):
            await asyncio.sleep(0)
        assert sent < 3_000_000
        with open(read, "rb", buffering=0) as file:
            while data := await asyncio.to_thread(file.read, 1_000_000):
                total += len(data)
        await waiting
    assert total == 30_000_000


@asynctest
async def test_a_target_that_is_gone_ends_the_process() -> None:
    async def endless(process: Any) -> None:
        while True:
            process.stdout.write(bytes(10_000))
            await process.stdout.drain()

    read, write = os.pipe()
    async with served(endless, encoding=None) as connection:
        process = await connection.create_process("x", stdout=write, encoding=None)
        await asyncio.to_thread(os.read, read, 10)
        os.close(read)
        assert (await process.wait()).exit_status is None
    reported()


@asynctest
async def test_a_target_that_fails_is_told() -> None:
    async with served(echo) as connection:
        process = await connection.create_process("x", stdout="/dev/full")
        process.stdin.write("x" * 1000)
        with pytest.raises(OSError, match="No space"):
            await process.wait()
        with pytest.raises(UnicodeDecodeError):
            await connection.run("x", stdin=io.BytesIO(b"\xff"))


@asynctest
async def test_redirected_again(tmp_path: Path) -> None:
    async with served(echo) as connection:
        process = await connection.create_process("x", stdout=nacre.DEVNULL)
        process.stdin.write("lost")
        await process.redirect(stdout=tmp_path / "one")
        while not (tmp_path / "one").read_text().endswith("1"):
            process.stdin.write("1")
            await asyncio.sleep(0)
        await process.redirect(stdout=nacre.PIPE)
        process.stdin.write("two\n")
        assert (await process.stdout.readline()).endswith("two\n")
        process.stdin.write_eof()
        await process.wait()
