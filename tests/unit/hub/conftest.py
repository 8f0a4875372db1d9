"""Sessions for the hub's tests: real holders, under whatever account the tests run.

Owns: `sessions`, a `SessionManager` whose holders need nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from nacre.hub.isolation import Isolation, Mode
from nacre.hub.paths import prepare
from nacre.hub.sessions import SessionManager, Terminal

#: The uid of a test's user where the tests run as root: this process's alone, since what is left of a user's
#: sessions is swept, and other processes run these tests at the same time.
UID = 10_000_000 + 10 * os.getpid()
TERMINAL = Terminal("xterm-256color", 100, 30)


def reachable_python() -> str:
    """An interpreter that other uids can execute: holders need the standard library alone."""
    return "/usr/bin/python3"


@pytest.fixture(autouse=True)
def uid_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a registry of uids of its own, in place of the machine's."""
    monkeypatch.setenv("NACRE_UID_REGISTRY", str(tmp_path / "uids"))
    return tmp_path / "uids"


@pytest.fixture
def make_sessions(
    open_tmp_path: Path,
) -> Callable[..., contextlib.AbstractAsyncContextManager[SessionManager]]:
    """Return what makes a manager on the test's own state; all its sessions end with the test."""
    mode = Mode.UID if os.geteuid() == 0 else Mode.NONE
    paths = prepare(open_tmp_path / "state")

    @contextlib.asynccontextmanager
    async def make(**options: object) -> AsyncIterator[SessionManager]:
        options = {"owns_uid": {UID, UID + 1}.__contains__, **options}
        manager = SessionManager(paths, Isolation(mode, by_admin=True), python=reachable_python(), **options)
        try:
            yield manager
        finally:
            for info in manager.sessions():
                await manager.end(info.id)
            await manager.close()

    make.paths = paths
    return make
