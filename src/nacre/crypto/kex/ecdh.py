"""A key exchange of one share each way, whose secret is an mpint (RFC 5656 section 4, RFC 8731).

Owns: one run of such a method, and what it asks of a curve's ephemeral key. Must not know: any
curve, messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from nacre.crypto.registry import Algorithm, Family, Status, register
from nacre.errors import LocalProtocolError
from nacre.wire.fields import encode_mpint

if TYPE_CHECKING:
    from nacre.crypto.kex.base import KeyExchange, Random


class Share(Protocol):
    """An ephemeral key on some curve, good for one agreement.

    Attributes:
        public: our public key, as it is sent.
    """

    public: bytes

    def agree(self, peer_public: bytes) -> bytes:
        """Return what is shared with the peer, of the length of a field element, and forget the
        private key; `KeyExchangeFailed` where the peer's key is none.
        """


#: Makes an ephemeral key, from that source of randomness or the library's own.
MakeShare: TypeAlias = "Callable[[Random | None], Share]"


class EcdhExchange:
    """One run of a method on one curve."""

    __slots__ = ("_make", "_random", "_share", "hash_name")

    def __init__(self, make: MakeShare, hash_name: str, random: Random | None = None) -> None:
        self._make = make
        self._random = random
        self._share: Share | None = None
        self.hash_name = hash_name

    def client_share(self) -> bytes:
        """Return the client's public key."""
        return self._begin().public

    def server_respond(self, client_share: bytes) -> tuple[bytes, bytes]:
        """Return the server's public key, and K as an mpint."""
        share = self._begin()
        return share.public, _encode(share.agree(client_share))

    def client_finish(self, server_share: bytes) -> bytes:
        """Return K as an mpint."""
        if self._share is None:
            raise LocalProtocolError("client_finish comes after client_share")
        return _encode(self._share.agree(server_share))

    def _begin(self) -> Share:
        if self._share is not None:
            raise LocalProtocolError("a key exchange is run once")
        self._share = self._make(self._random)
        return self._share


def _encode(secret: bytes) -> bytes:
    # RFC 8731 section 3.1: the bytes "are converted into K by interpreting the octets as an
    # unsigned fixed-length integer encoded in network byte order", and K is an mpint. RFC 5656
    # section 4 comes to the same.
    return encode_mpint(int.from_bytes(secret, "big"))


def register_ecdh(
    name: str, rank: int, make: MakeShare, hash_name: str, status: Status, risk: str = ""
) -> None:
    """Register a method on one curve."""

    def factory(random: Random | None) -> KeyExchange:
        return EcdhExchange(make, hash_name, random)

    register(
        Algorithm(
            family=Family.KEX,
            name=name,
            rank=rank,
            status=status,
            factory=factory,
            hash_name=hash_name,
            risk=risk,
        )
    )
