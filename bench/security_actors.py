"""Who takes part in `bench.security`: servers, and those who attack them, each in a process of its own.

Owns: how they are started, asked and ended, and what an honest login is. Must not know: what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import pwd
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nacre
from bench import measure
from bench.sides import ROOT, program

ATTACKER, VICTIM = "127.0.0.2", "127.0.0.3"
#: Who an honest client is.
CLIENT: dict[str, Any] = {
    "known_hosts": None, "client_keys": None, "agent_path": None, "username": "alice", "password": "right",
    "config": None,
}  # fmt: skip


class Absent(Exception):
    """A peer is not on this machine."""


@dataclass
class Server:
    """A server in a process of its own.

    Attributes:
        process: it, or its guardian.
        port: where it listens on 127.0.0.1.
        pid: its number.
        client: how an honest client logs in.
    """

    process: asyncio.subprocess.Process
    port: int
    pid: int
    client: dict[str, Any] = field(default_factory=lambda: CLIENT)

    async def ask(self, how: str = "") -> dict[str, Any]:
        """Return how a Python server fares; the lag since the last question.

        Args:
            how: "tidy": after collecting garbage; "trim": and after giving back what the allocator holds.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{how}\n".encode())
        found: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return found

    def shared_memory(self) -> float:
        """Return what the server and all that it started occupy, in bytes, pages that they share divided."""
        return 1024 * measure.memory_kib(self.pid, shared=True)

    async def log_in(self, source: str, patience: float = 30) -> float:
        """Log in once; return how long it took, in seconds."""
        began = time.perf_counter()
        options = {"local_addr": (source, 0), **self.client}
        async with asyncio.timeout(patience), nacre.connect("127.0.0.1", self.port, **options):
            return time.perf_counter() - began


async def start(module: str, *arguments: str) -> asyncio.subprocess.Process:
    """Start a program of the benchmark."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env=environment, cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def end(process: asyncio.subprocess.Process) -> None:
    """End a program that was started, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


@asynccontextmanager
async def serving(kind: str, *, descriptors: int = 0, **options: Any) -> AsyncIterator[Server]:
    """A server in a process of its own.

    Args:
        kind: "nacre", "asyncssh", "sshd"; "hub", or "users" for a program of nacre's, each of which knows alice alone.
        descriptors: how many it may have; 0: as many as the machine allows. Not of sshd.
        options: of `listen`, not of sshd; of "users" also `host`, the key in hexadecimal of a host that is believed.
    """
    if kind == "sshd":
        async with _sshd() as server:
            yield server
        return
    if kind not in ("hub", "users") and importlib.util.find_spec(kind) is None:
        raise Absent(kind)
    settings = {"kind": kind, "options": options, "descriptors": descriptors}
    process = await start("bench.security_server", json.dumps(settings))
    assert process.stdout is not None
    try:
        told = json.loads(await process.stdout.readline())
        yield Server(process, told["port"], told["pid"])
    finally:
        await end(process)


@asynccontextmanager
async def _sshd() -> AsyncIterator[Server]:
    """OpenSSH's server with its own defaults; it lets in the user who runs the benchmark."""
    if program("sshd") is None:
        raise Absent("sshd")
    with tempfile.TemporaryDirectory(prefix="bench-sshd-") as place:
        keys = {}
        for name in ("host", "user"):
            keys[name] = nacre.generate_private_key("ssh-ed25519")
            keys[name].write_private_key(f"{place}/{name}")
        keys["user"].write_public_key(f"{place}/user.pub")
        settings = {
            "host": f"{place}/host", "authorized_keys": f"{place}/user.pub", "directory": place, "defaults": True
        }  # fmt: skip
        path = Path(place, "settings.json")
        path.write_text(json.dumps(settings))  # noqa: ASYNC240 - before anything is measured
        process = await start("bench.openssh_server", str(path))
        assert process.stdout is not None
        told = json.loads(await process.stdout.readline())
        user = pwd.getpwuid(os.getuid()).pw_name
        client = {**CLIENT, "username": user, "client_keys": [keys["user"]], "password": None}
        try:
            yield Server(process, told["port"], told["pid"], client)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(told["pid"], signal.SIGTERM)
            await end(process)


@asynccontextmanager
async def attack(
    kind: str, port: int, sources: str, seconds: float, count: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """An attacker, which has begun; `seen` returns what it saw."""
    process = await start("bench.security_flood", kind, str(port), sources, str(seconds), str(count))
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        yield process
    finally:
        await end(process)


async def seen(process: asyncio.subprocess.Process) -> dict[str, float]:
    """Return what an attacker saw, at its end."""
    output, _ = await process.communicate(b"\n")
    found: dict[str, float] = json.loads(output)
    return found


@asynccontextmanager
async def held(server: Server, count: int, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that has logged in so many connections and holds them."""
    process = await start("bench.security_idle", str(server.port), str(count), json.dumps(options))
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield process
    finally:
        await end(process)
