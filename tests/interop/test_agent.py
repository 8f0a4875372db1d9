"""nacre and OpenSSH's ssh-agent and sshd: keys that ssh-add added log nacre in, and the other way round."""

from __future__ import annotations

from pathlib import Path

import pytest

import nacre
from tests.interop.programs import KEY_TYPES, connected
from tests.support.agent import ssh_agent
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Sshd

pytestmark = [pytest.mark.requires("sshd"), pytest.mark.requires("ssh-agent")]


@asynctest
async def test_every_type_of_key_from_the_agent(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path / "sshd") as sshd, ssh_agent(tmp_path) as agent:
        for key_type in KEY_TYPES:
            key = openssh.make_key(tmp_path / key_type, key_type)
            sshd.authorized_keys.write_bytes(key.with_suffix(".pub").read_bytes())
            agent.ssh_add(key)
            async with connected(sshd, client_keys=[], agent_path=str(agent.path)) as connection:
                assert (await connection.run("exit 3")).exit_status == 3
            agent.ssh_add("-D")
        with pytest.raises(nacre.PermissionDenied):
            async with connected(sshd, client_keys=[], agent_path=str(agent.path)):
                pass


@asynctest
async def test_one_of_many_keys(openssh: OpenSSH, tmp_path: Path) -> None:
    """sshd ends the login after six keys: agent_identities names the one."""
    with Sshd(openssh, tmp_path / "sshd") as sshd, ssh_agent(tmp_path) as agent:
        for number in range(8):
            agent.ssh_add(openssh.make_key(tmp_path / f"key{number}"))
        agent.ssh_add(sshd.user_key)
        options = {"client_keys": [], "agent_path": str(agent.path)}
        with pytest.raises(nacre.DisconnectError):
            async with connected(sshd, **options):
                pass
        async with connected(sshd, **options, agent_identities=[sshd.user_key]) as connection:
            assert (await connection.run("exit 3")).exit_status == 3


@asynctest
async def test_keys_that_nacre_adds_are_ssh_add_s(openssh: OpenSSH, tmp_path: Path) -> None:
    with ssh_agent(tmp_path) as running:
        paths = [openssh.make_key(tmp_path / key_type, key_type) for key_type in KEY_TYPES]
        async with nacre.connect_agent(str(running.path)) as agent:
            await agent.add_keys(paths, lifetime=1000)
            keys = await agent.get_keys()
        assert len(keys) == len(paths)
        for path in paths:
            public = nacre.read_public_key(path.with_suffix(".pub"))
            assert public.get_fingerprint() in running.ssh_add("-l")
            assert running.ssh_add("-T", path.with_suffix(".pub")) == ""  # it signs, and that verifies
