"""The names of addresses, as the system's resolver tells them.

Owns: the lookups, and the threads that wait for name servers. Must not know: what a name is believed for.

Whoever has an address decides how slowly its name server answers: threads of their own wait for that, so
that it holds up other names at most, and never what else is done beside the loop.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final

from nacre.aio.sources import parse_address

__all__ = ["confirmed_here", "confirmed_name", "is_host_name", "name_of"]

_THREADS: Final = 4
#: Letters, digits, hyphens, the underscores that some zones have, and dots (RFC 1123 section 2.1).
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*", re.ASCII)
_LONGEST: Final = 255


@cache
def _resolvers(process: int) -> ThreadPoolExecutor:
    """Return the threads of a process: one that was forked off has none of its parent's."""
    return ThreadPoolExecutor(_THREADS, "nacre-host-names")


def is_host_name(text: str) -> bool:
    """Return whether a text in lower case is the name of a host, and no address."""
    if len(text) > _LONGEST or _NAME.fullmatch(text) is None:
        return False
    try:
        parse_address(text)
    except ValueError:
        # What is no address and ends in a number is one to some resolvers: 127.1 (RFC 1123 section 2.1).
        return not text.rpartition(".")[2].isdigit()
    return False


async def name_of(address: tuple[Any, ...]) -> str | None:
    """Return the name of a socket's address, in lower case, or None: there is none, or it is no name."""
    return await asyncio.get_running_loop().run_in_executor(_resolvers(os.getpid()), _named, address[:2])


def _named(address: tuple[Any, ...]) -> str | None:
    try:
        found, _ = socket.getnameinfo(address, socket.NI_NAMEREQD)
    except (OSError, UnicodeError):
        return None
    name = found.lower().removesuffix(".")
    return name if is_host_name(name) else None


async def confirmed_name(host: str) -> str | None:
    """Return the name of an address, if that name has the address: else anybody could take any name.

    Args:
        host: the address, as text.

    Returns:
        The name in lower case, without a dot at its end, or None.
    """
    return await asyncio.get_running_loop().run_in_executor(_resolvers(os.getpid()), confirmed_here, host)


def confirmed_here(host: str) -> str | None:
    """Return what `confirmed_name` does, in this thread, which may have to wait."""
    try:
        wanted = parse_address(host)
    except ValueError:
        return None
    name = _named((str(wanted), 0))
    if name is None:
        return None
    try:
        found = socket.getaddrinfo(name, None, socket.AF_UNSPEC, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    return name if any(parse_address(str(entry[4][0])) == wanted for entry in found) else None
