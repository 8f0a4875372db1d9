"""Accepting connections: admission before anything is allocated, and no spinning when sockets run out.

Owns: the listening sockets and the accept loop. Must not know: who is let in (`admission`), or what a
connection becomes.

asyncio's own server allocates before it knows who is calling, and its short backlog makes honest
clients wait in a flood. Where a loop has no `add_reader`, that server is used all the same.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from nacre.aio import limits
from nacre.aio.admission import Place
from nacre.aio.log import logger
from nacre.aio.sockets import stream_socket
from nacre.aio.tasks import Tasks

#: Out of descriptors or of memory for sockets: accepting pauses, and what was accepted goes on.
_EXHAUSTED: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
#: Tries to get the same free port for every address family.
_PORT_TRIES: Final = 8
#: A line that a client may show to its user (RFC 4253 section 4.2), in place of an identification.
_NOT_NOW: Final = b"Not allowed at this time\r\n"
_AT_ONCE: Final = getattr(socket, "MSG_DONTWAIT", 0)


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
        for family, _, proto, address in addresses:
            try:
                sock = stream_socket(family, proto)
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


class Listener(Protocol):
    """What the accept loop asks of the one that it accepts for."""

    def admit(self, peer: Any) -> Place | None:
        """Judge a connection by the address of its socket, before anything is allocated for it."""

    def make(self, place: Place) -> asyncio.BaseProtocol:
        """Return the asyncio protocol of an admitted connection."""

    def make_unjudged(self, refused: Callable[[], None]) -> asyncio.BaseProtocol:
        """Return a protocol that asks `admit` by itself, where the loop tells the address too late."""


class AcceptLoop:
    """Accepts on listening sockets.

    Args:
        loop: the event loop.
        sockets: listening and non-blocking; they are closed with the loop.
        listener: decides and makes.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sockets: Sequence[socket.socket], listener: Listener
    ) -> None:
        self._loop = loop
        self.sockets = tuple(sockets)
        self._listener = listener
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
                server = await self._loop.create_server(self._make_unjudged, sock=sock)
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
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause(error)
                return
            place = self._listener.admit(address)
            if place is None:
                self._refuse(sock)
                continue
            try:
                sock.setblocking(False)
                protocol = self._listener.make(place)
            except BaseException:  # for want of memory: a place that nobody gives back is lost for good
                sock.close()
                place.leave()
                raise
            self._tasks.spawn(self._attach(sock, protocol, place), "accepting a connection")

    def _refuse(self, sock: socket.socket) -> None:
        """Say one line, if that is possible at once, and close."""
        self.dropped += 1
        with sock:
            if _AT_ONCE:
                with suppress(OSError):
                    sock.send(_NOT_NOW, _AT_ONCE)

    async def _attach(self, sock: socket.socket, protocol: asyncio.BaseProtocol, place: Place) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, sock)
        except OSError as error:
            # The client was gone before we looked at it.
            logger.debug("an accepted connection came to nothing: %s", error)
            sock.close()
            place.leave()
        except BaseException:
            sock.close()
            place.leave()
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

    def _make_unjudged(self) -> asyncio.BaseProtocol:
        """For loops that accept by themselves: admission when it is too late to save much."""
        return self._listener.make_unjudged(self._count)

    def _count(self) -> None:
        self.dropped += 1

    def _report(self, error: BaseException, where: str) -> None:
        self._loop.call_exception_handler({"message": f"{where} failed", "exception": error})
