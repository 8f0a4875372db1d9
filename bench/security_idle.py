"""Clients that log in and stay: `python -m bench.security_idle PORT COUNT OPTIONS`.

Owns: how many log in at once. Must not know: why.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import nacre

#: Logins under way.
AT_ONCE = 8


async def main(port: int, count: int, options: dict[str, Any]) -> None:
    """Log in, say so, and stay until killed."""
    turn = asyncio.Semaphore(AT_ONCE)
    kept: list[Any] = []

    async def one() -> None:
        async with turn:
            connection = await nacre.connect(
                "127.0.0.1", port, known_hosts=None, client_keys=None, agent_path=None, username="alice",
                password="right",  # noqa: S106 - a benchmark's
            )  # fmt: skip
            kept.append(connection)
            if options.get("sessions"):
                kept.append(await connection.create_process("stay"))

    await asyncio.gather(*(one() for _ in range(count)))
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])))
