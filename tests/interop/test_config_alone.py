"""What a configuration alone says, done by nacre and by ssh of both versions: the same file, and the same comes of it."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.interop.programs import peer
from tests.support.agent import ssh_agent
from tests.support.face import HOST, asynctest
from tests.support.netcat import PASSING
from tests.support.openssh import OpenSSH, Ssh

pytestmark = pytest.mark.requires("ssh")


async def ssh_enters(ssh: Ssh, config: Path) -> bool:
    """Return whether ssh logs in, with this file and nothing else."""
    command = [ssh.openssh.ssh, "-F", config, "-p", str(ssh.port), HOST, "exit 0"]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    print(said.decode())  # pytest shows it with a test that fails
    return process.returncode == 0


async def nacre_enters(ssh: Ssh, config: Path) -> bool:
    """Return whether nacre logs in with the same file."""
    try:
        async with nacre.connect(HOST, ssh.port, config=config) as connection:
            return (await connection.run("exit 0")).exit_status == 0
    except (nacre.PermissionDenied, nacre.HostKeyNotVerifiable, OSError) as error:
        print(error)
        return False


async def both_enter(ssh: Ssh, text: str, known_hosts: Path | None = None) -> bool:
    """Return whether both log in, who must agree."""
    config = ssh.known_hosts.with_name("config")
    config.write_text(
        f"{text}\nUser user\nIdentityFile {ssh.key}\nIdentitiesOnly yes\nBatchMode yes\nStrictHostKeyChecking yes\n"
        f"UserKnownHostsFile {known_hosts or ssh.known_hosts}\nGlobalKnownHostsFile none\n"
    )
    first, second = await ssh_enters(ssh, config), await nacre_enters(ssh, config)
    assert first == second, text
    return first


@asynctest
async def test_keys_come_to_the_agent(openssh: OpenSSH, tmp_path: Path) -> None:
    with ssh_agent(tmp_path) as agent:
        async with peer(openssh, tmp_path) as ssh:
            config = ssh.known_hosts.with_name("config")
            assert await both_enter(ssh, f"IdentityAgent {agent.path}\nAddKeysToAgent no")
            assert agent.ssh_add("-l") == "The agent has no identities.\n"
            config.write_text(config.read_text().replace("AddKeysToAgent no", "AddKeysToAgent 1h"))
            kept = []
            for enters in (ssh_enters, nacre_enters):
                assert await enters(ssh, config)
                kept.append(agent.ssh_add("-L"))
                agent.ssh_add("-D")
            assert kept[0] == kept[1] == ssh.key.with_suffix(".pub").read_text() if ssh.key else False


@asynctest
async def test_what_the_server_is_shown(openssh: OpenSSH, tmp_path: Path) -> None:
    seen: list[tuple[bool, str]] = []

    class Server(nacre.SSHServer):
        version = ""

        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            self.conn = conn

        def kbdint_auth_supported(self) -> bool:
            return True

        def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
            version = self.conn.get_extra_info("client_version")
            seen.append((version.endswith(f" {addendum}") or not addendum, submethods))
            return "", "", "", []

        def validate_kbdint_response(self, username: str, responses: Any) -> bool:
            return True

    text = "PreferredAuthentications keyboard-interactive\nKbdInteractiveDevices otp,pam\nBatchMode no\n"
    addendum = "" if openssh.version == "9.2" else "of me 2"
    if addendum:
        text += f"VersionAddendum {addendum}\n"
    async with peer(openssh, tmp_path, server_factory=Server, authorized_client_keys=None) as ssh:
        config = ssh.known_hosts.with_name("config")
        assert not await both_enter(ssh, "PreferredAuthentications publickey")
        config.write_text(text + config.read_text().partition("\n")[2])
        assert await ssh_enters(ssh, config)

        class Client(nacre.SSHClient):
            def kbdint_auth_requested(self) -> str:
                return ""

            def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> Any:
                return []

        async with nacre.connect(HOST, ssh.port, config=config, client_factory=Client):
            pass
    assert seen == [(True, "otp,pam")] * 2


@asynctest
async def test_this_machine_is_believed(openssh: OpenSSH, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.touch()
    async with peer(openssh, tmp_path) as ssh:
        for text, entered in (
            ("NoHostAuthenticationForLocalhost no", False),
            ("NoHostAuthenticationForLocalhost yes", True),
            ("NoHostAuthenticationForLocalhost yes\nHostKeyAlias other", False),
        ):
            assert await both_enter(ssh, text, nothing) is entered, text


@cache
def rsa() -> nacre.SSHKey:
    return nacre.generate_private_key("ssh-rsa", key_size=2048)


@asynctest
async def test_short_rsa_keys(openssh: OpenSSH, tmp_path: Path) -> None:
    """Those of hosts and of users do not do; that of an authority does, which neither looks at."""
    own = nacre.generate_private_key("ssh-ed25519")
    certificate = rsa().generate_host_certificate(own, "host", principals=[HOST])
    user = tmp_path / "user_rsa"
    rsa().write_private_key(user)
    authorized = tmp_path / "authorized"
    authorities = tmp_path / "authorities"
    async with peer(openssh, tmp_path, server_host_keys=[rsa()]) as ssh:
        assert not await both_enter(ssh, "RequiredRSASize 2049")
        assert ssh.key is not None
        authorized.write_bytes(ssh.key.with_suffix(".pub").read_bytes() + rsa().export_public_key())
    both = {
        "server_host_keys": [own],
        "server_host_certs": [certificate],
        "authorized_client_keys": str(authorized),
    }
    async with peer(openssh, tmp_path, **both) as ssh:
        authorities.write_text(f"@cert-authority * {rsa().export_public_key().decode()}")
        assert await both_enter(ssh, "RequiredRSASize 2049", authorities)
        short = replace(ssh, key=user)
        assert await both_enter(short, "RequiredRSASize 2048", authorities)
        assert not await both_enter(short, "RequiredRSASize 2049", authorities)


@asynctest
async def test_a_connection_that_is_handed_over(openssh: OpenSSH, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(PASSING)
    async with peer(openssh, tmp_path) as ssh:
        way = f"ProxyCommand {sys.executable} {program} {HOST} {ssh.port}\nProxyUseFdpass yes"
        assert await both_enter(ssh, way)
        # The address at the other end of what is handed over is looked up by neither: it may be a proxy's.
        assert not await both_enter(ssh, f"HostName far\n{way}")


@asynctest
async def test_where_a_connection_comes_from(openssh: OpenSSH, tmp_path: Path) -> None:
    sources: list[str] = []

    class Server(nacre.SSHServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            sources.append(conn.get_extra_info("peername")[0])

    async with peer(openssh, tmp_path, server_factory=Server) as ssh:
        assert await both_enter(ssh, "BindInterface lo")
        assert not await both_enter(ssh, "BindInterface no-such")
        assert await both_enter(ssh, "BindInterface no-such\nBindAddress 127.0.0.9")
    assert sources == ["127.0.0.1", "127.0.0.1", "127.0.0.9", "127.0.0.9"]
