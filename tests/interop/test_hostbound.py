"""Logins whose signature is over the server's host key (publickey-hostbound-v00@openssh.com), with OpenSSH both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.interop.programs import connected, peer
from tests.support.face import asynctest, host_key
from tests.support.openssh import OpenSSH, Sshd

pytestmark = pytest.mark.requires("sshd")

NAME = "publickey-hostbound-v00@openssh.com"
CA = nacre.generate_private_key("ssh-ed25519")


@asynctest
async def test_sshd_takes_ours(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path, options=["LogLevel DEBUG1"]) as sshd:
        key = openssh.make_key(
            tmp_path / "rsa", "rsa-2048"
        )  # of which nobody signs before the server is known
        with sshd.authorized_keys.open("ab") as authorized:
            authorized.write(key.with_suffix(".pub").read_bytes())
        async with connected(sshd, client_keys=[str(key)]) as connection:
            assert (await connection.run("exit 3")).exit_status == 3
        assert f"method {NAME}" in sshd.log


@asynctest
async def test_sshd_with_a_certificate_takes_ours(openssh: OpenSSH, tmp_path: Path) -> None:
    host = openssh.make_key(tmp_path / "host_ed25519")
    certificate = tmp_path / "certificate.pub"
    CA.generate_host_certificate(
        nacre.read_public_key(f"{host}.pub"), "id", principals=["127.0.0.1"]
    ).write_certificate(str(certificate))
    options = ["LogLevel DEBUG1", f"HostCertificate {certificate}"]
    with Sshd(openssh, tmp_path, options=options) as sshd:
        key = openssh.make_key(tmp_path / "slow", "ecdsa-384")
        sshd.authorized_keys.write_bytes(key.with_suffix(".pub").read_bytes())
        known: Any = ([], [CA], [])
        async with connected(sshd, client_keys=[str(key)], known_hosts=known) as connection:
            assert (await connection.run("exit 3")).exit_status == 3
        assert f"method {NAME}" in sshd.log


@pytest.mark.parametrize("certified", [False, True])
@asynctest
async def test_ssh_is_taken(openssh: OpenSSH, tmp_path: Path, certified: bool) -> None:
    lines = ["LogLevel DEBUG3"]
    options: dict[str, Any] = {}
    if certified:
        certificate = CA.generate_host_certificate(host_key(), "id", principals=["127.0.0.1"])
        options["server_host_certs"] = [certificate]
        known = tmp_path / "authority"
        known.write_bytes(b"@cert-authority * " + CA.export_public_key())
        lines.append(f"UserKnownHostsFile {known}")
    async with peer(openssh, tmp_path, *lines, **options) as ssh:
        done = await ssh.communicate("exit 3")
    assert (done.returncode, NAME.encode() in done.stderr) == (3, True), done.stderr
