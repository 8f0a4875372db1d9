"""Serving: listeners, and server connections over them.

Owns: `listen`, `create_server`, `run_server`, `connect_reverse` (dial out and be the server),
`listen_reverse` (accept and be the client), and who makes the connections of each role. Must not know: how a
listener works (`nacre.acceptor`), or what is done with a connection.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nacre.acceptor import SSHAcceptHandler, SSHAcceptor, SSHErrorHandler
from nacre.aio import limits
from nacre.aio.accept import open_sockets
from nacre.aio.admission import Policy
from nacre.aio.key_loading import load_private_keys
from nacre.aio.log import logger, plain
from nacre.aio.opening import opening
from nacre.client import SSHClient
from nacre.client_connection import SSHClientConnection
from nacre.config_begin import configured_later, user_of
from nacre.config_server_alone import server_alone, usable_host_keys
from nacre.connecting import go_through
from nacre.dialing import dial
from nacre.errors import NotSupportedYet
from nacre.gss import of_server, offers_kex
from nacre.host_policy import require_trust
from nacre.identities import load_client_host_keys, load_client_keys
from nacre.keys import CertificateType, SSHCertificate, SSHKeyPair, load_keypairs
from nacre.options import (
    SSHClientConnectionOptions,
    SSHConnectionOptions,
    SSHServerConnectionOptions,
    server_settings,
)
from nacre.profiles import require_host_keys
from nacre.protocol.core import farewell_of, internal_error
from nacre.protocol.limits import IDENT_TIMEOUT
from nacre.server import SSHServer
from nacre.server_auth import read_authorized, read_revoked
from nacre.server_connection import SSHServerConnection

_DEFAULT_PORT = 22


async def load_host_keys(options: SSHServerConnectionOptions) -> tuple[SSHKeyPair, ...]:
    """Return the server's private keys.

    Raises:
        ValueError: there are none, and GSS-API does not do without; or it is asked for and has none.
        ImportError: GSS-API is asked for, and its package is missing.
        OSError, KeyImportError, KeyEncryptionError: one cannot be used.
    """
    gss = of_server(options)
    if gss is not None:
        await gss.prepare()
    wanted = options.server_host_keys
    keys = (
        await load_private_keys(wanted, options.passphrase, certs=options.server_host_certs) if wanted else []
    )
    return _host_keys(options, keys)


def _host_keys(options: SSHServerConnectionOptions, keys: Sequence[SSHKeyPair]) -> tuple[SSHKeyPair, ...]:
    require_host_keys(options.profile, keys)
    keys = usable_host_keys(options, keys)
    if not keys and not offers_kex(options):
        or_line = ", or HostKey in the configuration" if options.config else ""
        raise ValueError(f"a server needs a host key: give server_host_keys (a file, or an SSHKey){or_line}")
    # Of one key and one algorithm there is one, the last: clients do not choose among certificates.
    keys = tuple({(key.key_data, key.algorithm): key for key in keys}.values())
    for key in keys:
        if isinstance(key.cert, SSHCertificate) and key.cert.cert_type is not CertificateType.HOST:
            raise ValueError(f"{key.cert!r} is no certificate of a host: clients would refuse it")
        if key.waits:
            raise ValueError(f"{key!r} cannot be a host key: everybody would wait while it signs for one")
    return keys


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
        before, options = self._options, _updated(self._options, changes)
        named = [(said.server_host_keys, said.server_host_certs) for said in (before, options)]
        host_keys = self._host_keys
        # A configuration that is read anew may have other lines of HostKey.
        if named[0] != named[1] or changes.keys() & {"server_host_keys", "server_host_certs", "passphrase"}:
            if inspect.iscoroutinefunction(options.passphrase):
                raise NotSupportedYet(
                    "update with a coroutine as passphrase", "load the keys yourself before"
                )
            keys = load_keypairs(options.server_host_keys, options.passphrase, options.server_host_certs)
            host_keys = _host_keys(options, keys)
        elif options.config:
            host_keys = _host_keys(options, host_keys)  # or ask for longer ones
        if "authorized_client_keys" in changes:
            read_authorized(options.authorized_client_keys)
        if "known_client_hosts" in changes:
            _warn_of_client_hosts(options)
        if "revoked_keys" in changes:
            read_revoked(options.revoked_keys)
        if _places(options) != _places(before):
            logger.warning(
                "a listener stays where it is: close it and start another for its new address or port"
            )
        self._options, self._host_keys = options, host_keys

    def policy(self) -> Policy:
        options = self._options
        return Policy(
            startups=options.max_unauthenticated,
            per_source=options.max_per_source,
            penalties=options.source_penalties,
            exempt=options.exempt_sources,
            balancers=options.proxy_protocol_from,
            late=options.source_of is not None,
            blocks=server_alone(options).net_blocks,
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

    def __init__(
        self, options: SSHClientConnectionOptions, keys: list[SSHKeyPair], host_keys: list[SSHKeyPair]
    ) -> None:
        self._options = options
        self._keys = keys
        self._of_host = host_keys

    def connection(self) -> SSHClientConnection:
        options = self._options
        # Nobody was called by a name here: what is looked up is the address, or the alias.
        where = ("", _DEFAULT_PORT)
        factory, user = options.client_factory or SSHClient, user_of(options)
        loop = asyncio.get_running_loop()
        return SSHClientConnection(loop, options, factory, user, self._keys, where, self._of_host)

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
        config: files of OpenSSH's server configuration, one or several; not given: none.
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
    options = _configured(options)
    host_keys = await load_host_keys(options)
    read_revoked(options.revoked_keys)  # a file that cannot be read is an error now
    _warn_of_client_hosts(options)
    authorized = read_authorized(options.authorized_client_keys)
    for problem in authorized.problems if authorized is not None else ():
        logger.warning(
            "authorized_client_keys line %d admits nobody: %s", problem.line, plain(problem.reason)
        )
    server_settings(options, host_keys)  # loads the algorithms now, and not when descriptors may have run out
    farewell_of(internal_error())  # and how to refuse a stranger: not as one small thing amid a wave of them
    listener = SSHAcceptor(
        asyncio.get_running_loop(), _ServerSide(options, host_keys), acceptor, error_handler
    )
    await _start(listener, options, sock, flags, backlog, reuse_address, reuse_port)
    return listener


def _places(options: SSHConnectionOptions) -> Sequence[tuple[str, int]]:
    """Return the addresses and ports that are listened on."""
    return server_alone(options).listeners or ((options.host, options.port),)


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
        sockets = []
        try:
            for host, port in _places(options):
                sockets += await open_sockets(
                    asyncio.get_running_loop(),
                    host,
                    port,
                    family=options.family,
                    flags=flags,
                    backlog=backlog,
                    reuse_address=reuse_address,
                    reuse_port=reuse_port,
                )
        except BaseException:
            for opened in sockets:
                opened.close()
            raise
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
    options = _configured(SSHServerConnectionOptions(options, config=config, **kwargs))
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
        config: files of OpenSSH's server configuration, one or several; not given: none.
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
    options = _configured(options)
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
        options = await configured_later(options, without=("host", "port", "tunnel", "proxy_command"))
    # Who comes may be anybody, as with `listen`; who is called may take its time.
    options = options.completed({"ident_timeout": IDENT_TIMEOUT})
    require_trust(options)
    side = _ClientSide(options, await load_client_keys(options), await load_client_host_keys(options))
    listener = SSHAcceptor(asyncio.get_running_loop(), side, acceptor, error_handler)
    await _start(listener, options, sock, flags, backlog, reuse_address, reuse_port)
    return listener


def _configured(options: SSHServerConnectionOptions) -> SSHServerConnectionOptions:
    """Return options with what the configuration says; see `configured_server`."""
    if not options.config:
        return options
    from nacre.server_config import configured_server  # few servers have one

    return configured_server(options)


def _updated(options: SSHServerConnectionOptions, changes: Mapping[str, Any]) -> SSHServerConnectionOptions:
    """Return options with changes; see `updated_server`."""
    if not options.config:
        return _configured(SSHServerConnectionOptions(options, **changes))
    from nacre.server_config import updated_server

    return updated_server(options, changes)


def _warn_of_client_hosts(options: SSHServerConnectionOptions) -> None:
    if options.known_client_hosts:
        from nacre.client_hosts import warn_of_client_hosts  # few servers believe hosts

        warn_of_client_hosts(options)
