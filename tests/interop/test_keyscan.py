"""Host keys that are asked for: ssh-keyscan at nacre, and `nacre keyscan` beside ssh-keyscan at sshd."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import nacre
from nacre.cli import main
from nacre.sshfp import record_lines
from tests.support import x509
from tests.support.face import HOST, asynctest, serving
from tests.support.openssh import OpenSSH, Sshd

pytestmark = pytest.mark.requires("sshd")

KEYS = [x509.KEYS[name] for name in ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")]


async def scanned(openssh: OpenSSH, port: int, *flags: str) -> list[str]:
    command = [str(openssh.ssh.with_name("ssh-keyscan")), "-p", str(port), *flags, HOST]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return sorted(line for line in output.decode().splitlines() if line[0] not in "#;")


@asynctest
async def test_ssh_keyscan_finds_our_keys(openssh: OpenSSH) -> None:
    async with serving(server_host_keys=KEYS) as listener:
        port = listener.get_port()
        for flags in ((), ("-H",)):
            lines = await scanned(openssh, port, "-t", "ed25519,ecdsa,rsa", *flags)
            known = nacre.import_known_hosts("\n".join(lines))
            assert set(known.match(HOST, HOST, port)[0]) == {key.convert_to_public() for key in KEYS}
        records = await scanned(openssh, port, "-t", "ed25519", "-D")
        theirs = {tuple(line.split()[2:]) for line in records}
        ours = {tuple(line.split()[2:]) for line in record_lines(HOST, KEYS[0])}
        assert theirs <= ours  # newer ones have no SHA-1
        assert theirs


def test_both_find_the_same_at_sshd(
    openssh: OpenSSH, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Sshd(openssh, tmp_path, host_key_types=("ed25519", "ecdsa")) as server:
        theirs = asyncio.run(scanned(openssh, server.port, "-t", "ed25519,ecdsa,rsa"))
        capsys.readouterr()
        assert main(["keyscan", "-p", str(server.port), HOST]) == 0
        assert sorted(capsys.readouterr().out.splitlines()) == theirs
        assert len(theirs) == 2
