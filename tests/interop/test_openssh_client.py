"""OpenSSH's ssh, both versions, against a nacre server in this process: the basics of sessions."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.interop.programs import peer
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Ssh

pytestmark = pytest.mark.requires("ssh")


@asynctest
async def test_exec_and_exit(openssh: OpenSSH, tmp_path: Path) -> None:
    async with peer(openssh, tmp_path) as ssh:
        for status in (0, 1, 255):
            assert (await ssh.communicate(f"exit {status}")).returncode == status
        done = await ssh.communicate("both")
        assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 0)
        assert (await ssh.communicate("signal KILL")).returncode == 255
        done = await ssh.communicate("raw caf\udce9 'x'")
        assert done.stdout == b"raw caf\xe9 'x'"


@asynctest
async def test_shell_and_subsystem(openssh: OpenSSH, tmp_path: Path) -> None:
    async with peer(openssh, tmp_path) as ssh:
        done = await ssh.communicate("-T", "--", data=b"typed\n")
        assert (done.stdout, done.stderr, done.returncode) == (b"typed\n", b"shell\n", 0)
        done = await ssh.communicate("-s", "--", "sub", data=b"sent")
        assert (done.stdout, done.stderr) == (b"sent", b"sub\n")


@asynctest
async def test_environment_and_terminal(openssh: OpenSSH, tmp_path: Path) -> None:
    async with peer(openssh, tmp_path, "SendEnv NACRE_TEST") as ssh:
        done = await ssh.communicate("env", environment={"NACRE_TEST": "wért"})
        assert done.stdout.decode() == repr([("NACRE_TEST", "wért")])
        done = await ssh.communicate("-tt", "--", "pty", environment={"TERM": "xterm-256color"})
        assert done.stdout.startswith(b"xterm-256color (")
    async with peer(openssh, tmp_path, allow_pty=False) as ssh:
        done = await ssh.communicate("-tt", "--", "pty", environment={"TERM": "xterm"})
        assert b"PTY allocation request failed" in done.stderr


@asynctest
async def test_data_both_ways(openssh: OpenSSH, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 3
    async with peer(openssh, tmp_path, "RekeyLimit 1M", rekey_bytes="1m") as ssh:
        done = await ssh.communicate("hash", data=data)
        assert done.stdout.decode() == f"{len(data)} {hashlib.sha256(data).hexdigest()}\n"
        done = await ssh.communicate("send 96")
        assert done.stdout == bytes(range(256)) * 128 * 96
        done = await ssh.communicate("echo", data=data)
        assert done.stdout == data
        assert done.returncode == 0


@asynctest
async def test_refusals_are_told(openssh: OpenSSH, tmp_path: Path) -> None:
    async with peer(openssh, tmp_path) as ssh:
        done = await ssh.communicate("-W", "localhost:1", "--")
        assert done.returncode != 0
        assert b"not in this version" in done.stderr
        done = await ssh.communicate("-s", "--", "sftp")
        assert b"subsystem request failed" in done.stderr
    stranger = openssh.make_key(tmp_path / "stranger")
    async with peer(openssh, tmp_path) as ssh:
        other = Ssh(openssh, ssh.port, "user", stranger, ssh.known_hosts)
        done = await other.communicate("exit 0")
        assert (done.returncode, b"Permission denied" in done.stderr) == (255, True)


@asynctest
async def test_a_banner(openssh: OpenSSH, tmp_path: Path) -> None:
    class Server(nacre.SSHServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            conn.send_auth_banner("be welcome\n")

    async with peer(openssh, tmp_path, server_factory=Server) as ssh:
        done = await ssh.communicate("exit 0")
        assert (done.returncode, done.stderr) == (0, b"be welcome\n")


@asynctest
async def test_a_client_that_is_killed_leaves_nothing(openssh: OpenSSH, tmp_path: Path) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def waits(process: Any) -> None:
        started.set()
        try:
            await process.stdin.read()
        finally:
            ended.set()

    async with peer(openssh, tmp_path, process_factory=waits) as ssh:
        client = await asyncio.create_subprocess_exec(
            *ssh.command("x"), stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        await started.wait()
        client.kill()
        await client.wait()
        await ended.wait()


@asynctest
async def test_many_channels_of_one_connection(openssh: OpenSSH, tmp_path: Path) -> None:
    """A master connection with 64 sessions over it at once."""
    control = tmp_path / "c"
    async with peer(openssh, tmp_path, f"ControlPath {control}") as ssh:
        master = await asyncio.create_subprocess_exec(*ssh.command("-M", "-N", "--"))
        while not control.exists():
            await asyncio.sleep(0.01)
        try:
            done = await asyncio.gather(
                *(ssh.communicate("echo", data=f"{number},".encode() * 2000) for number in range(64))
            )
            assert [one.stdout for one in done] == [f"{number},".encode() * 2000 for number in range(64)]
        finally:
            await ssh.communicate("-O", "exit", "--")
            await master.wait()
