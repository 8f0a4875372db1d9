"""Logins by certificate and hosts with certificates: nacre and OpenSSH, each as client and as server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.interop.programs import connected, peer
from tests.support.agent import ssh_agent
from tests.support.face import asynctest
from tests.support.openssh import VERSIONS, OpenSSH, Ssh, Sshd, client_of, find

pytestmark = pytest.mark.requires("sshd")

TYPES = ("ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048")


def sign(openssh: OpenSSH, authority: Path, key: Path, *options: str) -> Path:
    """Have ssh-keygen certify a key; returns the file of the certificate."""
    command = [openssh.ssh_keygen, "-q", "-s", authority, "-I", "an id", *options, key.with_suffix(".pub")]
    subprocess.run(command, check=True, timeout=120)
    return Path(f"{key}-cert.pub")


def authority_line(authority: Path, options: str = "") -> str:
    return f"cert-authority{options} {authority.with_suffix('.pub').read_text()}"


# ---------------------------------------------------------------- OpenSSH's client, our server


@pytest.mark.parametrize("key_type", TYPES)
@asynctest
async def test_ssh_logs_in_by_certificate(openssh: OpenSSH, tmp_path: Path, key_type: str) -> None:
    """The same type for the user's key and the authority's; ssh has its certificate beside its key."""
    authority, key = openssh.make_key(tmp_path / "ca", key_type), openssh.make_key(tmp_path / "key", key_type)
    sign(openssh, authority, key, "-n", "user", "-O", "force-command=exit 7")
    lines = nacre.import_authorized_keys(authority_line(authority))
    async with peer(openssh, tmp_path, authorized_client_keys=lines) as ssh:
        ssh = Ssh(openssh, ssh.port, "user", key, ssh.known_hosts)
        assert (await ssh.communicate("exit 3")).returncode == 7


@asynctest
async def test_ssh_is_refused(openssh: OpenSSH, tmp_path: Path) -> None:
    authority, key = openssh.make_key(tmp_path / "ca"), openssh.make_key(tmp_path / "key")
    lines = nacre.import_authorized_keys(authority_line(authority))
    async with peer(openssh, tmp_path, authorized_client_keys=lines) as ssh:
        ssh = Ssh(openssh, ssh.port, "user", key, ssh.known_hosts)
        for options, status in (
            (("-n", "user"), 3),
            ((), 255),
            (("-n", "other"), 255),
            (("-n", "user", "-V", "-2d:-1d"), 255),
            (("-n", "user", "-O", "source-address=192.0.2.1"), 255),
            (("-n", "user", "-O", "critical:x@example.com=y"), 255),
            (("-n", "user", "-h"), 255),
        ):
            sign(openssh, authority, key, *options)
            done = await ssh.communicate("exit 3")
            assert done.returncode == status, (options, done.stderr)


@asynctest
async def test_ssh_has_no_terminal_where_the_certificate_permits_none(
    openssh: OpenSSH, tmp_path: Path
) -> None:
    authority, key = openssh.make_key(tmp_path / "ca"), openssh.make_key(tmp_path / "key")
    sign(openssh, authority, key, "-n", "user", "-O", "no-pty")
    lines = nacre.import_authorized_keys(authority_line(authority, ',principals="user"'))
    async with peer(openssh, tmp_path, authorized_client_keys=lines) as ssh:
        ssh = Ssh(openssh, ssh.port, "user", key, ssh.known_hosts)
        assert b"PTY allocation request failed" in (await ssh.communicate("-tt", "--", "pty")).stderr


@pytest.mark.parametrize("key_type", TYPES)
@asynctest
async def test_ssh_believes_our_host_certificate(openssh: OpenSSH, tmp_path: Path, key_type: str) -> None:
    authority, key = (
        openssh.make_key(tmp_path / "ca", key_type),
        openssh.make_key(tmp_path / "host", key_type),
    )
    options = {"server_host_keys": [nacre.read_private_key(key)]}
    for names, status in (("127.0.0.1", 3), ("elsewhere", 255)):
        sign(openssh, authority, key, "-h", "-n", names)
        options["server_host_keys"] = [nacre.read_private_key(key)]
        certs = {"server_host_certs": f"{key}-cert.pub"}
        async with peer(openssh, tmp_path, **options, **certs) as ssh:
            ssh.known_hosts.write_text(
                f"@cert-authority 127.0.0.1 {authority.with_suffix('.pub').read_text()}"
            )
            done = await ssh.communicate("exit 3")
            assert done.returncode == status, done.stderr


# ---------------------------------------------------------------- our client, OpenSSH's server


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An sshd of each version in turn that trusts an authority, and has certificates for its keys."""
    openssh = find(request.param)
    directory = tmp_path_factory.mktemp("sshd")
    authority = openssh.make_key(directory / "authority")
    options = [f"TrustedUserCAKeys {authority}.pub", "AuthorizedKeysFile none"]
    types = ("ed25519", "ecdsa-256", "rsa-2048")
    for key_type in types:
        key = openssh.make_key(directory / f"host_{key_type}", key_type)
        options.append(f"HostCertificate {sign(openssh, authority, key, '-h', '-n', '127.0.0.1')}")
    with Sshd(openssh, directory, options=options, host_key_types=types) as sshd:
        yield sshd


@pytest.mark.parametrize("key_type", TYPES)
@asynctest
async def test_we_log_in_by_certificate(server: Sshd, tmp_path: Path, key_type: str) -> None:
    openssh, authority = server.openssh, server.directory / "authority"
    key = openssh.make_key(tmp_path / "key", key_type)
    cert = sign(openssh, authority, key, "-n", server.user)
    own = nacre.read_private_key(authority).generate_user_certificate(
        nacre.read_public_key(key.with_suffix(".pub")), "ours", principals=[server.user], valid_before="+1h"
    )
    ways: list[dict[str, Any]] = [{"client_keys": key}, {"client_keys": [(key, own)]}]
    if key_type == "ed25519":  # and two more ways to give them
        ways.append({"client_keys": [(nacre.read_private_key(key), cert)]})
        ways.append({"client_keys": nacre.read_private_key(key), "client_certs": cert})
    for options in ways:
        async with connected(server, **options) as connection:
            assert (await connection.run("exit 3")).exit_status == 3
    with pytest.raises(nacre.PermissionDenied):
        async with connected(server, client_keys=nacre.read_private_key(key)):
            pass


@pytest.mark.parametrize("algorithm", ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"])
@asynctest
async def test_we_believe_its_host_certificate(server: Sshd, tmp_path: Path, algorithm: str) -> None:
    openssh, authority = server.openssh, server.directory / "authority"
    key = openssh.make_key(tmp_path / "key")
    sign(openssh, authority, key, "-n", server.user)
    trusted = f"@cert-authority 127.0.0.1 {authority.with_suffix('.pub').read_text()}"
    options = {"client_keys": key, "server_host_key_algs": [f"{algorithm}-cert-v01@openssh.com"]}
    async with connected(server, known_hosts=trusted.encode(), **options) as connection:
        shown = connection.get_server_host_key()
        assert shown is not None
        assert algorithm in shown.sig_algorithms
    with pytest.raises(nacre.HostKeyNotVerifiable, match="trusts neither"):
        async with connected(server, known_hosts=b"", **options):
            pass
    revoked = f"@revoked * {authority.with_suffix('.pub').read_text()}"
    with pytest.raises(nacre.HostKeyNotVerifiable, match="@revoked"):
        async with connected(server, known_hosts=revoked.encode(), **options):
            pass
    with pytest.raises(nacre.HostKeyNotVerifiable, match="other names"):
        async with connected(
            server,
            known_hosts=trusted.replace("127.0.0.1", "*").encode(),
            host_key_alias="elsewhere",
            **options,
        ):
            pass


@asynctest
async def test_we_ask_for_a_certificate_where_there_is_an_authority(server: Sshd, tmp_path: Path) -> None:
    key = server.openssh.make_key(tmp_path / "key")
    sign(server.openssh, server.directory / "authority", key, "-n", server.user)
    trusted = f"@cert-authority * {(server.directory / 'authority.pub').read_text()}"
    async with connected(
        server, known_hosts=trusted.encode(), client_keys=key, rekey_bytes="200k"
    ) as connection:
        done = await connection.run("head -c 500000 /dev/zero | wc -c")
        assert str(done.stdout).strip() == "500000"


# ---------------------------------------------------------------- agents


@pytest.mark.requires("ssh-agent")
@asynctest
async def test_certificates_of_an_agent(server: Sshd, tmp_path: Path) -> None:
    authority = server.directory / "authority"
    with ssh_agent(tmp_path) as agent:
        for key_type in TYPES:
            key = server.openssh.make_key(tmp_path / key_type, key_type)
            cert = sign(server.openssh, authority, key, "-n", server.user)
            agent.ssh_add(key)
            options = {"client_keys": [], "agent_path": str(agent.path)}
            async with connected(server, **options) as connection:
                assert (await connection.run("exit 3")).exit_status == 3
            agent.ssh_add("-D")
            # What the agent has as a key alone, we have the certificate for.
            moved = cert.rename(tmp_path / "moved")
            agent.ssh_add(key)
            with pytest.raises(nacre.PermissionDenied):
                async with connected(server, **options):
                    pass
            async with connected(server, **options, client_certs=[moved]):
                pass
            agent.ssh_add("-D")


@pytest.mark.requires("ssh-agent")
@asynctest
async def test_certificates_that_we_add_to_an_agent(server: Sshd, tmp_path: Path) -> None:
    authority = nacre.read_private_key(server.directory / "authority")
    with ssh_agent(tmp_path) as running:
        for key_type in TYPES:
            key = nacre.read_private_key(server.openssh.make_key(tmp_path / key_type, key_type))
            cert = authority.generate_user_certificate(key, "id", principals=server.user)
            async with nacre.connect_agent(str(running.path)) as agent:
                await agent.add_keys([(key, cert)])
                listed = await agent.get_keys()
                assert [pair.get_algorithm() for pair in listed] == [cert.algorithm, key.algorithm]
                assert listed[0].has_cert
            ssh = client_of(server)
            ssh = Ssh(
                ssh.openssh, ssh.port, ssh.user, None, ssh.known_hosts,
                ("IdentityAgent " + str(running.path), "IdentitiesOnly no"),
            )  # fmt: skip
            assert ssh.run("exit 3").returncode == 3, key_type
            async with nacre.connect_agent(str(running.path)) as agent:
                await agent.remove_keys(await agent.get_keys())
                assert await agent.get_keys() == []
