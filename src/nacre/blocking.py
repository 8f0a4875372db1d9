"""A client for programs that do not use asyncio: each call waits for its result.

Owns: one event loop in a thread of its own for the whole process, and thin objects that hand each call to
it. Must not know: anything of SSH; all of that is `import nacre`, as any program would use it.

Several threads may use one connection. After a fork the connections belong to the parent alone: the child's
calls are refused, and its own first `connect` starts a loop of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, Final, Generic, Self, TypeVar

import nacre

__all__ = ["Connection", "Process", "Reader", "Writer", "connect"]

#: Seconds that the end of the program waits for the connections that are left.
_PATIENCE: Final = 5.0

T = TypeVar("T")


class _LoopThread:
    """An event loop that runs in a thread, and takes calls from others."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="nacre.blocking", daemon=True)
        self._thread.start()
        self.connections: weakref.WeakSet[nacre.SSHClientConnection] = weakref.WeakSet()

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def call(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine in the loop and return its result.

        Raises:
            RuntimeError: this is another process than the one that connected, or the loop's own thread.
            TimeoutError: it took longer than `timeout` seconds, and was cancelled.
        """
        if os.getpid() != self._pid or threading.current_thread() is self._thread:
            coroutine.close()
            if os.getpid() != self._pid:
                raise RuntimeError(
                    "this connection belongs to the process that forked this one: connect anew here"
                )
            raise RuntimeError(
                "a callback runs in the loop's thread, where nothing may wait: use nacre itself"
            )
        call = _Call(coroutine, timeout)
        try:
            self._loop.call_soon_threadsafe(call.begin)
            return call.result.result()
        except BaseException:
            # An interrupt may come at any of these places; what it left running would take what comes next.
            if not call.result.done():
                self._loop.call_soon_threadsafe(call.abandon)
            raise

    def stop(self) -> None:
        """End what is left, and the thread."""
        if os.getpid() != self._pid:
            return
        with contextlib.suppress(TimeoutError):  # what still holds out ends with the process
            self.call(self._end(), _PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)

    async def _end(self) -> None:
        left = list(self.connections)
        for connection in left:
            connection.abort()
        for connection in left:
            await connection.wait_closed()
        await self._loop.shutdown_default_executor()


class _Call(Generic[T]):
    """A call of another thread; all but `result` is for the loop's thread."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], timeout: float | None) -> None:
        self._coroutine = coroutine
        self._timeout = timeout
        self._abandoned = False
        self._task: asyncio.Task[T] | None = None
        self.result: Future[T] = Future()

    def begin(self) -> None:
        """Have the coroutine run."""
        if not self._abandoned:
            self._task = asyncio.get_running_loop().create_task(self._run())
            self._task.add_done_callback(self._done)

    def abandon(self) -> None:
        """End it, or have it never begin: nobody waits for it any more."""
        self._abandoned = True
        if self._task is None:
            self._coroutine.close()
        else:
            self._task.cancel()

    async def _run(self) -> T:
        async with asyncio.timeout(self._timeout):
            return await self._coroutine

    def _done(self, task: asyncio.Task[T]) -> None:
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            self._coroutine.close()  # which has perhaps not begun
            self.result.cancel()
        elif error is not None:
            self.result.set_exception(error)
        else:
            self.result.set_result(task.result())


async def _do(function: Callable[..., T], *args: Any) -> T:
    """Call what is no coroutine function, in the loop."""
    return function(*args)


_lock = threading.Lock()
_current: _LoopThread | None = None
#: Those of a parent process: their loops share what the system keeps for the parent's, and are never closed.
_inherited: list[_LoopThread] = []


def _loop_thread() -> _LoopThread:
    global _current  # noqa: PLW0603 - the one loop of the process
    with _lock:
        if _current is None:
            _current = _LoopThread()
        return _current


def _stop() -> None:
    """End the loop's thread, if there is one; the next `connect` starts another."""
    global _current
    with _lock:
        current, _current = _current, None
    if current is not None:
        current.stop()


def _forked() -> None:
    global _current, _lock  # noqa: PLW0603 - the one loop of the process
    _lock = threading.Lock()  # another thread of the parent may have held it
    if _current is not None:
        _inherited.append(_current)
        _current = None


atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Reader:
    """What comes: str, or bytes with `encoding=None`. Every call may be given a time limit in seconds."""

    def __init__(self, thread: _LoopThread, reader: nacre.SSHReader[Any]) -> None:
        self._thread = thread
        self._reader = reader

    def read(self, n: int = -1, *, timeout: float | None = None) -> Any:
        """Return what is there, `n` at most; without `n` everything up to the end."""
        return self._thread.call(self._reader.read(n), timeout)

    def readline(self, *, timeout: float | None = None) -> Any:
        """Return a line with its newline; at the end what is left, or nothing."""
        return self._thread.call(self._reader.readline(), timeout)

    def readexactly(self, n: int, *, timeout: float | None = None) -> Any:
        """Return exactly `n`. `asyncio.IncompleteReadError` when it ends before."""
        return self._thread.call(self._reader.readexactly(n), timeout)

    def readuntil(self, separator: Any, *, timeout: float | None = None) -> Any:
        """Return everything up to a text, one of several texts, or a compiled pattern."""
        return self._thread.call(self._reader.readuntil(separator), timeout)

    def at_eof(self) -> bool:
        """Return whether everything was read."""
        return self._thread.call(_do(self._reader.at_eof))

    def __iter__(self) -> Iterator[Any]:
        while line := self.readline():
            yield line


class Writer:
    """What is sent: str, or bytes with `encoding=None`."""

    def __init__(self, thread: _LoopThread, writer: nacre.SSHWriter[Any]) -> None:
        self._thread = thread
        self._writer = writer

    def write(self, data: Any, *, timeout: float | None = None) -> None:
        """Send data; wait while the other end does not take what was sent before."""
        self._thread.call(self._write((data,)), timeout)

    def writelines(self, list_of_data: Iterable[Any], *, timeout: float | None = None) -> None:
        """Send several pieces."""
        self._thread.call(self._write(tuple(list_of_data)), timeout)

    async def _write(self, pieces: tuple[Any, ...]) -> None:
        self._writer.writelines(pieces)
        await self._writer.drain()

    def write_eof(self) -> None:
        """Send no more."""
        self._thread.call(_do(self._writer.write_eof))


class Process:
    """A process on the server; made by `Connection.create_process`, closed at the end of `with`.

    Attributes:
        stdin: its standard input.
        stdout: its standard output.
        stderr: its standard error.
    """

    def __init__(self, thread: _LoopThread, process: nacre.SSHClientProcess[Any]) -> None:
        self._thread = thread
        self._process = process
        self.stdin = Writer(thread, process.stdin)
        self.stdout = Reader(thread, process.stdout)
        self.stderr = Reader(thread, process.stderr)

    @property
    def exit_status(self) -> int | None:
        """Its status, once it has ended; -1 when a signal ended it."""
        return self._process.exit_status

    @property
    def exit_signal(self) -> Any:
        """The signal that ended it: (name, core dumped, message, language); or None."""
        return self._process.exit_signal

    @property
    def returncode(self) -> int | None:
        """Its status, or the negative number of its signal, or None while it runs."""
        return self._process.returncode

    def communicate(self, input: Any = None) -> tuple[Any, Any]:  # noqa: A002 - the name that programs use
        """Send `input` and its end, and return all of standard output and error."""
        return self._thread.call(self._process.communicate(input))

    def wait(self, check: bool = False, timeout: float | None = None) -> nacre.SSHCompletedProcess:
        """Wait for the end; see `nacre.SSHClientProcess.wait`.

        Raises:
            ProcessError: with `check`, its status is not 0.
            nacre.TimeoutError: it did not end in time, and is still there.
        """
        return self._thread.call(self._process.wait(check, timeout))

    def change_terminal_size(self, width: int, height: int, pixwidth: int = 0, pixheight: int = 0) -> None:
        """Tell it of another size of the terminal."""
        self._thread.call(_do(self._process.change_terminal_size, width, height, pixwidth, pixheight))

    def send_signal(self, signal: str | int) -> None:
        """Send it a signal, by its name without SIG, or its number."""
        self._thread.call(_do(self._process.send_signal, signal))

    def terminate(self) -> None:
        """Send it TERM."""
        self._thread.call(_do(self._process.terminate))

    def kill(self) -> None:
        """Send it KILL."""
        self._thread.call(_do(self._process.kill))

    def close(self) -> None:
        """Close its channel, and wait for it."""
        self._thread.call(self._close())

    async def _close(self) -> None:
        self._process.close()
        await self._process.wait_closed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class Connection:
    """A connection to a server; made by `connect`, closed at the end of `with`."""

    def __init__(self, thread: _LoopThread, connection: nacre.SSHClientConnection) -> None:
        self._thread = thread
        self._connection = connection

    def run(self, *args: Any, **kwargs: Any) -> nacre.SSHCompletedProcess:
        """Run a process to its end and return what it said; see `nacre.SSHClientConnection.run`."""
        return self._thread.call(self._connection.run(*args, **kwargs))

    def create_process(self, *args: Any, **kwargs: Any) -> Process:
        """Start a process; see `nacre.SSHClientConnection.create_process`."""
        return Process(self._thread, self._thread.call(self._connection.create_process(*args, **kwargs)))

    def connect_ssh(self, host: str, port: int | tuple[()] = (), **kwargs: Any) -> Connection:
        """Connect to another server through this one; all else as `connect`."""
        return connect(host, port, tunnel=self, **kwargs)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about this connection; see `nacre.SSHClientConnection.get_extra_info`."""
        return self._thread.call(_do(self._connection.get_extra_info, name, default))

    def get_server_host_key(self) -> nacre.SSHKey | None:
        """Return the key that the server has shown."""
        return self._connection.get_server_host_key()

    def is_closed(self) -> bool:
        """Return whether the connection is over, or about to be."""
        return self._connection.is_closed()

    def close(self) -> None:
        """Close the connection, and wait until it is."""
        self._thread.call(self._close())

    async def _close(self) -> None:
        self._connection.close()
        await self._connection.wait_closed()

    def abort(self) -> None:
        """Drop the connection now; nothing more is sent."""
        self._thread.call(_do(self._connection.abort))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


async def _connect(args: tuple[Any, ...], kwargs: dict[str, Any]) -> nacre.SSHClientConnection:
    return await nacre.connect(*args, **kwargs)


def connect(host: str = "", port: int | tuple[()] = (), **kwargs: Any) -> Connection:
    """Connect to an SSH server and log in; enter it with `with`.

    Args:
        host: its name or address, or what the configuration calls it.
        port: its port; not given: as the configuration says, or 22.
        kwargs: as for `nacre.connect`. Functions among them are called in the loop's thread, where they
            must not wait for anything of this module; `tunnel` may be a `Connection`.

    Raises:
        OSError, DisconnectError, ConfigParseError, TimeoutError: as `nacre.connect`.
    """
    thread = _loop_thread()
    tunnel = kwargs.get("tunnel")
    if isinstance(tunnel, Connection):
        kwargs["tunnel"] = tunnel._connection
    connection = thread.call(_connect((host, port), kwargs))
    thread.connections.add(connection)
    return Connection(thread, connection)
