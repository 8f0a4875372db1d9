"""`make soak MINUTES=20`: a server and its clients under a mixed load, for long, and what is left of it.

Owns: the load, round after round, and the judgement: nothing may be left after a round. Must not know: how a
server is made, or what a bad network does to bytes.

    python -m bench.soak [--minutes N]

The status is 0 when no round left a task, a descriptor or a connection, no exception went uncaught in either
process, and every byte was what was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import hashlib
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import nacre
from bench import measure
from bench.security import DOCUMENT, said, write
from bench.security_actors import CLIENT, Server, serving
from bench.security_measured import UNABLE
from bench.security_server import BLOCK, resident, trim
from tests.support.proxy import Damage, Ending, Proxy

#: Connections that stay, and the sessions of each.
HELD, SESSIONS = 50, 10
#: Logins of a burst, and how many are under way.
BURST, AT_ONCE = 100, 16
#: Connections over the bad network in a round.
BAD: Final = 24
#: Bytes that a transfer moves in each direction, and after which there are new keys.
MOVED, REKEY = 4 << 20, 1 << 20
#: Seconds in which what a round has begun must be gone: the keepalive and the login's limit run out in 6.
GONE: Final = 20.0
#: So that what is cut without a word is noticed within a round.
OPTIONS: Final[dict[str, Any]] = {
    "keepalive_interval": 1, "keepalive_count_max": 2, "login_timeout": 5, "rekey_bytes": REKEY,
    "max_unauthenticated": 1000,
}  # fmt: skip
KINDS: Final = ("cut", "reset", "flip", "drop", "silent", "late", "pieces")


class Wrong(Exception):
    """Something that must not be."""


def damage(kind: str, at: int) -> Damage:
    """What a bad network does to the bytes of one direction, from an offset on."""
    return {
        "cut": Damage(cut=at),
        "reset": Damage(cut=at, ending=Ending.RESET),
        "flip": Damage(flip=8 * at + at % 8),
        "drop": Damage(drop=range(at, at + 1 + at % 64)),
        "silent": Damage(silent=at),
        # Slow, and yet done within what a round may take.
        "late": Damage(piece=256 + at % 1400, delay=0.002),
        "pieces": Damage(piece=1 + at % 64),
    }[kind]


def connect(port: int, **options: Any) -> Any:
    """Log in to the server, or to a proxy before it."""
    return nacre.connect(
        "127.0.0.1", port, **{**CLIENT, "keepalive_interval": 1, "login_timeout": 5, **options}
    )


async def bounded(count: int, make: Callable[[int], Awaitable[None]]) -> None:
    """Do something so often, a few at once."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with turn:
            await make(number)

    await asyncio.gather(*(one(number) for number in range(count)))


class Soak:
    """The load on one server.

    Args:
        server: it.
        chance: what decides.
    """

    def __init__(self, server: Server, chance: random.Random) -> None:
        self.server = server
        self.done: dict[str, int] = dict.fromkeys(
            ("logins", "refused", "echoes", "re-keys", "MiB", "cut", "lived"), 0
        )
        self._chance = chance
        self._held: list[Any] = []
        self._sessions: list[Any] = []
        self._base: dict[str, int] = {}

    async def hold(self) -> None:
        """Open the connections that stay."""

        async def one(_: int) -> None:
            connection = await connect(self.server.port)
            self._held.append(connection)
            self._sessions += [await connection.create_process("stay") for _ in range(SESSIONS)]

        await bounded(HELD, one)

    async def round(self) -> None:
        """Do one round of everything at once."""
        await asyncio.gather(
            bounded(BURST, self._log_in),
            self._type(),
            self._transfer("give"),
            self._transfer("take"),
            self._bad(),
        )

    async def _log_in(self, number: int) -> None:
        if number % 5 == 4:
            try:
                await connect(self.server.port, password="wrong")  # noqa: S106 - a benchmark's
            except nacre.PermissionDenied:
                self.done["refused"] += 1
                return
            raise Wrong("a wrong password was let in")
        async with connect(self.server.port) as connection:
            result = await connection.run("stay", input="?\n")
            if result.stdout != "here\n" or result.exit_status != 0:
                raise Wrong(f"a session said {result.stdout!r}")
        self.done["logins"] += 1

    async def _type(self) -> None:
        for session in self._sessions:
            session.stdin.write("?\n")
        for session in self._sessions:
            if await session.stdout.readline() != "here\n":
                raise Wrong("a session that stays does not answer")
            self.done["echoes"] += 1

    async def _transfer(self, what: str) -> None:
        async with connect(self.server.port, rekey_bytes=REKEY) as connection:
            data = BLOCK * (MOVED // len(BLOCK))
            if what == "give":
                right = (await connection.run(f"give {MOVED}")).stdout == data
            else:
                told = (await connection.run("take", input=data)).stdout
                right = told == f"{MOVED} {hashlib.sha256(data.encode()).hexdigest()}\n"
            if not right:
                raise Wrong(f"{what}: other bytes than were sent")
        self.done["MiB"] += MOVED >> 20
        self.done["re-keys"] += MOVED // REKEY

    async def _bad(self) -> None:
        chance = self._chance

        async def one(number: int) -> None:
            kind = KINDS[number % len(KINDS)]
            at = chance.choice((chance.randrange(3000), chance.randrange(200_000)))
            ways = chance.choice(("up", "down"))
            with Proxy(self.server.port, **{ways: damage(kind, at)}) as proxy:
                try:
                    async with asyncio.timeout(GONE):
                        async with connect(proxy.port) as connection:
                            result = await connection.run(f"give {1 << 18}")
                            # What was cut off may be short; what came is right.
                            if not (BLOCK * 8).startswith(result.stdout):
                                raise Wrong(f"a network with {kind} at {at} altered what was sent")
                    self.done["lived"] += 1
                except TimeoutError:
                    raise Wrong(f"a network with {kind} at {at} {ways} is not noticed") from None
                except UNABLE:
                    self.done["cut"] += 1

        await bounded(BAD, one)

    async def rest(self) -> dict[str, Any]:
        """Wait until nothing of a round is left; returns how the server fares then."""
        until = time.monotonic() + GONE
        while True:
            state = await self.server.ask("tidy")
            gc.collect()
            own = {"own tasks": len(asyncio.all_tasks()), "own descriptors": len(os.listdir("/proc/self/fd"))}
            now = {name: state[name] for name in ("open", "tasks", "descriptors")} | own
            if state["unhandled"]:
                raise Wrong(f"the server did not catch: {state['unhandled'][:3]}")
            self._base = self._base or now
            more = {
                name: (self._base[name], count) for name, count in now.items() if count > self._base[name]
            }
            if not more:
                return {**state, "own memory": resident()}
            if time.monotonic() > until:
                raise Wrong(f"left after a round (was, is): {more}")
            await asyncio.sleep(0.2)


def slope(samples: list[tuple[float, float]]) -> float:
    """Return by how much a value grows in a unit of time, by least squares."""
    middle = sum(at for at, _ in samples) / len(samples)
    mean = sum(value for _, value in samples) / len(samples)
    spread = sum((at - middle) ** 2 for at, _ in samples)
    return sum((at - middle) * (value - mean) for at, value in samples) / spread if spread else 0.0


def report(
    minutes: float,
    memory: dict[str, list[tuple[float, float]]],
    trimmed: dict[str, float],
    done: dict[str, int],
) -> str:
    """Return what a soak was and what became of the memory; times in minutes, sizes in bytes.

    Args:
        minutes: how long it took.
        memory: after each round, of both processes.
        trimmed: at the end, without what the allocator of either holds and nobody uses.
        done: how often what was done.
    """
    counts = ", ".join(f"{number:,} {name}" for name, number in done.items())
    lines = [f"{minutes:.1f} minutes, {len(next(iter(memory.values())))} rounds: {counts}.", ""]
    for who, samples in memory.items():
        later = samples[len(samples) // 2 :]
        span = later[-1][0] - later[0][0]
        lines.append(
            f"* {who}: {samples[0][1] / 2**20:.1f} MiB after the first round, {samples[-1][1] / 2**20:.1f} MiB after the "
            f"last; in the last {span:.1f} minutes {slope(later) * span / 1024:+.0f} KiB (least squares); "
            f"{trimmed[who] / 2**20:.1f} MiB without what the allocator holds and nobody uses."
        )
    return "\n".join([*lines, ""])


async def soak(minutes: float, seed: int) -> str:
    """Do it; returns the report. Raises `Wrong`, or whatever a client raises that it must not."""
    unhandled: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(str(context)))
    memory: dict[str, list[tuple[float, float]]] = {"server": [], "clients": []}
    async with serving("nacre", **OPTIONS) as server:
        load = Soak(server, random.Random(seed))  # noqa: S311 - what a network does is to come again
        await load.hold()
        await load.round()  # what is loaded once is loaded now
        await load.rest()
        began = time.monotonic()
        while (past := (time.monotonic() - began) / 60) < minutes:
            await load.round()
            state = await load.rest()
            if unhandled:
                raise Wrong(f"a client did not catch: {unhandled[:3]}")
            memory["server"].append((past, state["memory"]))
            memory["clients"].append((past, state["own memory"]))
            print(f"{past:6.1f} min  server {state['memory'] >> 10:,} KiB  {load.done}", flush=True)
        trim()
        trimmed = {"server": (await server.ask("trim"))["memory"], "clients": float(resident())}
        for connection in load._held:
            connection.close()
            with contextlib.suppress(*UNABLE):
                await connection.wait_closed()
    return report((time.monotonic() - began) / 60, memory, trimmed, load.done)


def main(arguments: list[str] | None = None) -> int:
    """Soak for as long as the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="A mixed load, for long.")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=None, help="of the bad network; else the time")
    parser.add_argument(
        "--document", type=Path, help="where the report goes; else, from 20 minutes, docs/benchmarks.md"
    )
    options = parser.parse_args(arguments)
    measure.allow_many_files()
    seed = int(time.time()) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    began = time.monotonic()
    try:
        text = asyncio.run(soak(options.minutes, seed))
    except Wrong as error:
        print(f"soak: {error} (seed {seed})")
        return 1
    text = f"{said('soak', time.monotonic() - began)}\n\n{text}"
    print(f"\n{text}")
    if path := options.document or (DOCUMENT if options.minutes >= 20 else None):
        write(path, text, "soak")
    return 0


if __name__ == "__main__":
    sys.exit(main())
