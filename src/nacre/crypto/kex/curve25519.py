"""curve25519-sha256 and its older name curve25519-sha256@libssh.org (RFC 8731).

Owns: X25519 with its checks. Must not know: messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from nacre.crypto.constant_time import equal
from nacre.crypto.kex.ecdh import register_ecdh
from nacre.crypto.registry import Status
from nacre.errors import KeyExchangeFailed, LocalProtocolError

if TYPE_CHECKING:
    from nacre.crypto.kex.base import Random

#: What a program that does not offer the method by its own choice gives up with it.
RISK: Final = "no protection from a future quantum computer"

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


register_ecdh("curve25519-sha256", 20, X25519Share, "sha256", Status.DEFAULT, RISK)
register_ecdh("curve25519-sha256@libssh.org", 30, X25519Share, "sha256", Status.DEFAULT, RISK)
