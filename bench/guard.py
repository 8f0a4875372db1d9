"""What a packet costs between two ends of nacre in one process, without a network: calls, slices, memory, and CPU.

Owns: the measurement, and the comparison with `baseline.json`. Must not know: the peers.

Two ends log in over loopback, and run commands that do nothing: the calls that each costs; then each writes into the other's receive buffer, in the portions in which a
socket would. Calls (`sys.setprofile`) and slices (the instructions that make them, `sys.settrace`) are counted
exactly, and so is the most memory that Python allocates meanwhile (`tracemalloc`). So a call or a copy that is added
to the path shows, on any machine: tests/meta/test_guard.py fails then. CPU is only reported.

    python -m bench.guard              compares
    python -m bench.guard --update     makes what is measured now the baseline
"""

from __future__ import annotations

import asyncio
import dis
import json
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from bench.commands import SINK, TRUE, ZEROS
from bench.face_client import counter
from bench.face_server import Session
from bench.measure import PACKET, percentile

BASELINE: Final = Path(__file__).with_name("baseline.json")
#: Writes, and how many of them in one turn of the loop; each write of bulk is two packets.
_BULK: Final = (64, 4)
_MESSAGES: Final = (600, 100)
#: Commands that do nothing, one after the other.
_SESSIONS: Final = 5
_SESSION_ROUNDS: Final = 3
#: Rounds of which the median of the CPU is told.
_ROUNDS: Final = 9

#: A call or two of all: a collection of garbage in the midst calls whoever asked to be told. One more for each
#: segment of eight packets would be 0.12.
_NOISE: Final = 0.05
#: What each count is of, and how much more is no difference: a dictionary that grows is not a copy of a packet.
_KINDS: Final = {
    "python": ("calls a packet (python)", _NOISE),
    "others": ("calls a packet (others)", _NOISE),
    "slices": ("slices a packet", _NOISE),
    "memory": ("KiB at the most", 4.0),
}
#: Calls, or µs, a packet: by workload ("bulk", "message") and end ("sender", "receiver").
Costs = dict[str, dict[str, float]]


class Wire(asyncio.Transport):
    """Stands in for the transport of an end: keeps what is written for the other end."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Any] = []

    def write(self, data: Any) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


class End:
    """One end: its driver, with the transport taken out."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.wire = Wire()
        driver._transport = self.wire
        driver._quick_reads = 0  # a wire has no socket

    def take(self) -> list[Any]:
        """Return what it has sent."""
        written, self.wire.written = self.wire.written, []
        return written

    def feed(self, data: memoryview) -> None:
        """Have it receive."""
        at = 0
        while at < len(data):
            room = self.driver.get_buffer(-1)
            size = min(len(room), len(data) - at)
            room[:size] = data[at : at + size]
            del room
            at += size
            self.driver.buffer_updated(size)


class Counter:
    """Counts calls inside `with`: of Python functions, and of everything else.

    Args:
        of: how the names of the modules begin whose functions are counted.
    """

    def __init__(self, of: str = "") -> None:
        self.calls = 0
        self.others = 0
        self._of = of

    def __enter__(self) -> None:
        sys.setprofile(self._note)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        self.others -= 1  # the call that ended it

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            counted = frame.f_globals.get("__name__", "").startswith(self._of)
            self.calls += counted and frame.f_code is not Counter.__exit__.__code__
        elif event == "c_call":
            self.others += 1


class Slices:
    """Counts the slices inside `with` that nacre makes, or assigns to: what is copied is one, or is allocated."""

    _MADE: Final = frozenset(
        dis.opmap[name] for name in ("BUILD_SLICE", "BINARY_SLICE", "STORE_SLICE") if name in dis.opmap
    )

    def __init__(self) -> None:
        self.count = 0
        self._codes: dict[CodeType, bytes] = {}

    def __enter__(self) -> None:
        self._other = sys.gettrace()  # that of a measurement of coverage
        sys.settrace(self._called)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._other)

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_globals.get("__name__", "").startswith("nacre."):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._stepped

    def _stepped(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            code = self._codes.get(frame.f_code)
            if code is None:
                code = self._codes[frame.f_code] = frame.f_code.co_code
            self.count += code[frame.f_lasti] in self._MADE
        return self._stepped


class Memory:
    """Measures the most that is allocated at once inside `with`, beyond what there was, in octets."""

    def __init__(self) -> None:
        self.most = 0

    def __enter__(self) -> None:
        self._before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()

    def __exit__(self, *_: object) -> None:
        self.most = max(self.most, tracemalloc.get_traced_memory()[1] - self._before)


class Clock:
    """Measures the CPU seconds inside `with`, which may come again."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._begin = time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.process_time() - self._begin


class Ends:
    """Client and server with a session open, and nothing between them."""

    def __init__(self, client: End, server: End, channel: Any) -> None:
        self.client = client
        self.server = server
        self._write = channel.write

    def move(self, data: bytes, count: int, burst: int, sender: Any, receiver: Any) -> None:
        """Write `data` so often, some in each turn; each end works inside what measures it."""
        client, server, write = self.client, self.server, self._write
        for _ in range(0, count, burst):
            with sender:
                for _ in range(burst):
                    write(data)
                client.driver._turn()  # what the loop would do next
            while pieces := client.take():
                data_there = memoryview(b"".join(pieces))
                del pieces
                with receiver:
                    server.feed(data_there)
                if answers := memoryview(b"".join(server.take())):
                    with sender:
                        client.feed(answers)


@asynccontextmanager
async def _connected() -> AsyncIterator[tuple[Any, list[Any]]]:
    """Return a client's connection, and the server's connections so far."""
    import nacre

    sessions: list[Any] = []

    class Server(nacre.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

        def session_requested(self) -> Any:
            return type("GuardSession", (Session, nacre.SSHServerSession), {})()

        def connection_made(self, conn: Any) -> None:
            sessions.append(conn)

    host_key = nacre.generate_private_key("ssh-ed25519")
    # A key exchange in the middle of the count would be counted.
    options: dict[str, Any] = {"encryption_algs": ["aes128-gcm@openssh.com"], "rekey_bytes": 1 << 40}
    listener = await nacre.create_server(
        Server, "127.0.0.1", 0, server_host_keys=[host_key], encoding=None, **options
    )
    connection = await nacre.connect(
        "127.0.0.1",
        listener.get_port(),
        known_hosts=None,
        client_keys=None,
        config=[],
        username="guard",
        **options,
    )
    try:
        yield connection, sessions
    finally:
        connection.abort()
        await connection.wait_closed()
        listener.close()
        await listener.wait_closed()


async def _with_path(use: Callable[[Ends], Any]) -> Any:
    import nacre

    async with _connected() as (connection, sessions):
        channel, _ = await connection.create_session(lambda: counter(nacre), SINK, encoding=None)
        transports = [connection._link.driver.transport, sessions[0]._link.driver.transport]
        path = Ends(End(connection._link.driver), End(sessions[0]._link.driver), channel)
        try:
            return use(path)
        finally:
            for transport, end in zip(transports, (path.client, path.server), strict=True):
                end.driver._transport = transport


async def _count_sessions() -> float:
    """Return the calls of nacre's functions that a session costs, both ends."""
    async with _connected() as (connection, _):
        found = []
        for _ in range(_SESSION_ROUNDS):  # a look for idle connections now and then is not a session's
            count = Counter("nacre.")
            with count:
                for _ in range(_SESSIONS):
                    await connection.run(TRUE)
            found.append(count.calls)
    return round(min(found) / _SESSIONS, 2)


def _warm(path: Ends) -> None:
    """Let windows and buffers grow to what they are under load."""
    for _ in range(4):
        path.move(ZEROS, *_BULK, Clock(), Clock())
    path.move(b"x", *_MESSAGES, Clock(), Clock())


def _count(path: Ends) -> dict[str, Costs]:
    found: dict[str, Costs] = {"python": {}, "others": {}, "slices": {}, "memory": {}}
    _warm(path)
    for name, data, (count, burst) in (("bulk", ZEROS, _BULK), ("message", b"x", _MESSAGES)):
        path.move(data, count, burst, Clock(), Clock())
        sender, receiver = Counter(), Counter()
        path.move(data, count, burst, sender, receiver)
        packets = count * -(-len(data) // PACKET)
        for end, seen in (("sender", sender), ("receiver", receiver)):
            found["python"].setdefault(name, {})[end] = round(seen.calls / packets, 2)
            found["others"].setdefault(name, {})[end] = round(seen.others / packets, 2)
        slices = {"sender": Slices(), "receiver": Slices()}
        path.move(data, count, burst, *slices.values())
        found["slices"][name] = {end: round(seen.count / packets, 2) for end, seen in slices.items()}
    found["memory"]["bulk"] = _allocated(path)
    return found


def _allocated(path: Ends) -> dict[str, float]:
    """Return the KiB that an end has at the most while it sends, or receives, a segment of bulk."""
    tracemalloc.start()
    try:
        _warm(path)
        path.move(ZEROS, *_BULK, Clock(), Clock())  # after the last messages, buffers are small
        memory = {"sender": Memory(), "receiver": Memory()}
        path.move(ZEROS, *_BULK, *memory.values())
    finally:
        tracemalloc.stop()
    return {end: round(seen.most / 1024, 1) for end, seen in memory.items()}


def _time(path: Ends) -> Costs:
    _warm(path)
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(_ROUNDS):
        for name, data, (count, burst) in (("bulk", ZEROS, _BULK), ("message", b"x", _MESSAGES)):
            sender, receiver = Clock(), Clock()
            path.move(data, 4 * count, burst, sender, receiver)
            packets = 4 * count * -(-len(data) // PACKET)
            for end, clock in (("sender", sender), ("receiver", receiver)):
                found.setdefault(name, {}).setdefault(end, []).append(clock.seconds / packets * 1e6)
    return {
        name: {end: round(percentile(values, 50), 2) for end, values in ends.items()}
        for name, ends in found.items()
    }


def calls() -> dict[str, Costs]:
    """Return the calls a packet: "python" functions, and "others"; "slices" a packet; "memory" in KiB.

    And of "python" those of a session: nacre's own.
    """
    found: dict[str, Costs] = asyncio.run(_with_path(_count))
    found["python"]["session"] = {"both ends": asyncio.run(_count_sessions())}
    return found


def cpu() -> Costs:
    """Return the CPU µs a packet."""
    found: Costs = asyncio.run(_with_path(_time))
    return found


def more_than(baseline: dict[str, Any], found: dict[str, Costs]) -> list[str]:
    """Return what has grown, a line each; empty: nothing.

    Calls that are not Python's own, slices and memory differ from one version of it to the next: those are
    compared on the version of the baseline only.
    """
    kinds = list(_KINDS) if baseline["version"] == version() else ["python"]
    return [
        f"{name}, {end}: {found[kind][name][end]} {_KINDS[kind][0]}, {most} in the baseline"
        for kind in kinds
        for name, ends in baseline[kind].items()
        for end, most in ends.items()
        if found[kind][name][end] > most + _KINDS[kind][1]
    ]


def version() -> str:
    """Return which Python counts."""
    return f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"


def main() -> None:
    """Compare, or update."""
    found, times = calls(), cpu()
    if "--update" in sys.argv[1:]:
        BASELINE.write_text(json.dumps({"version": version(), **found, "cpu_us": times}, indent=1) + "\n")
    baseline = json.loads(BASELINE.read_text())
    lines = ["calls and CPU a packet (baseline)"]
    for name, ends in times.items():
        for end, value in ends.items():
            told = [
                f"{kind} {found[kind][name][end]:6.2f} ({baseline[kind][name][end]:.2f})"
                for kind in _KINDS
                if name in found[kind]
            ]
            told.insert(3, f"CPU {value:6.2f} µs ({baseline['cpu_us'][name][end]:.2f})")
            lines.append(f"  {name + ', ' + end:<18} " + "   ".join(told))
    session = (costs["python"]["session"]["both ends"] for costs in (found, baseline))
    lines.append("  session, both ends {:.2f} calls of nacre's functions ({:.2f})".format(*session))
    grown = more_than(baseline, found)
    sys.stdout.write("\n".join([*lines, *(f"  grown: {line}" for line in grown)]) + "\n")


if __name__ == "__main__":
    main()
