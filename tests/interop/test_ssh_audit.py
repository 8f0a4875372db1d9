"""What ssh-audit says of the defaults of nacre: no failure, and at most two warnings."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import nacre
from tests.support.face import asynctest, serving


@asynctest
async def test_the_default_server() -> None:
    program = shutil.which("ssh-audit", path=str(Path(sys.executable).parent)) or shutil.which("ssh-audit")
    assert program, "ssh-audit belongs to the development dependencies"
    async with serving(server_factory=nacre.SSHServer) as listener:
        process = await asyncio.create_subprocess_exec(
            program,
            "-n",
            "--skip-rate-test",
            "-p",
            str(listener.get_port()),
            "127.0.0.1",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    text = output.decode()
    assert "(kex) mlkem768x25519-sha256" in text, text
    assert "[fail]" not in text, text
    # curve25519 under its two names: no protection against quantum computers.
    warnings = [line for line in text.splitlines() if "[warn]" in line]
    assert len(warnings) <= 2, text
    assert "(key) ssh-ed25519" in text, text
