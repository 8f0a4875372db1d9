"""Processes of a server: what the factory gets, and how it ends them."""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import pty
import subprocess
import sys
import termios
from typing import Any

import pytest

import nacre
from tests.support.face import asynctest, reported, served


@asynctest
async def test_what_a_process_knows() -> None:
    seen: list[dict[str, Any]] = []

    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        seen.append(
            {
                "command": process.command,
                "subsystem": process.subsystem,
                "env": dict(process.env),
                "term_type": process.term_type,
                "term_size": process.term_size,
                "term_modes": dict(process.term_modes),
                "user": process.get_extra_info("username"),
                "logger": process.logger is process.channel.logger,
            }
        )
        process.exit(0)

    async with served(handler) as connection:
        await connection.run("cmd", env={"A": "1"}, term_type="xterm", term_size=(80, 24), term_modes={53: 0})
        await connection.run(subsystem="sub")
        await connection.run()
    nothing = {"command": None, "subsystem": None, "env": {}, "term_type": None, "term_size": (0, 0, 0, 0)}
    nothing |= {"term_modes": {}, "user": "user", "logger": True}
    assert seen == [
        {**nothing, "command": "cmd", "env": {"A": "1"}, "term_type": "xterm", "term_size": (80, 24, 0, 0)}
        | {"term_modes": {53: 0}},
        {**nothing, "subsystem": "sub"},
        nothing,
    ]


@asynctest
async def test_a_plain_function_is_a_factory_too() -> None:
    def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.stdout.write("plain")
        process.exit(4)

    async with served(handler) as connection:
        result = await connection.run()
        assert (result.stdout, result.exit_status) == ("plain", 4)


@asynctest
async def test_a_factory_that_raises_ends_its_session_with_a_status() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.stdout.write("before")
        if process.command == "await":
            await asyncio.sleep(0)
        raise ZeroDivisionError

    async with served(handler) as connection:
        for command in ("await", "at once"):
            result = await connection.run(command)
            assert (result.stdout, result.exit_status) == ("before", 1)
        assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError] * 2


@asynctest
async def test_a_client_that_goes_is_no_failure_of_the_handler() -> None:
    ended: list[str] = []

    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        try:
            process.stdout.write("ready")
            if process.command == "write":
                while True:
                    process.stdout.write("x" * 10000)
                    await process.stdout.drain()
            if process.command == "read":
                while await process.stdin.read(100):
                    pass
                process.exit(0)
            await asyncio.Event().wait()
        finally:
            ended.append(process.command or "")

    for how in ("close", "abort", "channel"):
        ended.clear()
        async with served(handler) as connection:
            processes = [await connection.create_process(command) for command in ("write", "read", "wait")]
            for process in processes:
                await process.stdout.read(5)
            if how == "channel":
                for process in processes:
                    process.close()
                    await process.wait_closed()
            else:
                getattr(connection, how)()
        while len(ended) < 3:
            await asyncio.sleep(0)
        assert sorted(ended) == ["read", "wait", "write"]
        assert not reported()


@asynctest
async def test_the_names_of_old_for_the_terminal_and_for_one_stream() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        if process.command == "term":
            terminal = process.get_terminal_type(), process.get_terminal_size()
            process.stdout.write(f"{terminal} {process.get_terminal_mode(nacre.PTY_ECHO)}")
        elif process.command == "stdin":
            await process.redirect_stdin(process.stdout)
            await process.stdout.drain()
        elif process.command == "stdout":
            await process.redirect_stdout(process.stdin)
            await process.stdout.drain()
        else:
            await process.redirect_stderr(process.stdin)
            await process.stderr.drain()
        process.exit(0)

    async with served(handler) as connection:
        terminal = {"term_type": "vt100", "term_size": (80, 24), "term_modes": {nacre.PTY_ECHO: 1}}
        result = await connection.run("term", **terminal)
        assert result.stdout == "('vt100', (80, 24, 0, 0)) 1"
        for command, expected in (("stdin", ("x", "")), ("stdout", ("x", "")), ("stderr", ("", "x"))):
            result = await connection.run(command, input="x")
            assert (result.stdout, result.stderr) == expected


@asynctest
async def test_a_handler_may_wait_for_the_end_of_its_own_process() -> None:
    after: list[str] = []

    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.exit(0)
        await process.wait_closed()
        after.append("after")
        process.close()
        assert process.is_closing()

    async with served(handler) as connection:
        await connection.run()
        while not after:
            await asyncio.sleep(0)


@asynctest
async def test_close_sends_no_status() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.stdout.write("x")
        process.close()

    async with served(handler) as connection:
        result = await connection.run()
        assert (result.stdout, result.exit_status, result.returncode) == ("x", None, None)


@asynctest
async def test_sftp_needs_a_factory_of_its_own() -> None:
    async with served(lambda process: process.exit(0)) as connection:
        with pytest.raises(nacre.ChannelOpenError):
            await connection.run(subsystem="sftp")


@asynctest
async def test_redirection_of_a_child_process() -> None:
    async def handler(process: nacre.SSHServerProcess[bytes]) -> None:
        child = await asyncio.create_subprocess_exec(
            "sh", "-c", "tr a-z A-Z; echo errors >&2", stdin=-1, stdout=-1, stderr=-1
        )
        await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
        await process.stdout.drain()
        await process.stderr.drain()
        process.exit(await child.wait())

    async with served(handler, encoding=None) as connection:
        data = b"abc" * 200_000
        result = await connection.run(input=data, encoding=None)
        assert (result.stdout, result.stderr, result.exit_status) == (data.upper(), b"errors\n", 0)


@asynctest
async def test_a_child_that_reads_no_more_costs_the_rest_of_the_input_alone() -> None:
    async def handler(process: nacre.SSHServerProcess[bytes]) -> None:
        child = subprocess.Popen(["head", "-c", "3"], stdin=-1, stdout=-1)
        await process.redirect(stdin=child.stdin, stdout=child.stdout)
        await process.stdout.drain()
        process.exit(child.wait())

    async with served(handler, encoding=None) as connection:
        result = await connection.run(input=bytes(10_000_000), encoding=None)
        assert (result.stdout, result.exit_status) == (bytes(3), 0)


@asynctest
async def test_signals_and_sizes_reach_a_child() -> None:
    async def handler(process: nacre.SSHServerProcess[bytes]) -> None:
        leader, follower = pty.openpty()
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import os,signal;signal.signal(28,lambda *a:print(os.get_terminal_size(0)[0],flush=True));"
            "signal.signal(2,lambda *a:print('interrupted',flush=True));"
            "print('up',flush=True);[signal.pause() for _ in range(9)]",
            stdin=follower,
            stdout=-1,
            # So that the terminal is the child's, and it is told of sizes.
            preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
        )
        os.close(follower)
        process.set_redirect_pid(child.pid)
        await process.redirect(stdin=leader, stdout=child.stdout)
        await process.stdout.drain()
        process.exit(-(await child.wait()))

    async with served(handler, encoding=None) as connection:
        process = await connection.create_process("x", encoding=None, term_type="xterm")
        assert await process.stdout.readline() == b"up\n"
        process.change_terminal_size(123, 45)
        assert await process.stdout.readline() == b"123\n"
        process.send_break(1)
        assert await process.stdout.readline() == b"interrupted\n"
        process.send_signal("NONSENSE")
        process.terminate()
        assert (await process.wait()).exit_status == 15


@asynctest
async def test_what_fails_ends_the_session_and_is_reported() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        await process.redirect()
        await process.redirect(stdin=nacre.PIPE)
        for target in (nacre.STDOUT, -7):
            with pytest.raises(ValueError):
                await process.redirect(stderr=target)
        await process.redirect(stdout=io.BytesIO(b"\xff"))
        await process.wait_closed()

    async with served(handler) as connection:
        assert (await connection.run()).exit_status == 1
    assert "redirecting stdout" in reported()[0]["message"]


@asynctest
async def test_no_input_and_no_output() -> None:
    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        await process.redirect(stdin=nacre.DEVNULL, stdout=nacre.DEVNULL)
        process.exit(0)

    async with served(handler) as connection:
        assert (await connection.run(input="x" * 100_000)).exit_status == 0
