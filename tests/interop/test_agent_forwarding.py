"""Agents that are forwarded: ssh -A to a nacre server, nacre's client to sshd, with OpenSSH's agent and nacre's."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.agent import Agent
from tests.interop.programs import connected, peer
from tests.support.agent import ssh_add, ssh_agent
from tests.support.face import asynctest, host_key
from tests.support.openssh import OpenSSH, Sshd, client_of, find

pytestmark = [pytest.mark.requires("sshd"), pytest.mark.requires("ssh-agent")]


async def shell(process: nacre.SSHServerProcess[bytes]) -> None:
    """Runs what is asked for, as a login's shell would."""
    environment = dict(os.environ)
    path = process.channel.get_agent_path()
    if path is not None:
        environment["SSH_AUTH_SOCK"] = path
    program = await asyncio.create_subprocess_shell(
        str(process.command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )
    output, _ = await program.communicate()
    process.stdout.write(output)
    process.exit(program.returncode or 0)


@asynccontextmanager
async def agents(folder: Path) -> AsyncIterator[list[str]]:
    """The sockets of OpenSSH's agent, and of nacre's."""
    with ssh_agent(folder) as theirs:
        async with await Agent().listen() as ours:
            yield [str(theirs.path), ours.path]


async def add(agent: str, openssh: OpenSSH, *arguments: Any) -> str:
    return await asyncio.to_thread(ssh_add, agent, *arguments, program=openssh.ssh.with_name("ssh-add"))


@asynctest
async def test_ssh_to_nacre_and_on_to_sshd(tmp_path: Path) -> None:
    openssh = find("10.0")
    async with agents(tmp_path) as paths, peer(openssh, tmp_path, process_factory=shell) as plain:
        with Sshd(openssh, tmp_path / "sshd") as sshd:
            key = plain.key
            assert key is not None
            sshd.authorized_keys.write_bytes(key.with_suffix(".pub").read_bytes())
            known = tmp_path / "known"
            here = " ".join(host_key().export_public_key().decode().split()[:2])
            known.write_text(f"here {here}\n{sshd.known_hosts('there')}")
            further = dataclasses.replace(client_of(sshd), key=None).command("echo", "arrived")
            onwards = " ".join(f"'{word}'" for word in further if word != "IdentityAgent none")
            onwards = onwards.replace("'-o' '-o'", "'-o'").replace("'-o' 'IdentitiesOnly yes'", "")
            onwards = onwards.replace("'IdentityFile none'", f"'IdentityFile {key}.none'")
            for path in paths:
                ssh = dataclasses.replace(plain, options=(f"IdentityAgent {path}",))
                await add(path, openssh, key)
                assert b"ED25519" in (await ssh.communicate("-A", "--", "ssh-add -l")).stdout
                assert b"agent" in (await ssh.communicate("ssh-add -l")).stdout  # there is none without -A
                # For that way alone, and for another.
                for way, arrives in (("here>there", True), ("here>here", False)):
                    await add(path, openssh, "-D")
                    assert "added" in await add(path, openssh, "-H", known, "-h", "here", "-h", way, key)
                    done = await ssh.communicate("-A", "--", onwards)
                    assert (done.stdout.strip() == b"arrived") is arrives, (path, way, done)


@asynctest
async def test_nacre_to_sshd(tmp_path: Path) -> None:
    openssh = find("9.2")
    async with agents(tmp_path) as paths:
        with Sshd(openssh, tmp_path / "sshd") as sshd:
            known = tmp_path / "known"
            known.write_text(sshd.known_hosts("here"))
            for path in paths:
                options = {"client_keys": [], "agent_path": path}
                await add(path, openssh, sshd.user_key)
                async with connected(sshd, **options, agent_forwarding=True) as connection:
                    assert "ED25519" in str((await connection.run("ssh-add -l")).stdout)
                    # What is there may use the keys, and not take them away.
                    done = await connection.run("ssh-add -D; ssh-add -x </dev/null; ssh-add -l")
                    assert "ED25519" in str(done.stdout)
                async with connected(sshd, **options) as connection:
                    assert (await connection.run("ssh-add -l")).exit_status == 2
                # For this host: it logs in, and is of no use there.
                await add(path, openssh, "-D")
                assert "added" in await add(path, openssh, "-H", known, "-h", "here", sshd.user_key)
                async with connected(sshd, **options, agent_forwarding=True) as connection:
                    assert "no identities" in str((await connection.run("ssh-add -l")).stdout)
                await add(path, openssh, "-D")
                known.write_text(sshd.known_hosts("here"))
                assert "added" in await add(path, openssh, "-H", known, "-h", "nobody@here", sshd.user_key)
                with pytest.raises(nacre.PermissionDenied):
                    async with connected(sshd, **options):
                        pass


@asynctest
async def test_sshd_that_does_not_permit_it(tmp_path: Path) -> None:
    openssh = find("10.0")
    with (
        Sshd(openssh, tmp_path / "sshd", options=["AllowAgentForwarding no"]) as sshd,
        ssh_agent(tmp_path) as agent,
    ):
        options = {"agent_path": str(agent.path), "agent_forwarding": True}
        async with connected(sshd, **options) as connection:
            assert (await connection.run("ssh-add -l")).exit_status == 2


@asynctest
async def test_on_from_nacre_s_server_with_its_client_s_agent(tmp_path: Path) -> None:
    """ssh -A to nacre's server, which logs in to sshd by itself; with a key for that way, and for another."""
    openssh = find("10.0")
    with Sshd(openssh, tmp_path / "sshd") as sshd:

        async def onwards(process: nacre.SSHServerProcess[bytes]) -> None:
            connection = process.channel.get_connection()
            try:
                async with connected(sshd, client_keys=[], agent_path=connection) as further:
                    process.stdout.write(str((await further.run("echo arrived")).stdout).encode())
            except nacre.PermissionDenied:
                process.stdout.write(b"refused")
            process.exit(0)

        async with agents(tmp_path) as paths, peer(openssh, tmp_path, process_factory=onwards) as plain:
            key = plain.key
            assert key is not None
            sshd.authorized_keys.write_bytes(key.with_suffix(".pub").read_bytes())
            known = tmp_path / "known"
            here = " ".join(host_key().export_public_key().decode().split()[:2])
            known.write_text(f"here {here}\n{sshd.known_hosts('there')}")
            for path in paths:
                ssh = dataclasses.replace(plain, options=(f"IdentityAgent {path}",))
                for way, said in (("here>there", b"arrived\n"), ("here>here", b"refused")):
                    await add(path, openssh, "-D")
                    assert "added" in await add(path, openssh, "-H", known, "-h", "here", "-h", way, key)
                    assert (await ssh.communicate("-A", "--", "x")).stdout == said


@asynctest
async def test_on_from_sshd_with_the_agent_of_nacre_s_client(tmp_path: Path) -> None:
    openssh = find("9.2")
    async with agents(tmp_path) as paths:
        with Sshd(openssh, tmp_path / "here") as here, Sshd(openssh, tmp_path / "there") as there:
            there.authorized_keys.write_bytes(here.authorized_keys.read_bytes())
            known = tmp_path / "known"
            known.write_text(here.known_hosts("here") + there.known_hosts("there"))
            further = dataclasses.replace(client_of(there), key=None).command("echo", "arrived")
            words = [word for word in further if word not in ("IdentityAgent none", "IdentitiesOnly yes")]
            command = (
                " ".join(f"'{word}'" for word in words)
                .replace("'-o' '-o'", "'-o'")
                .replace("'-o' '-o'", "'-o'")
            )
            for path in paths:
                for way, arrives in (("here>there", True), ("here>here", False)):
                    await add(path, openssh, "-D")
                    assert "added" in await add(
                        path, openssh, "-H", known, "-h", "here", "-h", way, here.user_key
                    )
                    options = {"client_keys": [], "agent_path": path, "agent_forwarding": True}
                    async with connected(here, **options) as connection:
                        done = await connection.run(command)
                    assert (str(done.stdout).strip() == "arrived") is arrives, done
