"""The rounds of a programme: every workload and pair in turn, then all again, until the time is used up.

Owns: the order, the time limit, the raw rows. Must not know: what the numbers mean.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bench import hub_paint, measure
from bench.plan import NACRE, Pair, Workload
from bench.sides import Failed, Place, Side, environment

#: Seconds that idle connections are left alone, before and while their CPU is looked at.
_REST: Final = 2.0

#: One measurement: its workload, its pair, the number of the round, and what was found or why nothing was.
Row = dict[str, Any]


class Run:
    """One run of a programme.

    Args:
        workloads: the programme.
        seconds: no measurement begins after that.
        results: where rows are written as they come.
    """

    def __init__(self, workloads: Sequence[Workload], seconds: float, results: Path) -> None:
        self._workloads = workloads
        self._until = time.monotonic() + seconds
        self._results = results
        self._absent: dict[str, str] = {}
        self.rows: list[Row] = []

    @property
    def missing(self) -> dict[str, str]:
        """Return who could not take part, and why."""
        return self._absent

    def run(self) -> None:
        """Do all rounds."""
        measure.allow_many_files()
        with Place() as place, self._results.open("a") as file:
            for round_number in range(max(workload.rounds for workload in self._workloads)):
                for workload in self._workloads:
                    for pair in workload.pairs if round_number < workload.rounds else ():
                        if not self._takes_part(pair):
                            continue
                        row = self._one(place, workload, pair, round_number)
                        self.rows.append(row)
                        file.write(json.dumps(row) + "\n")
                        file.flush()

    def _takes_part(self, pair: Pair) -> bool:
        for side in (pair.server, pair.client):
            if (why := side.missing()) is not None:
                if side.peer not in self._absent:
                    measure.say(f"missing: {why}")
                self._absent[side.peer] = why
                return False
        return True

    def _one(self, place: Place, workload: Workload, pair: Pair, round_number: int) -> Row:
        row: Row = {"workload": workload.name, "pair": pair.name, "round": round_number}
        if time.monotonic() > self._until:
            return row | {"skipped": "no time was left"}
        begin = time.monotonic()
        try:
            row["metrics"] = _HOW.get(workload.does, measure_pair)(place, workload, pair)
        except (Failed, OSError, subprocess.SubprocessError, ValueError, AssertionError) as error:
            row["failed"] = str(error)
        row["seconds"] = round(time.monotonic() - begin, 2)
        outcome = f"failed: {row['failed']}" if "failed" in row else ""
        measure.say(f"{row['seconds']:6.1f} s  {workload.name}, {pair.name} {outcome}")
        return row


def measure_pair(place: Place, workload: Workload, pair: Pair) -> dict[str, float]:
    """Run one workload between fresh processes."""
    settings = _settings(place, workload, pair)
    with place.serving(pair.server, settings) as told:
        if not workload.settings.get("load"):
            return _client(place, pair.client, told)
        typing = told | {
            "client": "nacre", "client_style": "callbacks", "workload": "hold",
            "count": settings["load"], "rate": settings["rate"],
        }  # fmt: skip
        with place.running(f"{NACRE.module}_client", typing) as others:
            others.line()
            others.go_on()
            others.line()
            found = _client(place, pair.client, told)
            others.go_on()
            return found | {"load_alive": others.line()["metrics"]["alive"]}


def _settings(place: Place, workload: Workload, pair: Pair) -> dict[str, Any]:
    more = {**workload.settings, **pair.settings, "workload": workload.does}
    if "size" in more:
        more["data"] = str(place.zeros(more["size"]))
    return place.settings(pair.server, pair.client, **more)


def _client(place: Place, side: Side, settings: dict[str, Any]) -> dict[str, float]:
    with place.running(f"{side.module}_client", settings) as client:
        found: dict[str, float] = client.line()["metrics"]
        found["server_peak_kib"] = measure.peak_kib(settings["server_pid"])
        return found


def measure_idle(place: Place, workload: Workload, pair: Pair) -> dict[str, float]:
    """Hold many connections with a terminal each, and look at what the server is then."""
    settings = _settings(place, workload, pair) | {"workload": "hold"}
    with place.serving(pair.server, settings) as told:
        pid, count = told["server_pid"], workload.settings["count"]
        with place.running(f"{pair.client.module}_client", told) as client:
            client.line()
            before = measure.memory_kib(pid, shared=pair.server.forks)
            client.go_on()
            client.line()
            time.sleep(_REST)
            begin, cpu = time.monotonic(), measure.cpu(pid)
            time.sleep(_REST)
            busy = (measure.cpu(pid) - cpu) / (time.monotonic() - begin)
            after = measure.memory_kib(pid, shared=pair.server.forks)
            client.go_on()
            found: dict[str, float] = client.line()["metrics"]
            if found["alive"] != count:
                raise Failed(f"{found['alive']:.0f} of {count} connections were left")
            return found | {"kib_each": (after - before) / count, "idle_cores": busy, "all_mib": after / 1024}


#: What a program touches first: a library may put off what its import would load.
_FIRST_NAMES: Final = {
    "nacre": "nacre.connect, nacre.create_server, nacre.SSHServerProcess",
    "asyncssh": "asyncssh.connect, asyncssh.create_server, asyncssh.SSHServerProcess",
    "paramiko": "paramiko.SSHClient, paramiko.ServerInterface",
}


def measure_import(place: Place, workload: Workload, pair: Pair) -> dict[str, float]:
    """Import a library in fresh interpreters, alone and with the names that programs begin with.

    An interpreter that imports nothing is taken off.
    """

    def cost(statement: str) -> tuple[float, float]:
        begin, cpu = time.perf_counter(), measure.own_cpu()
        subprocess.run([sys.executable, "-c", statement], check=True, env=environment(), cwd=place.directory)
        return time.perf_counter() - begin, measure.own_cpu() - cpu

    name = pair.server.peer
    statements = {"": f"import {name}", "used_": f"import {name}; {_FIRST_NAMES[name]}"}
    cost(statements["used_"])
    found: dict[str, list[float]] = {}
    for _ in range(workload.settings["count"]):
        empty = cost("pass")
        for prefix, statement in statements.items():
            for unit, taken, nothing in zip(("wall_ms", "cpu_ms"), cost(statement), empty, strict=True):
                found.setdefault(prefix + unit, []).append((taken - nothing) * 1e3)
    return {metric: measure.percentile(values, 50) for metric, values in found.items()}


def measure_paint(place: Place, workload: Workload, pair: Pair) -> dict[str, float]:
    """From starting ssh to the first screen of an app in the hub."""
    return hub_paint.first_paint(workload.settings["count"])


_HOW: Final[dict[str, Callable[[Place, Workload, Pair], dict[str, float]]]] = {
    "idle": measure_idle,
    "import": measure_import,
    "paint": measure_paint,
}
