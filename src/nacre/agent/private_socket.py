"""A UNIX socket for one user: where it lies, and who may come in by it.

Owns: the directory (0700) and the socket (0600), the check of who connects, the number of connections, and
their end. Must not know: what is said over it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Self

from nacre.aio.log import logger
from nacre.aio.tasks import Tasks
from nacre.errors import NotSupportedYet

#: Connections at once: a program holds one or two, and a login one.
MAX_CLIENTS: Final = 64
_BACKLOG: Final = 64

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class PrivateSocket:
    """A UNIX socket that its own user, and root, may connect to; made by `listen_privately`.

    Attributes:
        path: where it is.
    """

    def __init__(self, path: str, directory: str | None, serve: Serve, max_clients: int) -> None:
        self.path = path
        self._directory = directory
        self._serve = serve
        self._max_clients = max_clients
        self._server: asyncio.Server | None = None
        self._tasks = Tasks(asyncio.get_running_loop(), _report)
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, sock: socket.socket) -> None:
        """Accept connections."""
        self._server = await asyncio.start_unix_server(self._accepted, sock=sock, backlog=_BACKLOG)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        refusal = self._refusal(writer)
        if refusal:
            logger.warning("a connection to %s was refused: %s", self.path, refusal)
            writer.transport.abort()
            return
        self._writers.add(writer)
        self._tasks.spawn(self._run(reader, writer), f"a connection to {self.path}")

    def _refusal(self, writer: asyncio.StreamWriter) -> str:
        uid = peer_uid(writer.get_extra_info("socket"))
        if uid not in (None, 0, os.geteuid()):
            return f"it is the user {uid}'s"
        if len(self._writers) >= self._max_clients:
            return f"there are {self._max_clients} already"
        return ""

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except OSError:
            pass  # whoever was there has gone
        finally:
            self._writers.discard(writer)
            writer.close()

    def close(self) -> None:
        """Accept no more, end what there is, and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        _remove(self.path, self._directory)
        for writer in tuple(self._writers):
            writer.close()
        self._tasks.cancel()

    async def wait_closed(self) -> None:
        """Wait until nothing is left."""
        await self._tasks.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()
        await self.wait_closed()


def _report(error: BaseException, where: str) -> None:
    """Tell of a failure that nobody waits for."""
    asyncio.get_running_loop().call_exception_handler({"message": f"{where} failed", "exception": error})


async def listen_privately(
    serve: Serve, path: str = "", prefix: str = "nacre-", max_clients: int = MAX_CLIENTS
) -> PrivateSocket:
    """Listen on a UNIX socket for one's own user.

    Args:
        serve: talks to one connection; the connection is closed when it returns.
        path: where the socket shall be, in a directory that is there; "": in a new one (0700).
        prefix: what the name of a new directory begins with.
        max_clients: connections at once.

    Raises:
        OSError: it cannot be made; there is something at `path` already.
        NotSupportedYet: this system has no such sockets.
    """
    if not hasattr(socket, "AF_UNIX") or not hasattr(os, "geteuid"):
        raise NotSupportedYet("a UNIX socket on this system", "serve one stream with Agent.serve")
    directory = None
    if not path:
        directory = tempfile.mkdtemp(prefix=prefix)  # of mode 0700
        path = str(Path(directory, "agent"))  # short: the system has little room for it
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind(path)
        # Nobody can connect before it listens: there is no moment in which others could.
        os.chmod(path, 0o600)
        listening = PrivateSocket(path, directory, serve, max_clients)
        await listening.start(sock)
    except BaseException as error:
        sock.close()
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        _remove("" if in_use else path, directory)
        raise
    return listening


def _remove(path: str, directory: str | None) -> None:
    if path:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    if directory is not None:
        shutil.rmtree(directory, ignore_errors=True)


def peer_uid(sock: socket.socket) -> int | None:
    """Return whose process is at the other end of a UNIX socket; None where the system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return int(uid)
