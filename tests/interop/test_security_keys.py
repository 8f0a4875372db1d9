"""Security keys: nacre and OpenSSH, each as client and as server, with an authenticator in software."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import nacre
from nacre.agent import Agent
from tests.interop.programs import connected, peer
from tests.support.agent import ssh_agent
from tests.support.authenticator import SoftwareAuthenticator, any_key
from tests.support.face import asynctest
from tests.support.openssh import VERSIONS, OpenSSH, Sshd, find

pytestmark = pytest.mark.requires("sshd")

ALGORITHMS = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with Sshd(find(request.param), tmp_path_factory.mktemp("sshd")) as running:
        yield running


def line(key: nacre.SSHKey, options: str = "") -> str:
    return f"{options} {key.export_public_key().decode()}".lstrip()


async def status_at(server: Sshd, client_keys: list[object]) -> int | None:
    async with connected(server, client_keys=client_keys) as connection:
        return (await connection.run("exit 3")).exit_status


# ---------------------------------------------------------------- our client, OpenSSH's server


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@asynctest
async def test_sshd_takes_what_our_security_key_signs(server: Sshd, algorithm: str) -> None:
    device = SoftwareAuthenticator(pin="1234")
    with device.plugged_in():
        key = nacre.generate_private_key(algorithm, pin="1234")
        lax = nacre.generate_private_key(algorithm, pin="1234", touch_required=False)
        server.authorized_keys.write_text(line(key) + line(lax, "no-touch-required"))
        device.touches = 0
        assert await status_at(server, [key]) == 3
        assert device.touches == 1
        assert await status_at(server, [lax]) == 3
        assert device.touches == 1
        server.authorized_keys.write_text(line(key, "verify-required") + line(lax))
        for refused in (key, lax):
            with pytest.raises(nacre.PermissionDenied):
                await status_at(server, [refused])
        key._credential.flags |= 4  # type: ignore[attr-defined]  # as ssh-keygen -O verify-required makes it
        assert await status_at(server, [key]) == 3


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@asynctest
async def test_sshd_takes_our_certificate_of_a_security_key(server: Sshd, algorithm: str) -> None:
    authority = nacre.generate_private_key("ssh-ed25519")
    server.authorized_keys.write_text(f"cert-authority {authority.export_public_key().decode()}")
    with SoftwareAuthenticator().plugged_in():
        key = nacre.generate_private_key(algorithm)
        certificate = authority.generate_user_certificate(key, "id", principals=server.user)
        assert await status_at(server, [(key, certificate)]) == 3


# ---------------------------------------------------------------- OpenSSH's client, our server


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@asynctest
async def test_ssh_logs_in_with_a_security_key_of_an_agent(
    openssh: OpenSSH, tmp_path: Path, algorithm: str
) -> None:
    """ssh takes the signature as the agent made it; what is touched, and what that is worth, is ours to see."""
    device = SoftwareAuthenticator()
    agent = Agent()
    lines = tmp_path / "authorized_keys"
    with device.plugged_in():
        key = nacre.generate_private_key(algorithm)
        lax = nacre.generate_private_key(algorithm, touch_required=False)
        await agent.add_keys([key, lax])
        async with await agent.listen() as listening:
            for chosen, options, status in (
                (key, "", 3),
                (lax, "", 255),
                (lax, "no-touch-required", 3),
                (key, "verify-required", 255),
            ):
                lines.write_text(line(chosen, options))
                public = tmp_path / "chosen.pub"
                public.write_text(line(chosen))
                wanted = (f"IdentityAgent {listening.path}", f"IdentityFile {public}")
                async with peer(openssh, tmp_path, *wanted, authorized_client_keys=str(lines)) as ssh:
                    done = await dataclasses.replace(ssh, key=public).communicate("exit 3")
                    assert done.returncode == status, (options, done.stderr)


# ---------------------------------------------------------------- files and agents


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_ssh_keygen_takes_our_keys_and_signatures(openssh: OpenSSH, tmp_path: Path, algorithm: str) -> None:
    with SoftwareAuthenticator().plugged_in():
        key = nacre.generate_private_key(algorithm, "a comment")
        key.write_private_key(tmp_path / "key")
        (tmp_path / "data.sig").write_bytes(nacre.create_sshsig([key], b"data"))
    done = subprocess.run(
        [openssh.ssh_keygen, "-y", "-f", tmp_path / "key"], capture_output=True, check=True, timeout=120
    )
    assert done.stdout == key.export_public_key()
    (tmp_path / "signers").write_text(f"a {line(key)}")
    verify = [openssh.ssh_keygen, "-Y", "verify", "-f", tmp_path / "signers", "-I", "a", "-n", "file"]
    command = [*verify, "-s", tmp_path / "data.sig"]
    assert (
        subprocess.run(command, input=b"data", capture_output=True, check=False, timeout=120).returncode == 0
    )
    assert subprocess.run(command, input=b"Data", capture_output=True, check=False, timeout=120).returncode


@pytest.mark.requires("ssh-agent")
@asynctest
async def test_ssh_agent_takes_our_keys(tmp_path: Path) -> None:
    """To sign, it would need the authenticator: it has no other than the hardware's."""
    authority = nacre.generate_private_key("ssh-ed25519")
    with ssh_agent(tmp_path) as running:
        async with nacre.connect_agent(str(running.path)) as agent:
            for algorithm in ALGORITHMS:
                key = any_key(algorithm)
                certificate = authority.generate_user_certificate(key, "id", principals="user")
                await agent.add_keys([(key, certificate)])
                assert key.get_fingerprint() in running.ssh_add("-l")
                found = await agent.get_keys()
                assert [pair.public_data for pair in found] == [certificate.public_data, key.public_data]
                assert found[1].sig_algorithms == (algorithm,)
                await agent.remove_all()
