"""Paramiko as a client.

Owns: the workloads as that client does them. Must not know: who serves.

    python -m bench.paramiko_client SETTINGS.json
"""

from __future__ import annotations

import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko

from bench import measure
from bench.commands import ECHO, SINK, TRUE, WRITE, ZEROS, source
from bench.face_client import bulk_metrics, echo_metrics
from bench.paramiko_server import pin


class Client:
    """The workloads. Each method returns its metrics."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self._key = paramiko.Ed25519Key(filename=settings["user"])
        self._host = Path(settings["known_hosts"]).read_text().split()[2]

    def connect(self) -> Any:
        """Log in."""
        connection = socket.create_connection(("127.0.0.1", self.settings["port"]))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(connection)
        pin(transport, self.settings)
        transport.start_client(timeout=60)
        assert transport.get_remote_server_key().get_base64() == self._host
        transport.auth_publickey(self.settings["login"], self._key)
        return transport

    def phase(self) -> measure.Phase:
        """Return what measures a phase here."""
        return measure.Phase(self.settings["server_pid"], forks=self.settings["forks"])

    @staticmethod
    def run(transport: Any, command: str) -> None:
        """Run a command to its end."""
        channel = transport.open_session()
        channel.exec_command(command)
        assert channel.recv_exit_status() == 0
        channel.close()

    def login(self, _: object = None) -> None:
        """Log in, run a command that does nothing, log out."""
        transport = self.connect()
        self.run(transport, TRUE)
        transport.close()

    def logins(self) -> dict[str, float]:
        """One after the other, then 16 at a time."""
        count, at_once = self.settings["count"], self.settings["count_at_once"]
        for _ in range(3):
            self.login()
        times = []
        with self.phase() as phase:
            for _ in range(count):
                begin = time.perf_counter()
                self.login()
                times.append(time.perf_counter() - begin)
        found = {"p50_ms": measure.percentile(times, 50) * 1e3, "p99_ms": measure.percentile(times, 99) * 1e3}
        found |= phase.costs("login", count, "ms")
        if at_once:
            with ThreadPoolExecutor(16) as threads, self.phase() as phase:
                list(threads.map(self.login, range(at_once)))
            found["at_once_per_s"] = at_once / phase.wall
            found |= phase.costs("at_once", at_once, "ms")
        return found

    def sessions(self) -> dict[str, float]:
        """Commands on one connection, one after the other, then 32 in flight."""
        count, at_once = self.settings["count"], self.settings["count_at_once"]
        transport = self.connect()
        for _ in range(10):
            self.run(transport, TRUE)
        with self.phase() as phase:
            for _ in range(count):
                self.run(transport, TRUE)
        found = {"per_s": count / phase.wall, **phase.costs("session", count, "us")}
        with ThreadPoolExecutor(32) as threads, self.phase() as phase:
            list(threads.map(lambda _: self.run(transport, TRUE), range(at_once)))
        transport.close()
        found["at_once_per_s"] = at_once / phase.wall
        return found | phase.costs("at_once", at_once, "us")

    def bulk(self) -> dict[str, float]:
        """Down, then up, file to file."""
        found: dict[str, float] = {}
        transport = self.connect()
        for name, transfer in (("down", self._down), ("up", self._up)):
            begin = time.perf_counter()
            transfer(transport, self.settings["trial"])
            rate = self.settings["trial"] / (time.perf_counter() - begin)
            size = min(int(rate * self.settings["seconds"]), self.settings["size"]) // WRITE * WRITE
            with self.phase() as phase:
                transfer(transport, size)
            found |= bulk_metrics(name, size, phase, phase.wall)
        transport.close()
        return found

    def _down(self, transport: Any, size: int) -> None:
        channel = transport.open_session()
        channel.exec_command(source(self.settings["data"], size))
        got = 0
        with open("/dev/null", "wb", buffering=0) as sink:
            while data := channel.recv(WRITE):
                got += len(data)
                sink.write(data)
        channel.close()
        assert got == size, (got, size)

    def _up(self, transport: Any, size: int) -> None:
        channel = transport.open_session()
        channel.exec_command(SINK)
        with open(self.settings["data"], "rb", buffering=0) as file:
            for _ in range(size // WRITE):
                channel.sendall(file.read(WRITE))
        channel.shutdown_write()
        assert channel.recv_exit_status() == 0
        channel.close()

    def messages(self) -> dict[str, float]:
        """Messages of one byte, one way."""
        count = self.settings["count"]
        transport = self.connect()
        channel = transport.open_session()
        channel.exec_command(SINK)
        with self.phase() as phase:
            for _ in range(count):
                channel.sendall(ZEROS[:1])
            channel.shutdown_write()
            assert channel.recv_exit_status() == 0
        transport.close()
        return {"per_s": count / phase.wall, **phase.costs("message", count, "us")}

    def echo(self) -> dict[str, float]:
        """Keys to a terminal, the next one when the last one has come back."""
        count = self.settings["count"]
        transport = self.connect()
        channel = transport.open_session()
        channel.get_pty("xterm", 80, 24)
        channel.exec_command(ECHO)
        assert channel.recv(1) == b"R"
        times: list[float] = []
        for number in (100, count):
            times.clear()
            with self.phase() as phase:
                for _ in range(number):
                    begin = time.perf_counter()
                    channel.send(b"x")
                    assert channel.recv(1) == b"x"
                    times.append(time.perf_counter() - begin)
        transport.close()
        return echo_metrics(times, phase)


def main() -> None:
    """Do the workload of the settings."""
    settings = json.loads(Path(sys.argv[1]).read_text())
    found = getattr(Client(settings), settings["workload"])()
    measure.answer(found)


if __name__ == "__main__":
    main()
