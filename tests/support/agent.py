"""A real ssh-agent without keys, on a socket in a directory that the test gives; and what clients of agents send."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nacre
from nacre.agent.bindings import Session
from nacre.wire.fields import encode_string, encode_text
from tests.support import system

_PATIENCE = 120


class Agent:
    """A running agent.

    Attributes:
        path: its socket.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def ssh_add(self, *arguments: str | Path) -> str:
        """Run ssh-add against it and return what it printed."""
        return ssh_add(self.path, *arguments)


def ssh_add(
    agent: Path | str, *arguments: str | Path, program: Path | str = "ssh-add", **environment: str
) -> str:
    """Run ssh-add against an agent and return what it printed."""
    done = subprocess.run(
        [str(program), *map(str, arguments)],
        env={**os.environ, "SSH_AUTH_SOCK": str(agent), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    return done.stdout + done.stderr


@contextmanager
def ssh_agent(directory: Path) -> Iterator[Agent]:
    """Run ssh-agent."""
    system.need("ssh-agent")
    path = directory / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "SSH_AUTH_SOCK" in process.stdout.readline()  # it listens
        yield Agent(path)
    finally:
        process.terminate()
        process.communicate(timeout=_PATIENCE)


def proof(
    host: nacre.SSHKey | nacre.SSHCertificate, key: nacre.SSHKey, session_id: bytes = b"session"
) -> Session:
    """What a client could prove of a session with a host: it has shown `host`, and signed with `key`."""
    return Session(host.public_data, session_id, key.sign(session_id, key.sig_algorithms[0]))


def login_request(
    pair: nacre.SSHKeyPair | nacre.SSHKey,
    user: str = "user",
    bound_to: bytes = b"session",
    named: nacre.SSHKey | None = None,
    **changed: bytes,
) -> bytes:
    """What a login by a key signs (RFC 4252 section 7); with the host `named` that of OpenSSH PROTOCOL 3.1."""
    method = b"publickey" if named is None else b"publickey-hostbound-v00@openssh.com"
    fields = {
        "session_id": encode_string(bound_to),
        "number": b"\x32",
        "user": encode_text(user),
        "service": encode_text("ssh-connection"),
        "method": encode_string(method),
        "signed": b"\1",
        "algorithm": encode_text(pair.host_key_algorithms[0]),
        "key": encode_string(pair.public_data),
        "host": b"" if named is None else encode_string(named.public_data),
    }
    return b"".join({**fields, **changed}.values())
