"""Other people's clients against nacre: PuTTY's plink and Dropbear's dbclient.

What each of them has been tried with beyond this, and many more of them, is in docs/peers.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

import nacre
from nacre.protocol.channel import Flow
from tests.interop.programs import handler
from tests.support import system
from tests.support.face import PASSWORD, PasswordServer, asynctest, host_key, serving

#: Two servers' worth of re-keys in that much data.
DATA: Final = os.urandom(400 * 1024)
_PATIENCE: Final = 60
_KEYS: Final = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-rsa")

CLIENTS: Final = [pytest.param(name, marks=system.requires(name)) for name in ("plink", "dbclient")]

both_clients = pytest.mark.parametrize("client", CLIENTS)


@cache
def user_key(algorithm: str) -> nacre.SSHKey:
    """One key of each type."""
    return nacre.generate_private_key(algorithm)


def _converted(client: str, key: nacre.SSHKey, directory: Path) -> Path:
    """Write a key in the form that a client reads."""
    ours, theirs = directory / "key", directory / f"key_of_{client}"
    key.write_private_key(ours)
    ours.chmod(0o600)
    converters = {
        "plink": ["puttygen", ours, "-O", "private", "-o", theirs],
        "dbclient": ["dropbearconvert", "openssh", "dropbear", ours, theirs],
    }
    subprocess.run(converters[client], check=True, capture_output=True, timeout=_PATIENCE)
    return theirs


def _command(client: str, port: int, directory: Path, key: nacre.SSHKey | None) -> list[str]:
    """Return how a client is started that knows our host key; the remote command may follow."""
    keys = ["-i", str(_converted(client, key, directory))] if key else []
    where = "user@127.0.0.1"
    if client == "plink":
        trust = ["-hostkey", host_key().get_fingerprint()]
        password = [] if key else ["-pw", PASSWORD]
        return ["plink", "-ssh", "-batch", "-noagent", "-P", str(port), *trust, *keys, *password, where]
    known = directory / ".ssh" / "known_hosts"
    known.parent.mkdir(exist_ok=True)
    known.write_text(f"127.0.0.1 {' '.join(host_key().export_public_key().decode().split()[:2])}\n")
    return ["dbclient", "-p", str(port), *keys, where]


@asynccontextmanager
async def logged_in(
    client: str, directory: Path, key: nacre.SSHKey | None, **options: Any
) -> AsyncIterator[Callable[..., Any]]:
    """A server, and a function that runs a command there by a client."""
    if key is not None:
        authorized = directory / "authorized"
        key.write_public_key(authorized)
        options["authorized_client_keys"] = str(authorized)
    options = {
        "server_factory": PasswordServer if key is None else nacre.SSHServer,
        "process_factory": handler,
        "encoding": None,
        **options,
    }
    async with serving(**options) as listener:
        argv = _command(client, listener.get_port(), directory, key)

        async def run(command: str, data: bytes = b"") -> tuple[int | None, bytes, bytes]:
            process = await asyncio.create_subprocess_exec(
                *argv, command, stdin=-1, stdout=-1, stderr=-1, env=_environment(directory)
            )
            try:
                output, errors = await process.communicate(data)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            return process.returncode, output, errors

        yield run


def _environment(directory: Path) -> Mapping[str, str]:
    """Nothing of the user's is read: both clients look for their files in the home."""
    return {"PATH": os.environ["PATH"], "HOME": str(directory), "DROPBEAR_PASSWORD": PASSWORD}


@both_clients
@pytest.mark.parametrize("algorithm", _KEYS)
@asynctest
async def test_each_user_key(client: str, algorithm: str, tmp_path: Path) -> None:
    async with logged_in(client, tmp_path, user_key(algorithm)) as run:
        status, output, errors = await run("both")
        assert (status, output) == (0, b"out\n"), errors
        assert errors.endswith(b"err\n")
        assert (await run("exit 7"))[0] == 7


@both_clients
@asynctest
async def test_a_password(client: str, tmp_path: Path) -> None:
    async with logged_in(client, tmp_path, None) as run:
        status, _, errors = await run("exit 7")
        assert status == 7, errors


@both_clients
@asynctest
async def test_data_through_new_keys(client: str, tmp_path: Path) -> None:
    async with logged_in(client, tmp_path, user_key("ssh-ed25519"), rekey_bytes="128k") as run:
        status, output, errors = await run("echo", DATA)
        assert (status, output) == (0, DATA), errors
        status, output, errors = await run("hash", DATA)
        assert output.decode() == f"{len(DATA)} {hashlib.sha256(DATA).hexdigest()}\n", errors


@both_clients
@asynctest
async def test_a_program_whose_output_ends_before_it_does(client: str, tmp_path: Path) -> None:
    """Both send CLOSE when both sides have sent EOF, and want the status all the same."""

    async def ends_its_output(process: nacre.SSHServerProcess[bytes]) -> None:
        process.stdout.write(b"all of it")
        process.stdout.write_eof()
        channel: Any = process.channel._link.protocol._mux.channels[0]
        while channel.outbound is not Flow.OWED:
            await asyncio.sleep(0)
        process.exit(7)

    key = user_key("ssh-ed25519")
    async with logged_in(client, tmp_path, key, process_factory=ends_its_output) as run:
        status, output, errors = await run("x")
        assert (status, output) == (7, b"all of it"), errors
