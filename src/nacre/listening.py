"""Serving: listeners, and server connections over them.

Owns: `listen`, `create_server`, `run_server` and `SSHAcceptor`. Must not know: what is done with a
connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Self

from nacre.aio import limits
from nacre.aio.accept import AcceptLoop, open_sockets
from nacre.aio.driver import Driver
from nacre.aio.log import plain
from nacre.aio.opening import opening
from nacre.client_auth import load_private_keys
from nacre.errors import NotSupportedYet
from nacre.keys import SSHKeyPair
from nacre.options import SSHServerConnectionOptions
from nacre.server import SSHServer
from nacre.server_auth import read_authorized
from nacre.server_connection import SSHServerConnection

#: Called with each connection once its user is logged in.
SSHAcceptHandler = Callable[[SSHServerConnection], Awaitable[None] | None]
#: Called with a connection that ended before that, and why.
SSHErrorHandler = Callable[[SSHServerConnection, BaseException], None]


async def load_host_keys(options: SSHServerConnectionOptions) -> tuple[SSHKeyPair, ...]:
    """Return the server's private keys.

    Raises:
        ValueError: there are none.
        OSError, KeyImportError, KeyEncryptionError: one cannot be used.
    """
    wanted = options.server_host_keys
    keys = await load_private_keys(wanted, options.passphrase) if wanted else []
    if not keys:
        raise ValueError("a server needs a host key: give server_host_keys (a file, or an SSHKey)")
    return tuple(keys)


class SSHAcceptor:
    """A listener; returned by `listen`. Closing it leaves the connections alone."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: SSHServerConnectionOptions,
        host_keys: tuple[SSHKeyPair, ...],
        acceptor: SSHAcceptHandler | None,
        error_handler: SSHErrorHandler | None,
    ) -> None:
        self._loop = loop
        self._options = options
        self._host_keys = host_keys
        self._acceptor = acceptor
        self._error_handler = error_handler
        self._unauthenticated = 0
        self._accepting: AcceptLoop | None = None
        self._closed = asyncio.Event()

    async def start(self, sockets: list[socket.socket]) -> None:
        """Begin to accept on listening sockets."""
        self._accepting = AcceptLoop(self._loop, sockets, self._admits, self._make, self._failed)
        await self._accepting.start()

    # ------------------------------------------------------------ asked by the accept loop

    def _admits(self) -> bool:
        return self._unauthenticated < int(self._options.max_unauthenticated)

    def _make(self) -> Driver:
        self._unauthenticated += 1
        options = self._options
        connection = SSHServerConnection(
            self._loop, options, options.server_factory or SSHServer, self._host_keys
        )
        connection.established.add_done_callback(lambda done: self._settled(connection, done))
        return connection.driver

    def _failed(self, protocol: asyncio.BaseProtocol) -> None:
        self._unauthenticated -= 1

    def _settled(self, connection: SSHServerConnection, done: asyncio.Future[None]) -> None:
        """A login is complete, or will never be."""
        self._unauthenticated -= 1
        error = done.exception()
        if error is not None:
            connection.logger.info("ended before the login was complete: %s", plain(error))
            if self._error_handler is not None:
                self._error_handler(connection, error)
        elif self._acceptor is not None:
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
            TypeError, ValueError, NotSupportedYet: as for `SSHServerConnectionOptions`.
        """
        if "server_host_keys" in kwargs or "passphrase" in kwargs:
            raise NotSupportedYet("update(server_host_keys=…)", "close this listener and start another")
        self._options = SSHServerConnectionOptions(self._options, **kwargs)

    def close(self) -> None:
        """Stop to accept."""
        if self._accepting is not None:
            self._accepting.close()
        self._closed.set()

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


async def _run(handler: SSHAcceptHandler, connection: SSHServerConnection) -> None:
    result = handler(connection)
    if result is not None:
        await result


@opening
async def listen(
    host: str = "",
    port: int | tuple[()] = (),
    *,
    tunnel: Any = (),
    family: Any = (),
    flags: int = socket.AI_PASSIVE,
    backlog: int = 100,
    sock: socket.socket | None = None,
    reuse_address: bool | None = None,
    reuse_port: bool | None = None,
    acceptor: SSHAcceptHandler | None = None,
    error_handler: SSHErrorHandler | None = None,
    config: Any = (),
    options: SSHServerConnectionOptions | None = None,
    **kwargs: Any,
) -> SSHAcceptor:
    """Accept SSH connections as a server.

    Args:
        host: the name or address to listen on; "": every interface.
        port: the port; 0: a free one; not given: 22.
        tunnel: not in this version.
        family: the address family.
        flags: of getaddrinfo.
        backlog: the queue of connections in the kernel; at least 1024 are asked for in any case.
        sock: a bound socket to use, in place of new ones.
        reuse_address: SO_REUSEADDR; None: as is usual on this system.
        reuse_port: SO_REUSEPORT.
        acceptor: called with each connection once its user is logged in; may be a coroutine
            function, whose task belongs to the connection.
        error_handler: called with each connection that ended before that, and why.
        config: not in this version.
        options: options collected before; keywords override them.
        kwargs: options by name; see `SSHServerConnectionOptions`.

    Raises:
        OSError: an address cannot be listened on; the message names it.
        ValueError: there is no host key, or an option is wrong.
        NotSupportedYet: an option whose feature is not in this version.
    """
    options = SSHServerConnectionOptions(
        options, host=host or (), port=port, tunnel=tunnel, family=family, config=config, **kwargs
    )
    loop = asyncio.get_running_loop()
    host_keys = await load_host_keys(options)
    read_authorized(options.authorized_client_keys)  # a file that cannot be read is an error now
    listener = SSHAcceptor(loop, options, host_keys, acceptor, error_handler)
    if sock is not None:
        sock.setblocking(False)
        sock.listen(max(backlog, limits.BACKLOG))
        sockets = [sock]
    else:
        sockets = await open_sockets(
            loop,
            options.host,
            options.port,
            family=options.family,
            flags=flags,
            backlog=backlog,
            reuse_address=reuse_address,
            reuse_port=reuse_port,
        )
    await listener.start(sockets)
    return listener


@opening
async def create_server(
    server_factory: Callable[[], SSHServer] | None,
    host: str = "",
    port: int | tuple[()] = (),
    **kwargs: Any,
) -> SSHAcceptor:
    """Accept SSH connections as `listen` does, with the callbacks of `server_factory`."""
    return await listen(host, port, server_factory=server_factory, **kwargs)


@opening
async def run_server(
    sock: socket.socket, config: Any = (), options: SSHServerConnectionOptions | None = None, **kwargs: Any
) -> SSHServerConnection:
    """Be the server on a connected socket; return the connection once its user is logged in.

    Raises:
        DisconnectError: the connection ended before that.
    """
    options = SSHServerConnectionOptions(options, config=config, **kwargs)
    loop = asyncio.get_running_loop()
    connection = SSHServerConnection(
        loop, options, options.server_factory or SSHServer, await load_host_keys(options)
    )
    sock.setblocking(False)
    try:
        await loop.connect_accepted_socket(lambda: connection.driver, sock)
        await asyncio.wait((connection.established,))
        connection.established.result()
    except BaseException:
        connection.abort()
        if connection.driver.transport is not None:
            await connection.wait_closed()
        raise
    return connection


async def connect_reverse(*args: Any, **kwargs: Any) -> Any:
    """Dial out and be the server: not in this version."""
    raise NotSupportedYet("connect_reverse")
