"""What nacre makes of sshd's host keys and of known_hosts files, as ssh-keygen writes them too."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import nacre
from tests.interop.programs import connected
from tests.support.face import asynctest
from tests.support.openssh import VERSIONS, Sshd, client_of, find

pytestmark = pytest.mark.requires("sshd")


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An sshd of each version in turn, with two host keys."""
    directory = tmp_path_factory.mktemp("sshd")
    with Sshd(find(request.param), directory, host_key_types=("ed25519", "ecdsa-256")) as sshd:
        yield sshd


def public(server: Sshd, key_type: str = "ed25519") -> str:
    return " ".join(server.host_keys[key_type].with_suffix(".pub").read_text().split()[:2])


def stranger() -> str:
    return nacre.generate_private_key("ssh-ed25519").export_public_key().decode().strip()


async def refusal(server: Sshd, known_hosts: str | Path) -> str:
    """Return what the user is told, after one line that names the error to the server."""
    given = known_hosts.encode() if isinstance(known_hosts, str) else str(known_hosts)
    before = server.log.count("the host key is not trusted")
    with pytest.raises(nacre.HostKeyNotVerifiable) as info:
        async with connected(server, known_hosts=given):
            pass
    server.wait_for_log("the host key is not trusted", before + 1)
    return str(info.value)


@asynctest
async def test_an_unknown_key(server: Sshd, tmp_path: Path) -> None:
    """The fingerprint is ssh-keygen's, and the line that is told is the one that trusts it."""
    told = await refusal(server, "")
    path = server.host_keys["ed25519"].with_suffix(".pub")
    shown = subprocess.run(
        [server.openssh.ssh_keygen, "-lf", path], check=True, capture_output=True, text=True
    ).stdout.split()[1]
    assert shown in told
    line = told.splitlines()[-1]
    assert line == f"[127.0.0.1]:{server.port} {public(server)}"
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(line + "\n")
    async with connected(server, known_hosts=str(known_hosts)):
        pass


@asynctest
async def test_a_changed_key(server: Sshd) -> None:
    told = await refusal(server, f"[127.0.0.1]:{server.port} {stranger()}\n")
    assert "CHANGED" in told
    assert "If that is its fingerprint" not in told


@asynctest
async def test_a_revoked_key(server: Sshd) -> None:
    """It stays revoked where another line trusts it, and where the program would trust anything."""
    lines = f"@revoked * {public(server)}\n[127.0.0.1]:{server.port} {public(server)}\n"
    assert "revoked" in await refusal(server, lines)

    class Credulous(nacre.SSHClient):
        def validate_host_public_key(self, host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
            return True

    with pytest.raises(nacre.HostKeyNotVerifiable, match="revoked"):
        async with connected(server, known_hosts=lines.encode(), client_factory=Credulous):
            pass
    async with connected(server, known_hosts=b"", client_factory=Credulous):
        pass


@asynctest
async def test_hashed_names(server: Sshd, tmp_path: Path) -> None:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"other.example {stranger()}\n[127.0.0.1]:{server.port} {public(server)}\n")
    subprocess.run([server.openssh.ssh_keygen, "-H", "-f", known_hosts], check=True, capture_output=True)
    assert "127.0.0.1" not in known_hosts.read_text()
    async with connected(server, known_hosts=str(known_hosts)):
        pass
    subprocess.run(
        [server.openssh.ssh_keygen, "-R", f"[127.0.0.1]:{server.port}", "-f", known_hosts],
        check=True,
        capture_output=True,
    )
    assert "is not known" in await refusal(server, known_hosts)


@pytest.mark.parametrize(
    ("pattern", "trusted"),
    [
        ("[127.0.0.1]:{port}", True),
        ("[127.0.0.*]:{port}", True),
        ("example.com,[127.0.0.1]:{port}", True),
        ("[127.0.0.1]:*", True),
        ("[127.0.0.1]:1", False),
        ("127.0.0.1", True),
        ("*,!127.0.0.1,![127.0.0.1]:{port}", False),
    ],
)
@asynctest
async def test_patterns_mean_what_they_mean_to_ssh(server: Sshd, pattern: str, trusted: bool) -> None:
    line = f"{pattern.format(port=server.port)} {public(server)}\n"
    client = client_of(server)
    client.known_hosts.write_text(line)
    assert ((await client.communicate("true")).returncode == 0) == trusted
    if trusted:
        async with connected(server, known_hosts=line.encode()):
            pass
    else:
        await refusal(server, line)


@asynctest
async def test_the_known_key_is_the_one_asked_for(server: Sshd) -> None:
    """ECDSA host keys are not offered unasked; a line of known_hosts asks."""
    line = f"[127.0.0.1]:{server.port} {public(server, 'ecdsa-256')}\n"
    async with connected(server, known_hosts=line.encode()) as connection:
        key = connection.get_server_host_key()
        assert key is not None
        assert key.get_algorithm() == "ecdsa-sha2-nistp256"
