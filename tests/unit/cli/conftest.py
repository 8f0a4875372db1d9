"""Running the command line in this process, and a hub for it to speak to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

import nacre
from nacre.cli import invite, main
from nacre.hub.config import HubConfig
from nacre.hub.control import ControlServer
from nacre.hub.operations import Operations, SessionRow
from nacre.hub.paths import LockRole, StateLock, StatePaths, prepare
from nacre.hub.state import State


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of a state that is not there yet."""
    return tmp_path / "state"


@pytest.fixture(autouse=True)
def uid_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a registry of uids of its own, in place of the machine's."""
    monkeypatch.setenv("NACRE_UID_REGISTRY", str(tmp_path / "uids"))
    return tmp_path / "uids"


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `nacre` with arguments on that state."""
    for name in ("STATE_DIRECTORY", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NACRE_STATE", str(root))

    def run_one(*arguments: str) -> Done:
        capsys.readouterr()
        status = main(arguments)
        captured = capsys.readouterr()
        # Whatever a person did wrong costs one line, and no traceback.
        assert captured.err.count("\n") <= 1
        assert not captured.err or captured.err.startswith("nacre: ")
        assert bool(captured.err) is bool(status) or not captured.err
        return Done(status, captured.out, captured.err)

    return run_one


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the output pass for a terminal."""
    monkeypatch.setattr(invite, "sys", SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))


@pytest.fixture(scope="session")
def key_line() -> str:
    """The line of a new public key."""
    return nacre.generate_private_key("ssh-ed25519", comment="me@laptop").export_public_key().decode().strip()


class Sessions:
    """Stands in for the sessions of a running hub."""

    def __init__(self) -> None:
        self.rows = [SessionRow("abc123", "alice", "notebook", 1_700_000_000.0, "detached", 4242)]
        self.ended: list[str] = []

    async def sessions(self) -> list[SessionRow]:
        return self.rows

    async def end_session(self, session_id: str) -> bool:
        found = any(row.id == session_id for row in self.rows)
        self.rows = [row for row in self.rows if row.id != session_id]
        return found

    async def end_user_sessions(self, name: str) -> int:
        self.ended.append(name)
        return 1


@contextmanager
def running_hub(root: Path) -> Iterator[Sessions]:
    """A hub without SSH: the lock, the state and the control socket, in a thread of its own."""
    paths = prepare(root)
    sessions = Sessions()
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        with StateLock.acquire(paths, LockRole.HUB), State.open(paths, (70000, 70009)) as state:
            server = ControlServer(paths, Operations(paths, state, HubConfig(), sessions).handlers())
            await server.start()
            ready.set()
            await stop.wait()
            await server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(60)
        yield sessions
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def hub(root: Path) -> Callable[[], AbstractContextManager[Sessions]]:
    """Starts a hub on the state, for a `with` statement."""
    return lambda: running_hub(root)


@pytest.fixture
def paths(root: Path) -> StatePaths:
    """The names in the state, which need not be there."""
    return StatePaths(root, as_root=False)
