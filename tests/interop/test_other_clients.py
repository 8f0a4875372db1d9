"""Other people's clients against nacre: PuTTY's plink and Dropbear's dbclient.

What each of them has been tried with beyond this, and many more of them, is in docs/peers.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

import nacre
from nacre.protocol.channel import Flow
from tests.interop.programs import handler
from tests.support import clients, x509
from tests.support.face import PASSWORD, PasswordServer, asynctest, host_key, serving

#: Two servers' worth of re-keys in that much data.
DATA: Final = os.urandom(400 * 1024)

both_clients = pytest.mark.parametrize("client", clients.CLIENTS)


@asynccontextmanager
async def logged_in(
    client: str, directory: Path, key: nacre.SSHKey | None, **options: Any
) -> AsyncIterator[Callable[..., Any]]:
    """A server, and a function that runs a command there by a client."""
    file: Path | None = None
    if key is not None:
        file = directory / "key"
        key.write_private_key(file)
        file.chmod(0o600)
        authorized = directory / "authorized"
        key.write_public_key(authorized)
        options["authorized_client_keys"] = str(authorized)
    options = {
        "server_factory": PasswordServer if key is None else nacre.SSHServer,
        "process_factory": handler,
        "encoding": None,
        **options,
    }
    environment = clients.environment(directory, PASSWORD)
    async with serving(**options) as listener:
        argv = clients.command(
            client,
            directory,
            port=listener.get_port(),
            user="user",
            host_key=host_key().export_public_key().decode(),
            key=file,
            password="" if key else PASSWORD,
        )
        batch = ["-batch"] if client == "plink" else []

        async def run(command: str, data: bytes = b"") -> tuple[int | None, bytes, bytes]:
            process = await asyncio.create_subprocess_exec(
                argv[0], *batch, *argv[1:], command, stdin=-1, stdout=-1, stderr=-1, env=environment
            )
            try:
                output, errors = await process.communicate(data)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            return process.returncode, output, errors

        yield run


@both_clients
@pytest.mark.parametrize("algorithm", x509.KEYS)
@asynctest
async def test_each_user_key(client: str, algorithm: str, tmp_path: Path) -> None:
    async with logged_in(client, tmp_path, x509.KEYS[algorithm]) as run:
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
    async with logged_in(client, tmp_path, x509.KEYS["ssh-ed25519"], rekey_bytes="128k") as run:
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

    key = x509.KEYS["ssh-ed25519"]
    async with logged_in(client, tmp_path, key, process_factory=ends_its_output) as run:
        status, output, errors = await run("x")
        assert (status, output) == (7, b"all of it"), errors
