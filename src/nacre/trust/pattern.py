"""Patterns of host names and addresses, matched in linear time.

Owns: lists of patterns with negation and CIDR networks, as known_hosts and the `from=` of
authorized_keys have them (sshd(8), ssh_config(5) PATTERNS). Must not know: files, keys.
"""

from __future__ import annotations

import functools
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from nacre.keys.name_pattern import MAX_PATTERN, Glob

__all__ = ["MAX_PATTERN", "Glob", "HostPatterns", "IPAddress", "PatternList", "parse_address"]

IPAddress = IPv4Address | IPv6Address


@functools.lru_cache(64)
def parse_address(text: str | None) -> IPAddress | None:
    """Return the address that `text` is, or None; an IPv4 address mapped into IPv6 as IPv4."""
    if not text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


class _Side:
    """The patterns of a list that are for, or those that are against."""

    __slots__ = ("_exact", "_globs", "_networks")

    def __init__(self) -> None:
        self._exact: set[str] = set()
        self._globs: list[Glob] = []
        self._networks: list[IPv4Network | IPv6Network] = []

    def add(self, pattern: str) -> None:
        if "/" in pattern:
            self._networks.append(ip_network(pattern))
        elif "*" in pattern or "?" in pattern:
            self._globs.append(Glob(pattern))
        else:
            self._exact.add(pattern)

    def matches(self, subjects: tuple[str, ...], address: IPAddress | None) -> bool:
        return (
            any(subject in self._exact for subject in subjects)
            or any(glob.matches(subject) for glob in self._globs for subject in subjects)
            or (address is not None and any(address in network for network in self._networks))
        )


class HostPatterns:
    """A list of patterns with commas between them; case does not count.

    Args:
        text: patterns; one with `/` is a network in CIDR form, one after `!` excludes what it
            matches whatever the others say.

    Raises:
        ValueError: a pattern is empty or too long, or a network is not valid. The whole list is
            then of no use: leaving out an exclusion would widen it.
    """

    __slots__ = ("_against", "_for")

    def __init__(self, text: str) -> None:
        self._for = _Side()
        self._against = _Side()
        for entry in text.lower().split(","):
            negated = entry.startswith("!")
            pattern = entry[1:] if negated else entry
            if not pattern:
                raise ValueError("an empty pattern in a list of hosts")
            try:
                (self._against if negated else self._for).add(pattern)
            except ValueError as exc:
                raise ValueError(f"{entry[:80]!r} is not a valid pattern: {exc}") from None

    def includes(self, subjects: tuple[str, ...], address: IPAddress | None) -> bool:
        """Tell whether a pattern that is not negated matches.

        Args:
            subjects: names and addresses as text, in lower case.
            address: compared with networks.
        """
        return self._for.matches(subjects, address)

    def excludes(self, subjects: tuple[str, ...], address: IPAddress | None) -> bool:
        """Tell whether a negated pattern matches; the arguments are those of `includes`."""
        return self._against.matches(subjects, address)


class PatternList:
    """A list of patterns with commas between them, in which case counts (ssh_config(5) PATTERNS).

    Args:
        text: patterns of `*` and `?`; one after `!` excludes what it matches whatever the others say.

    Raises:
        ValueError: a pattern is empty or too long.
    """

    __slots__ = ("_against", "_for")

    def __init__(self, text: str) -> None:
        self._for: list[Glob] = []
        self._against: list[Glob] = []
        for entry in text.split(","):
            negated = entry.startswith("!")
            pattern = entry[1:] if negated else entry
            if not pattern:
                raise ValueError("an empty pattern in a list")
            (self._against if negated else self._for).append(Glob(pattern))

    def matches(self, text: str) -> bool:
        """Tell whether a pattern matches the whole of `text`, and none that is negated does."""
        return not any(glob.matches(text) for glob in self._against) and any(
            glob.matches(text) for glob in self._for
        )
