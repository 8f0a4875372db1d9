"""A nacre client against OpenSSH's sshd, both versions: the basics of sessions."""

from __future__ import annotations

import asyncio
import os
from functools import partial

import pytest

import nacre
from nacre.guesses import recall, remember
from tests.interop.programs import connected
from tests.support.face import asynctest
from tests.support.openssh import Sshd

pytestmark = pytest.mark.requires("sshd")


@asynctest
async def test_exec_and_exit(sshd: Sshd) -> None:
    async with connected(sshd) as connection:
        for status in (0, 1, 255):
            result = await connection.run(f"echo out; echo err >&2; exit {status}")
            assert (result.stdout, result.stderr, result.exit_status) == ("out\n", "err\n", status)
        result = await connection.run("kill -9 $$")
        assert result.exit_signal is not None
        assert (result.exit_signal[0], result.returncode) == ("KILL", -9)
        with pytest.raises(nacre.ProcessError):
            await connection.run("false", check=True)


@asynctest
async def test_shell_subsystem_environment_and_terminal(sshd: Sshd) -> None:
    async with connected(sshd) as connection:
        result = await connection.run(input="echo from the shell\n")
        assert result.stdout.endswith("from the shell\n")
        result = await connection.run("printenv NACRE_TEST", env={"NACRE_TEST": "wért"})
        assert result.stdout == "wért\n"
        result = await connection.run("stty size; echo $TERM", term_type="vt100", term_size=(81, 23))
        assert result.stdout == "23 81\r\nvt100\r\n"
        process = await connection.create_process(subsystem="sftp", encoding=None)
        process.stdin.write(b"\0\0\0\5\1\0\0\0\3")
        assert (await process.stdout.readexactly(9))[4:] == b"\2\0\0\0\3"
        process.close()
        await process.wait_closed()


@asynctest
async def test_the_first_share_goes_with_the_kexinit_where_the_server_is_known(sshd: Sshd) -> None:
    where = ("127.0.0.1", sshd.port)
    async with connected(sshd):
        first = recall(*where)
    async with connected(
        sshd
    ):  # a right guess with 10.0, and none with 9.2, which prefers what nacre has not
        assert recall(*where) == first
    remember(*where, ("curve25519-sha256", "ssh-ed25519"))
    async with connected(sshd, kex_algs=["curve25519-sha256"]) as connection:  # a wrong one with both
        assert (await connection.run("exit 7")).exit_status == 7
    assert recall(*where) == first


@asynctest
async def test_the_window_changes(sshd: Sshd) -> None:
    async with connected(sshd) as connection:
        process = await connection.create_process(
            "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done",
            term_type="vt100",
            term_size=(80, 24),
        )
        assert await process.stdout.readline() == "ready\r\n"
        process.change_terminal_size(120, 36)
        assert await process.stdout.readline() == "36 120\r\n"
        await process.wait()


@asynctest
async def test_data_both_ways(sshd: Sshd) -> None:
    data = os.urandom(1 << 20) * 3
    async with connected(sshd, encoding=None, rekey_bytes="1m") as connection:
        assert (await connection.run("cat", input=data)).stdout == data
        result = await connection.run("head -c 10", input=data)
        assert (result.stdout, result.exit_status) == (data[:10], 0)


@partial(asynctest, time_limit=280)  # sshd forks as many shells: slow on a busy machine
async def test_sixty_four_channels_at_once(sshd: Sshd) -> None:
    async with connected(sshd) as connection:
        results = await asyncio.gather(
            *(connection.run(f"cat; exit {n}", input=f"{n}" * 1000) for n in range(64))
        )
        assert [(result.stdout, result.exit_status) for result in results] == [
            (f"{n}" * 1000, n) for n in range(64)
        ]


@asynctest
async def test_a_slow_reader_stops_the_writer(sshd: Sshd) -> None:
    async with connected(sshd, encoding=None) as connection:
        process = await connection.create_process("head -c 8000000 /dev/zero")
        total = 0
        while data := await process.stdout.read(300_000):
            total += len(data)
            await asyncio.sleep(0)
        assert total == 8_000_000
        await process.wait_closed()


@asynctest
async def test_trust(sshd: Sshd) -> None:
    with pytest.raises(nacre.HostKeyNotVerifiable) as info:
        async with connected(sshd, known_hosts=b""):
            pass
    line = str(info.value).splitlines()[-1]
    async with connected(sshd, known_hosts=line.encode()) as connection:
        assert connection.get_server_host_key() is not None
    key = await nacre.get_server_host_key("127.0.0.1", sshd.port)
    assert key is not None
    with pytest.raises(nacre.PermissionDenied):
        async with connected(sshd, client_keys=[nacre.generate_private_key("ssh-ed25519")]):
            pass


@asynctest
async def test_the_end_of_the_connection(sshd: Sshd) -> None:
    async with connected(sshd, keepalive_interval=0.05, keepalive_count_max=10_000) as connection:
        process = await connection.create_process("sleep 600")
        core = connection.link.driver.protocol._core
        for unanswered in (True, False) * 3:  # asked, and answered
            while bool(core.unanswered) is not unanswered:
                await asyncio.sleep(0.001)
        assert not connection.is_closed()
        connection.abort()
        await process.wait_closed()
        assert process.exit_status is None
