"""A running hub for tests, as somebody would start it: a process, its state, its users, ssh to it.

Owns: `RunningHub`, and the interpreter that every user of the machine can execute. Must not know: what is
tested with them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, Self
from unittest import mock

from nacre.cli import main
from tests.support import system
from tests.support.openssh import OpenSSH, Ssh, find
from tests.support.terminal import Terminal

_PATIENCE: Final = 120.0
_SOURCE: Final = system.ROOT / "src"


class RunningHub:
    """A hub on a free port of 127.0.0.1, alive inside `with`; its sessions end with it.

    Args:
        directory: for its state, its users' keys and its log.
        configuration: TOML.
        openssh: the version of the clients; None: the system's.
        account: a uid to start it under, when the tests run as root; None: the tests' own.
        variables: of its environment, in place of the usual ones.
    """

    def __init__(
        self,
        directory: Path,
        configuration: str = "",
        *,
        openssh: OpenSSH | None = None,
        account: int | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.openssh = openssh or find("9.2")
        self.account = account
        self.variables = dict(variables or {})
        self.port = 0
        self.lines: list[str] = []
        self.configuration = directory / "hub.toml"
        # Users' uids of this hub alone: other hubs may run on this machine.
        first = random.SystemRandom().randrange(200_000, 2_000_000)
        self.configuration.write_text(f"uid_range = [{first}, {first + 99}]\n{configuration}")
        self.known_hosts = directory / "known_hosts"
        self._python = open_python() if os.geteuid() == 0 else Path(sys.executable)
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._clients: list[Terminal] = []
        if account is not None:
            os.chown(directory, account, account)

    # ------------------------------------------------------------ its life

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, its clients, and its sessions, also those that it has left to the next hub."""
        for client in self._clients:
            client.close()
        self.stop(signal.SIGINT)
        # Holders first: they would start to end the others one after the other.
        for pid in sorted(self.processes()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.processes(), "the end of all processes of the sessions")

    def renew(self) -> None:
        """Have it run, with no client, no session and nothing said: for the next test."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        if not self.running:
            self.stop()
            self.start()
        for row in self.sessions():
            with contextlib.suppress(AssertionError):  # it may have ended meanwhile
                self.command("session", "end", row["id"])
        self.wait_nothing_left()
        with self._changed:
            self.lines.clear()

    def arguments(self) -> list[str]:
        """Return the options that every command on this hub takes."""
        return ["--state", str(self.state)]

    def environment(self) -> dict[str, str]:
        """Return the environment of its processes: nothing of the tests' own may be needed."""
        variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "NACRE_UID_REGISTRY": str(self.directory / "uids"),
            "SECRET_OF_THE_HUB": "do not tell",
        }
        if _source_is_open() or os.geteuid() != 0:
            variables["PYTHONPATH"] = str(_SOURCE)
        coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        return variables | coverage | self.variables

    def start(self, *options: str) -> None:
        """Start it and wait until it serves.

        Raises:
            AssertionError: it ended instead; the message shows what it said.
        """
        self.lines = []
        listen = options or ("--listen", f"127.0.0.1:{self.port}")
        self._process = subprocess.Popen(
            [*self.start_command(), *listen],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self.environment(),
            cwd=self.directory,
            user=self.account,
            group=self.account,
            extra_groups=[] if self.account is not None else None,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()
        first = self.wait_line(r"nacre hub · (\S+):(\d+) · host key (SHA256:\S+)")
        self.learn_host_key(int(first[2]))
        self.wait_line(r"log in with|No user yet")

    def start_command(self) -> list[str]:
        """Return what starts it; options may follow."""
        configuration = ["--config", str(self.configuration)]
        return [str(self._python), "-m", "nacre", "hub", *self.arguments(), *configuration]

    def learn_host_key(self, port: int) -> None:
        """Have clients know it, at the port where it is."""
        self.port = port
        public = subprocess.run(
            [self.openssh.ssh_keygen, "-y", "-f", self.host_key_file()],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {' '.join(public.split()[:2])}\n")

    def host_key_file(self) -> Path:
        """Return the file of its private host key."""
        return next(path for path in self.state.iterdir() if path.is_file() and "key" in path.name)

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_line(self, pattern: str, seconds: float = _PATIENCE) -> re.Match[str]:
        """Wait until it has said a line; return the match."""
        wanted = re.compile(pattern)
        until = time.monotonic() + seconds
        with self._changed:
            while True:
                for line in self.lines:
                    if (match := wanted.search(line)) is not None:
                        return match
                alive = any(reader.is_alive() for reader in self._readers)
                left = until - time.monotonic()
                if not alive or left <= 0:
                    raise AssertionError(f"no line {pattern!r} from the hub:\n" + "\n".join(self.lines))
                self._changed.wait(min(left, 0.5))

    @property
    def log(self) -> str:
        """All that it has said."""
        with self._changed:
            return "\n".join(self.lines)

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the hub's process."""
        assert self._process is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals | None = signal.SIGTERM) -> int:
        """Tell it to end, unless it was told (None), and wait; returns its exit status."""
        if self._process is None:
            return 0
        if self._process.poll() is None and number is not None:
            self._process.send_signal(number)
            if number is signal.SIGINT:
                self._process.send_signal(number)  # the second one: at once
        try:
            status = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        for reader in self._readers:
            reader.join(_PATIENCE)
        self._process = None
        return status

    # ------------------------------------------------------------ administration

    def command(self, *words: str, status: int = 0) -> str:
        """Run `nacre hub …` on it in this process, which is cheaper than `program` and otherwise the same.

        Raises:
            AssertionError: it ended with another status.
        """
        if self.account is not None and not self.running:  # the command would make files of ours, not its
            return self.program(*words, status=status)
        said = io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment(), clear=True),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            ended = main(["hub", *words, *self.arguments()])
        assert ended == status, f"nacre hub {' '.join(words)}: {ended}\n{said.getvalue()}"
        return said.getvalue()

    def program(self, *words: str, status: int = 0) -> str:
        """Run `nacre hub …` on it as a process; returns what it printed, standard error included.

        Raises:
            AssertionError: it ended with another status.
        """
        done = subprocess.run(
            [self._python, "-m", "nacre", "hub", *words, *self.arguments()],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
            env=self.environment(),
            cwd=self.directory,
            user=self.account,
            group=self.account,
            extra_groups=[] if self.account is not None else None,
        )
        assert done.returncode == status, f"nacre hub {' '.join(words)}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def key(self, name: str) -> Path:
        """Return somebody's private key file; made on the first call."""
        return self.openssh.make_key(self.directory / f"key_{name}")

    def add_user(self, name: str, role: str = "user") -> None:
        """Make a user who may come in with `key(name)`."""
        public = self.key(name).with_suffix(".pub")
        public.chmod(0o644)
        self.command("user", "add", name, "--key", str(public), "--role", role)

    def sessions(self) -> list[dict[str, Any]]:
        """Return the running sessions."""
        rows = json.loads(self.command("session", "list", "--json"))
        assert isinstance(rows, list)
        return rows

    def session(self, state: str | None = None) -> dict[str, Any]:
        """Wait until one session runs, in that state, and return it."""

        def found() -> dict[str, Any] | None:
            rows = self.sessions()
            return rows[0] if len(rows) == 1 and state in (None, rows[0]["state"]) else None

        row = wait_for(found, f"one session, {state or 'any'}")
        assert isinstance(row, dict)
        return row

    def home(self, user: str) -> Path:
        """Return somebody's home."""
        return self.state / "homes" / user

    def processes(self) -> dict[int, str]:
        """Return what runs for the users of this hub: command lines by pid, holders included."""
        found = {}
        homes = str(self.state / "homes")
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                place = os.readlink(folder / "cwd")
                variables = (folder / "environ").read_bytes().split(b"\0")
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # gone, or nobody's business
                continue
            if place.startswith(homes) or any(v.startswith(f"HOME={homes}".encode()) for v in variables):
                found[int(folder.name)] = command
        return found

    def descriptors(self) -> int:
        """Return how many descriptors the hub has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def left_over(self) -> list[str]:
        """Return what of sessions is there: processes and files of STATE/run."""
        return [*self.processes().values(), *(path.name for path in (self.state / "run").iterdir())]

    def wait_nothing_left(self) -> None:
        """Wait until nothing of sessions is there."""
        run = self.state / "run"
        wait_for(lambda: not any(run.iterdir()) and not self.processes(), "nothing left of sessions")

    # ------------------------------------------------------------ clients

    def ssh(self, user: str, *options: str, key: Path | None = None, port: int = 0) -> Ssh:
        """Return an ssh of somebody: `user` as it is typed, the key that of its name before any "+"."""
        file = key or self.key(user.partition("+")[0])
        known_hosts = self.known_hosts
        if port:
            line = known_hosts.read_text().replace(f":{self.port} ", f":{port} ", 1)
            known_hosts = self.directory / f"known_hosts_{port}"
            known_hosts.write_text(line)
        return Ssh(self.openssh, port or self.port, user, file, known_hosts, options)

    def terminal(
        self,
        user: str,
        *arguments: str,
        options: Sequence[str] = (),
        key: Path | None = None,
        port: int = 0,
        columns: int = 120,
        rows: int = 36,
    ) -> Terminal:
        """Open a terminal with an ssh of somebody in it; closed with the hub at the latest.

        Args:
            user: as it is typed before the "@".
            arguments: as of `Ssh.command`.
            options: lines of ssh_config.
            key: another key than the user's own.
            port: another one than the hub's, such as a proxy's.
            columns: of the window.
            rows: of the window.
        """
        ssh = self.ssh(user, *options, key=key, port=port)
        client = Terminal(ssh.command(*arguments), columns=columns, rows=rows)
        client.__enter__()
        self._clients.append(client)
        return client


def wait_for(true: Callable[[], Any], what: str, seconds: float = _PATIENCE) -> Any:
    """Ask until the answer is true, for what nothing tells of itself (processes, files); return it.

    Raises:
        AssertionError: it was not in time.
    """
    until = time.monotonic() + seconds
    pause = threading.Event()
    while not (answer := true()):
        assert time.monotonic() < until, f"waited {seconds:g} s for {what}"
        pause.wait(0.05)
    return answer


@cache
def open_python() -> Path:
    """Return an interpreter with everything that the tests have, which every user can execute.

    That is ours where its directories are open to others; else an environment of Debian's Python, made
    once for the whole run, that borrows our packages.
    """
    if is_open(Path(sys.executable)) and is_open(Path(sys.executable).resolve()):
        return Path(sys.executable)
    base = Path("/usr/bin/python3")
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = (
        subprocess.run([base, "-c", version], check=False, capture_output=True, text=True)
        if base.exists()
        else None
    )
    packages = Path(sysconfig.get_path("purelib"))
    if (
        done is None
        or done.stdout.strip() != f"{sys.version_info[0]}.{sys.version_info[1]}"
        or not is_open(packages)
    ):
        system.absent(
            "no Python that other users can execute; run the tests with one: make test PYTHON=/usr/bin/python3"
        )
    folder = Path(tempfile.gettempdir()) / f"nacre-test-python-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True, timeout=_PATIENCE)
    folder.chmod(0o755)
    here = next(folder.glob("lib/python*/site-packages"))
    (here / "borrowed.pth").write_text(f"import site; site.addsitedir({str(packages)!r})\n")
    return folder / "bin" / "python"


def _source_is_open() -> bool:
    """Say whether users can read nacre where it is; else a copy is installed beside the interpreter."""
    return is_open(_SOURCE / "nacre" / "__init__.py")


def is_open(path: Path) -> bool:
    """Say whether every user can enter all directories on the way to `path`, and read it."""
    path = path.absolute()
    return all(place.stat().st_mode & stat.S_IXOTH for place in path.parents) and bool(
        path.stat().st_mode & stat.S_IROTH
    )
