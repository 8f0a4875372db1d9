"""Login by host (RFC 4252 section 9) with OpenSSH, both ways, and by its ssh-keysign.

OpenSSH takes what it believes from /etc/ssh and from homes: as root, it gets its own in mounts that nobody else
sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

import nacre
from tests.interop.programs import connected, peer
from tests.support import x509
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Sshd, find

pytestmark = pytest.mark.requires("sshd", "root")

KEYSIGN: Final = "/usr/lib/openssh/ssh-keysign"
CA: Final = nacre.generate_private_key("ssh-ed25519")
NAME: Final = "client.example"


def machine(directory: Path, *, enabled: bool = True) -> Path:
    """Return an /etc/ssh with a host key; its file name is the system's."""
    directory.mkdir(exist_ok=True)
    find("9.2").make_key(directory / "ssh_host_ed25519_key")
    (directory / "ssh_config").write_text(f"EnableSSHKeysign {'yes' if enabled else 'no'}\n")
    return directory


def in_machine(etc: Path, program: str | Path, path: Path) -> Path:
    """Write a program that runs another where /etc/ssh is that of `machine`; return its path."""
    path.write_text(
        f'#!/bin/sh\nexec unshare --mount sh -ec \'mount --bind {etc} /etc/ssh; exec "$@"\' sh {program} "$@"\n'
    )
    path.chmod(0o755)
    return path


# ---------------------------------------------------------------- nacre's client, sshd


def prepared(openssh: OpenSSH, tmp_path: Path, *lines: str) -> Sshd:
    """Return an sshd that lets in root when NAME says that carol is there, or "localhost" that root is."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".shosts").write_text(f"{NAME} carol\nlocalhost root\n")
    options = ["HostbasedAuthentication yes", "IgnoreRhosts no", "AuthenticationMethods hostbased"]
    options += ["HostbasedUsesNameFromPacketOnly yes", *lines]
    passwd = f"root:x:0:0:root:{home}:/bin/sh\nnobody:x:65534:65534::/:/bin/false\nsshd:x:100:65534::/run/sshd:/bin/false\n"
    return Sshd(openssh, tmp_path / "sshd", options=options, private_etc={"passwd": passwd})


@pytest.fixture(params=["9.2", "10.0"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sshd]:
    """An sshd as `prepared`."""
    with prepared(find(request.param), tmp_path) as sshd:
        yield sshd


def trusts(sshd: Sshd, *lines: str) -> None:
    known = Path(sshd.directory.parent, "home", ".ssh", "known_hosts")
    known.write_text("".join(f"{line}\n" for line in lines))


def public(key: nacre.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


async def logs_in(sshd: Sshd, key: Any, **options: Any) -> None:
    options = {"client_host": f"{NAME}.", "client_username": "carol", **options}
    async with connected(sshd, client_keys=None, client_host_keys=[key], **options) as connection:
        assert (await connection.run("exit 3")).exit_status == 3


async def is_refused(sshd: Sshd, key: Any, **options: Any) -> None:
    with pytest.raises(nacre.PermissionDenied):
        await logs_in(sshd, key, **options)


@asynctest
async def test_sshd_lets_our_user_in(server: Sshd) -> None:
    keys = [nacre.generate_private_key(kind) for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256")]
    keys.append(x509.KEYS["ssh-rsa"])
    trusts(server, *(f"{NAME} {public(key)}" for key in keys))
    for key in keys:
        await logs_in(server, key)
    other = nacre.generate_private_key("ssh-ed25519")
    await is_refused(server, other)
    await is_refused(server, keys[0], client_username="mallory")
    await is_refused(server, keys[0], client_host="other.example.")
    await is_refused(server, keys[0], host_based_auth=False)
    # The second of two keys is taken, too.
    async with connected(
        server, client_keys=None, client_host_keys=[other, keys[0]], client_host=NAME, client_username="carol"
    ):
        pass


@asynctest
async def test_sshd_takes_our_certificates(server: Sshd) -> None:
    trusts(server, f"@cert-authority *.example {public(CA)}")
    key = nacre.generate_private_key("ssh-ed25519")
    await logs_in(server, (key, CA.generate_host_certificate(key, "id", principals=[NAME])))
    for name in ("other.example", "*.example"):
        await is_refused(server, (key, CA.generate_host_certificate(key, "id", principals=[name])))


@asynctest
async def test_we_sign_with_what_the_configuration_says(openssh: OpenSSH, tmp_path: Path) -> None:
    """sshd takes rsa-sha2-512 of users, and of hosts rsa-sha2-256 alone: nothing tells the client but its file."""
    key, file = x509.KEYS["ssh-rsa"], tmp_path / "file"
    with prepared(openssh, tmp_path, "HostbasedAcceptedAlgorithms rsa-sha2-256") as server:
        trusts(server, f"{NAME} {public(key)}")
        await is_refused(server, key)
        for said, taken in (("rsa-sha2-256", True), ("rsa-sha2-512", False), ("ssh-ed25519", False)):
            file.write_text(f"HostbasedAcceptedAlgorithms {said}\n")
            await (logs_in if taken else is_refused)(server, key, config=file)


@pytest.mark.requires("ssh")
@asynctest
async def test_ssh_keysign_signs_for_us(server: Sshd, tmp_path: Path) -> None:
    etc = machine(tmp_path / "etc")
    keysign = str(in_machine(etc, KEYSIGN, tmp_path / "keysign"))
    shown = etc / "ssh_host_ed25519_key.pub"
    trusts(server, f"localhost {' '.join(shown.read_text().split()[:2])}")
    own: dict[str, Any] = {"client_host_keysign": keysign, "client_host": None, "client_username": ()}
    await logs_in(server, shown, **own)
    # It signs nothing but the truth.
    await is_refused(server, shown, **{**own, "client_host": NAME})
    await is_refused(server, shown, **{**own, "client_username": "carol"})
    machine(etc, enabled=False)
    await is_refused(server, shown, **own)


# ---------------------------------------------------------------- ssh, nacre's server


def ssh_of(openssh: OpenSSH, etc: Path, path: Path) -> OpenSSH:
    return replace(openssh, ssh=in_machine(etc, openssh.ssh, path))


class Program(nacre.SSHServer):
    """Notes whom a host vouches for."""

    asked: Sequence[tuple[str, str, str]] = ()

    def validate_host_based_user(self, username: str, client_host: str, client_username: str) -> bool:
        type(self).asked = (*self.asked, (username, client_host, client_username))
        return username == "user"


@asynctest
async def test_ssh_is_let_in(openssh: OpenSSH, tmp_path: Path) -> None:
    etc = machine(tmp_path / "etc")
    lines = ["HostbasedAuthentication yes", "PreferredAuthentications hostbased", "EnableSSHKeysign yes"]
    known = f"localhost {(etc / 'ssh_host_ed25519_key.pub').read_text()}"
    for trusting in (False, True):
        program = type("Server", (Program,), {})
        options: dict[str, Any] = {
            "server_factory": program,
            "authorized_client_keys": None,
            "known_client_hosts": known.encode(),
            "trust_client_host": trusting,
        }
        async with peer(ssh_of(openssh, etc, tmp_path / "ssh"), tmp_path, *lines, **options) as ssh:
            done = await ssh.communicate("exit 3")
            assert done.returncode == 3, done.stderr
            assert program.asked == (("user", "localhost", "root"),)
    options["known_client_hosts"] = b"other.example " + known.encode().partition(b" ")[2]
    async with peer(ssh_of(openssh, etc, tmp_path / "ssh"), tmp_path, *lines, **options) as ssh:
        done = await ssh.communicate("exit 3")
        assert (done.returncode, b"Permission denied (hostbased)" in done.stderr) == (255, True), done.stderr


@asynctest
async def test_what_hosts_may_sign_with(openssh: OpenSSH, tmp_path: Path) -> None:
    """ssh has a key of Ed25519; users may not sign with that, which says nothing of hosts."""
    etc, file = machine(tmp_path / "etc"), tmp_path / "file"
    lines = ["HostbasedAuthentication yes", "PreferredAuthentications hostbased", "EnableSSHKeysign yes"]
    known = f"localhost {(etc / 'ssh_host_ed25519_key.pub').read_text()}"
    options: dict[str, Any] = {
        "config": file,
        "known_client_hosts": known.encode(),
        "trust_client_host": True,
    }
    options |= {"server_factory": type("Server", (Program,), {}), "authorized_client_keys": None}
    for said, status in (
        ("ssh-ed25519", 3),
        ("-ssh-ed25519", 255),
        ("ssh-ed25519-cert-v01@openssh.com", 255),
    ):
        file.write_text(f"PubkeyAcceptedAlgorithms rsa-*\nHostbasedAcceptedAlgorithms {said}\n")
        async with peer(ssh_of(openssh, etc, tmp_path / "ssh"), tmp_path, *lines, **options) as ssh:
            done = await ssh.communicate("exit 3")
            assert done.returncode == status, (said, done.stderr)
