"""curve25519-sha256 and its older name curve25519-sha256@libssh.org (RFC 8731).

Owns: X25519 with its checks, and its secret as an mpint. Must not know: messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from nacre.crypto.constant_time import equal
from nacre.crypto.registry import Algorithm, Family, Status, register
from nacre.errors import KeyExchangeFailed, LocalProtocolError
from nacre.wire.fields import encode_mpint

if TYPE_CHECKING:
    from nacre.crypto.kex.base import KeyExchange, Random

X25519_SIZE: Final = 32
_LOW_ORDER: Final = "the peer's X25519 key is a point of low order"


class X25519Share:
    """An ephemeral X25519 key, good for one agreement.

    Args:
        random: the source of the private key; None: the generator of `cryptography`.
    """

    __slots__ = ("_private", "public")

    def __init__(self, random: Random | None) -> None:
        if random is None:
            private = X25519PrivateKey.generate()
        else:
            private = X25519PrivateKey.from_private_bytes(random(X25519_SIZE))
        self._private: X25519PrivateKey | None = private
        #: Our public key, 32 bytes.
        self.public = private.public_key().public_bytes_raw()

    def agree(self, peer_public: bytes) -> bytes:
        """Return the 32 bytes shared with the peer, and forget the private key.

        Raises:
            KeyExchangeFailed: the peer's key has the wrong length or makes the secret all zero.
            LocalProtocolError: called a second time.
        """
        if self._private is None:
            raise LocalProtocolError("an ephemeral X25519 key is used once")
        private, self._private = self._private, None
        # RFC 8731 section 3: "Clients and servers MUST also abort if the length of the received
        # public keys are not the expected lengths."
        if len(peer_public) != X25519_SIZE:
            raise KeyExchangeFailed(f"the peer's X25519 key has {len(peer_public)} bytes, not {X25519_SIZE}")
        # "implementations MUST check whether the computed Diffie-Hellman shared secret is the
        # all-zero value and abort if so": `cryptography` does; it is not left to that alone.
        try:
            secret = private.exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError:
            raise KeyExchangeFailed(_LOW_ORDER) from None
        if equal(secret, bytes(X25519_SIZE)):
            raise KeyExchangeFailed(_LOW_ORDER)
        return secret


class Curve25519Exchange:
    """One run of curve25519-sha256."""

    __slots__ = ("_random", "_share")
    hash_name = "sha256"

    def __init__(self, random: Random | None = None) -> None:
        self._random = random
        self._share: X25519Share | None = None

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

    def _begin(self) -> X25519Share:
        if self._share is not None:
            raise LocalProtocolError("a key exchange is run once")
        self._share = X25519Share(self._random)
        return self._share


def _encode(secret: bytes) -> bytes:
    # RFC 8731 section 3.1: the bytes "are converted into K by interpreting the octets as an
    # unsigned fixed-length integer encoded in network byte order", and K is an mpint.
    return encode_mpint(int.from_bytes(secret, "big"))


def _make(random: Random | None) -> KeyExchange:
    return Curve25519Exchange(random)


def _register(name: str, rank: int) -> None:
    register(
        Algorithm(
            family=Family.KEX,
            name=name,
            rank=rank,
            status=Status.DEFAULT,
            factory=_make,
            hash_name=Curve25519Exchange.hash_name,
        )
    )


_register("curve25519-sha256", 20)
_register("curve25519-sha256@libssh.org", 30)
