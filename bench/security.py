"""`make bench-security`: what strangers can do to a server, as figures beside their aims and beside peers.

Owns: what is measured, and the table. Must not know: how a server or an attacker is made.

    python -m bench.security [--quick] [NAME…]

A peer is measured where the same attack means the same to it: AsyncSSH as a library, OpenSSH's sshd (whatever
version the machine has) with its own defaults. Everything is on 127.0.0.0/8, which OpenSSH does not exempt and
which nacre is told not to exempt.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nacre
from bench.sides import ROOT, program

ATTACKER, VICTIM = "127.0.0.2", "127.0.0.3"
#: As the hub has it.
DEFENCE: dict[str, Any] = {"exempt_sources": [], "max_per_source": 20, "source_penalties": True}
#: So that a measurement is not about what refuses it.
OPEN: dict[str, Any] = {"max_unauthenticated": 20_000}
CLIENT: dict[str, Any] = {
    "known_hosts": None, "client_keys": None, "agent_path": None, "username": "alice", "password": "right",
}  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """How much is done: the figures of the documentation, or enough to see that it works."""

    seconds: float
    connections: int
    idle: int
    slow: int
    slow_limit: float
    logins: int
    samples: int


FULL = Scale(10, 1000, 10_000, 1000, 60, 100, 500)
QUICK = Scale(2, 100, 100, 30, 4, 10, 20)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    who: str
    figure: str
    aim: str = ""


class Server:
    """A server process of `bench.security_server`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    async def ask(self) -> dict[str, Any]:
        """Return how it fares; the lag since the last question."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"?\n")
        found: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return found


async def start(module: str, *arguments: str) -> asyncio.subprocess.Process:
    """Start a program of the benchmark."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env=environment, cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@asynccontextmanager
async def serving(kind: str, **options: Any) -> AsyncIterator[Server]:
    """A Python server, in a process of its own."""
    process = await start("bench.security_server", json.dumps({"kind": kind, "options": options}))
    assert process.stdout is not None
    try:
        yield Server(process, json.loads(await process.stdout.readline())["port"])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def sshd() -> AsyncIterator[int]:
    """OpenSSH's server with its own defaults."""
    with tempfile.TemporaryDirectory(prefix="bench-sshd-") as place:
        key = Path(place, "key")
        nacre.generate_private_key("ssh-ed25519").write_private_key(key)
        settings = {"host": str(key), "authorized_keys": str(key), "directory": place, "defaults": True}
        path = Path(place, "settings.json")
        path.write_text(json.dumps(settings))  # noqa: ASYNC240 - before anything is measured
        process = await start("bench.openssh_server", str(path))
        assert process.stdout is not None
        told = json.loads(await process.stdout.readline())
        try:
            yield told["port"]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(told["pid"], signal.SIGTERM)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


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
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def seen(process: asyncio.subprocess.Process) -> dict[str, float]:
    """Return what an attacker saw, at its end."""
    output, _ = await process.communicate(b"\n")
    found: dict[str, float] = json.loads(output)
    return found


async def log_in(port: int, source: str) -> float:
    """Log in once; return how long it took, in seconds."""
    began = time.perf_counter()
    async with asyncio.timeout(30), nacre.connect("127.0.0.1", port, local_addr=(source, 0), **CLIENT):
        return time.perf_counter() - began


def percent(values: list[float], share: float) -> float:
    """Return a percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def missing(kind: str) -> bool:
    """Return whether a peer is not on this machine."""
    return program("sshd") is None if kind == "sshd" else importlib.util.find_spec(kind) is None


# ------------------------------------------------------------ what is measured


async def refusals(scale: Scale) -> list[Row]:
    """Two flooders: how many connections a second are refused, and how late the loop is meanwhile."""
    rows = []
    for kind in ("nacre", "asyncssh"):
        if missing(kind):
            continue
        async with serving(kind, **(DEFENCE if kind == "nacre" else {})) as server:
            await server.ask()
            async with (
                attack("flood", server.port, ATTACKER, scale.seconds, 0) as one,
                attack("flood", server.port, "127.0.0.4", scale.seconds, 0) as two,
            ):
                results = [await seen(each) for each in (one, two)]
            state = await server.ask()
        seconds = max(each["seconds"] for each in results)
        refused = sum(each["refused"] for each in results) / seconds
        greeted = sum(each["greeted"] for each in results) / seconds
        rows += [
            Row("refused a second", kind, f"{refused:,.0f} ({greeted:,.0f} greeted)", "≥ 5,000"),
            Row("  loop late, p99", kind, f"{state['lag_p99']:.1f} ms", "< 50 ms"),
        ]
    if not missing("sshd"):
        async with sshd() as port, attack("flood", port, ATTACKER, scale.seconds, 0) as one:
            result = await seen(one)
        refused, greeted = (result[name] / result["seconds"] for name in ("refused", "greeted"))
        rows.append(Row("refused a second", "sshd", f"{refused:,.0f} ({greeted:,.0f} greeted)"))
    return rows


async def memory(scale: Scale) -> list[Row]:
    """What one connection that has not logged in costs: silent after its version, and with an endless packet."""
    rows = []
    for kind in ("nacre", "asyncssh"):
        if missing(kind):
            continue
        for what, name, aim in (
            ("idle", "memory of one after its version", "≤ 16 KiB"),
            ("fill", "memory of one with a long KEXINIT", "≤ 300 KiB"),
        ):
            count = scale.connections if what == "idle" else max(20, scale.connections // 5)
            async with serving(kind, **(OPEN if kind == "nacre" else {})) as server:
                await log_in(server.port, VICTIM)  # what is loaded once is loaded now
                before = (await server.ask())["memory"]
                async with attack(what, server.port, ATTACKER, 0, count):
                    await asyncio.sleep(1)
                    after = (await server.ask())["memory"]
            rows.append(Row(name, kind, f"{(after - before) / count / 1024:.1f} KiB", aim))
    return rows


async def flood(scale: Scale) -> list[Row]:
    """Logins from one address, and a session that is there, while another address floods."""
    rows = []
    for kind in ("nacre", "asyncssh"):
        if missing(kind):
            continue
        async with (
            serving(kind, **(DEFENCE if kind == "nacre" else {})) as server,
            nacre.connect("127.0.0.1", server.port, local_addr=(VICTIM, 0), **CLIENT) as there,
        ):
            process = await there.create_process("stay")
            async with attack("flood", server.port, ATTACKER, 600, 5000):
                times, echoes, failed = [], [], 0
                for _ in range(scale.logins):
                    try:
                        times.append(await log_in(server.port, VICTIM))
                    except (OSError, nacre.Error, TimeoutError):
                        failed += 1
                    began = time.perf_counter()
                    process.stdin.write("?\n")
                    await process.stdout.readline()
                    echoes.append(time.perf_counter() - began)
        figure = f"{percent(times, 0.99):.3f} s" if times else "none succeeded"
        rows += [
            Row(
                "login under a flood, p99", kind, f"{figure}, {failed} of {scale.logins} failed", "< 1 s, all"
            ),
            Row("  echo of a session, most", kind, f"{1e3 * max(echoes):.0f} ms", "≤ 250 ms"),
        ]
    return rows


async def slow(scale: Scale) -> list[Row]:
    """Clients at one byte a second: when the last is gone, and what is left of them."""
    options = {**OPEN, "login_timeout": scale.slow_limit, "ident_timeout": min(10, scale.slow_limit)}
    async with serving("nacre", **options) as server:
        await log_in(server.port, VICTIM)
        before = await server.ask()
        async with attack("drip", server.port, ATTACKER, scale.slow_limit + 30, scale.slow) as attacker:
            result = await seen(attacker)
        await asyncio.sleep(1)
        after = await server.ask()
    grown = after["memory"] / before["memory"] - 1
    return [
        Row(
            f"{scale.slow} at a byte a second gone after", "nacre", f"{result['seconds']:.0f} s, {result['left']:.0f} left",
            f"≤ {scale.slow_limit + 1:.0f} s",
        ),
        Row("  memory back within", "nacre", f"{100 * grown:.1f} %", "10 %"),
    ]  # fmt: skip


async def hold(server: Server, count: int, **options: Any) -> asyncio.subprocess.Process:
    """Log in so many connections from a process of their own, each with a session, and hold them."""
    process = await start("bench.security_idle", str(server.port), str(count), json.dumps(options))
    assert process.stdout is not None
    await process.stdout.readline()
    return process


async def cut(scale: Scale) -> list[Row]:
    """Clients that stop without a word: nothing of them is left once the keepalive has run out."""
    async with serving("nacre", **OPEN, keepalive_interval=1, keepalive_count_max=2) as server:
        await log_in(server.port, VICTIM)
        before = await server.ask()
        clients = await hold(server, scale.connections, sessions=True)
        try:
            there = await server.ask()
            clients.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            while (after := await server.ask())["open"] and time.monotonic() - began < 60:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.2)
            seconds = time.monotonic() - began
        finally:
            clients.kill()
            await clients.wait()
    left = [after[name] - before[name] for name in ("tasks", "descriptors", "open")]
    return [
        Row(
            f"{there['open']} sessions cut: tasks, descriptors, connections left", "nacre",
            f"{', '.join(map(str, left))} after {seconds:.0f} s", "0, 0, 0",
        )
    ]  # fmt: skip


async def idle(scale: Scale) -> list[Row]:
    """Connections that are logged in and do nothing."""
    rows = []
    for kind in ("nacre", "asyncssh"):
        if missing(kind):
            continue
        async with serving(kind, **(OPEN if kind == "nacre" else {})) as server:
            await log_in(server.port, VICTIM)
            before = (await server.ask())["memory"]
            clients = await hold(server, scale.idle)
            try:
                times = [await log_in(server.port, VICTIM) for _ in range(10)]
                state = await server.ask()
            finally:
                clients.kill()
                await clients.wait()
        each = (state["memory"] - before) / scale.idle / 1024
        rows += [
            Row(
                f"{scale.idle:,} idle connections", kind,
                f"{state['memory'] / 2**20:.0f} MiB ({each:.1f} KiB each)", "≤ 600 MiB for 10,000",
            ),
            Row("  a login meanwhile, most", kind, f"{1e3 * max(times):.0f} ms", "< 500 ms"),
        ]  # fmt: skip
    return rows


async def timing(scale: Scale) -> list[Row]:
    """A wrong key of a user that there is, and of one that there is not, in turn."""
    key = nacre.generate_private_key("ssh-ed25519")
    times: dict[str, list[float]] = {"alice": [], "alina": []}
    options = {
        name: value for name, value in CLIENT.items() if name not in ("username", "password", "client_keys")
    }
    async with serving("hub") as server:
        for number in range(scale.samples):
            for name in sorted(times, reverse=bool(number % 2)):
                began = time.perf_counter()
                with contextlib.suppress(nacre.Error):
                    await nacre.connect("127.0.0.1", server.port, username=name, client_keys=[key], **options)
                times[name].append(time.perf_counter() - began)
    medians = [statistics.median(values) for values in times.values()]
    pairs = [one - two for one, two in zip(*times.values(), strict=True)]
    half = 1.96 * statistics.stdev(pairs) / len(pairs) ** 0.5
    share = abs(medians[0] - medians[1]) / min(medians)
    return [
        Row(
            f"unknown user, {scale.samples} pairs: medians differ by", "nacre hub",
            f"{100 * share:.1f} % (mean {1e6 * statistics.mean(pairs):+.0f} ± {1e6 * half:.0f} µs)", "< 5 %",
        )
    ]  # fmt: skip


MEASUREMENTS: dict[str, Callable[[Scale], Coroutine[Any, Any, list[Row]]]] = {
    measurement.__name__: measurement for measurement in (refusals, memory, flood, slow, cut, idle, timing)
}


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    width = max(len(row.what) for row in rows)
    return "\n".join(f"{row.what:{width}}  {row.who:10} {row.figure:34} {row.aim}".rstrip() for row in rows)


def main() -> int:
    """Measure what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.security", description="What strangers can do.")
    parser.add_argument("names", nargs="*", help=f"some of: {', '.join(MEASUREMENTS)}")
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it works")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASUREMENTS):
        parser.error(
            f"no such measurement: {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}"
        )
    scale = QUICK if options.quick else FULL
    _, most = _raise_descriptors()
    if most < scale.idle + 1000:
        print(f"bench-security: this shell allows {most} descriptors; idle needs {scale.idle + 1000}")
    rows: list[Row] = []
    for name in options.names or MEASUREMENTS:
        try:
            found = asyncio.run(MEASUREMENTS[name](scale))
        except Exception as error:  # noqa: BLE001 - one measurement that fails leaves the others
            found = [Row(name, "", f"failed: {type(error).__name__}: {error}")]
        print(table(found), flush=True)
        rows += found
    print("\n" + table(rows))
    return 0


def _raise_descriptors() -> tuple[int, int]:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard, hard


if __name__ == "__main__":
    sys.exit(main())
