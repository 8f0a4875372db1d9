"""CASignatureAlgorithms and HostbasedAcceptedAlgorithms: the same files for nacre, ssh and sshd of both versions."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import nacre
from nacre.client_config import configured
from nacre.server_config import configured_server
from nacre.signature_lists import authority_algorithms, hostbased_algorithms
from tests.interop.programs import connected, peer
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Ssh, Sshd

pytestmark = pytest.mark.requires("sshd")

USER = pwd.getpwuid(os.geteuid()).pw_name
#: ssh-rsa is SHA-1, which OpenSSH has by name and nacre not at all.
ALGORITHMS = ("rsa-sha2-256", "rsa-sha2-512", "ssh-rsa")
LISTS = ("rsa-sha2-256,ssh-ed25519", "-ecdsa-*,rsa-sha2-512", "^rsa-sha2-256", "+ssh-rsa", "rsa-*")


def sign(openssh: OpenSSH, authority: Path, key: Path, algorithm: str, *options: str) -> Path:
    """Have ssh-keygen certify a key with an algorithm; returns the file of the certificate."""
    command = [openssh.ssh_keygen, "-q", "-s", authority, "-t", algorithm, "-I", "id", *options]
    subprocess.run([*command, key.with_suffix(".pub")], check=True, timeout=120)
    return Path(f"{key}-cert.pub").rename(key.with_name(f"{key.name}-{algorithm}-cert.pub"))


def shown(command: list[str | Path]) -> dict[str, list[str]]:
    """Return what a program has made of the two keywords."""
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    wanted = ("casignaturealgorithms", "hostbasedacceptedalgorithms")
    return {name: value.split(",") for name, _, value in pairs if name in wanted}


@pytest.mark.parametrize("said", LISTS)
def test_both_read_the_same(openssh: OpenSSH, tmp_path: Path, said: str) -> None:
    file = tmp_path / "file"
    file.write_text(f"CASignatureAlgorithms {said}\nHostbasedAcceptedAlgorithms {said}\n")
    client = configured(nacre.SSHClientConnectionOptions(config=file, host="h", username="u"))
    server = configured_server(nacre.SSHServerConnectionOptions(config=file))
    judges = [(client, [openssh.ssh, "-G", "-F", file, "h"])]
    if os.geteuid() == 0:  # sshd -T looks for root's directory before it reads
        Path("/run/sshd").mkdir(exist_ok=True)
        key = openssh.make_key(tmp_path / "key")
        judges.append((server, [openssh.sshd, "-T", "-h", key, "-f", file]))
    for options, command in judges:
        found = shown(command)
        for keyword, ours in (
            ("casignaturealgorithms", authority_algorithms(options)),
            ("hostbasedacceptedalgorithms", hostbased_algorithms(options)),
        ):
            # The order of a pattern's names is each one's own. An old name that nacre has not is left out.
            theirs = {name for name in found[keyword] if not name.startswith(("ssh-rsa", "ssh-mldsa"))}
            assert set(ours or ()) == theirs, keyword


@asynctest
async def test_certificates_of_users(openssh: OpenSSH, tmp_path: Path) -> None:
    """sshd and nacre's server, by the same lines, for certificates of one authority."""
    authority, key = openssh.make_key(tmp_path / "ca", "rsa-2048"), openssh.make_key(tmp_path / "key")
    certs = {name: sign(openssh, authority, key, name, "-n", f"user,{USER}") for name in ALGORITHMS}
    lines = [
        f"TrustedUserCAKeys {authority}.pub",
        "AuthorizedKeysFile none",
        "CASignatureAlgorithms -rsa-sha2-512",
    ]
    taken = {}
    with Sshd(openssh, tmp_path / "sshd", options=lines) as sshd:
        known = tmp_path / "known_sshd"
        known.write_text(sshd.known_hosts())
        for name, cert in certs.items():
            ssh = Ssh(openssh, sshd.port, sshd.user, key, known, (f"CertificateFile {cert}",))
            taken[name] = (await ssh.communicate("exit 3")).returncode == 3
    assert taken == {"rsa-sha2-256": True, "rsa-sha2-512": False, "ssh-rsa": False}
    (tmp_path / "file").write_text("".join(f"{line}\n" for line in lines))
    options = {"config": tmp_path / "file", "authorized_client_keys": ()}
    async with peer(openssh, tmp_path, **options) as ssh:
        for name, cert in certs.items():
            ssh = replace(ssh, key=key, options=(f"CertificateFile {cert}",))
            done = await ssh.communicate("exit 3")
            assert (done.returncode == 3) is taken[name], (name, done.stderr)


@asynctest
async def test_certificates_of_hosts(openssh: OpenSSH, tmp_path: Path) -> None:
    """ssh and nacre's client, by the same file, of an sshd whose certificate is signed with rsa-sha2-256."""
    authority = openssh.make_key(tmp_path / "ca", "rsa-2048")
    host = openssh.make_key(tmp_path / "sshd_key")
    cert = sign(openssh, authority, host, "rsa-sha2-256", "-h", "-n", "127.0.0.1")
    lines = [f"HostKey {host}", f"HostCertificate {cert}"]
    known = tmp_path / "known"
    with Sshd(openssh, tmp_path / "sshd", options=lines) as sshd:
        known.write_text(f"@cert-authority * {authority.with_suffix('.pub').read_text()}")
        for said, taken in (("-rsa-sha2-512", True), ("-rsa-sha2-256", False)):
            line = f"CASignatureAlgorithms {said}"
            ssh = Ssh(openssh, sshd.port, sshd.user, sshd.user_key, known, (line,))
            assert ((await ssh.communicate("exit 3")).returncode == 3) is taken
            (tmp_path / "file").write_text(f"{line}\n")
            options = {"config": tmp_path / "file", "known_hosts": known}
            if taken:
                async with connected(sshd, **options):
                    pass
            else:
                with pytest.raises(nacre.HostKeyNotVerifiable, match="signed with rsa-sha2-256"):
                    async with connected(sshd, **options):
                        pass
