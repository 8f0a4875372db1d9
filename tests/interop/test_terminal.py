"""OpenSSH's ssh, both versions, in a terminal of its own against nacre, and its small messages.

Sizes, keystrokes hidden among PINGs (10.0), signs of life, a reader who goes; and signals from nacre to sshd.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import nacre
from tests.interop.programs import connected, peer
from tests.support.face import asynctest
from tests.support.openssh import VERSIONS, OpenSSH, Ssh, Sshd, find

pytestmark = pytest.mark.requires("sshd")

#: ssh sends eow@openssh.com and no-more-sessions@openssh.com to what calls itself OpenSSH alone.
_ALIKE = {"server_version": "OpenSSH_9.9_nacre"}


class Screen:
    """The user's end of the terminal that ssh runs in."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._changed = asyncio.Event()
        self.output = b""

    def type(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size; the kernel tells ssh, whose terminal it is."""
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def read(self) -> None:
        try:
            self.output += os.read(self._descriptor, 65536)
        except OSError:  # ssh has gone
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self._changed.set()

    async def until(self, true: Callable[[bytes], bool]) -> None:
        while not true(self.output):
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def on_screen(ssh: Ssh, *arguments: str) -> AsyncIterator[tuple[Screen, asyncio.subprocess.Process]]:
    """Run ssh in a terminal of its own, which is the one that controls it."""
    ours, theirs = pty.openpty()
    screen = Screen(ours)
    screen.resize(81, 23)
    process = await asyncio.create_subprocess_exec(
        "setsid",
        "--ctty",
        "--wait",
        *ssh.command(*arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(theirs)
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, screen.read)
    try:
        yield screen, process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        loop.remove_reader(ours)
        os.close(ours)


@asynctest
async def test_the_window_changes(openssh: OpenSSH, tmp_path: Path) -> None:
    async with peer(openssh, tmp_path) as ssh, on_screen(ssh, "-t", "--", "sizes") as (screen, process):
        await screen.until(lambda output: b"81 23" in output)
        screen.resize(120, 36)
        await screen.until(lambda output: b"120 36" in output)
        screen.resize(80, 24)
        await screen.until(lambda output: b"80 24" in output)
        screen.type(b"\r~.")  # ssh's own way out
        assert await process.wait() == 255


@asynctest
async def test_keystrokes_are_echoed_among_pings(openssh: OpenSSH, tmp_path: Path) -> None:
    """Where nacre announces ping@openssh.com, ssh 10.0 sends keys at fixed times, and PINGs between them."""
    async with (
        peer(openssh, tmp_path, "LogLevel DEBUG3") as ssh,
        on_screen(ssh, "-t", "--", "echo") as (screen, process),
    ):
        assert process.stderr is not None
        log = b""
        while b"shell request accepted" not in log and b"exec request accepted" not in log:
            log += await process.stderr.readline()
        for number, key in enumerate(b"nacre", 1):
            screen.type(bytes([key]))
            await screen.until(lambda output, number=number: output.endswith(b"nacre"[:number]))
        if openssh.version == "9.2":
            return
        # They go on for a second or more behind a key: fewer where ssh was kept from running just then.
        while sum(map(int, re.findall(rb"\((\d+) chaff packets sent\)", log))) <= 5:
            line = await process.stderr.readline()
            assert line, log
            log += line
            if b" chaff packets sent" in line:
                screen.type(b"e")
        screen.type(b"!")  # it still works
        await screen.until(lambda output: output.endswith(b"!"))


async def _signs_of_life(openssh: OpenSSH, directory: Path) -> None:
    directory.mkdir()
    lines = ("ServerAliveInterval 1", "ServerAliveCountMax 1000", "LogLevel DEBUG3")
    async with peer(openssh, directory, *lines, **_ALIKE) as ssh, ssh.started("-T", "--", "echo") as process:
        assert process.stdin is not None
        assert process.stderr is not None
        answers, text = 0, b""
        while answers < 2:
            line = await process.stderr.readline()
            assert line, text
            text += line
            answers += b"receive packet: type 82" in line or b"receive packet: type 81" in line
        process.stdin.close()
        assert await process.wait() == 0
        assert b"Requesting no-more-sessions@openssh.com" in text


@asynctest
async def test_signs_of_life(tmp_path: Path) -> None:
    """ssh asks every second, and is answered: it gives up after many that are not, since anybody may be slow.

    Both versions at once: all that they do is wait.
    """
    async with asyncio.TaskGroup() as both:
        for version in VERSIONS:
            both.create_task(_signs_of_life(find(version), tmp_path / version))


@asynctest
async def test_a_reader_who_goes(openssh: OpenSSH, tmp_path: Path) -> None:
    """`ssh host yes | head -1`: the program's writes fail, and it ends."""
    broken = asyncio.Event()

    async def yes(process: nacre.SSHServerProcess[bytes]) -> None:
        try:
            while True:
                process.stdout.write(b"y\n" * 8192)
                await process.stdout.drain()
        except BrokenPipeError:
            broken.set()
        finally:
            process.exit(3)

    async with peer(openssh, tmp_path, process_factory=yes, **_ALIKE) as ssh:
        reading, writing = os.pipe()
        process = await asyncio.create_subprocess_exec(
            *ssh.command("yes"), stdin=asyncio.subprocess.DEVNULL, stdout=writing
        )
        os.close(writing)
        loop = asyncio.get_running_loop()
        came = loop.create_future()
        loop.add_reader(reading, lambda: came.done() or came.set_result(os.read(reading, 4)))
        assert (await came)[:2] == b"y\n"
        loop.remove_reader(reading)
        os.close(reading)
        await broken.wait()
        assert await process.wait() == 3


@pytest.mark.parametrize("signal", ["TERM", "INT", "USR1", "KILL"])
@asynctest
async def test_signals_to_sshd(sshd: Sshd, signal: str) -> None:
    if sshd.openssh.version == "9.2" and os.geteuid() == 0:
        pytest.skip("sshd 9.2 passes no signals on to processes of root")
    async with connected(sshd) as connection:
        process = await connection.create_process("echo ready; exec sleep 60")
        assert await process.stdout.readline() == "ready\n"
        process.send_signal(signal)
        done = await process.wait()
        assert done.exit_signal is not None
        assert done.exit_signal[0] == signal
