"""nacre's agent and OpenSSH's programs: ssh-add, and ssh that logs in with it, over two hosts too."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.agent import Agent, AgentKey
from tests.support.agent import ssh_add
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Sshd, client_of, find

pytestmark = [pytest.mark.requires("sshd"), pytest.mark.requires("ssh-agent")]


class Adding:
    """ssh-add of one version against one agent, beside the loop."""

    def __init__(self, openssh: OpenSSH, path: str) -> None:
        self._run = functools.partial(ssh_add, path, program=openssh.ssh.with_name("ssh-add"))

    async def __call__(self, *arguments: str | Path, **environment: str) -> str:
        return await asyncio.to_thread(self._run, *arguments, **environment)


@asynctest
async def test_ssh_add(openssh: OpenSSH, tmp_path: Path) -> None:
    asked: list[AgentKey] = []
    agent = Agent(confirm=lambda key: not asked.append(key))
    paths = [openssh.make_key(tmp_path / kind, kind) for kind in ("ed25519", "ecdsa-384", "rsa-2048")]
    authority = openssh.make_key(tmp_path / "authority")
    secret = tmp_path / "askpass"
    secret.write_text("#!/bin/sh\necho secret\n")
    secret.chmod(0o700)
    ask = {"SSH_ASKPASS": str(secret), "SSH_ASKPASS_REQUIRE": "force"}
    async with await agent.listen() as listening:
        add = Adding(openssh, listening.path)
        assert "no identities" in await add("-l")
        certificate = nacre.read_private_key(authority).generate_user_certificate(
            nacre.read_public_key(paths[0].with_suffix(".pub")), "id"
        )
        certificate.write_certificate(f"{paths[0]}-cert.pub")
        assert (await add(*paths)).count("Identity added") == len(paths)
        shown, lines = await add("-l"), await add("-L")
        assert shown.count("\n") == len(agent.keys) == len(paths) + 1
        for path in paths:
            public = nacre.read_public_key(path.with_suffix(".pub"))
            assert public.get_fingerprint() in shown
            assert public.export_public_key().split()[1].decode() in lines
            # ssh-add 9.2 asks for SHA-1 there.
            if openssh.version != "9.2" or not path.name.startswith("rsa"):
                assert await add("-T", path.with_suffix(".pub")) == ""
        assert await add("-T", f"{paths[0]}-cert.pub") == ""
        await add("-d", paths[0])
        assert len(agent.keys) == len(paths) - 1
        await add("-x", **ask)
        assert "no identities" in await add("-l")
        assert "unlocked" in await add("-X", **ask)
        await add("-D")
        await add("-c", "-t", "500", authority)
        assert agent.keys[0].constraints.lifetime == 500
        assert not asked
        assert await add("-T", authority.with_suffix(".pub")) == ""
        assert [key.comment for key in asked] == ["test"]
        assert "refused" in await add("-s", "/usr/lib/x.so", **ask)


@asynctest
async def test_ssh_logs_in(tmp_path: Path) -> None:
    """With any key; and with one for this host alone (ssh-add -h), which another host's login does not get."""
    openssh = find("10.0")
    agent = Agent()
    async with await agent.listen() as listening:
        add = Adding(openssh, listening.path)
        with Sshd(openssh, tmp_path / "one") as one, Sshd(openssh, tmp_path / "two") as two:
            two.authorized_keys.write_bytes(one.authorized_keys.read_bytes())
            known = tmp_path / "known"
            known.write_text(one.known_hosts("one") + two.known_hosts("two"))

            async def status(server: Sshd) -> int:
                flags = [f"IdentityAgent {listening.path}", f"IdentityFile {one.user_key}.pub"]
                ssh = dataclasses.replace(client_of(server, None, *flags), key=None)
                return (await ssh.communicate("exit 3")).returncode

            await add(one.user_key)
            assert (await status(one), await status(two)) == (3, 3)
            await add("-D")
            assert "added" in await add("-H", known, "-h", "one", one.user_key)
            assert (await status(one), await status(two)) == (3, 255)
            await add("-D")
            assert "added" in await add("-H", known, "-h", "nobody@one", one.user_key)
            assert await status(one) == 255


@asynctest
async def test_two_hops(tmp_path: Path) -> None:
    """ssh -A to one host and on to another, with a key for that way alone."""
    openssh = find("9.2")
    agent = Agent()
    async with await agent.listen() as listening:
        add = Adding(openssh, listening.path)
        with (
            Sshd(openssh, tmp_path / "one") as one,
            Sshd(openssh, tmp_path / "two") as two,
            Sshd(openssh, tmp_path / "three") as three,
        ):
            known = tmp_path / "known"
            known.write_text(
                "".join(server.known_hosts(server.directory.name) for server in (one, two, three))
            )
            for server in (two, three):
                server.authorized_keys.write_bytes(one.authorized_keys.read_bytes())
            ssh = client_of(one, None, f"IdentityAgent {listening.path}")

            def onwards(server: Sshd) -> str:
                command = client_of(server).command("echo", "there")
                agentless = ("IdentityAgent none", "IdentitiesOnly yes")
                words = [word for word in command if word not in agentless and "IdentityFile" not in word]
                return " ".join(f"'{word}'" for word in without_lonely_o(words))

            async def ways() -> list[Any]:
                found = []
                for server in (two, three):
                    done = await ssh.communicate("-A", "--", onwards(server))
                    found.append((done.returncode, done.stdout.strip()))
                return found

            # For the first host alone: there it is not even seen.
            assert "added" in await add("-H", known, "-h", "one", one.user_key)
            assert b"no identities" in (await ssh.communicate("-A", "--", "ssh-add -l")).stdout
            await add("-D")
            assert "added" in await add("-H", known, "-h", "one", "-h", "one>two", one.user_key)
            assert await ways() == [(0, b"there"), (255, b"")]
            # From there the agent is not to be changed.
            done = await ssh.communicate("-A", "--", "ssh-add -D; ssh-add -l")
            assert b"Failed to remove" in done.stderr
            assert len(agent.keys) == 1


def without_lonely_o(words: list[str]) -> list[str]:
    """Leave out each -o whose value was taken away."""
    pairs = zip(words, [*words[1:], ""], strict=True)
    return [word for word, following in pairs if word != "-o" or not following.startswith("-")]
