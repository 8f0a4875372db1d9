"""Opening client connections.

Owns: `connect`, `create_connection`, `run_client`, `get_server_host_key`, `get_server_auth_methods`, and
the hops on the way. Must not know: what is done with a connection. (The module is not called `connect`:
that is the name of a function.)
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

from nacre.aio.link import Handlers
from nacre.aio.opening import opening
from nacre.client import SSHClient
from nacre.client_connection import SSHClientConnection
from nacre.config_begin import configured_later, user_of
from nacre.dialing import MAX_HOPS, Hop, dial, parse_hops
from nacre.errors import HostKeyNotVerifiable, PermissionDenied
from nacre.gss import of_client
from nacre.host_policy import require_trust
from nacre.host_trust import known_hosts_command
from nacre.identities import load_client_host_keys, load_client_keys
from nacre.keys import SSHKey
from nacre.options import SSHClientConnectionOptions, SSHConnectionOptions
from nacre.protocol import events


@opening
async def connect(
    host: str = "",
    port: int | tuple[()] = (),
    *,
    tunnel: Any = (),
    family: Any = (),
    flags: int = 0,
    local_addr: Any = (),
    sock: socket.socket | None = None,
    config: Any = (),
    options: SSHClientConnectionOptions | None = None,
    **kwargs: Any,
) -> SSHClientConnection:
    """Connect to an SSH server and log in: `await` it, or enter it with `async with`.

    Args:
        host: its name or address, or what the configuration calls it; "": this machine.
        port: its port; not given: as the configuration says, or 22.
        tunnel: a client connection to go through, or "[user@]host[:port][,…]": hosts to go through,
            each logged in to as `connect` does without further options.
        family: the address family.
        flags: of getaddrinfo.
        local_addr: (host, port) to connect from.
        sock: a connected socket to use, in place of a new one; host and port then say whose key is
            looked up.
        config: files of OpenSSH configuration, one or several; not given: `~/.ssh/config`; None: none.
        options: options collected before; keywords override them.
        kwargs: options by name; see `SSHClientConnectionOptions`.

    Returns:
        The connection, logged in.

    Raises:
        OSError: the transport could not be connected.
        HostKeyNotVerifiable: the host's key is not trusted.
        PermissionDenied: the login failed.
        DisconnectError: the connection ended before the login was complete.
        TimeoutError: it took longer than `connect_timeout`.
        ConfigParseError: the configuration asks for what nacre does not do; it names file, line and keyword.
        NotSupportedYet: an option whose feature is not in this version.
    """
    options = SSHClientConnectionOptions(
        options,
        host=host or (),
        port=port,
        tunnel=tunnel,
        family=family,
        local_addr=local_addr,
        config=config,
        **kwargs,
    )
    options = await configured_later(options)
    if options.connect_timeout is None:
        return await _connect(options, flags, sock)
    async with _in_time(options):
        return await _connect(options, flags, sock)


@contextlib.asynccontextmanager
async def _in_time(options: SSHClientConnectionOptions) -> AsyncIterator[None]:
    """Give what is done in it the time of `connect_timeout`; the error says who was not reached, and in what time."""
    limit = asyncio.timeout(options.connect_timeout)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise TimeoutError(
            f"{options.host or 'localhost'}, port {options.port}: no login within {options.connect_timeout:g} seconds,"
            " which is connect_timeout"
        ) from None


async def _connect(
    options: SSHClientConnectionOptions,
    flags: int = 0,
    sock: socket.socket | None = None,
    kind: type[SSHClientConnection] = SSHClientConnection,
    depth: int = 0,
) -> SSHClientConnection:
    require_trust(options)
    host = options.host or ("localhost" if sock is None else "")
    command, printed = known_hosts_command(options), ""
    if command is not None and (host or options.host_key_alias):  # over a socket, perhaps neither
        printed = await command.for_order(host, options.port, options.host_key_alias)
    gss, gss_kex = await of_client(options, host)
    hop = None if sock is not None else await go_through(options, depth)
    tunnel = hop or (options.tunnel if sock is None else None)
    try:
        connection = kind(
            asyncio.get_running_loop(),
            options,
            options.client_factory or SSHClient,
            user_of(options),
            await load_client_keys(options),
            (host, options.port),
            await load_client_host_keys(options),
        )
    except BaseException:
        if hop is not None:
            hop.abort()
            await hop.wait_closed()
        raise
    if hop is not None:
        connection.own(hop)
    if sock is None and not tunnel and not options.proxy_command:
        connection.goes_directly()
    if gss is not None:
        connection.use_gss(gss, kex=gss_kex)
    connection.printed_hosts = printed
    await dial(connection, options, flags=flags, sock=sock, tunnel=tunnel)
    return connection


async def go_through(options: SSHConnectionOptions, depth: int = 0) -> SSHClientConnection | None:
    """Open the hops that the option `tunnel` names as text, one through the other.

    Args:
        options: of the connection that is to come, which then owns the last hop, as each hop owns the
            one before.
        depth: of hops that are themselves on the way to something.

    Returns:
        The last hop, or None when the option is not a str.

    Raises:
        OSError, DisconnectError, ValueError: as `connect`; a note says which hop it was.
    """
    if not isinstance(options.tunnel, str):
        return None
    if depth >= MAX_HOPS:
        raise ValueError(f"a way of more than {MAX_HOPS} hops: the configuration goes round in a circle")
    last: SSHClientConnection | None = None
    for hop in parse_hops(options.tunnel):
        try:
            last = await _open_hop(hop, options, last, depth + 1)
        except Exception as error:
            error.add_note(f"on the way to {options.host or 'localhost'}, at {hop.host}")
            raise
    return last


async def _open_hop(
    hop: Hop, options: SSHConnectionOptions, before: SSHClientConnection | None, depth: int
) -> SSHClientConnection:
    """Log in to one hop; what is before it belongs to it from here on, also when it fails."""
    try:
        settings = SSHClientConnectionOptions(
            host=hop.host,
            port=hop.port or (),
            username=hop.user or (),
            tunnel=before if before is not None else (),
            config=options.config if options.is_given("config") else (),
        )
        settings = await configured_later(settings)
        async with _in_time(settings):
            connection = await _connect(settings, depth=depth)
    except BaseException:
        if before is not None:
            before.abort()
            await before.wait_closed()
        raise
    if before is not None:
        connection.own(before)
    return connection


async def create_connection(
    client_factory: Callable[[], SSHClient] | None, host: str = "", port: int | tuple[()] = (), **kwargs: Any
) -> tuple[SSHClientConnection, SSHClient]:
    """Connect as `connect` does, and return the connection and its callback object."""
    connection = await connect(host, port, client_factory=client_factory, **kwargs)
    owner = connection.get_owner()
    assert owner is not None
    return connection, owner


@opening
async def run_client(
    sock: socket.socket, config: Any = (), options: SSHClientConnectionOptions | None = None, **kwargs: Any
) -> SSHClientConnection:
    """Be the client on a connected socket; all else as `connect`."""
    return await connect(sock=sock, config=config, options=options, **kwargs)


class _KeyCatcher(SSHClient):
    """Takes note of the host's key, and trusts nothing."""

    key: SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: SSHKey) -> bool:
        self.key = key
        return False


async def get_server_host_key(host: str = "", port: int | tuple[()] = (), **kwargs: Any) -> SSHKey | None:
    """Return the key that a server shows, without trusting it or logging in.

    Args:
        host: its name or address.
        port: its port; not given: 22.
        kwargs: family, flags, local_addr, sock, client_version, kex_algs, server_host_key_algs and
            options, as for `connect`.

    Raises:
        OSError: the transport could not be connected.
        DisconnectError: the connection ended before the key came.
    """
    catcher = _KeyCatcher()
    try:
        # An empty known_hosts: whatever the user trusts, the key is asked about. No keys: nobody logs in.
        overriding = {
            "known_hosts": b"",
            "strict_host_key_checking": "yes",
            "verify_host_key_dns": "no",
            "client_keys": None,
            "client_factory": lambda: catcher,
            "gss_host": None,
        }
        connection = await connect(host, port, **{**kwargs, **overriding})
    except HostKeyNotVerifiable:
        if catcher.key is None:
            raise  # the server said so, of whatever
        return catcher.key
    connection.abort()
    await connection.wait_closed()
    return connection.get_server_host_key()


class _MethodsCatcher(SSHClientConnection):
    """Tries no method, and takes note of those that could have been tried."""

    methods: list[str] | None = None

    def _note(self, event: events.AuthNeeded) -> None:
        self.methods = list(event.methods)
        self._link.answer(event.token, None)

    _questions: ClassVar[Handlers] = {**SSHClientConnection._questions, events.AuthNeeded: _note}


async def get_server_auth_methods(
    host: str = "", port: int | tuple[()] = (), username: str | tuple[()] = (), **kwargs: Any
) -> list[str]:
    """Return the methods by which a server would let a user try to log in.

    The server's key is not checked: do not trust the answer with more than a curious look.

    Args:
        host: its name or address.
        port: its port; not given: 22.
        username: the user; not given: as for `connect`.
        kwargs: tunnel, proxy_command, family, flags, local_addr, sock, client_version, kex_algs,
            server_host_key_algs, config and options, as for `connect`.

    Returns:
        The methods in the server's order; ["none"] when it lets the user in without any.

    Raises:
        OSError: the transport could not be connected.
        DisconnectError: the connection ended before the answer came.
    """
    flags, sock = kwargs.pop("flags", 0), kwargs.pop("sock", None)
    options = SSHClientConnectionOptions(
        kwargs.pop("options", None),
        **{"host": host or (), "port": port, "username": username, **kwargs},
    )
    options = await configured_later(
        SSHClientConnectionOptions(options, known_hosts=None, client_keys=None, client_factory=None)
    )
    seen: list[_MethodsCatcher] = []

    class Catcher(_MethodsCatcher):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            seen.append(self)

    async with _in_time(options):
        try:
            connection = await _connect(options, flags, sock, Catcher)
        except PermissionDenied:
            if seen[0].methods is None:
                raise  # the server said so before it had named any
            return seen[0].methods
    connection.abort()
    await connection.wait_closed()
    return ["none"]
