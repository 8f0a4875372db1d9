"""What ssh-audit says of the defaults of nacre and of the hub: no failure, and at most two warnings."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

import nacre
from tests.support.face import asynctest, serving
from tests.support.hub import RunningHub


async def audit(port: int) -> str:
    """Return what ssh-audit prints about the server on a port."""
    program = shutil.which("ssh-audit", path=str(Path(sys.executable).parent)) or shutil.which("ssh-audit")
    assert program, "ssh-audit belongs to the development dependencies"
    process = await asyncio.create_subprocess_exec(
        program,
        *("-n", "--skip-rate-test", "-p", str(port), "127.0.0.1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()


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


@pytest.mark.requires("sshd")
def test_the_default_hub(open_tmp_path: Path) -> None:
    with RunningHub(open_tmp_path) as hub:
        judge(asyncio.run(audit(hub.port)))
