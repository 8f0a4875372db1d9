"""Where connections come from: the network that a source is, and lists of networks.

Owns: how an address becomes a source, and what a listed network is. Must not know: what is done about one.

One customer is one IPv4 address and one IPv6 network of 64 bits, out of which somebody may choose a new
address for every connection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any, Final

#: The word that lists all UNIX sockets, which have no address.
UNIX: Final = "unix"
#: How many bits of an IPv4 and of an IPv6 address are a source.
BLOCKS: Final = (32, 64)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def host_of(address: Any) -> str | None:
    """Return the host of a socket's address; None for a UNIX socket."""
    return address[0] if isinstance(address, tuple) else None


def is_internet(address: Any) -> bool:
    """Return whether a socket's address is one of TCP: a host and a port. To ask the socket takes ten calls."""
    return isinstance(address, tuple) and isinstance(address[0], str)


def parse_address(host: str) -> Address:
    """Return an address; an IPv4 one that is mapped into IPv6 is IPv4.

    Raises:
        ValueError: it is none.
    """
    found = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def source_of(address: Address, blocks: tuple[int, int] = BLOCKS) -> str:
    """Return the name of the source that an address belongs to: an IPv4 address, or an IPv6 network.

    Args:
        address: as `parse_address` returns it.
        blocks: how many bits of an IPv4 and of an IPv6 address are one source.
    """
    kept = blocks[0] if address.version == 4 else blocks[1]
    if kept == address.max_prefixlen:
        return str(address)
    bits = address.max_prefixlen - kept
    return f"{type(address)(int(address) >> bits << bits)}/{kept}"


class Networks:
    """A list of networks.

    Args:
        entries: addresses or networks, as "192.0.2.1", "192.0.2.0/24" or "2001:db8::/32"; or "unix".

    Raises:
        ValueError: an entry is none of these.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self.entries = tuple(entries)
        self._unix = UNIX in self.entries
        self._networks = tuple(_network(entry) for entry in self.entries if entry != UNIX)

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __repr__(self) -> str:
        return f"[{', '.join(self.entries)}]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Networks) and self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.entries)

    def include(self, address: Address | None) -> bool:
        """Return whether an address is in one of them; None is a UNIX socket."""
        if address is None:
            return self._unix
        return any(address in network for network in self._networks)


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        raise ValueError(
            f"{entry!r} is no network: write 192.0.2.1, 192.0.2.0/24, 2001:db8::/32 or {UNIX}"
        ) from None
