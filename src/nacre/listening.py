"""Serving: listeners, and server connections over them.

Owns: `listen`, `create_server`, `run_server`, `connect_reverse` (dial out and be the server),
`listen_reverse` (accept and be the client) and `SSHAcceptor`. Must not know: what is done with a connection.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, Self

from nacre.aio import limits
from nacre.aio.accept import AcceptLoop, open_sockets
from nacre.aio.admission import Admission, Place, Policy
from nacre.aio.arrival import Arrival, Ends
from nacre.aio.driver import Driver
from nacre.aio.key_loading import load_private_keys
from nacre.aio.log import logger, plain
from nacre.aio.opening import opening
from nacre.aio.tasks import FAILURES
from nacre.client import SSHClient
from nacre.client_config import configured, user_of
from nacre.client_connection import SSHClientConnection
from nacre.connecting import go_through
from nacre.connection_base import SSHConnection
from nacre.dialing import dial
from nacre.errors import NotSupportedYet
from nacre.host_trust import require_files
from nacre.identities import load_client_keys
from nacre.keys import CertificateType, SSHKeyPair, load_keypairs
from nacre.options import (
    SSHClientConnectionOptions,
    SSHConnectionOptions,
    SSHServerConnectionOptions,
    server_settings,
)
from nacre.protocol.limits import IDENT_TIMEOUT
from nacre.server import SSHServer
from nacre.server_auth import read_authorized
from nacre.server_connection import SSHServerConnection

#: Called with each connection once its user is logged in.
SSHAcceptHandler = Callable[[Any], Awaitable[None] | None]
#: Called with a connection that ended before that, and why.
SSHErrorHandler = Callable[[Any, BaseException], None]

_DEFAULT_PORT = 22


async def load_host_keys(options: SSHServerConnectionOptions) -> tuple[SSHKeyPair, ...]:
    """Return the server's private keys.

    Raises:
        ValueError: there are none.
        OSError, KeyImportError, KeyEncryptionError: one cannot be used.
    """
    wanted = options.server_host_keys
    keys = (
        await load_private_keys(wanted, options.passphrase, certs=options.server_host_certs) if wanted else []
    )
    return _host_keys(keys)


def _host_keys(keys: Sequence[SSHKeyPair]) -> tuple[SSHKeyPair, ...]:
    if not keys:
        raise ValueError("a server needs a host key: give server_host_keys (a file, or an SSHKey)")
    for key in keys:
        if key.cert is not None and key.cert.cert_type is not CertificateType.HOST:
            raise ValueError(f"{key.cert!r} is no certificate of a host: clients would refuse it")
    return tuple(keys)


class _Side(Protocol):
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


class _ServerSide:
    """We are the server."""

    def __init__(self, options: SSHServerConnectionOptions, host_keys: tuple[SSHKeyPair, ...]) -> None:
        self._options = options
        self._host_keys = host_keys

    def connection(self) -> SSHServerConnection:
        options = self._options
        factory = options.server_factory or SSHServer
        return SSHServerConnection(asyncio.get_running_loop(), options, factory, self._host_keys)

    def update(self, changes: dict[str, Any]) -> None:
        options = SSHServerConnectionOptions(self._options, **changes)
        if changes.keys() & {"server_host_keys", "server_host_certs", "passphrase"}:
            if inspect.iscoroutinefunction(options.passphrase):
                raise NotSupportedYet(
                    "update with a coroutine as passphrase", "load the keys yourself before"
                )
            self._host_keys = _host_keys(
                load_keypairs(options.server_host_keys, options.passphrase, options.server_host_certs)
            )
        if "authorized_client_keys" in changes:
            read_authorized(options.authorized_client_keys)
        self._options = options

    def policy(self) -> Policy:
        options = self._options
        return Policy(
            startups=options.max_unauthenticated,
            per_source=options.max_per_source,
            penalties=options.source_penalties,
            exempt=options.exempt_sources,
            balancers=options.proxy_protocol_from,
            late=options.source_of is not None,
        )

    @property
    def source_of(self) -> Callable[[Any], str | None] | None:
        found: Callable[[Any], str | None] | None = self._options.source_of
        return found

    @property
    def header_time(self) -> float:
        return float(self._options.ident_timeout)


class _ClientSide:
    """We are the client, on connections that the servers have made."""

    def __init__(self, options: SSHClientConnectionOptions, keys: list[SSHKeyPair]) -> None:
        self._options = options
        self._keys = keys

    def connection(self) -> SSHClientConnection:
        options = self._options
        # Nobody was called by a name here: what is looked up is the address, or the alias.
        where = ("", _DEFAULT_PORT)
        factory, user = options.client_factory or SSHClient, user_of(options)
        return SSHClientConnection(asyncio.get_running_loop(), options, factory, user, self._keys, where)

    def update(self, changes: dict[str, Any]) -> None:
        if changes.keys() & {"client_keys", "client_certs", "passphrase"}:
            raise NotSupportedYet("update(client_keys=…)", "close this listener and start another")
        self._options = SSHClientConnectionOptions(self._options, **changes)

    def policy(self) -> Policy:
        return Policy()

    @property
    def source_of(self) -> Callable[[Any], str | None] | None:
        return None

    @property
    def header_time(self) -> float:
        return IDENT_TIMEOUT


class SSHAcceptor:
    """A listener; returned by `listen` and `listen_reverse`. Closing it leaves the connections alone."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        side: _Side,
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
        tunnel: not in this version: a server that listens for us.
        family: the address family.
        flags: of getaddrinfo.
        backlog: the queue of connections in the kernel; at least 4096 are asked for in any case.
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
    host_keys = await load_host_keys(options)
    authorized = read_authorized(options.authorized_client_keys)  # a file that cannot be read is an error now
    for problem in authorized.problems if authorized is not None else ():
        logger.warning(
            "authorized_client_keys line %d admits nobody: %s", problem.line, plain(problem.reason)
        )
    server_settings(options, host_keys)  # loads the algorithms now, and not when descriptors may have run out
    listener = SSHAcceptor(
        asyncio.get_running_loop(), _ServerSide(options, host_keys), acceptor, error_handler
    )
    await _start(listener, options, sock, flags, backlog, reuse_address, reuse_port)
    return listener


async def _start(
    listener: SSHAcceptor,
    options: SSHConnectionOptions,
    sock: socket.socket | None,
    flags: int,
    backlog: int,
    reuse_address: bool | None,
    reuse_port: bool | None,
) -> None:
    if options.tunnel is not None:
        raise NotSupportedYet("listening through a tunnel", "it needs remote forwarding")
    if sock is not None:
        sock.setblocking(False)
        sock.listen(max(backlog, limits.BACKLOG))
        sockets = [sock]
    else:
        sockets = await open_sockets(
            asyncio.get_running_loop(),
            options.host,
            options.port,
            family=options.family,
            flags=flags,
            backlog=backlog,
            reuse_address=reuse_address,
            reuse_port=reuse_port,
        )
    await listener.start(sockets)


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
    return await _serve(options, sock=sock)


async def _serve(
    options: SSHServerConnectionOptions, flags: int = 0, sock: socket.socket | None = None
) -> SSHServerConnection:
    """Be the server on a connection that is made by us, or that is there."""
    host_keys = await load_host_keys(options)
    hop = None if sock is not None else await go_through(options)
    connection = _ServerSide(options, host_keys).connection()
    if hop is not None:
        connection.own(hop)
    tunnel = hop or (options.tunnel if sock is None else None)
    await dial(connection, options, flags=flags, sock=sock, tunnel=tunnel)
    return connection


@opening
async def connect_reverse(
    host: str = "",
    port: int | tuple[()] = (),
    *,
    tunnel: Any = (),
    family: Any = (),
    flags: int = 0,
    local_addr: Any = (),
    sock: socket.socket | None = None,
    config: Any = (),
    options: SSHServerConnectionOptions | None = None,
    **kwargs: Any,
) -> SSHServerConnection:
    """Connect to a host that is then our client: the reverse of `connect`; see `listen_reverse`.

    Args:
        host: its name or address; "": this machine.
        port: its port; not given: 22.
        tunnel: a client connection to go through, or the hosts to go through as text, as for `connect`.
        family: the address family.
        flags: of getaddrinfo.
        local_addr: (host, port) to connect from.
        sock: a connected socket to use, in place of a new one.
        config: not in this version.
        options: options collected before; keywords override them.
        kwargs: options by name; see `SSHServerConnectionOptions`.

    Returns:
        The connection, whose user is logged in.

    Raises:
        OSError: the transport could not be connected.
        DisconnectError: the connection ended before the login was complete.
        TimeoutError: it took longer than `connect_timeout`.
        ValueError: there is no host key, or an option is wrong.
    """
    options = SSHServerConnectionOptions(
        options,
        host=host or (),
        port=port,
        tunnel=tunnel,
        family=family,
        local_addr=local_addr,
        config=config,
        **kwargs,
    )
    async with asyncio.timeout(options.connect_timeout):
        return await _serve(options, flags, sock)


@opening
async def listen_reverse(
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
    options: SSHClientConnectionOptions | None = None,
    **kwargs: Any,
) -> SSHAcceptor:
    """Accept connections from hosts that are then our servers: the reverse of `listen`.

    Whose key such a host must show is looked up by `host_key_alias` or else by the address that it
    comes from, without a port.

    Args:
        host: the name or address to listen on; "": every interface.
        port: the port; 0: a free one; not given: 22.
        tunnel: not in this version: a server that listens for us.
        family: the address family.
        flags: of getaddrinfo.
        backlog: the queue of connections in the kernel; at least 4096 are asked for in any case.
        sock: a bound socket to use, in place of new ones.
        reuse_address: SO_REUSEADDR; None: as is usual on this system.
        reuse_port: SO_REUSEPORT.
        acceptor: called with each connection once we are logged in; may be a coroutine function,
            whose task belongs to the connection.
        error_handler: called with each connection that ended before that, and why.
        config: files of OpenSSH configuration, one or several; not given: none.
        options: options collected before; keywords override them.
        kwargs: options by name; see `SSHClientConnectionOptions`.

    Raises:
        OSError: an address cannot be listened on; the message names it.
        ValueError: an option is wrong.
    """
    options = SSHClientConnectionOptions(
        options, host=host or (), port=port, tunnel=tunnel, family=family, config=config, **kwargs
    )
    if options.config:  # what it says of the way to somewhere is of no use where nobody is called
        options = configured(options, without=("host", "port", "tunnel", "proxy_command"))
    # Who comes may be anybody, as with `listen`; who is called may take its time.
    options = options.completed({"ident_timeout": IDENT_TIMEOUT})
    require_files(options.known_hosts)
    side = _ClientSide(options, await load_client_keys(options))
    listener = SSHAcceptor(asyncio.get_running_loop(), side, acceptor, error_handler)
    await _start(listener, options, sock, flags, backlog, reuse_address, reuse_port)
    return listener
