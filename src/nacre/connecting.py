"""Opening client connections.

Owns: `connect`, `create_connection`, `run_client`, `get_server_host_key`. Must not know: what is done
with a connection. (The module is not called `connect`: that is the name of a function.)
"""

from __future__ import annotations

import asyncio
import getpass
import socket
from collections.abc import Callable
from typing import Any, cast

from nacre.aio.opening import opening
from nacre.client import SSHClient
from nacre.client_auth import load_client_keys
from nacre.client_connection import SSHClientConnection
from nacre.errors import HostKeyNotVerifiable, NotSupportedYet
from nacre.keys import SSHKey
from nacre.options import SSHClientConnectionOptions


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
        host: its name or address; "": this machine.
        port: its port; not given: 22.
        tunnel: not in this version.
        family: the address family.
        flags: of getaddrinfo.
        local_addr: (host, port) to connect from.
        sock: a connected socket to use, in place of a new one; host and port then say whose key is
            looked up.
        config: not in this version.
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
    async with asyncio.timeout(options.connect_timeout):
        return await _connect(options, flags, sock)


async def _connect(
    options: SSHClientConnectionOptions, flags: int, sock: socket.socket | None
) -> SSHClientConnection:
    loop = asyncio.get_running_loop()
    connection = SSHClientConnection(
        loop,
        options,
        options.client_factory or SSHClient,
        options.username or _local_user(),
        await load_client_keys(options),
        (options.host or "localhost", options.port),
    )
    try:
        if sock is not None:
            sock.setblocking(False)
            await loop.create_connection(lambda: connection.driver, sock=sock)
        else:
            await loop.create_connection(
                lambda: connection.driver,
                cast("str", options.host or None),  # None is this machine, as for asyncio's own
                options.port,
                family=options.family,
                flags=flags,
                local_addr=options.local_addr,
            )
        await asyncio.wait((connection.established,))
        connection.established.result()
    except BaseException:
        connection.abort()
        if connection.driver.transport is not None:
            await connection.wait_closed()
        raise
    return connection


def _local_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise ValueError("the local user has no name here: give one as username=…") from None


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
        # An empty known_hosts: whatever the user trusts, the key is asked about.
        connection = await connect(
            host, port, **{**kwargs, "known_hosts": b"", "client_factory": lambda: catcher}
        )
    except HostKeyNotVerifiable:
        return catcher.key
    connection.abort()
    await connection.wait_closed()
    return connection.get_server_host_key()


async def listen_reverse(*args: Any, **kwargs: Any) -> Any:
    """Accept connections and be the client on them: not in this version."""
    raise NotSupportedYet("listen_reverse")
