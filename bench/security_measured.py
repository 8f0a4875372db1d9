"""What `bench.security` measures, each figure with its aim.

Owns: what is done to a server, and what is read off it. Must not know: how servers and attackers are made, or
what becomes of the rows.

A peer is measured where the same attack means the same to it: AsyncSSH as a library, OpenSSH's sshd (whatever
version the machine has) with its own defaults. Everything is on 127.0.0.0/8, which OpenSSH does not exempt and
which nacre is told not to exempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import nacre
from bench import security_timing
from bench.security_actors import ATTACKER, VICTIM, Absent, Server, attack, held, seen, serving
from bench.security_realm import Told, realm

__all__ = ["MEASUREMENTS", "SCALES", "Row", "Scale", "percent"]

#: As the hub has it.
DEFENCE: dict[str, Any] = {"exempt_sources": [], "max_per_source": 20, "source_penalties": True}
#: So that a measurement is not about what refuses it.
OPEN: dict[str, Any] = {"max_unauthenticated": 20_000}
#: With what users try in vain to log in: keys where the hub judges them, or sshd by its files, and all else where a program does,
#: which a realm of Kerberos has told who comes.
METHODS_OF = {
    "hub": ("public key query", "public key signed"),
    "users": ("password", "keyboard-interactive", "login by host"),
    "realm": ("GSS-API with a ticket", "GSS-API of the key exchange"),
    "sshd": ("public key query", "public key signed"),
}
#: Of the server that knows its users: the one host that it believes.
_BELIEVED: dict[str, Any] = {"host": security_timing.HOST.public_data.hex(), "trust_client_host": True}
#: What keeps an honest client from a server.
UNABLE = (OSError, nacre.Error, TimeoutError)


@dataclass(frozen=True)
class Scale:
    """How much is done.

    Attributes:
        seconds: that a flood lasts.
        connections: before a login, and cut.
        partial: with a packet that does not end.
        flood: that one source opens at once, and replaces.
        idle: logged in.
        slow: at a byte a second.
        slow_limit: seconds that the server gives them.
        logins: tried under a flood.
        patience: seconds for all of these.
        samples: pairs of logins that are timed, with each method.
    """

    seconds: float
    connections: int
    partial: int
    flood: int
    idle: int
    slow: int
    slow_limit: float
    logins: int
    patience: float
    samples: int


SCALES = {
    "full": Scale(8, 1000, 2000, 5000, 10_000, 1000, 60, 100, 20, 500),
    "tenth": Scale(2, 100, 200, 500, 1000, 100, 6, 10, 10, 50),
    "quick": Scale(1, 50, 20, 200, 50, 30, 3, 5, 5, 10),
}


@dataclass(frozen=True)
class Row:
    """One figure of one server."""

    what: str
    who: str
    figure: str
    aim: str = ""


def percent(values: list[float], share: float) -> float:
    """Return a percentile by nearest rank: of a hundred the 99th is not yet the most."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


async def of_each(measure: Callable[[str], Coroutine[Any, Any, list[Row]]], *kinds: str) -> list[Row]:
    """Measure each server that is on this machine."""
    rows = []
    for kind in kinds:
        with contextlib.suppress(Absent):
            rows += await measure(kind)
    return rows


def defended(kind: str) -> dict[str, Any]:
    """The options of a server that bounds sources, where it can."""
    return DEFENCE if kind == "nacre" else {}


@contextlib.contextmanager
def judging(kind: str) -> Iterator[Told]:
    """What a server that knows its users is told, and its clients: of what vouches for them."""
    if kind == "realm":
        with realm() as told:
            yield Told({**told.server, **_BELIEVED}, told.client)
    else:
        yield Told(_BELIEVED if kind == "users" else {}, {})


def opened(kind: str) -> dict[str, Any]:
    """The options of a server that refuses nobody."""
    return OPEN if kind == "nacre" else {}


async def refusals(scale: Scale) -> list[Row]:
    """Two flooders: how many connections a second are refused, and how late the loop is meanwhile."""

    async def measure(kind: str) -> list[Row]:
        late = ""
        async with serving(kind, **defended(kind)) as server:
            if kind != "sshd":
                await server.ask()
            async with (
                attack("flood", server.port, ATTACKER, scale.seconds, 0) as one,
                attack("flood", server.port, "127.0.0.4", scale.seconds, 0) as two,
            ):
                results = [await seen(each) for each in (one, two)]
            if kind != "sshd":
                state = await server.ask()
                late = f"{state['lag_p99']:.1f} ms"
        seconds = max(each["seconds"] for each in results)
        refused, greeted = (sum(each[name] for each in results) / seconds for name in ("refused", "greeted"))
        rows = [Row("refused a second", kind, f"{refused:,.0f} ({greeted:,.0f} greeted)", "≥ 5,000")]
        return [*rows, Row("– its loop late, p99", kind, late, "< 50 ms")] if late else rows

    return await of_each(measure, "nacre", "asyncssh", "sshd")


async def memory(scale: Scale) -> list[Row]:
    """What one connection that has not logged in costs: silent after its version, and with an endless packet."""

    async def measure(kind: str) -> list[Row]:
        rows = []
        for what, count, name, aim in (
            ("idle", scale.connections, f"each of {scale.connections:,} after its version", "≤ 16 KiB"),
            (
                "fill",
                scale.partial,
                f"each of {scale.partial:,} with a KEXINIT that does not end",
                "≤ 300 KiB",
            ),
            ("vast", scale.partial, f"each of {scale.partial:,} with a packet of 256 KiB", "≤ 300 KiB"),
        ):
            async with serving(kind, **opened(kind)) as server:
                await server.log_in(VICTIM)  # what is loaded once is loaded now
                before = (await server.ask())["memory"]
                async with attack(what, server.port, ATTACKER, 0, count):
                    await asyncio.sleep(1)
                    after = (await server.ask())["memory"]
            rows.append(Row(name, kind, f"{(after - before) / count / 1024:.1f} KiB", aim))
        return rows

    return await of_each(measure, "nacre", "asyncssh")


async def flood(scale: Scale) -> list[Row]:
    """Logins from one address, and a session that is there, while another address floods."""

    async def measure(kind: str) -> list[Row]:
        times, echoes, failed = [], [], 0
        async with (
            serving(kind, **defended(kind)) as server,
            nacre.connect("127.0.0.1", server.port, local_addr=(VICTIM, 0), **server.client) as there,
        ):
            process = await there.create_process("cat" if kind == "sshd" else "stay")
            async with attack("flood", server.port, ATTACKER, 600, scale.flood):
                until = time.monotonic() + scale.patience
                while len(times) + failed < scale.logins and time.monotonic() < until:
                    try:
                        times.append(await server.log_in(VICTIM, scale.patience / 2))
                    except UNABLE:
                        failed += 1
                    began = time.perf_counter()
                    process.stdin.write("?\n")
                    await process.stdout.readline()
                    echoes.append(time.perf_counter() - began)
        figure = f"{percent(times, 0.99):.3f} s, most {max(times):.3f}" if times else "none succeeded"
        what = f"login while another source floods with {scale.flood:,}, p99"
        return [
            Row(what, kind, f"{figure}, {failed} of {len(times) + failed} failed", "< 1 s, all"),
            Row("– echo of a session, most", kind, f"{1e3 * max(echoes):.0f} ms", "≤ 250 ms"),
        ]

    return await of_each(measure, "nacre", "asyncssh", "sshd")


async def slow(scale: Scale) -> list[Row]:
    """Clients at one byte a second: when the last is gone, and what is left of them."""
    return [
        *await _slow(scale, "as it comes", {}),
        *await _slow(scale, "all of them let in", OPEN),
    ]


async def _slow(scale: Scale, bounds: str, options: dict[str, Any]) -> list[Row]:
    limits = {"login_timeout": scale.slow_limit, "ident_timeout": min(10, scale.slow_limit)}
    async with serving("nacre", **options, **limits) as server:
        await server.log_in(VICTIM)
        before = await server.ask()
        # Those who have said who they are have longer: half of them have.
        async with (
            attack("drip", server.port, ATTACKER, scale.slow_limit + 30, scale.slow // 2) as one,
            attack("drop", server.port, ATTACKER, scale.slow_limit + 30, scale.slow // 2) as two,
        ):
            results = [await seen(each) for each in (one, two)]
        await asyncio.sleep(1)
        after = await server.ask()
        given_back = await server.ask("trim")
    first, then = (100 * (each["memory"] / before["memory"] - 1) for each in (after, given_back))
    seconds, left = max(each["seconds"] for each in results), sum(each["left"] for each in results)
    return [
        Row(
            f"{scale.slow:,} clients at a byte a second, {bounds}: gone after", "nacre",
            f"{seconds:.0f} s, {left:.0f} left", f"≤ {scale.slow_limit + 1:.0f} s",
        ),
        Row(
            f"– memory then, beside before ({bounds})", "nacre",
            f"{first:+.1f} %; {then:+.1f} % once it is collected and trimmed", "within 10 %",
        ),
    ]  # fmt: skip


async def _left(server: Server, before: dict[str, Any]) -> list[int]:
    after = await server.ask()
    return [after[name] - before[name] for name in ("tasks", "descriptors", "open")]


async def cut(scale: Scale) -> list[Row]:
    """Clients that stop without a word: nothing of them is left once the keepalive has run out."""
    async with serving("nacre", **OPEN, keepalive_interval=1, keepalive_count_max=2) as server:
        await server.log_in(VICTIM)
        before = await server.ask()
        async with held(server, scale.connections, sessions=True) as clients:
            there = await server.ask()
            clients.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            # A connection is closed some turns of the loop before its socket and its task have gone.
            while max(left := await _left(server, before)) > 0 and time.monotonic() - began < 60:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.2)
            seconds = time.monotonic() - began
    return [
        Row(
            f"{there['open']:,} sessions cut: tasks, descriptors, connections left", "nacre",
            f"{', '.join(map(str, left))} after {seconds:.0f} s", "0, 0, 0",
        )
    ]  # fmt: skip


async def idle(scale: Scale) -> list[Row]:
    """Connections that are logged in and do nothing; fewer with peers, for which each takes long."""

    async def measure(kind: str) -> list[Row]:
        count = scale.idle if kind == "nacre" else max(10, scale.idle // 10)
        async with serving(kind, **opened(kind)) as server:
            await server.log_in(VICTIM)
            before = (await server.ask())["memory"]
            async with held(server, count):
                times = [await server.log_in(VICTIM) for _ in range(10)]
                state = await server.ask()
        each = (state["memory"] - before) / count / 1024
        figure = f"{count:,}: {state['memory'] / 2**20:.0f} MiB in all, {each:.1f} KiB each"
        return [
            Row("connections that idle", kind, figure, "10,000 in ≤ 600 MiB"),
            Row("– a login meanwhile, most", kind, f"{1e3 * max(times):.0f} ms", "< 500 ms"),
        ]

    return await of_each(measure, "nacre", "asyncssh")


async def timing(scale: Scale) -> list[Row]:
    """Logins in vain of a user that there is, and of one that there is not, in turn: with each method."""

    async def measure(kind: str) -> list[Row]:
        # sshd takes ten times as long.
        count = scale.samples if kind != "sshd" else max(security_timing.FEWEST, scale.samples // 10)
        with judging(kind) as told:
            return await _timed(kind, told, count)

    return await of_each(measure, *METHODS_OF)


async def _timed(kind: str, told: Told, count: int) -> list[Row]:
    rows = []
    async with serving("users" if kind == "realm" else kind, **told.server) as server:
        for method in METHODS_OF[kind]:
            sample = partial(security_timing.refused, server, told.client, method)
            try:
                pairs = await security_timing.in_turn(sample, server.client["username"], count)
                figure = security_timing.compared(pairs)
            except UNABLE as error:  # such as penalties, which newer versions of sshd have
                figure = f"not measured: {type(error).__name__}"
            who = "sshd" if kind == "sshd" else "nacre"
            rows.append(Row(f"a user who is not there, {method}: medians differ by", who, figure, "< 5 %"))
    return rows


async def exhausted(scale: Scale) -> list[Row]:
    """A server that has no descriptors left: what it does meanwhile, and how soon it serves again."""
    limit, more = 64, 30

    async def measure(kind: str) -> list[Row]:
        async with serving(kind, descriptors=limit, **opened(kind)) as server:
            await server.log_in(VICTIM)
            sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(limit + more)]
            try:
                await asyncio.sleep(0.5)
                first = await server.ask()
                await asyncio.sleep(max(1, scale.seconds / 4))
                second = await server.ask()
            finally:
                for each in sockets:
                    each.close()
            seconds = await _served_again(server)
        busy = (second["cpu"] - first["cpu"]) / (second["clock"] - first["clock"])
        return [
            Row("no descriptors left: CPU meanwhile", kind, f"{100 * busy:.1f} %", "< 20 %"),
            Row("– first login after there are some", kind, f"{seconds:.2f} s", "< 1 s"),
        ]

    return await of_each(measure, "nacre", "asyncssh")


async def _served_again(server: Server) -> float:
    """Return the seconds until somebody can log in."""
    began = time.monotonic()
    while time.monotonic() - began < 20:
        with contextlib.suppress(*UNABLE):
            await server.log_in(VICTIM, 5)
            break
    return time.monotonic() - began


MEASUREMENTS: dict[str, Callable[[Scale], Coroutine[Any, Any, list[Row]]]] = {
    measurement.__name__: measurement
    for measurement in (refusals, memory, flood, slow, cut, idle, timing, exhausted)
}
