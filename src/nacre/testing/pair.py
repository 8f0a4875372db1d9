"""A client and a server of the public face, connected to each other without a network.

Owns: `connected_pair`. Must not know: what they say.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import nacre

#: Options of a server any of which says who may log in.
_DOORS = ("server_factory", "authorized_client_keys", "gss_host")


@dataclass(frozen=True)
class ConnectedPair:
    """Both ends of one connection.

    Attributes:
        client: the client's connection.
        server: the server's connection.
    """

    client: nacre.SSHClientConnection
    server: nacre.SSHServerConnection


class _Anybody(nacre.SSHServer):
    """Lets everybody in."""

    def begin_auth(self, username: str) -> bool:
        return False


@functools.cache
def host_key() -> nacre.SSHKey:
    """Return the one host key of the tests of this process."""
    return nacre.generate_private_key("ssh-ed25519")


@asynccontextmanager
async def connected_pair(
    *, server: Mapping[str, Any] | None = None, client: Mapping[str, Any] | None = None
) -> AsyncIterator[ConnectedPair]:
    """Connect a client and a server, over a pair of sockets in this process.

    Args:
        server: options of the server, as for `nacre.listen`. Without any that says who may log in,
            everybody may; without a host key, it has one.
        client: options of the client, as for `nacre.connect`. Unless they say otherwise it is the user
            "user", trusts any host key and has no keys of its own.

    Yields:
        Both connections, once the user is logged in. They are closed at the end.

    Raises:
        DisconnectError: the login came to nothing.
    """
    of_server = {"server_host_keys": [host_key()], **(server or {})}
    if not any(door in of_server for door in _DOORS):
        of_server["server_factory"] = _Anybody
    of_client = {
        "config": None,
        "known_hosts": None,
        "client_keys": None,
        "username": "user",
        **(client or {}),
    }
    ours, theirs = socket.socketpair()
    serving = asyncio.ensure_future(nacre.run_server(theirs, **of_server))
    try:
        connection = await nacre.run_client(ours, **of_client)
    except BaseException:
        await asyncio.gather(serving, return_exceptions=True)  # it ends for the same reason
        raise
    async with connection:
        accepted = await serving
        try:
            yield ConnectedPair(connection, accepted)
        finally:
            connection.close()
            await connection.wait_closed()
            accepted.close()
            await accepted.wait_closed()
