"""OpenSSH's ssh as a client: a process for each login, and for each transfer.

Owns: the workloads as that client does them. Must not know: who serves.

A transfer's time includes starting a process and logging in: the median of that, measured before, is
taken off. Sessions on one connection go through ssh's own multiplexing, a process each.

    python -m bench.openssh_client SETTINGS.json
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import measure
from bench.commands import ECHO, SINK, TRUE, WRITE, source
from bench.face_client import bulk_metrics, echo_metrics
from bench.openssh_server import OPTIONS
from bench.sides import program


class Client:
    """The workloads. Each method returns its metrics."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        ssh = program("ssh")
        assert ssh is not None
        words = {
            "UserKnownHostsFile": settings["known_hosts"],
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UpdateHostKeys": "no",
            "LogLevel": "ERROR",
        }
        words |= {name: ",".join(settings[ours]) for ours, name in OPTIONS.items() if ours in settings}
        options = [word for name, value in words.items() for word in ("-o", f"{name}={value}")]
        self._ssh = [ssh, "-F", "none", *options, "-i", settings["user"], "-p", str(settings["port"])]

    def command(self, *words: str, options: tuple[str, ...] = ()) -> list[str]:
        """Return the command line of an ssh."""
        return [*self._ssh, *options, f"{self.settings['login']}@127.0.0.1", *words]

    def phase(self) -> measure.Phase:
        """Return what measures a phase here: the client's CPU is that of the processes."""
        return measure.Phase(self.settings["server_pid"], measure.children_cpu, forks=self.settings["forks"])

    def run(self, *words: str, options: tuple[str, ...] = (), stdin: Any = subprocess.DEVNULL) -> None:
        """Run an ssh to its end."""
        subprocess.run(
            self.command(*words, options=options),
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=90,
        )

    def _timed(self, count: int, options: tuple[str, ...] = ()) -> list[float]:
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            self.run(TRUE, options=options)
            times.append(time.perf_counter() - begin)
        return times

    def logins(self) -> dict[str, float]:
        """One after the other, then 16 at a time."""
        count, at_once = self.settings["count"], self.settings["count_at_once"]
        self.run(TRUE)
        with self.phase() as phase:
            times = self._timed(count)
        found = {"p50_ms": measure.percentile(times, 50) * 1e3, "p99_ms": measure.percentile(times, 99) * 1e3}
        found |= phase.costs("login", count, "ms")
        if at_once:
            with ThreadPoolExecutor(16) as threads, self.phase() as phase:
                list(threads.map(lambda _: self.run(TRUE), range(at_once)))
            found["at_once_per_s"] = at_once / phase.wall
            found |= phase.costs("at_once", at_once, "ms")
        return found

    def sessions(self) -> dict[str, float]:
        """Commands through one master connection."""
        count, at_once = self.settings["count"], self.settings["count_at_once"]
        path = Path(self.settings["directory"], f"master-{os.getpid()}")
        master = subprocess.Popen(
            self.command(options=("-M", "-N", "-S", str(path))),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            until = time.monotonic() + 15
            while not path.exists() and time.monotonic() < until:
                time.sleep(0.01)
            through = ("-S", str(path))
            self._timed(2, through)
            with self.phase() as phase:
                self._timed(count, through)
            found = {"per_s": count / phase.wall, **phase.costs("session", count, "us")}
            with ThreadPoolExecutor(32) as threads, self.phase() as phase:
                list(threads.map(lambda _: self.run(TRUE, options=through), range(at_once)))
            found["at_once_per_s"] = at_once / phase.wall
            return found | phase.costs("at_once", at_once, "us")
        finally:
            master.terminate()
            master.wait()

    def bulk(self) -> dict[str, float]:
        """Down, then up: a file to /dev/null through the programs."""
        beginning = measure.percentile(self._timed(5), 50)
        found = {"beginning_ms": beginning * 1e3}
        for name, transfer in (("down", self._down), ("up", self._up)):
            begin = time.perf_counter()
            transfer(self.settings["trial"])
            rate = self.settings["trial"] / max(time.perf_counter() - begin - beginning, 0.01)
            size = min(int(rate * self.settings["seconds"]), self.settings["size"]) // WRITE * WRITE
            with self.phase() as phase:
                transfer(size)
            found |= bulk_metrics(name, size, phase, phase.wall - beginning)
        return found

    def _down(self, size: int) -> None:
        self.run(source(self.settings["data"], size))

    def _up(self, size: int) -> None:
        head = Path(self.settings["data"] + f"-{size}")
        with head.open("wb") as file:
            file.truncate(size)
        with head.open("rb") as file:
            self.run(SINK, stdin=file)
        head.unlink()

    def echo(self) -> dict[str, float]:
        """Keys to a terminal through pipes, the next one when the last one has come back."""
        count, pause = self.settings["count"], self.settings.get("pause", 0)
        process = subprocess.Popen(
            self.command(ECHO, options=("-tt",)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert process.stdin is not None
        assert process.stdout is not None
        keys, screen = process.stdin.fileno(), process.stdout.fileno()
        assert os.read(screen, 1) == b"R"
        times: list[float] = []
        for number in (50, count):
            times.clear()
            with self.phase() as phase:
                for _ in range(number):
                    if pause:
                        time.sleep(pause)
                    begin = time.perf_counter()
                    os.write(keys, b"x")
                    back = os.read(screen, 1)
                    times.append(time.perf_counter() - begin)
                    assert back == b"x"
        process.kill()
        process.wait()
        return echo_metrics(times, phase)


def main() -> None:
    """Do the workload of the settings."""
    settings = json.loads(Path(sys.argv[1]).read_text())
    found = getattr(Client(settings), settings["workload"])()
    sys.stdout.write(json.dumps({"metrics": found}) + "\n")


if __name__ == "__main__":
    main()
