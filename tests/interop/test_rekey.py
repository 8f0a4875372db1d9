"""Re-keying every megabyte while data flows each way, with equal hashes.

Owns: the transfers. 32 MiB each way as a matter of course; NACRE_LONG=1 makes it 1 GiB.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Final

import pytest

import nacre
from tests.interop.test_openssh_client import peer
from tests.interop.test_openssh_server import connected
from tests.support.openssh import OpenSSH, Sshd

pytestmark = [pytest.mark.requires("sshd"), pytest.mark.timeout(900)]

MIB: Final = 1 << 20
SIZE: Final = (1024 if os.environ.get("NACRE_LONG") == "1" else 32) * MIB
BLOCK: Final = hashlib.shake_128(b"rekey").digest(MIB)
PATIENCE: Final = 800.0


def expected_hash() -> str:
    digest = hashlib.sha256()
    for _ in range(SIZE // MIB):
        digest.update(BLOCK)
    return digest.hexdigest()


@pytest.mark.parametrize("who", ["ssh", "nacre"])
def test_ssh_through_nacre_and_back(openssh: OpenSSH, tmp_path: Path, who: str) -> None:
    """ssh sends to nacre's cat and reads it back, both ways at once; one of them asks for new keys."""

    async def body() -> None:
        lines = ("RekeyLimit 1M",) if who == "ssh" else ()
        options = {} if who == "ssh" else {"rekey_bytes": MIB}
        async with peer(openssh, tmp_path, *lines, **options) as ssh:
            log = (tmp_path / "log").open("wb")
            process = await asyncio.create_subprocess_exec(
                *ssh.command("-v", "--", "shell"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=MIB,
            )
            log.close()
            assert process.stdin is not None
            assert process.stdout is not None

            async def send() -> None:
                for _ in range(SIZE // MIB):
                    process.stdin.write(BLOCK)
                    await process.stdin.drain()
                process.stdin.close()

            sending = asyncio.create_task(send())
            digest, total = hashlib.sha256(), 0
            while data := await process.stdout.read(MIB):
                digest.update(data)
                total += len(data)
            await sending
            assert await process.wait() == 0
            assert (total, digest.hexdigest()) == (SIZE, expected_hash())
        # Both directions count, so that there are more exchanges than megabytes one way.
        assert (tmp_path / "log").read_bytes().count(b"SSH2_MSG_NEWKEYS received") > SIZE // MIB

    asyncio.run(asyncio.wait_for(body(), PATIENCE))


@pytest.mark.parametrize("who", ["sshd", "nacre"])
def test_nacre_through_sshd_and_back(openssh: OpenSSH, tmp_path: Path, who: str) -> None:
    """nacre sends to sshd's cat and reads it back, both ways at once; one of them asks for new keys."""

    async def body() -> None:
        with Sshd(openssh, tmp_path / "sshd", options=("RekeyLimit 1M",) if who == "sshd" else ()) as sshd:
            options = {} if who == "sshd" else {"rekey_bytes": MIB}
            async with connected(sshd, **options) as connection:
                process = await connection.create_process("cat", encoding=None)

                async def send() -> None:
                    for _ in range(SIZE // MIB):
                        process.stdin.write(BLOCK)
                        await process.stdin.drain()
                    process.stdin.write_eof()

                sending = asyncio.create_task(send())
                digest, total = hashlib.sha256(), 0
                while data := await process.stdout.read(MIB):
                    digest.update(data)
                    total += len(data)
                await sending
                done: nacre.SSHCompletedProcess = await process.wait()
                assert done.exit_status == 0
                assert (total, digest.hexdigest()) == (SIZE, expected_hash())

    asyncio.run(asyncio.wait_for(body(), PATIENCE))
