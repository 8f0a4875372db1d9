"""The examples of processes run, as programs of their own: servers with OpenSSH's ssh in a terminal and with
nacre's client, clients with a server here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.support.examples import run, run_here, running
from tests.support.face import HOST, asynctest, client_options, host_key, serving, user_key
from tests.support.openssh import OpenSSH
from tests.support.terminal import Terminal


@pytest.fixture
def keys(tmp_path: Path) -> str:
    """An authorized_keys file with the tests' key."""
    path = tmp_path / "authorized_keys"
    path.write_bytes(user_key().export_public_key())
    return str(path)


@asynccontextmanager
async def into(port: int, username: str = "alice") -> AsyncIterator[nacre.SSHClientConnection]:
    options = client_options(username=username, client_keys=[user_key()])
    async with await nacre.connect(HOST, port, **options) as connection:
        yield connection


TERMINAL: dict[str, Any] = {"term_type": "xterm", "term_size": (80, 24)}


@asynctest
async def test_chat(keys: str) -> None:
    async with running("serve_chat.py", keys) as port, into(port) as alice, into(port, "bob") as bob:
        one = await alice.create_process(**TERMINAL)
        assert "nobody" in await one.stdout.readuntil("leaves.\r\n")
        one.change_terminal_size(100, 24)
        one.stdin.write("half")
        await one.stdout.readuntil("half")
        two = await bob.create_process()
        assert "Here are: alice" in await two.stdout.readline()
        assert await one.stdout.readuntil("half") == "\x1b[4D\x1b[J* bob comes\r\nhalf"
        one.stdin.write(" a line\r")
        assert await two.stdout.readline() == "alice: half a line\n"
        two.stdin.write("hello\n")
        assert await one.stdout.readuntil("hello\r\n") == " a line\r\nbob: hello\r\n"
        one.stdin.write("\x03")
        assert (await one.wait()).exit_status == 0
        assert await two.stdout.readline() == "* alice goes\n"
        two.stdin.write_eof()
        assert (await two.wait()).exit_status == 0


@asynctest
async def test_a_subprocess_for_each_session(keys: str) -> None:
    async with running("serve_subprocess.py", keys) as port, into(port) as connection:
        assert (await connection.run("sort", input="b\na\n")).stdout == "a\nb\n"
        data = bytes(range(256)) * 4000
        assert (await connection.run("copy", input=data, encoding=None)).stdout == data
        result = await connection.run("rm -rf /")
        assert (result.exit_status, result.stderr) == (127, "there are: bc, sort, copy\n")
        process = await connection.create_process("copy")
        process.send_signal("TERM")
        assert (await process.wait()).exit_status == 256 - 15


@asynctest
async def test_the_size_of_the_terminal(keys: str) -> None:
    async with running("serve_terminal_size.py", keys) as port, into(port) as connection:
        result = await connection.run()
        assert (result.exit_status, result.stderr) == (1, "there is no terminal: use ssh -t\n")
        process = await connection.create_process(**TERMINAL)
        assert await process.stdout.readuntil("\n") == "xterm, 80 columns, 24 rows\r\n"
        process.change_terminal_size(100, 30)
        assert await process.stdout.readuntil("\n") == "now 100 columns, 30 rows\r\n"
        process.stdin.write("\x04")
        assert (await process.wait()).exit_status == 0


def test_the_prompt_in_a_terminal(keys: str, tmp_path: Path, openssh: OpenSSH) -> None:
    """OpenSSH's ssh in a real terminal: what stands there after each key."""
    key = tmp_path / "key"
    user_key().write_private_key(str(key))
    key.chmod(0o600)

    async def main() -> None:
        async with running("serve_prompt.py", keys) as port:
            await asyncio.to_thread(dialogue, port)

    def dialogue(port: int) -> None:
        options = "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        options += " -o ServerAliveInterval=1 -o ServerAliveCountMax=1000000"  # see `Ssh.command`: the window changes
        command = [str(openssh.ssh), *options.split(), "-i", str(key), "-p", str(port), "alice@127.0.0.1"]
        with Terminal(command, columns=30, rows=12) as terminal:
            terminal.wait(re.compile(r"^> *$", re.MULTILINE))
            terminal.type("hel")
            terminal.press("Tab")
            terminal.type("l")
            terminal.press("Tab", "Enter")
            terminal.wait("Hello, alice.\n>")
            terminal.type("log日本in")
            terminal.wait("> log日本in")
            terminal.press("C-b", "C-b", "BSpace", "BSpace", "Enter")
            terminal.wait("> login\nSecret:")
            terminal.type("pearl")
            terminal.press("Enter")
            terminal.wait("It has 5 characters.\n>")
            assert "pearl" not in terminal.screen
            terminal.press("Up", "Up", "Enter")
            terminal.wait("> hello\nHello, alice.\n>")
            # Longer than a row: edited across it, and wrapped anew by another width.
            terminal.type("x" * 35)
            terminal.press("Home")
            terminal.type("begin ")
            terminal.wait("> begin " + "x" * 22 + "\n" + "x" * 13)
            terminal.resize(60, 12)
            terminal.wait("> begin " + "x" * 35)
            terminal.press("C-u")
            terminal.wait_gone("begin")
            terminal.type("quit")
            terminal.press("Enter")
            assert terminal.wait_exit() == 0

    asyncio.run(main())


@asynctest
async def test_environment(keys: str) -> None:
    async with running("serve_environment.py", keys) as port, into(port) as connection:
        result = await connection.run("a command", env={"COLOUR": "blue"})
        assert result.stdout == (
            "user alice\nfrom 127.0.0.1\ncommand 'a command'\nterminal None\nCOLOUR = 'blue'\n"
        )


@asynctest
async def test_the_log(keys: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\n")
    async with running("serve_log.py", keys, str(log)) as port, into(port) as connection:
        process = await connection.create_process()
        assert await process.stdout.readline() == "one\n"
        with log.open("a") as file:
            file.write("two\n")
        assert await process.stdout.readline() == "two\n"
        process.close()


# ---------------------------------------------------------------- clients


async def programs(process: Any) -> None:
    """Stands for a host: the commands that the examples run there."""
    match process.command.split()[0]:
        case "hostname":
            process.stdout.write("a host\n")
        case "bc":
            async for line in process.stdin:
                process.stdout.write(f"{sum(map(int, line.split('+')))}\n")
        case "upper":
            while data := await process.stdin.read(1000):
                process.stdout.write(data.upper())
                await process.stdout.drain()
            process.stderr.write("done\n")
        case "tail":
            process.stdout.write(f"{process.command}\nthe end\nmore\n")
            await process.stdin.read()
        case "fail":
            process.stderr.write("no such thing\n")
            process.exit(3)
            return
        case "crash":
            process.exit_with_signal("SEGV", True, "oh")
            return
        case "slow":
            process.stdout.write("begun")
            await process.stdin.read()
        case "terminal":
            try:
                await process.stdin.readline()
            except nacre.TerminalSizeChanged as size:
                process.stdout.write(f"{process.term_type} {size.width} {process.env['COLOUR']}\n")
    process.exit(0)


@asynccontextmanager
async def a_host(tmp_path: Path) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """A host that the examples can reach, and the environment for them."""
    async with serving(process_factory=programs) as listener:
        folder = tmp_path / ".ssh"
        folder.mkdir()
        public = host_key().export_public_key().decode()
        (folder / "known_hosts").write_text(f"[{HOST}]:{listener.get_port()} {public}")
        yield f"{HOST}:{listener.get_port()}", {"HOME": str(tmp_path), "SSH_AUTH_SOCK": ""}


@asynctest
async def test_clients(tmp_path: Path) -> None:
    async with a_host(tmp_path) as (where, environment):
        status, output, _ = await run("run_on_hosts.py", "hostname", where, where, **environment)
        assert (status, output) == (0, f"{where}: a host\n" * 2)
        status, output, _ = await run_here("run_on_hosts.py", "fail", where, f"{HOST}:1", **environment)
        assert status == 1
        assert re.search(rf"{where}: failed: .*status 3\n{HOST}:1: failed: ", output)
        status, output, _ = await run("ask_bc.py", where, "1+2", "30+4", **environment)
        assert (status, output) == (0, "1+2 = 3\n30+4 = 34\n")
        status, output, _ = await run("follow_log.py", where, "it's", "end", **environment)
        assert (status, output) == (0, "tail -n +1 -F 'it'\"'\"'s'\nthe end\n")
        status, output, _ = await run("set_terminal.py", where, "terminal", "COLOUR=blue", **environment)
        assert (status, output) == (0, "xterm-256color 132 blue\n")
        status, output, _ = await run(
            "pipe_between_hosts.py", where, "hostname", where, "upper", **environment
        )
        assert (status, output) == (0, "A HOST\n")


@asynctest
async def test_how_commands_end(tmp_path: Path) -> None:
    async with a_host(tmp_path) as (where, environment):
        slow = asyncio.create_task(run("check_status.py", where, "slow", "5", **environment))
        for command, expected in (
            ("hostname", "well done: a host\n"),
            ("fail", "status 3: no such thing\n"),
            ("crash", "ended by SEGV (core dumped) oh\n"),
        ):
            status, output, _ = await run_here("check_status.py", where, command, **environment)
            assert (status, output) == (0 if command == "hostname" else 1, expected)
        status, output, _ = await slow
        assert (status, output) == (1, "not done after 5 s; until then it said 'begun'\n")
        status, output, _ = await run("time_output.py", where, "fail", **environment)
        assert status == 3
        assert re.fullmatch(r" *\d+\.\d\d s  2  'no such thing\\n'\n", output)


@asynctest
async def test_files(tmp_path: Path) -> None:
    (tmp_path / "input").write_text("some text\n" * 10_000)
    async with a_host(tmp_path) as (where, environment):
        files = [str(tmp_path / name) for name in ("input", "output", "errors")]
        status, output, _ = await run("save_output.py", where, "upper", *files, **environment)
        assert (status, output) == (0, "status 0\n")
        assert (tmp_path / "output").read_text() == "SOME TEXT\n" * 10_000
        assert (tmp_path / "errors").read_text() == "done\n"


@asynctest
async def test_help_of_those_that_need_words() -> None:
    for name in ("run_on_hosts.py", "serve_chat.py", "check_status.py"):
        status, _, errors = await run_here(name)
        assert status == 1
        assert f"python {name}" in errors
