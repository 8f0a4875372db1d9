"""Running tests of the public face: a loop for each test, servers on free ports, clients, recorders.

A test fails when a task is left, or when something was reported to the loop's exception handler that
the test did not ask for with `reported`.
"""

from __future__ import annotations

import asyncio
import functools
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import nacre
from tests.support import loops

TIME_LIMIT = 240
HOST = "127.0.0.1"
PASSWORD = "secret"

_reports: list[dict[str, Any]] = []


@functools.cache
def host_key() -> nacre.SSHKey:
    """One host key for all tests."""
    return nacre.generate_private_key("ssh-ed25519")


@functools.cache
def user_key() -> nacre.SSHKey:
    """One user key for all tests."""
    return nacre.generate_private_key("ssh-ed25519")


def reported() -> list[dict[str, Any]]:
    """Return what was reported to the loop's exception handler, and forget it."""
    taken = _reports[:]
    _reports.clear()
    return taken


AsyncTest = Callable[..., Coroutine[Any, Any, None]]


def asynctest(function: AsyncTest, *, time_limit: float = TIME_LIMIT) -> Callable[..., None]:
    """Run a coroutine test in a loop of its own, with the checks of this module.

    A test that takes the fixture `loop_kind` runs in that kind of loop.

    Args:
        function: the test.
        time_limit: seconds, for those that take longer than others: `partial(asynctest, time_limit=…)`.
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: _reports.append(context))
            async with asyncio.timeout(time_limit):
                await function(*args, **kwargs)
                # The other end of what was closed here may need a turn or two to notice.
                while left := asyncio.all_tasks() - {asyncio.current_task()}:
                    _, still = await asyncio.wait(left, timeout=60)
                    assert not still, f"tasks are left: {still}"
            gc.collect()

        reported()
        with asyncio.Runner(loop_factory=loops.factory(kwargs.get("loop_kind", "plain"))) as runner:
            runner.run(main())
        unexpected = reported()
        assert not unexpected, f"unexpected reports: {unexpected}"

    return wrapper


@asynccontextmanager
async def moved_clock() -> AsyncIterator[Callable[[float], None]]:
    """Give what moves the loop's clock on, by seconds: who waits for them to pass cannot know what else passes.

    TIME_LIMIT is of the same clock.
    """
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, 0.0

    def move(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    loop.time = lambda: real() + ahead  # type: ignore[method-assign] # a clock that is moved
    try:
        yield move
    finally:
        del loop.time


class PasswordServer(nacre.SSHServer):
    """Lets anybody in with PASSWORD, and keeps its last connection."""

    conn: nacre.SSHServerConnection

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self.conn = conn

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> Any:
        return password == PASSWORD


class OpenServer(nacre.SSHServer):
    """Lets anybody in without asking."""

    def begin_auth(self, username: str) -> bool:
        return False


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[nacre.SSHAcceptor]:
    """A server on a free port; without `server_factory` it lets anybody in."""
    # Nobody here is too slow but who is meant to be.
    patience = {} if "config" in options else {"ident_timeout": TIME_LIMIT, "login_timeout": TIME_LIMIT}
    options = {"server_host_keys": [host_key()], "server_factory": OpenServer, **patience, **options}
    listener = await nacre.listen(HOST, 0, **options)
    try:
        yield listener
    finally:
        listener.close()
        await listener.wait_closed()


def client_options(**options: Any) -> dict[str, Any]:
    """The options of a client that trusts any host and takes no keys from this machine."""
    return {"config": None, "known_hosts": None, "username": "user", "client_keys": None, **options}


async def connect(listener: nacre.SSHAcceptor, **options: Any) -> nacre.SSHClientConnection:
    """Connect to a server of `serving`."""
    return await nacre.connect(HOST, listener.get_port(), **client_options(**options))


@asynccontextmanager
async def connected(listener: nacre.SSHAcceptor, **options: Any) -> AsyncIterator[nacre.SSHClientConnection]:
    """A connection to a server of `serving`, closed at the end."""
    async with await connect(listener, **options) as connection:
        yield connection


@asynccontextmanager
async def served(
    handler: Callable[[Any], Awaitable[None] | None] | None = None, **options: Any
) -> AsyncIterator[nacre.SSHClientConnection]:
    """A client's connection to a server that runs `handler` as its process factory."""
    client = {name: options.pop(name) for name in ("client_factory", "keepalive_interval") if name in options}
    if handler is not None:
        options["process_factory"] = handler
    async with serving(**options) as listener, connected(listener, **client) as connection:
        yield connection
        connection.close()
        await connection.wait_closed()


class Recorder:
    """A session of either role that writes down what it is told."""

    def __init__(self, keep_open: bool = True) -> None:
        self.calls: list[str] = []
        self.data: list[tuple[Any, int | None]] = []
        self.error: Exception | None = None
        self.chan: Any = None
        self.keep_open = keep_open
        self.changed = asyncio.Event()
        self.closed = asyncio.Event()
        self.sizes: list[tuple[int, ...]] = []
        self.signals: list[str] = []

    def _note(self, call: str) -> None:
        if not self.calls or self.calls[-1] != call:
            self.calls.append(call)
        self.changed.set()

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is true that comes with a callback."""
        while not done():
            self.changed.clear()
            await self.changed.wait()

    @property
    def text(self) -> Any:
        """All plain data, joined."""
        pieces = [data for data, datatype in self.data if datatype is None]
        return type(pieces[0])().join(pieces) if pieces else ""

    def connection_made(self, chan: Any) -> None:
        self.chan = chan
        self._note("connection_made")

    def session_started(self) -> None:
        self._note("session_started")

    def data_received(self, data: Any, datatype: int | None) -> None:
        self.data.append((data, datatype))
        self._note("data_received")

    def eof_received(self) -> bool:
        self._note("eof_received")
        return self.keep_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self._note("connection_lost")
        self.closed.set()

    def pause_writing(self) -> None:
        self._note("pause_writing")

    def resume_writing(self) -> None:
        self._note("resume_writing")

    def exit_status_received(self, status: int) -> None:
        self._note(f"exit_status {status}")

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._note(f"exit_signal {signal}")

    def xon_xoff_requested(self, client_can_do: bool) -> None:
        self._note(f"xon_xoff {client_can_do}")

    def pty_requested(self, term_type: str, term_size: Any, term_modes: Any) -> bool:
        self._note("pty_requested")
        return True

    def shell_requested(self) -> bool:
        self._note("shell_requested")
        return True

    def exec_requested(self, command: str) -> bool:
        self._note("exec_requested")
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        self._note("subsystem_requested")
        return True

    def break_received(self, msec: int) -> bool:
        self._note(f"break {msec}")
        return True

    def signal_received(self, signal: str) -> None:
        self.signals.append(signal)
        self._note("signal_received")

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        self.sizes.append((width, height, pixwidth, pixheight))
        self._note("terminal_size_changed")


class SessionServer(OpenServer):
    """Gives every client the sessions that `make` returns, and lists them."""

    def __init__(self, make: Callable[[], Any], sessions: list[Any]) -> None:
        self._make = make
        self._sessions = sessions

    def session_requested(self) -> Any:
        session = self._make()
        self._sessions.append(session[1] if isinstance(session, tuple) else session)
        return session


@asynccontextmanager
async def two_sessions(
    server_session: Any = None,
    client_session: Any = None,
    command: Any = "x",
    *,
    encoding: Any = "utf-8",
    **options: Any,
) -> AsyncIterator[tuple[Any, Any, nacre.SSHClientConnection]]:
    """A client's session and the server's session of it, both started."""
    made: list[Any] = []
    server = server_session or Recorder()
    client = client_session or Recorder()
    async with (
        serving(server_factory=lambda: SessionServer(lambda: server, made), encoding=encoding) as listener,
        connected(listener) as connection,
    ):
        await connection.create_session(lambda: client, command, encoding=encoding, **options)
        yield client, server, connection
        connection.close()
        await connection.wait_closed()
