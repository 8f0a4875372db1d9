"""Every algorithm of the transport, with its rank and status, and the reading of algorithm options.

Owns: the table that the files of the families fill, and the syntax of options such as
`encryption_algs`. Must not know: how any algorithm works. Signature algorithms are registered by
`nacre.keys`, which reads its options with the same `choose`.

The files of the families are imported when the table is first looked at, not with this module.
"""

from __future__ import annotations

import fnmatch
import importlib
from collections.abc import Collection, Iterable, Sequence
from enum import Enum
from functools import cache, lru_cache
from typing import Any, Final

from nacre.wire.record import record


class Family(Enum):
    """The kinds of algorithm that a KEXINIT negotiates; the value names one for a person."""

    KEX = "key exchange method"
    CIPHER = "cipher"
    MAC = "MAC"
    COMPRESSION = "compression method"

    __hash__ = object.__hash__  # the members are what they are: tables by family are asked at each login


class Status(Enum):
    """Whether an algorithm is offered without being asked for.

    OPTIONAL is sound but not wanted by default; LEGACY is weak. Patterns reach neither.
    """

    DEFAULT = "default"
    OPTIONAL = "optional"
    LEGACY = "legacy"


#: RFC 4344 section 3.1: re-key after 2^31 packets, in either direction.
REKEY_PACKETS: Final = 1 << 31


@record
class Algorithm:
    """One algorithm of one family.

    Attributes:
        family: what it is negotiated as.
        name: its name on the wire.
        rank: its place in the order of preference, lower first; no two of a family share one.
        status: whether it is offered by default.
        factory: for `nacre.crypto` alone: `CipherFactory` for a cipher, a callable for the others.
        key_size: bytes of key to derive (letters C and D for a cipher, E and F for a MAC).
        iv_size: bytes of initial IV to derive (letters A and B).
        block_size: what packets are padded to a multiple of.
        tag_size: bytes of tag after each packet: a MAC's, or that of a cipher with one of its own.
        authenticates: a cipher with a tag of its own; no MAC is negotiated beside it.
        hash_name: the hash of a key exchange or MAC, as hashlib calls it.
        rekey_bytes: new keys are due after this many bytes under one key; None: no limit of its own.
        rekey_packets: new keys are due after this many packets under one key.
        risk: what is given up by whoever names it, in words for a person; "": nothing.
    """

    family: Family
    name: str
    rank: int
    status: Status
    factory: Any
    key_size: int = 0
    iv_size: int = 0
    block_size: int = 8
    tag_size: int = 0
    authenticates: bool = False
    hash_name: str = ""
    rekey_bytes: int | None = None
    rekey_packets: int = REKEY_PACKETS
    risk: str = ""


#: How many options are remembered: a program gives the same ones to each of its connections.
_REMEMBERED: Final = 64

_FAMILY_MODULES: Final = (
    "nacre.crypto.kex.mlkem",
    "nacre.crypto.kex.curve25519",
    "nacre.crypto.kex.nistp",
    "nacre.crypto.kex.dh",
    "nacre.crypto.ciphers.gcm",
    "nacre.crypto.ciphers.chacha",
    "nacre.crypto.ciphers.ctr",
    "nacre.crypto.mac",
    "nacre.crypto.compression",
)
_algorithms: Final[dict[Family, dict[str, Algorithm]]] = {family: {} for family in Family}


def register(algorithm: Algorithm) -> None:
    """Add an algorithm to the table.

    Raises:
        ValueError: the family already has that name or that rank.
    """
    family = _algorithms[algorithm.family]
    for other in family.values():
        if other.name == algorithm.name:
            raise ValueError(f"{algorithm.family.value} {algorithm.name!r} is registered twice")
        if other.rank == algorithm.rank:
            raise ValueError(f"{algorithm.family.value} {algorithm.name!r} has the rank of {other.name!r}")
    family[algorithm.name] = algorithm
    names.cache_clear()
    default_names.cache_clear()
    lookup.cache_clear()
    _select.cache_clear()


@cache
def _load() -> None:
    """Import the files that fill the tables."""
    for module in _FAMILY_MODULES:
        importlib.import_module(module)


def _loaded(family: Family) -> dict[str, Algorithm]:
    """Return the table of a family, after the files that fill it have been imported."""
    _load()
    return _algorithms[family]


def _ranked(family: Family) -> list[Algorithm]:
    return sorted(_loaded(family).values(), key=lambda algorithm: algorithm.rank)


@cache
def lookup(family: Family, name: str) -> Algorithm:
    """Return the algorithm of that name.

    Raises:
        KeyError: the family has none of that name.
    """
    return _loaded(family)[name]


@cache
def names(family: Family) -> tuple[str, ...]:
    """Return the names of all algorithms of a family, best first."""
    return tuple(algorithm.name for algorithm in _ranked(family))


@cache
def default_names(family: Family) -> tuple[str, ...]:
    """Return the names that are offered when nothing else is asked for, best first."""
    return tuple(algorithm.name for algorithm in _ranked(family) if algorithm.status is Status.DEFAULT)


def select(family: Family, spec: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names that an option asks for, in order of preference.

    Args:
        family: the family that the option is about.
        spec: `()` for the defaults; a list of full names; or names and patterns (`*`, `?`)
            separated by commas, which replace the defaults. A leading `^` puts them before the
            defaults, `+` after them, and `-` takes them out. Patterns match what is offered by
            default alone: an optional algorithm must be named in full, and a legacy one so in a list
            without a sign.

    Raises:
        ValueError: an unknown name, a pattern that matches nothing, or nothing left to offer.
    """
    if spec == ():
        return default_names(family)
    return _select(family, spec if isinstance(spec, str) else tuple(spec))


@lru_cache(_REMEMBERED)
def _select(family: Family, spec: str | tuple[str, ...]) -> tuple[str, ...]:
    wanted = spec if isinstance(spec, str) else list(spec)  # () would stand for the defaults
    return choose(family.value, wanted, default_names(family), names(family), _legacy(family))


def _legacy(family: Family) -> frozenset[str]:
    return frozenset(name for name, algorithm in _loaded(family).items() if algorithm.status is Status.LEGACY)


def choose(
    kind: str,
    spec: str | Sequence[str],
    default: Sequence[str],
    known: Sequence[str],
    legacy: Collection[str] = (),
) -> tuple[str, ...]:
    """Read an algorithm option: `select` for names that are registered elsewhere.

    Args:
        kind: what the names are, in the singular, for messages.
        spec: the option, as for `select`.
        default: what patterns can reach and what `^`, `+` and `-` start from, best first.
        known: every name that may be given in full.
        legacy: those of them that `^` and `+` do not reach: weak ones stand in a list of their own.

    Raises:
        ValueError: as for `select`.
    """
    if spec == ():
        return tuple(default)
    if not isinstance(spec, str):
        chosen = [_known(kind, name, known) for name in spec]
    else:
        prefix, patterns = (spec[0], spec[1:]) if spec[:1] in ("^", "+", "-") else ("", spec)
        named = [
            name for entry in patterns.split(",") for name in _expand(kind, entry.strip(), default, known)
        ]
        weak = [name for name in named if name in legacy and prefix in ("^", "+")]
        if weak:
            raise ValueError(
                f"{kind} {weak[0]!r} is legacy, which {prefix!r} does not reach: give every {kind} that is wanted, "
                "without a sign"
            )
        match prefix:
            case "^":
                chosen = [*named, *default]
            case "+":
                chosen = [*default, *named]
            case "-":
                chosen = [name for name in default if name not in named]
            case _:
                chosen = named
    if not chosen:
        raise ValueError(f"{spec!r} leaves no {kind} to offer")
    return tuple(dict.fromkeys(chosen))


def _expand(kind: str, entry: str, default: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return the names that one entry of a comma-separated option stands for."""
    if "*" not in entry and "?" not in entry:
        return [_known(kind, entry, known)]
    # A pattern's brackets would be character sets; no name has any, so that they match nothing.
    found = [name for name in default if "[" not in entry and fnmatch.fnmatchcase(name, entry)]
    if not found:
        raise ValueError(f"no {kind} offered by default matches {entry!r}; there are {', '.join(default)}")
    return found


def _known(kind: str, name: object, known: Sequence[str]) -> str:
    """Return a full name, or say which there are."""
    if isinstance(name, str) and name in known:
        return name
    raise ValueError(f"unknown {kind} {name!r}; there are {', '.join(known)}")
