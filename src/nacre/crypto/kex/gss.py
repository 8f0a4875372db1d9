"""The key exchanges that GSS-API authenticates (RFC 4462 section 2, RFC 8732): which shares and which hash.

Owns: their names, with and without the mechanism, and the run behind each: the same as of the method without
GSS-API. Must not know: tokens, messages.

They are no members of the table of methods: without somebody who makes contexts they are nothing. None is
offered by default. Those with SHA-1 do not exist here.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable
from typing import Final

from nacre.crypto.kex.base import AnyExchange, Random, make_exchange
from nacre.crypto.kex.dh import DhExchange
from nacre.crypto.kex.groups import modp
from nacre.errors import KeyExchangeFailed

#: What every name begins with.
PREFIX: Final = "gss-"


def _as(name: str) -> Callable[[Random | None], AnyExchange]:
    return lambda random: make_exchange(name, random)


def _group(bits: int) -> Callable[[Random | None], AnyExchange]:
    return lambda random: DhExchange("sha512", modp(bits), random)


#: The run behind each method, best first.
_RUNS: Final[dict[str, Callable[[Random | None], AnyExchange]]] = {
    "gss-curve25519-sha256": _as("curve25519-sha256"),
    "gss-nistp256-sha256": _as("ecdh-sha2-nistp256"),
    "gss-nistp384-sha384": _as("ecdh-sha2-nistp384"),
    "gss-nistp521-sha512": _as("ecdh-sha2-nistp521"),
    "gss-group16-sha512": _as("diffie-hellman-group16-sha512"),
    "gss-group15-sha512": _group(3072),
    "gss-group17-sha512": _group(6144),
    "gss-group18-sha512": _as("diffie-hellman-group18-sha512"),
    "gss-group14-sha256": _as("diffie-hellman-group14-sha256"),
}
#: Every method, without a mechanism.
GSS_METHODS: Final = tuple(_RUNS)
#: What is offered where GSS-API is asked for and no method is named: what is the default without it, too.
DEFAULT_GSS_METHODS: Final = ("gss-curve25519-sha256",)


def is_gss(name: str) -> bool:
    """Return whether a method, with or without a mechanism, is one of GSS-API."""
    return name.startswith(PREFIX)


@functools.lru_cache(64)
def names_gss(names: tuple[str, ...]) -> bool:
    """Return whether a method of GSS-API is among these."""
    return any(map(is_gss, names))


def with_mechanism(name: str, mechanism: bytes) -> str:
    """Return a method's name on the wire.

    Args:
        name: one of `GSS_METHODS`.
        mechanism: the OID of the mechanism, in DER (RFC 4462 section 2.4).
    """
    digest = hashlib.md5(mechanism, usedforsecurity=False).digest()
    return f"{name}-{base64.b64encode(digest).decode('ascii')}"


def make_gss_exchange(name: str, random: Random | None = None) -> AnyExchange:
    """Start a run of a method.

    Args:
        name: as on the wire; base64 has no minus, and what is behind the last one is the mechanism.
        random: as for `make_exchange`.

    Raises:
        KeyExchangeFailed: there is none of that name.
    """
    make = _RUNS.get(name.rpartition("-")[0])
    if make is None:
        raise KeyExchangeFailed(f"no GSS-API key exchange is called {name!r}")
    return make(random)
