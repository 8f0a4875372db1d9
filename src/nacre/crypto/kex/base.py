"""What a key exchange method of one share each way offers to the handshake (RFC 5656 section 4).

Owns: the interface of one run of such a method (those in finite fields have another, `DhExchange`), and the making of one. Must not know: messages, host
keys, the exchange hash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from nacre.crypto.registry import Family, lookup

if TYPE_CHECKING:
    from nacre.crypto.kex.dh import DhExchange

#: `random(size)` returns that many random bytes.
Random: TypeAlias = Callable[[int], bytes]


class KeyExchange(Protocol):
    """One run of a key exchange method; either the two client calls or the server's one, once.

    A share of the peer that is not what it should be raises `KeyExchangeFailed` (RFC 8731 section
    3). Calls out of order raise `LocalProtocolError`.

    Attributes:
        hash_name: the hash of the exchange hash and of the key derivation, as hashlib calls it.
    """

    hash_name: str

    def client_share(self) -> bytes:
        """Return the client's share, as it goes into the first message."""

    def server_respond(self, client_share: bytes) -> tuple[bytes, bytes]:
        """Return the server's share, and the secret K as it enters the exchange hash and the keys."""

    def client_finish(self, server_share: bytes) -> bytes:
        """Return the secret K as it enters the exchange hash and the keys."""


#: One run of any method: of one share each way, or of Diffie-Hellman in a finite field.
AnyExchange: TypeAlias = "KeyExchange | DhExchange"


def make_exchange(name: str, random: Random | None = None) -> AnyExchange:
    """Start a run of a key exchange method.

    Args:
        name: the negotiated method.
        random: where the ephemeral private keys come from; None: the generator of `cryptography`.
            What a server encapsulates with ML-KEM is always drawn inside `cryptography`.

    Raises:
        KeyError: no such method is registered.
    """
    exchange: AnyExchange = lookup(Family.KEX, name).factory(random)
    return exchange
