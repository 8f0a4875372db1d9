"""What is measured of processes: their CPU clocks and memory; and percentiles of what was timed.

Owns: reading /proc and the clocks of other processes (Linux). Must not know: SSH, or any workload.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

_TICKS: Final = os.sysconf("SC_CLK_TCK")
MB: Final = 1_000_000
#: The unit in which the CPU of bulk transfers is told: one full packet of data.
PACKET: Final = 32768


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile, interpolated."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _fields(pid: int) -> list[str]:
    text = Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2 :].split()


def state(pid: int) -> str:
    """Return the letter of what a process does; Z: it has ended."""
    return _fields(pid)[0]


def _clock(pid: int) -> float:
    """Return the CPU seconds of one process, all its threads, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)


def descendants(pid: int) -> list[int]:
    """Return a process and everything it has started that still runs."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                children.setdefault(int(_fields(int(entry))[1]), []).append(int(entry))
            except OSError:
                continue  # it ended meanwhile
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process and of all it ever started, in steps of 10 ms where those ended."""
    total = 0.0
    for one in descendants(pid):
        try:
            fields = _fields(one)
            total += _clock(one) + (int(fields[13]) + int(fields[14])) / _TICKS
        except OSError:
            continue
    return total


def memory_kib(pid: int, *, shared: bool) -> float:
    """Return what a process occupies, with `shared` it and its descendants, and pages they share divided.

    Pages of files are no part of the sum without `shared`: whose they are changes with who else has them.
    """
    total = 0
    for one in descendants(pid) if shared else [pid]:
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        wanted = ("Pss:",) if shared else ("Anonymous:",)
        total += sum(int(line.split()[1]) for line in lines if line.startswith(wanted))
    return total


def allow_many_files() -> None:
    """Let this process, and what it starts, have as many files open as the machine lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def peak_kib(pid: int) -> int:
    """Return the most memory that one process ever had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def own_cpu() -> float:
    """Return the CPU seconds of this process and of the children it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def children_cpu() -> float:
    """Return the CPU seconds of the children only: for clients whose work is done by programs."""
    return cpu(os.getpid()) - time.process_time()


def machine_cpu() -> float:
    """Return the CPU seconds that everything on this machine has used."""
    values = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(values[:3]) + sum(values[5:8])) / _TICKS


class Phase:
    """Measures what is inside `with`: wall time, and the CPU of client and server.

    Args:
        server: the process of the server.
        client_cpu: returns the CPU seconds of the client so far.
        forks: whether the server works in processes of its own for each connection.
    """

    def __init__(
        self, server: int, client_cpu: Callable[[], float] = own_cpu, *, forks: bool = False
    ) -> None:
        self._server = (lambda: cpu(server)) if forks else (lambda: _clock(server))
        self._client = client_cpu
        self.wall = self.server = self.client = self.others = 0.0

    def __enter__(self) -> Self:
        self._begin = (self._server(), self._client(), machine_cpu(), time.perf_counter())
        return self

    def __exit__(self, *_: object) -> None:
        server, client, machine, wall = self._begin
        self.wall = time.perf_counter() - wall
        self.server = self._server() - server
        self.client = self._client() - client
        self.others = max(0.0, machine_cpu() - machine - self.server - self.client) / self.wall

    def costs(self, name: str, count: float, unit: str) -> dict[str, float]:
        """Return CPU of either side for each of `count`, in "ms" or "us", and what others took of the machine.

        `…_others` is in cores: how disturbed the measurement was.
        """
        factor = {"s": 1, "ms": 1e3, "us": 1e6}[unit] / count
        return {
            f"{name}_server_cpu_{unit}": self.server * factor,
            f"{name}_client_cpu_{unit}": self.client * factor,
            f"{name}_others": self.others,
        }


def answer(found: dict[str, float]) -> None:
    """Tell the runner the metrics of a client, and the most memory that it had."""
    metrics = {**found, "client_peak_kib": float(peak_kib(os.getpid()))}
    sys.stdout.write(json.dumps({"metrics": metrics}) + "\n")
    sys.stdout.flush()


def say(line: str) -> None:
    """Print for the person who waits."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
