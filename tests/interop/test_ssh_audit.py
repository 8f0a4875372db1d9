"""What ssh-audit says of the defaults of nacre and of the hub: no failure, and at most two warnings."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

import nacre
from nacre.aio.admission import Refusal
from tests.support.face import OpenServer, asynctest, connected, serving
from tests.support.hub import RunningHub

#: What a server with its defaults must be found to have.
POLICY = Path(__file__).with_name("ssh_audit_policy.txt")


async def start(port: int, *options: str) -> asyncio.subprocess.Process:
    """Start ssh-audit against the server on a port."""
    program = shutil.which("ssh-audit", path=str(Path(sys.executable).parent)) or shutil.which("ssh-audit")
    assert program, "ssh-audit belongs to the development dependencies"
    return await asyncio.create_subprocess_exec(
        program,
        *("-n", *options, "-p", str(port), "127.0.0.1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )


async def audit(port: int, *options: str) -> str:
    """Return what ssh-audit prints about the server on a port."""
    process = await start(port, "--skip-rate-test", *options)
    output, _ = await process.communicate()
    return f"{output.decode()}\nstatus {process.returncode}"


def judge(text: str) -> None:
    """Check that nothing fails, and that what is warned of is the key exchange that old clients need."""
    assert "[fail]" not in text, text
    # curve25519 under its two names: no protection against quantum computers.
    warned = [line for line in text.splitlines() if "[warn]" in line]
    assert len(warned) <= 2, text
    assert all("post-quantum" in line for line in warned), text
    for algorithm in (
        "(kex) mlkem768x25519-sha256",
        "(kex) kex-strict-s-v00@openssh.com",
        "(key) ssh-ed25519",
        "(enc) aes128-gcm@openssh.com",
        "(mac) hmac-sha2-256-etm@openssh.com",
    ):
        assert algorithm in text, text


@asynctest
async def test_the_default_server() -> None:
    async with serving(server_factory=nacre.SSHServer) as listener:
        judge(await audit(listener.get_port()))


@asynctest
async def test_the_profile_of_post_quantum_key_exchange_is_clean() -> None:
    async with serving(server_factory=nacre.SSHServer, profile="pq") as listener:
        text = await audit(listener.get_port())
    assert "[fail]" not in text, text
    assert "[warn]" not in text, text
    assert text.endswith("status 0"), text
    assert "(kex) mlkem768x25519-sha256" in text, text
    assert "curve25519-sha256 " not in text, text


@pytest.mark.requires("sshd")
def test_the_default_hub(open_tmp_path: Path) -> None:
    with RunningHub(open_tmp_path) as hub:
        judge(asyncio.run(audit(hub.port)))


@asynctest
async def test_the_policy_of_the_defaults() -> None:
    async with serving(server_factory=nacre.SSHServer) as listener:
        text = await audit(listener.get_port(), "-P", str(POLICY))
        assert text.endswith("status 0"), text
        assert "Passed" in text
    # The policy would notice a change.
    async with serving(server_factory=nacre.SSHServer, encryption_algs="aes256-gcm@openssh.com") as listener:
        text = await audit(listener.get_port(), "-P", str(POLICY))
        assert not text.endswith("status 0"), text


@asynctest
async def test_with_post_quantum_key_exchange_alone_there_is_no_warning() -> None:
    async with serving(server_factory=nacre.SSHServer, kex_algs="mlkem768x25519-sha256") as listener:
        text = await audit(listener.get_port())
        assert "[fail]" not in text, text
        assert "[warn]" not in text, text
        assert text.endswith("status 0"), text


#: As the hub has it, with this machine's addresses not exempt.
DEFENCE = {"exempt_sources": [], "max_per_source": 20, "source_penalties": True}


@asynccontextmanager
async def attacked(port: int, flood: str) -> AsyncIterator[None]:
    """ssh-audit floods a port; it does so in several processes."""
    attacker = await start(port, flood)
    try:
        yield
    finally:
        os.killpg(attacker.pid, signal.SIGKILL)
        await attacker.communicate()


@pytest.mark.parametrize("flood", ["--conn-rate-test=4", "--dheat=2"])
def test_a_flood_is_throttled_and_others_log_in(flood: str) -> None:
    """Connections for their own sake, and key exchanges for the work they are (CVE-2002-20001)."""

    class Counted(OpenServer):
        made = 0

        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            Counted.made += 1

    @partial(asynctest, time_limit=280)
    async def body() -> None:
        async with (
            serving(server_factory=Counted, **DEFENCE) as listener,
            connected(listener, local_addr=("127.0.0.3", 0)) as there,
        ):
            refused = listener._admission.refused
            async with attacked(listener.get_port(), flood):
                while sum(refused.values()) < 500:
                    await asyncio.sleep(0.01)
                for number in (4, 5, 6):
                    async with connected(listener, local_addr=(f"127.0.0.{number}", 0)) as connection:
                        assert not connection.is_closed()
                while refused[Refusal.PENALTY] < 1000:
                    await asyncio.sleep(0.01)
                assert Counted.made < 200  # a few, before that address was shut out
            assert not there.is_closed()

    body()
