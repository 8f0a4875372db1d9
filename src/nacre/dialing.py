"""What a connection runs over: a socket, a connected one, a command's pipes, or another connection.

Owns: the choice among them, the proxy command, the hops of a tunnel as text, and what becomes of a
connection that could not be made. Must not know: roles, or what is said over the transport.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shlex
import socket
from collections.abc import Iterator, Sequence
from typing import Any, Final

from nacre.aio.log import logger, plain
from nacre.aio.tunnel import open_tunnel
from nacre.config_alone import alone
from nacre.connection_base import SSHConnection
from nacre.errors import NotSupportedYet
from nacre.options import SSHConnectionOptions
from nacre.wire.record import record

#: Hops of one tunnel, those that come of the configuration of a hop too: more is a circle.
MAX_HOPS: Final = 8
#: Seconds that a proxy command has to end by itself once its connection has gone, before it is killed.
_PROXY_PATIENCE: Final = 2.0
#: Seconds between one attempt to connect and the next, as by ssh.
_BETWEEN_ATTEMPTS: Final = 1.0
_DEFAULT_PORT: Final = 22
_HOP: Final = r"(?:(?P<user>[^\s,]+)@)?(?P<host>\[[^\]\s,]+\]|[^\s,:@\[\]]+)(?::(?P<port>\d{1,5}))?"


@record
class Hop:
    """One host to go through.

    Attributes:
        user: whom to log in as; "": as the options or the configuration say.
        host: its name or address.
        port: its port; 0: as the options or the configuration say.
    """

    user: str
    host: str
    port: int


def parse_hops(text: str) -> tuple[Hop, ...]:
    """Return the hops of `[user@]host[:port][,…]`, the first to connect to first.

    Raises:
        ValueError: it is not of that form.
    """
    hops = []
    for entry in text.split(","):
        found = re.fullmatch(_HOP, entry.strip())
        port = int(found["port"] or 0) if found else 0
        if found is None or port > 65535 or found["host"].startswith("-"):
            raise ValueError(
                f"{entry.strip()!r} is no hop of a tunnel: [user@]host[:port], with commas between"
            )
        hops.append(Hop(found["user"] or "", found["host"].strip("[]"), port))
    if len(hops) > MAX_HOPS:
        raise ValueError(f"a tunnel of {len(hops)} hops; {MAX_HOPS} is the most")
    return tuple(hops)


class ProxyCommand:
    """A command whose standard input and output are one end of a connection."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, command: str | Sequence[str]) -> tuple[ProxyCommand, socket.socket]:
        """Start a command, without a shell.

        Args:
            command: the program and its arguments; a str is split as a shell would split it.

        Returns:
            What ends it, and our end.
        """
        argv = shlex.split(command) if isinstance(command, str) else list(command)
        if not hasattr(socket, "AF_UNIX"):
            raise NotSupportedYet("proxy_command", "this system has no socket pairs that a command could use")
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=theirs.fileno(), stdout=theirs.fileno()
            )
        except OSError as error:
            ours.close()
            raise OSError(
                error.errno, f"the proxy command does not start: {error.strerror}", argv[0]
            ) from None
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(process), ours

    def close(self) -> None:
        """Have it end."""
        if self._process.returncode is None:
            self._process.terminate()

    async def wait_closed(self) -> None:
        """Wait until it has ended."""
        try:
            await asyncio.wait_for(self._process.wait(), _PROXY_PATIENCE)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


async def passed_socket(pipe: socket.socket) -> socket.socket:
    """Return the socket that a command has sent through its own, which is closed (ssh_config(5), ProxyUseFdpass).

    Raises:
        ConnectionError: it has sent none.
    """
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    with pipe:
        pipe.setblocking(False)
        loop.add_reader(pipe, came.set)
        try:
            await came.wait()
        finally:
            loop.remove_reader(pipe)
        _, found, _, _ = socket.recv_fds(pipe, 1, 1)
    for descriptor in found:
        try:
            sock = socket.socket(fileno=descriptor)
        except OSError:  # a file, say
            os.close(descriptor)
            continue
        if sock.type == socket.SOCK_STREAM:
            sock.set_inheritable(False)  # other programs that are started have no part in it
            return sock
        sock.close()
    raise ConnectionError("the proxy command has handed over no connection, as ProxyUseFdpass has it")


async def dial(
    connection: SSHConnection[Any],
    options: SSHConnectionOptions,
    *,
    flags: int = 0,
    sock: socket.socket | None = None,
    tunnel: SSHConnection[Any] | None = None,
) -> None:
    """Give a connection its transport, and wait until its user is logged in.

    Args:
        connection: new.
        options: where it goes.
        flags: of getaddrinfo.
        sock: a connected socket to use.
        tunnel: a connection to go through.

    Raises:
        OSError: the transport could not be connected.
        ChannelOpenError: the tunnel does not reach the host.
        DisconnectError: the connection ended before the login was complete.
    """
    try:
        await _attach(connection, options, flags, sock, tunnel)
        await connection.established
    except BaseException:
        connection.abort()
        await connection.discard()
        raise


async def _attach(
    connection: SSHConnection[Any],
    options: SSHConnectionOptions,
    flags: int,
    sock: socket.socket | None,
    tunnel: SSHConnection[Any] | None,
) -> None:
    driver = connection.driver
    if sock is None and tunnel is not None:
        await open_tunnel(tunnel.link, options.host or "localhost", options.port, driver)
        return
    if sock is None and options.proxy_command:
        proxy, sock = await ProxyCommand.start(options.proxy_command)
        connection.own(proxy)
        if alone(options).passes_socket:
            sock = await passed_socket(sock)
    if sock is not None:
        sock.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: driver, sock=sock)
        return
    host: Any = options.host or None  # None is this machine, as for asyncio's own
    for left in reversed(range(alone(options).attempts)):
        try:
            await _call(options, driver, host, flags)
        except socket.gaierror:  # as ssh has it, a name that is not there is not asked for again
            raise
        except OSError as error:
            if not left:
                raise
            logger.info("%s; %d more attempts", plain(error), left)
            await asyncio.sleep(_BETWEEN_ATTEMPTS)
        else:
            return


async def _call(options: SSHConnectionOptions, driver: Any, host: Any, flags: int) -> None:
    """Connect once, from each of the places in turn that it may come from."""
    ends = [(options.family, options.local_addr)]
    if alone(options).interface and options.local_addr is None:
        ends = list(_ends_of(alone(options).interface, options.family))
    failure: OSError | None = None
    for family, local in ends:
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: driver, host, options.port, family=family, flags=flags, local_addr=local
            )
        except OSError as error:
            # A name that has no address of this family says less than a host that does not answer.
            failure = failure if failure is not None and isinstance(error, socket.gaierror) else error
        else:
            return
    assert failure is not None
    raise failure


def _ends_of(interface: str, wanted: int) -> Iterator[tuple[int, tuple[str, int]]]:
    """Return the families that an interface has addresses of, and the best one of each. OSError: there are none."""
    from nacre.config_machine import interface_addresses  # few connections are to come from one

    best: dict[int, str] = {}
    for address in interface_addresses(interface):
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        scope = f"%{interface}" if address.version == 6 and address.is_link_local else ""
        if wanted in (socket.AF_UNSPEC, family):
            best.setdefault(family, f"{address}{scope}")
    if not best:
        raise OSError(
            errno.EADDRNOTAVAIL, f"BindInterface {interface}: there is no such interface with an address"
        )
    for found, text in best.items():
        yield found, (text, 0)
