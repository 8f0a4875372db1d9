"""A server under attack that tells how it fares: its memory, tasks and descriptors, and how late its loop is.

Owns: the three servers of `bench.security` that are Python programs. Must not know: what is done to them.

    python -m bench.security_server '{"kind": "nacre", …}'

It prints where it listens as a line of JSON; then each line of standard input gets another.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

#: Seconds between two looks at the clock.
BEAT = 0.005


class Lag:
    """How late the loop is."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.samples: list[float] = []
        self._beat(loop.time())

    def _beat(self, due: float) -> None:
        now = self._loop.time()
        self.samples.append(now - due)
        self._loop.call_at(now + BEAT, self._beat, now + BEAT)

    def take(self) -> dict[str, float]:
        """Return the 99th percentile and the most, in milliseconds, and begin anew."""
        samples, self.samples = sorted(self.samples) or [0.0], []
        return {"lag_p99": 1e3 * samples[len(samples) * 99 // 100], "lag_max": 1e3 * samples[-1]}


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


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


async def serve(settings: dict[str, Any]) -> None:
    """Serve, and answer, until standard input ends."""
    loop = asyncio.get_running_loop()
    state = {"open": 0}
    options: dict[str, Any] = settings.get("options", {})
    if settings["kind"] == "hub":
        import nacre as library
        from nacre.hub.login import LoginBook
        from nacre.hub.paths import prepare
        from nacre.hub.state import State

        users = State.open(prepare(Path(tempfile.mkdtemp(prefix="bench-hub-"))), (70000, 70099)).__enter__()
        users.add_user("alice", keys=[(library.generate_private_key("ssh-ed25519").public_data, "")])
        factory: Any = LoginBook(users, lambda server, visit: None).server
    else:
        library = importlib.import_module(settings["kind"])
        factory = program(library, state)
        options["process_factory"] = _stay

    key = library.generate_private_key("ssh-ed25519")
    listener = await library.listen("127.0.0.1", 0, server_factory=factory, server_host_keys=[key], **options)
    lag = Lag(loop)
    _say({"port": listener.get_port(), "pid": os.getpid()})
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        refused = getattr(getattr(listener, "_admission", None), "refused", {})
        _say(
            {
                "memory": resident(),
                "tasks": len(asyncio.all_tasks()),
                "descriptors": len(os.listdir("/proc/self/fd")),
                "open": state["open"],
                "refused": sum(refused.values()),
                **lag.take(),
            }
        )


async def _stay(process: Any) -> None:
    async for _ in process.stdin:
        process.stdout.write("here\n")


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
