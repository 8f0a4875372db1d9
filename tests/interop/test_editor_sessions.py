"""What a server with the line editor gives its sessions: processes on a terminal, and what is no terminal."""

from __future__ import annotations

from typing import Any

import nacre
from tests.support.face import asynctest, served

TERMINAL: dict[str, Any] = {"term_type": "xterm", "term_size": (40, 10), "encoding": None}


async def _until(reader: nacre.SSHReader[bytes], end: bytes) -> bytes:
    return await reader.readuntil(end)


@asynctest
async def test_a_session_on_a_terminal_reads_edited_lines() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        assert isinstance(process.channel, nacre.SSHLineEditorChannel)
        process.stdout.write("> ")
        async for line in process.stdin:
            process.stdout.write(f"[{line.rstrip()}]\n> ")
        process.stderr.write("bye\n")
        process.exit(3)

    async with served(handler) as connection:
        client = await connection.create_process(**TERMINAL)
        client.stdin.write(b"ab\x7fc\r")
        assert await _until(client.stdout, b"]\r\n> ") == b"> ac\r\n[ac]\r\n> "
        client.stdin.write("日".encode()[:2])
        client.stdin.write("日".encode()[2:] + b"\r")
        assert await _until(client.stdout, b"]\r\n> ") == "日\r\n[日]\r\n> ".encode()
        client.stdin.write(b"\x04")  # the end for the handler, though the channel goes on
        result = await client.wait()
    assert (result.exit_status, result.stderr) == (3, b"bye\r\n")


@asynctest
async def test_without_a_terminal_or_without_text_there_is_no_editor() -> None:
    async def handler(process: nacre.SSHServerProcess[Any]) -> None:
        channel = process.channel
        assert isinstance(channel, nacre.SSHLineEditorChannel)
        channel.set_line_mode(False)  # of no effect, and no error
        channel.set_echo(False)
        process.stdout.write(await process.stdin.read())
        process.exit(0)

    async with served(handler) as connection:
        assert (await connection.run(input="a\x7f\nb")).stdout == "a\x7f\nb"
    async with served(handler, encoding=None) as connection:
        assert (await connection.run(input=b"a\x7f\rb", **TERMINAL)).stdout == b"a\x7f\rb"


@asynctest
async def test_switched_off_there_is_none() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        assert not isinstance(process.channel, nacre.SSHLineEditorChannel)
        process.stdout.write(await process.stdin.read())
        process.exit(0)

    async with served(handler, line_editor=False) as connection:
        assert (await connection.run(input=b"a\x7f\r\x03", **TERMINAL)).stdout == b"a\x7f\r\x03"


@asynctest
async def test_a_break_and_a_hot_key_are_raised_where_the_program_reads() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        channel = process.channel
        assert isinstance(channel, nacre.SSHLineEditorChannel)
        channel.register_key("\x1b[15~", lambda line, position: ("USR1", -1))
        for _ in range(3):
            try:
                process.stdout.write(repr(await process.stdin.readline()))
            except nacre.BreakReceived as error:
                process.stdout.write(f"break {error.msec};")
            except nacre.SignalReceived as error:
                process.stdout.write(f"{error.signal};")
        process.exit(0)

    async with served(handler) as connection:
        result = await connection.run(input=b"\x03\x1b[15~a\r", **TERMINAL)
    assert result.stdout == b"a\r\nbreak 0;USR1;'a\\n'"


@asynctest
async def test_a_password_is_not_shown() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        channel = process.channel
        assert isinstance(channel, nacre.SSHLineEditorChannel)
        channel.set_echo(False)
        process.stdout.write("Password: ")
        secret = await process.stdin.readline()
        channel.set_echo(True)
        process.stdout.write(f"{len(secret)}\n? ")
        channel.set_line_mode(False)
        process.stdout.write(repr(await process.stdin.read(1)))
        process.exit(0)

    async with served(handler) as connection:
        client = await connection.create_process(**TERMINAL)
        await _until(client.stdout, b"Password: ")
        client.stdin.write(b"hush\r")
        assert await _until(client.stdout, b"? ") == b"\r\n5\r\n? "
        client.stdin.write(b"\x1b")
        assert (await client.wait()).stdout == b"'\\x1b'"


@asynctest
async def test_the_end_of_the_input_gives_the_line_that_was_begun() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.stdout.write(repr(await process.stdin.read()))
        process.exit(0)

    async with served(handler) as connection:
        assert (await connection.run(input=b"abc", **TERMINAL)).stdout == b"abc'abc'"


@asynctest
async def test_a_line_can_be_edited_for_longer_than_the_window() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.stdout.write(f"[{await process.stdin.readline()}]")
        process.exit(0)

    async with served(handler, window=32768) as connection:
        result = await connection.run(input=b"a\x7f" * 50_000 + b"end\r", **TERMINAL)
    assert result.stdout.endswith(b"[end\r\n]")
