"""Host keys that are announced: OpenSSH's ssh learns those of nacre, and nacre hears of sshd's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import nacre
from tests.interop.programs import connected
from tests.support import x509
from tests.support.face import asynctest, serving
from tests.support.openssh import OpenSSH, Ssh, Sshd

pytestmark = pytest.mark.requires("sshd")


@asynctest
async def test_ssh_learns_the_other_keys(openssh: OpenSSH, tmp_path: Path) -> None:
    keys = [
        nacre.generate_private_key("ssh-ed25519"),
        nacre.generate_private_key("ecdsa-sha2-nistp256"),
        x509.KEYS["ssh-rsa"],
    ]

    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        await process.stdin.read()
        process.exit(0)

    async with serving(
        server_host_keys=keys, send_server_host_keys=True, process_factory=handler
    ) as listener:
        port = listener.get_port()
        known = tmp_path / "known"
        lines = [f"[127.0.0.1]:{port} {key.export_public_key().decode().strip()}" for key in keys]
        gone = nacre.generate_private_key("ssh-ed25519").export_public_key().decode()
        known.write_text(f"{lines[0]}\n[127.0.0.1]:{port} {gone}")
        ssh = Ssh(openssh, port, "user", None, known, ("UpdateHostKeys yes", "LogLevel VERBOSE"))
        async with ssh.started("wait") as process:
            assert process.stderr is not None
            assert process.stdin is not None
            learned = 0
            while learned < 2:
                line = await process.stderr.readline()
                assert line, "ssh ended without having learned the keys"
                learned += line.startswith(b"Learned new hostkey")
            process.stdin.close()
            assert await process.wait() == 0
        assert {" ".join(line.split()[1:3]) for line in known.read_text().splitlines()} == {
            " ".join(line.split()[1:3]) for line in lines
        }


@asynctest
async def test_nacre_hears_of_sshd_s_keys(openssh: OpenSSH, tmp_path: Path) -> None:
    types = ("ed25519", "ecdsa-256", "rsa-2048")
    with Sshd(openssh, tmp_path, host_key_types=types) as sshd:
        publics = {name: nacre.read_public_key(f"{path}.pub") for name, path in sshd.host_keys.items()}
        gone = nacre.generate_private_key("ssh-ed25519").convert_to_public()
        told: asyncio.Future[list[set[bytes]]] = asyncio.get_running_loop().create_future()

        def handler(*lists: list[nacre.SSHKey]) -> None:
            told.set_result([{key.public_data for key in keys} for keys in lists])

        for first in types:  # whichever key was used in the key exchange
            told = asyncio.get_running_loop().create_future()
            known = ([publics[first], gone], [], [])
            async with connected(sshd, known_hosts=known, server_host_keys_handler=handler):
                added, removed, retained, revoked = await told
            assert added == {key.public_data for name, key in publics.items() if name != first}
            assert (removed, retained, revoked) == ({gone.public_data}, {publics[first].public_data}, set())
