"""The control socket: how a command in a terminal speaks to the hub that runs.

Owns: the UNIX socket, who may use it, and the framing: one JSON line each way, bounded, then the
connection ends. Must not know: what the operations do; they are given to it as handlers.

Whoever can open the socket administers the hub, so it has mode 0600 from its birth, and the kernel
is asked who connected: only the hub's own account and root are heard.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from nacre.hub.paths import StatePaths, socket_address
from nacre.hub.problem import HubProblem, StateError, os_problem

__all__ = ["ControlServer", "Handler", "HubNotRunning", "call"]

_log = logging.getLogger("nacre.hub.control")

#: A request has a few names and at most some keys; in bytes, with its newline.
MAX_REQUEST: Final = 256 * 1024
#: A list of all the users and keys of a large hub; in bytes, with its newline.
MAX_REPLY: Final = 16 * 1024 * 1024
#: How long a client may take to send its request, in seconds.
REQUEST_TIMEOUT: Final = 10.0
#: Commands at once; a further one waits.
MAX_COMMANDS: Final = 8
BACKLOG: Final = 64

#: struct ucred: pid, uid, gid.
_CREDENTIALS: Final = struct.Struct("=iII")

Handler = Callable[[Mapping[str, object]], Awaitable[object]]


class HubNotRunning(HubProblem):
    """Nobody listens on the control socket."""


def _peer_uid(connection: socket.socket) -> int:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return int(uid)


class ControlServer:
    """The hub's side. The caller holds the lock of the state, so a socket that is there is a dead one.

    Args:
        paths: the state.
        handlers: of each operation, by name. A handler takes the arguments, and returns what JSON
            can hold or raises HubProblem.
    """

    def __init__(self, paths: StatePaths, handlers: Mapping[str, Handler]) -> None:
        self._paths = paths
        self._handlers = handlers
        self._server: asyncio.Server | None = None
        self._turns = asyncio.Semaphore(MAX_COMMANDS)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen. StateError when the socket cannot be made."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            with suppress(FileNotFoundError):
                self._paths.control.unlink()
            # The socket's file takes its mode from the socket: at no moment can others open it.
            os.fchmod(listener.fileno(), 0o600)
            with socket_address(self._paths.control) as address:
                listener.bind(address)
            self._server = await asyncio.start_unix_server(
                self._accept, sock=listener, limit=MAX_REQUEST, backlog=BACKLOG
            )
        except OSError as error:
            listener.close()
            raise StateError(
                f"the control socket {self._paths.control} cannot be made: {os_problem(error)}",
                "choose another state with --state",
            ) from error

    async def close(self) -> None:
        """Stop listening, end the commands that still run, and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        with suppress(FileNotFoundError):
            self._paths.control.unlink()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: the one that asyncio would make of a coroutine function reports as an
        # error, in Python 3.11, that it was cancelled; `close` cancels.
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler({"message": "a command failed", "exception": error})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            uid = _peer_uid(writer.get_extra_info("socket"))
            if uid not in {0, os.geteuid()}:
                _log.warning("control: refused a connection of uid %d", uid)
                return
            async with self._turns:
                writer.write(await self._answer(reader))
                await asyncio.wait_for(writer.drain(), REQUEST_TIMEOUT)
        except (ConnectionError, TimeoutError):
            # Whoever asked has gone, or does not read; the operation is done or refused all the same.
            _log.info("control: a command went away before its answer")
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            line = await asyncio.wait_for(reader.readuntil(b"\n"), REQUEST_TIMEOUT)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            return _refusal("the request is not one line of at most 256 KiB")
        try:
            request = json.loads(line)
            operation, arguments = request["operation"], request["arguments"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return _refusal("the request is not understood")
        handler = self._handlers.get(operation) if isinstance(operation, str) else None
        if handler is None or not isinstance(arguments, dict):
            return _refusal("this hub does not know the command; is it another version of nacre?")
        try:
            reply = json.dumps({"ok": await handler(arguments)})
        except HubProblem as problem:
            return _refusal(problem.what, problem.remedy)
        except Exception as error:  # noqa: BLE001 - reported below, and the hub lives on
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"the control operation {operation} failed", "exception": error}
            )
            return _refusal("the hub failed at this command", "its log says why")
        return reply.encode("utf-8") + b"\n"


def _refusal(what: str, remedy: str = "") -> bytes:
    return json.dumps({"error": {"what": what, "remedy": remedy}}).encode("utf-8") + b"\n"


def call(paths: StatePaths, operation: str, arguments: Mapping[str, object], timeout: float = 60.0) -> object:
    """Ask the running hub for an operation and wait for what it returns.

    Args:
        paths: the state; its directory need not have been prepared.
        operation: the name.
        arguments: what JSON can hold.
        timeout: of each step, in seconds.

    Raises:
        HubNotRunning: nobody listens.
        HubProblem: the hub refused, or did not answer.
    """
    request = json.dumps({"operation": operation, "arguments": dict(arguments)}).encode("utf-8") + b"\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            with socket_address(paths.control) as address:
                connection.connect(address)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise HubNotRunning(f"no hub runs on {paths.root}", "start one: nacre hub") from None
        except OSError as error:
            raise HubProblem(
                f"the hub on {paths.root} cannot be asked: {os_problem(error)}",
                "run as its account, or as root",
            ) from error
        try:
            connection.sendall(request)
            line = _read_line(connection)
        except TimeoutError:
            raise HubProblem(f"the hub on {paths.root} does not answer", "look at its log") from None
        except OSError:
            line = b""
    return _result(line, paths)


def _read_line(connection: socket.socket) -> bytes:
    parts = bytearray()
    while not parts.endswith(b"\n") and len(parts) <= MAX_REPLY:
        part = connection.recv(65536)
        if not part:
            break
        parts += part
    return bytes(parts)


def _result(line: bytes, paths: StatePaths) -> object:
    try:
        reply = json.loads(line)
        if "ok" in reply:
            return reply["ok"]
        what, remedy = str(reply["error"]["what"]), str(reply["error"]["remedy"])
    except (ValueError, KeyError, TypeError):
        raise HubProblem(f"the hub on {paths.root} gave no answer", "look at its log") from None
    raise HubProblem(what, remedy)
