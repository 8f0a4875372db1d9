"""The two processes of a measurement, and what they need: keys, configuration files, a place for data.

Owns: `Side`, `Place` and how servers and clients are started and ended. Must not know: what is measured.

Everything lies in one temporary directory; data in a directory of /dev/shm. OpenSSH's server lets in the
user who runs the benchmark.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import pwd
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from bench import measure
from bench.commands import WRITE

ROOT: Final = Path(__file__).resolve().parent.parent
#: Seconds for one round of one pair.
PATIENCE: Final = 120.0


class Failed(Exception):
    """A process of a measurement did not do what it was started for."""


@dataclass(frozen=True)
class Side:
    """Who is one end of a connection.

    Attributes:
        peer: "nacre", "asyncssh", "paramiko" or "openssh".
        style: "callbacks" or "streams", where there is a choice.
    """

    peer: str
    style: str = "callbacks"

    @property
    def forks(self) -> bool:
        """Whether a server of this kind starts processes."""
        return self.peer == "openssh"

    @property
    def module(self) -> str:
        """What programs of this side are in: face, paramiko or openssh."""
        return "face" if self.peer in ("nacre", "asyncssh") else self.peer

    def missing(self) -> str | None:
        """Return why this side cannot take part here, None if it can."""
        if self.peer == "openssh":
            absent = [name for name in ("ssh", "sshd", "ssh-keygen") if program(name) is None]
            return f"OpenSSH: no {', '.join(absent)}" if absent else None
        if self.peer == "nacre":
            return None
        try:
            importlib.metadata.version(self.peer)
        except importlib.metadata.PackageNotFoundError:
            return f"{self.peer} is not installed"
        return None


def program(name: str) -> str | None:
    """Return where a program is, those of administrators included."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def versions() -> dict[str, str]:
    """Return the versions of everything that takes part, or that it is missing."""
    found = {"python": sys.version.split()[0]}
    for name in ("cryptography", "asyncssh", "paramiko"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    found["nacre"] = subprocess.run(
        [sys.executable, "-c", "import nacre; print(nacre.__version__)"],
        capture_output=True, text=True, check=True, env=environment(),
    ).stdout.strip()  # fmt: skip
    if (ssh := program("ssh")) is None:
        found["openssh"] = "missing"
    else:
        told = subprocess.run([ssh, "-V"], capture_output=True, text=True, check=True)
        found["openssh"] = told.stderr.strip()
    return found


def environment() -> dict[str, str]:
    """Return the environment of the processes: nacre is this checkout's."""
    return os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONDONTWRITEBYTECODE": ""}


class Place:
    """The files of one run, gone when it is over."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="nacre-bench-"))
        shm = Path("/dev/shm")
        self.data = Path(tempfile.mkdtemp(prefix="nacre-bench-", dir=shm if shm.is_dir() else None))
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        keygen = program("ssh-keygen")
        for name in ("host", "user"):
            self._make_key(keygen, name)
        shutil.copy(self.directory / "user.pub", self.directory / "authorized_keys")

    def _make_key(self, keygen: str | None, name: str) -> None:
        path = self.directory / name
        if keygen is not None:
            subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
            return
        import nacre

        key = nacre.generate_private_key("ssh-ed25519")
        key.write_private_key(path)
        key.write_public_key(path.with_suffix(".pub"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)

    def zeros(self, size: int) -> Path:
        """Return a file of so many zeros; it occupies nothing."""
        path = self.data / "zeros"
        if not path.exists() or path.stat().st_size < size:
            with path.open("wb") as file:
                file.truncate(-(-size // WRITE) * WRITE)
        return path

    def settings(self, server: Side, client: Side, **more: Any) -> dict[str, Any]:
        """Return what the processes of a pair are told, as JSON values."""
        names = {
            name: str(self.directory / name) for name in ("host", "user", "authorized_keys", "known_hosts")
        }
        return {
            **names,
            "directory": str(self.directory),
            "login": self.user,
            "server": server.peer,
            "client": client.peer,
            "server_style": server.style,
            "client_style": client.style,
            "forks": server.forks,
            **more,
        }

    def know(self, port: int) -> None:
        """Have clients know the host key, at the port where it is."""
        public = " ".join((self.directory / "host.pub").read_text().split()[:2])
        (self.directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")

    # ------------------------------------------------------------ processes

    @contextmanager
    def running(self, module: str, settings: dict[str, Any]) -> Iterator[Worker]:
        """Run `python -m bench.MODULE` with these settings, and end it with all it started."""
        path = self.directory / f"{module}-{time.monotonic_ns()}.json"
        path.write_text(json.dumps(settings))
        log = path.with_suffix(".log")
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", f"bench.{module}", str(path)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment(), cwd=ROOT,
            )  # fmt: skip
        worker = Worker(process, log)
        try:
            yield worker
        finally:
            worker.end()

    @contextmanager
    def serving(self, side: Side, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Run a server; returns the settings for its clients."""
        with self.running(f"{side.module}_server", settings) as worker:
            told = worker.line()
            self.know(told["port"])
            yield {**settings, "port": told["port"], "server_pid": told.get("pid", worker.pid)}


class Worker:
    """A process that speaks in lines of JSON."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid

    def line(self, patience: float = PATIENCE) -> dict[str, Any]:
        """Return what it says next.

        Raises:
            Failed: nothing in time, or it ended.
        """
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(patience):
                raise Failed(f"no answer in {patience:.0f} s\n{self._last_words()}")
        text = self._process.stdout.readline()
        if not text:
            self._process.wait(5)
            raise Failed(f"it ended\n{self._last_words()}")
        said: dict[str, Any] = json.loads(text)
        return said

    def go_on(self) -> None:
        """Let a process that waits after what it said go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def end(self) -> None:
        """End it and everything it started."""
        pids = measure.descendants(self.pid) if self._process.poll() is None else []
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in pids:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
            until = time.monotonic() + 3
            while time.monotonic() < until and any(_lives(pid) for pid in pids):
                self._process.poll()
                time.sleep(0.01)
            if not any(_lives(pid) for pid in pids):
                break
        self._process.wait(5)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


def _lives(pid: int) -> bool:
    try:
        return measure.state(pid) not in ("Z", "X")
    except OSError:
        return False


def free_port() -> int:
    """Return a port that was free a moment ago: for servers that cannot choose one and tell."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
