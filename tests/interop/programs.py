"""What the interop tests run at both ends: a server whose commands do as they are told, clients, floods of data.

Owns: the commands of the nacre server, `peer` (that server with a real ssh for it), `connected` (a nacre
client of a real sshd), `exchange`, `Askpass` and the names of all algorithms. Must not know: what is tested.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import nacre
from tests.support.face import host_key, serving
from tests.support.openssh import OpenSSH, Ssh, Sshd

# Written out here and not taken from nacre: this is what has to be there.
KEX: Final = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
)
#: These cost the server work, so that it keeps a budget for each source: they are tried on their own.
FINITE_FIELDS: Final = (
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha256",
)
AEAD_CIPHERS: Final = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
)
CTR_CIPHERS: Final = ("aes128-ctr", "aes192-ctr", "aes256-ctr")
CIPHERS: Final = (*AEAD_CIPHERS, *CTR_CIPHERS)
MACS: Final = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1-etm@openssh.com",
    "hmac-sha1",
)
#: What ssh-keygen makes (as `OpenSSH.make_key` takes it), and the signature algorithm.
KEYS: Final = (
    ("ed25519", "ssh-ed25519"),
    ("ecdsa-256", "ecdsa-sha2-nistp256"),
    ("ecdsa-384", "ecdsa-sha2-nistp384"),
    ("ecdsa-521", "ecdsa-sha2-nistp521"),
    ("rsa-2048", "rsa-sha2-256"),
    ("rsa-2048", "rsa-sha2-512"),
)
KEY_TYPES: Final = tuple(dict.fromkeys(key_type for key_type, _ in KEYS))

#: Tests that take minutes run when it is set: `NACRE_LONG=1 make test ARGS=tests/interop/test_rekey.py`.
LONG: Final = os.environ.get("NACRE_LONG") == "1"

MEBIBYTE: Final = 1 << 20
_PIECE: Final = 1 << 18


async def handler(process: nacre.SSHServerProcess[bytes]) -> None:
    """Be the program that a client of the nacre server starts: the command says what to do."""
    command, _, argument = (process.command or process.subsystem or "shell").partition(" ")
    stdout = process.stdout
    match command:
        case "exit":
            process.exit(int(argument))
        case "signal":
            process.exit_with_signal(argument)
        case "env":
            stdout.write(repr(sorted(process.env.items())).encode())
            process.exit(0)
        case "pty":
            stdout.write(f"{process.term_type} {process.term_size}".encode())
            process.exit(0)
        case "both":
            stdout.write(b"out\n")
            process.stderr.write(b"err\n")
            process.exit(0)
        case "hash":
            digest, total = hashlib.sha256(), 0
            while data := await process.stdin.read(_PIECE):
                digest.update(data)
                total += len(data)
            stdout.write(f"{total} {digest.hexdigest()}\n".encode())
            process.exit(0)
        case "send":
            for _ in range(int(argument)):
                stdout.write(bytes(range(256)) * 128)
                await stdout.drain()
            process.exit(0)
        case "raw":
            raw = process.channel.get_command_bytes()
            assert raw is not None
            stdout.write(raw)
            process.exit(0)
        case "sizes":
            await _tell_sizes(process)
        case _:
            process.stderr.write(command.encode() + b"\n")
            while data := await process.stdin.read(_PIECE):
                stdout.write(data)
                await stdout.drain()
            process.exit(0)


async def _tell_sizes(process: nacre.SSHServerProcess[bytes]) -> None:
    """Write each size of the terminal until the input ends."""
    process.stdout.write(b"%d %d\n" % process.term_size[:2])
    while True:
        try:
            if not await process.stdin.read(_PIECE):
                return process.exit(0)
        except nacre.TerminalSizeChanged as changed:
            process.stdout.write(b"%d %d\n" % (changed.width, changed.height))


@asynccontextmanager
async def peer(openssh: OpenSSH, directory: Path, *lines: str, **options: Any) -> AsyncIterator[Ssh]:
    """A nacre server, and an ssh that knows it and may enter.

    Args:
        openssh: the version of ssh.
        directory: where its files go.
        lines: of ssh_config(5).
        options: of `nacre.listen`.
    """
    key = openssh.make_key(directory / "user_key")
    options = {
        "server_factory": nacre.SSHServer,
        "server_host_keys": [host_key()],
        "authorized_client_keys": str(key.with_suffix(".pub")),
        "process_factory": handler,
        "encoding": None,
        **options,
    }
    async with serving(**options) as listener:
        known_hosts = directory / "known_hosts"
        host = f"[127.0.0.1]:{listener.get_port()}"
        publics = [host_key.export_public_key().decode() for host_key in options["server_host_keys"]]
        known_hosts.write_text("".join(f"{host} {' '.join(public.split()[:2])}\n" for public in publics))
        yield Ssh(openssh, listener.get_port(), "user", key, known_hosts, lines)


@asynccontextmanager
async def connected(sshd: Sshd, **options: Any) -> AsyncIterator[nacre.SSHClientConnection]:
    """A nacre client of a real sshd, whose key it checks.

    Args:
        sshd: the server.
        options: of `nacre.connect`.
    """
    options = {
        "config": None,
        "username": sshd.user,
        "client_keys": str(sshd.user_key),
        "known_hosts": sshd.known_hosts().encode(),
        **options,
    }
    async with await nacre.connect("127.0.0.1", sshd.port, **options) as connection:
        yield connection


class Askpass:
    """Answers what ssh asks its user, in place of a terminal.

    Attributes:
        lines: of ssh_config(5), for an ssh that asks.
        environment: variables for it.
    """

    lines: Final = ("BatchMode no", "NumberOfPasswordPrompts 1")

    def __init__(self, directory: Path, *answers: str) -> None:
        """Prepare the answers.

        Args:
            directory: where its files go.
            answers: one for each prompt, in order; the last one goes on.
        """
        self._asked = directory / "asked"
        self._asked.write_text("")
        program = directory / "askpass"
        cases = "".join(f"{number}) echo '{answer}' ;;\n" for number, answer in enumerate(answers, 1))
        program.write_text(
            f"#!/bin/sh\necho \"$1\" >>'{self._asked}'\ncase $(wc -l <'{self._asked}') in\n"
            f"{cases}*) echo '{answers[-1]}' ;;\nesac\n"
        )
        program.chmod(0o700)
        self.environment = {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"}

    @property
    def asked(self) -> list[str]:
        """The prompts so far."""
        return self._asked.read_text().splitlines()


def _pieces(size: int) -> Iterator[bytes]:
    """Return data that is nowhere the same, in pieces."""
    noise = os.urandom(_PIECE)
    for number in itertools.count():
        start = number * _PIECE
        if start >= size:
            return
        yield (start.to_bytes(8, "big") + noise)[: min(_PIECE, size - start)]


async def exchange(writer: Any, reader: Any, size: int) -> tuple[str, str]:
    """Send data to an echo and read it back at the same time.

    Args:
        writer: write(), drain() and write_eof() of a process.
        reader: read(n) of its output, b"" at the end.
        size: bytes.

    Returns:
        The SHA-256 of what was sent, and of what came.
    """
    sent, came = hashlib.sha256(), hashlib.sha256()

    async def send() -> None:
        for piece in _pieces(size):
            sent.update(piece)
            writer.write(piece)
            await writer.drain()
        writer.write_eof()

    async def receive() -> None:
        while data := await reader.read(_PIECE):
            came.update(data)

    async with asyncio.TaskGroup() as both:
        both.create_task(send())
        both.create_task(receive())
    return sent.hexdigest(), came.hexdigest()
