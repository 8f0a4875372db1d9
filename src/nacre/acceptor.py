"""What listens: a listener's sockets, who is let in, and what becomes of a connection until its login.

Owns: `SSHAcceptor`, and the handlers that it calls. Must not know: how it came about, or of which role the
connections are.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, Self

from nacre.aio.accept import AcceptLoop
from nacre.aio.admission import Admission, Place, Policy
from nacre.aio.arrival import Arrival, Ends
from nacre.aio.driver import Driver
from nacre.aio.log import plain
from nacre.aio.tasks import FAILURES
from nacre.connection_base import SSHConnection

#: Called with each connection once its user is logged in.
SSHAcceptHandler = Callable[[Any], Awaitable[None] | None]
#: Called with a connection that ended before that, and why.
SSHErrorHandler = Callable[[Any, BaseException], None]


class Side(Protocol):
    """Makes the connection objects of one role."""

    def connection(self) -> SSHConnection[Any]:
        """Return a new one."""

    def update(self, changes: dict[str, Any]) -> None:
        """Change the options of those that are made later."""

    def policy(self) -> Policy:
        """Return who is let in at all."""

    @property
    def source_of(self) -> Callable[[Any], str | None] | None:
        """The program's word on where a connection comes from."""

    @property
    def header_time(self) -> float:
        """How long a PROXY header may take, in seconds; 0: for ever."""


class SSHAcceptor:
    """A listener; returned by `listen` and `listen_reverse`. Closing it leaves the connections alone."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        side: Side,
        acceptor: SSHAcceptHandler | None,
        error_handler: SSHErrorHandler | None,
    ) -> None:
        self._loop = loop
        self._side = side
        self._acceptor = acceptor
        self._error_handler = error_handler
        self._admission = Admission(side.policy(), loop.time)
        self._accepting: AcceptLoop | None = None
        self._closed = asyncio.Event()

    async def start(self, sockets: list[socket.socket]) -> None:
        """Begin to accept on listening sockets."""
        self._accepting = AcceptLoop(self._loop, sockets, self)
        await self._accepting.start()

    # ------------------------------------------------------------ asked by the accept loop and arrivals

    def admit(self, peer: Any) -> Place | None:
        """Judge a connection by the address of its socket."""
        return self._admission.admit(peer)

    def make(self, place: Place) -> asyncio.BaseProtocol:
        """Return the asyncio protocol of an admitted connection."""
        if place.proxied or self._side.source_of is not None:
            return Arrival(self._loop, self, place)
        return self._connection(place, self._side.connection())

    def make_unjudged(self, refused: Callable[[], None]) -> asyncio.BaseProtocol:
        """Return a protocol that asks `admit` by itself."""
        return Arrival(self._loop, self, None, refused)

    def header_time(self) -> float:
        """Return how long a PROXY header may take, in seconds."""
        return self._side.header_time

    def receive(self, place: Place, ends: Ends) -> Driver | None:
        """Make a connection whose source is known now; None: it is refused."""
        connection = self._side.connection()
        connection.came_from(ends.peer, ends.own)
        source_of = self._side.source_of
        if source_of is not None or place.proxied:
            try:
                if not place.locate(ends.host if source_of is None else source_of(connection)):
                    return None
            except FAILURES as error:  # the program's hook: reported, and nobody is let in by it
                connection.link.report(error, "source_of")
                return None
        return self._connection(place, connection)

    def _connection(self, place: Place, connection: SSHConnection[Any]) -> Driver:
        connection.set_extra_info(source=place.source)
        connection.established.add_done_callback(lambda done: self._settled(connection, place, done))
        return connection.driver

    def _settled(self, connection: SSHConnection[Any], place: Place, done: asyncio.Future[None]) -> None:
        """A login is complete, or will never be."""
        error = done.exception()
        if error is not None:
            place.leave(connection.outcome())
            connection.logger.info("ended before the login was complete: %s", plain(error))
            if self._error_handler is not None:
                try:
                    self._error_handler(connection, error)
                except FAILURES as failure:  # the program's callback: reported
                    connection.link.report(failure, "error_handler")
            return
        place.leave()
        if self._acceptor is not None:
            connection.create_task(_run(self._acceptor, connection))

    # ------------------------------------------------------------ for the program

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The listening sockets; none after `close`."""
        accepting = self._accepting
        return accepting.sockets if accepting is not None and accepting.serving else ()

    def is_serving(self) -> bool:
        """Return whether connections are accepted."""
        return bool(self.sockets)

    def get_addresses(self) -> list[tuple[Any, ...]]:
        """Return the addresses that are listened on, as the sockets name them."""
        return [sock.getsockname() for sock in self.sockets]

    def get_port(self) -> int:
        """Return the port, or 0 when the sockets have several or none."""
        ports = {address[1] for address in self.get_addresses() if isinstance(address, tuple)}
        return ports.pop() if len(ports) == 1 else 0

    def update(self, **kwargs: Any) -> None:
        """Change options for the connections that come later.

        Raises:
            TypeError, ValueError, NotSupportedYet: as for the options of the role.
            OSError, KeyImportError, KeyEncryptionError: a new host key cannot be used; the old ones stay.
        """
        self._side.update(kwargs)
        self._admission.change(self._side.policy())

    def close(self) -> None:
        """Stop to accept."""
        if self._accepting is not None:
            self._accepting.close()
        self._closed.set()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop."""
        return self._loop

    async def serve_forever(self) -> None:
        """Accept until this is cancelled, which closes the listener, or until it is closed."""
        try:
            await self._closed.wait()
        finally:
            self.close()
            await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the listener is closed."""
        await self._closed.wait()
        if self._accepting is not None:
            await self._accepting.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()
        await self.wait_closed()


async def _run(handler: SSHAcceptHandler, connection: SSHConnection[Any]) -> None:
    result = handler(connection)
    if result is not None:
        await result
