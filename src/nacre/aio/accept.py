"""Accepting connections: admission before anything is allocated, and no spinning when sockets run out.

Owns: the listening sockets and the accept loop. Must not know: what a connection becomes.

asyncio's own server allocates before it knows who is calling, and its short backlog makes honest
clients wait in a flood. Where a loop has no `add_reader`, that server is used all the same.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from nacre.aio import limits
from nacre.aio.log import logger
from nacre.aio.tasks import Tasks

#: Out of descriptors or of memory for sockets: accepting pauses, and what was accepted goes on.
_EXHAUSTED: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
#: Tries to get the same free port for every address family.
_PORT_TRIES: Final = 8


async def open_sockets(
    loop: asyncio.AbstractEventLoop,
    host: str,
    port: int,
    *,
    family: int = 0,
    flags: int = socket.AI_PASSIVE,
    backlog: int = limits.BACKLOG,
    reuse_address: bool | None = None,
    reuse_port: bool | None = None,
) -> list[socket.socket]:
    """Return listening sockets for every address of a host.

    Args:
        loop: the event loop.
        host: the name or address; "": every interface.
        port: the port; 0: a free one, the same for every address.
        family: the address family; 0: any.
        flags: of getaddrinfo.
        backlog: the queue in the kernel, at least `limits.BACKLOG`.
        reuse_address: SO_REUSEADDR; None: as is usual on this system.
        reuse_port: SO_REUSEPORT.

    Raises:
        OSError: an address cannot be listened on; the message names it.
    """
    found = await loop.getaddrinfo(
        host or None, port, family=family, type=socket.SOCK_STREAM, flags=flags or socket.AI_PASSIVE
    )
    addresses = list(dict.fromkeys((entry[0], entry[1], entry[2], entry[4]) for entry in found))
    tries = _PORT_TRIES if port == 0 and len(addresses) > 1 else 1
    while True:
        tries -= 1
        try:
            return _listen(addresses, max(backlog, limits.BACKLOG), reuse_address, reuse_port)
        except OSError as error:
            if not tries or error.errno != errno.EADDRINUSE:
                raise


def _listen(
    addresses: Sequence[tuple[Any, Any, int, Any]],
    backlog: int,
    reuse_address: bool | None,
    reuse_port: bool | None,
) -> list[socket.socket]:
    listening: list[socket.socket] = []
    port = 0
    try:
        for family, kind, proto, address in addresses:
            try:
                sock = socket.socket(family, kind, proto)
            except OSError:
                continue  # the system has no such family
            listening.append(sock)
            if reuse_address or (reuse_address is None and os.name == "posix"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            wanted = (address[0], address[1] or port, *address[2:])
            try:
                sock.bind(wanted)
            except OSError as error:
                reason = os.strerror(error.errno).lower() if error.errno else str(error)
                raise OSError(
                    error.errno, f"cannot listen on {wanted[0]} port {wanted[1]}: {reason}"
                ) from None
            sock.setblocking(False)
            sock.listen(backlog)
            port = port or sock.getsockname()[1]
    except BaseException:
        for sock in listening:
            sock.close()
        raise
    if not listening:
        raise OSError(errno.EAFNOSUPPORT, "this system has none of the address families of that host")
    return listening


class AcceptLoop:
    """Accepts on listening sockets.

    Args:
        loop: the event loop.
        sockets: listening and non-blocking; they are closed with the loop.
        admits: whether one more connection may come in; asked before anything is allocated for it.
        make: returns the asyncio protocol of an admitted connection.
        failed: told of an admitted connection that came to nothing.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sockets: Sequence[socket.socket],
        admits: Callable[[], bool],
        make: Callable[[], asyncio.BaseProtocol],
        failed: Callable[[asyncio.BaseProtocol], None],
    ) -> None:
        self._loop = loop
        self.sockets = tuple(sockets)
        self._admits = admits
        self._make = make
        self._failed = failed
        self._tasks = Tasks(loop, self._report)
        self._paused: asyncio.TimerHandle | None = None
        self._servers: list[asyncio.AbstractServer] = []
        self.serving = False
        self.dropped = 0

    async def start(self) -> None:
        """Begin to accept."""
        self.serving = True
        try:
            for sock in self.sockets:
                self._loop.add_reader(sock, self._wake, sock)
        except NotImplementedError:
            for sock in self.sockets:
                server = await self._loop.create_server(self._make_or_refuse, sock=sock)
                self._servers.append(server)

    def close(self) -> None:
        """Stop to accept; what was accepted lives on."""
        if not self.serving:
            return
        self.serving = False
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None
        elif not self._servers:
            for sock in self.sockets:
                self._loop.remove_reader(sock)
        for server in self._servers:
            server.close()
        for sock in self.sockets:
            sock.close()

    async def wait_closed(self) -> None:
        """Wait until no connection is half accepted."""
        await self._tasks.wait()

    # ------------------------------------------------------------ accepting

    def _wake(self, listener: socket.socket) -> None:
        for _ in range(limits.ACCEPTS_A_WAKE):
            try:
                sock, _ = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause(error)
                return
            if not self._admits():
                self.dropped += 1
                sock.close()
                continue
            sock.setblocking(False)
            protocol = self._make()
            self._tasks.spawn(self._attach(sock, protocol), "accepting a connection")

    async def _attach(self, sock: socket.socket, protocol: asyncio.BaseProtocol) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, sock)
        except OSError as error:
            # The client was gone before we looked at it.
            logger.debug("an accepted connection came to nothing: %s", error)
            sock.close()
            self._failed(protocol)
        except BaseException:
            sock.close()
            self._failed(protocol)
            raise

    def _pause(self, error: OSError) -> None:
        """Leave the queue to the kernel for a while: asking again at once would spin."""
        if self._paused is not None:
            return
        logger.warning("accepting pauses for %s s: %s", limits.EXHAUSTED_PAUSE, error)
        for sock in self.sockets:
            self._loop.remove_reader(sock)
        self._paused = self._loop.call_later(limits.EXHAUSTED_PAUSE, self._resume)

    def _resume(self) -> None:
        self._paused = None
        for sock in self.sockets:
            self._loop.add_reader(sock, self._wake, sock)

    def _make_or_refuse(self) -> asyncio.BaseProtocol:
        """For loops that accept by themselves: admission when it is too late to save anything."""
        if self._admits():
            return self._make()
        self.dropped += 1
        return _Refused()

    def _report(self, error: BaseException, where: str) -> None:
        self._loop.call_exception_handler({"message": f"{where} failed", "exception": error})


class _Refused(asyncio.Protocol):
    """Drops its connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
