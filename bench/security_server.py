"""A server under attack that tells how it fares: its memory, tasks and descriptors, and how late its loop is.

Owns: the servers of `bench.security` that are Python programs. Must not know: what is done to them.

    python -m bench.security_server '{"kind": "nacre", …}'

It prints where it listens as a line of JSON; then each line of standard input gets another.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import hashlib
import hmac
import importlib
import json
import os
import resource
import sys
import tempfile
import time
from array import array
from pathlib import Path
from typing import Any

#: What "give" gives.
BLOCK = "".join(chr(33 + number % 90) for number in range(32768))
#: Seconds between two looks at the clock.
BEAT = 0.005


class Lag:
    """How late the loop is."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        #: One block of memory: an object each would lie among what is measured, and keep the allocator from giving it back.
        self.samples = array("d")
        self._beat(loop.time())

    def _beat(self, due: float) -> None:
        now = self._loop.time()
        self.samples.append(now - due)
        self._loop.call_at(now + BEAT, self._beat, now + BEAT)

    def take(self) -> dict[str, float]:
        """Return the 99th percentile and the most, in milliseconds, and begin anew."""
        samples, self.samples = sorted(self.samples) or [0.0], array("d")
        return {"lag_p99": 1e3 * samples[len(samples) * 99 // 100], "lag_max": 1e3 * samples[-1]}


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def allow_descriptors(count: int) -> None:
    """Let this process have so many files open."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def trim() -> None:
    """Have the allocator give back what it holds and nobody uses, where it can (glibc)."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


def program(library: Any, state: dict[str, int]) -> type:
    """Return the callbacks: anybody with the password "right" comes in, and sessions stay."""

    class Server(library.SSHServer):  # type: ignore[misc]  # of either library
        def connection_made(self, conn: Any) -> None:
            state["open"] += 1

        def connection_lost(self, exc: Exception | None) -> None:
            state["open"] -= 1

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return password == "right"  # noqa: S105 - a benchmark's

    return Server


def knowing(library: Any, host: str) -> type:
    """Return the callbacks of a server that knows alice alone, and one host; they judge everybody by the same work.

    Args:
        library: nacre.
        host: the key of the host, in hexadecimal.
    """

    class Server(library.SSHServer):  # type: ignore[misc]  # any, as above
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            right = hmac.compare_digest(password.encode(), b"right")
            return right & (username == "alice")

        def host_based_auth_supported(self) -> bool:
            return True

        def validate_host_public_key(self, client_host: str, client_addr: str, port: int, key: Any) -> bool:
            return bool(key.public_data.hex() == host)

        def validate_host_based_user(self, username: str, client_host: str, client_username: str) -> bool:
            return (username == "alice") & (client_username == "alice")

    return Server


async def serve(settings: dict[str, Any]) -> None:
    """Serve, and answer, until standard input ends."""
    loop = asyncio.get_running_loop()
    most = settings.get("descriptors") or resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    allow_descriptors(most)
    state = {"open": 0}
    unhandled: list[str] = []
    loop.set_exception_handler(lambda _, context: unhandled.append(str(context)))
    sys.unraisablehook = lambda what: unhandled.append(repr(what.exc_value))
    options: dict[str, Any] = settings.get("options", {})
    if settings["kind"] == "hub":
        import nacre as library
        from nacre.hub.login import LoginBook
        from nacre.hub.paths import prepare
        from nacre.hub.state import State

        users = State.open(prepare(Path(tempfile.mkdtemp(prefix="bench-hub-"))), (70000, 70099)).__enter__()
        users.add_user("alice", keys=[(library.generate_private_key("ssh-ed25519").public_data, "")])
        factory: Any = LoginBook(users, lambda server, visit: None).server
    elif settings["kind"] == "users":
        import nacre as library

        factory = knowing(library, options.pop("host"))
    else:
        library = importlib.import_module(settings["kind"])
        factory = program(library, state)
        options["process_factory"] = _programs

    key = library.generate_private_key("ssh-ed25519")
    listener = await library.listen("127.0.0.1", 0, server_factory=factory, server_host_keys=[key], **options)
    lag = Lag(loop)
    _say({"port": listener.get_port(), "pid": os.getpid()})
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if line in (b"tidy\n", b"trim\n"):
            gc.collect()
        if line == b"trim\n":
            trim()
        refused = getattr(getattr(listener, "_admission", None), "refused", {})
        allow_descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # to look at itself
        _say(
            {
                "memory": resident(),
                "tasks": len(asyncio.all_tasks()),
                "descriptors": len(os.listdir("/proc/self/fd")),
                "open": state["open"],
                "refused": sum(refused.values()),
                "unhandled": unhandled[:3],
                "cpu": time.process_time(),
                "clock": time.monotonic(),
                **lag.take(),
            }
        )
        allow_descriptors(most)


async def _programs(process: Any) -> None:
    """What a session runs: "give N", "take", or what answers each line, whatever its name is."""
    name, _, size = (process.command or "").partition(" ")
    if name == "give":
        for _ in range(int(size) // len(BLOCK)):
            process.stdout.write(BLOCK)
            await process.stdout.drain()
    elif name == "take":
        sha, read = hashlib.sha256(), 0
        while data := await process.stdin.read(65536):
            sha.update(data.encode())
            read += len(data)
        process.stdout.write(f"{read} {sha.hexdigest()}\n")
    else:
        async for _ in process.stdin:
            process.stdout.write("here\n")
    process.exit(0)


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
