"""mlkem768x25519-sha256 (RFC 10042): ML-KEM-768 beside X25519, so that either alone keeps the secret.

Owns: that hybrid. Must not know: messages. The shares are ML-KEM's part followed by X25519's; K is
SHA-256 of both secrets, ML-KEM's first, and enters the exchange hash and the keys as a string.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey

from nacre.crypto.kex.curve25519 import X25519_SIZE, X25519Share
from nacre.crypto.registry import Algorithm, Family, Status, register
from nacre.errors import KeyExchangeFailed, LocalProtocolError
from nacre.wire.fields import encode_string

if TYPE_CHECKING:
    from nacre.crypto.kex.base import KeyExchange, Random

#: FIPS 203 section 8, ML-KEM-768.
_SEED: Final = 64
_ENCAPSULATION_KEY: Final = 1184
_CIPHERTEXT: Final = 1088


class MlkemX25519Exchange:
    """One run of mlkem768x25519-sha256.

    With `random` given, a client's whole share comes from it: first ML-KEM's 64-byte seed (d and z
    of FIPS 203), then X25519's 32 bytes. A server's X25519 key comes from it too, but not what it
    encapsulates: `cryptography` takes no randomness for that.
    """

    __slots__ = ("_mlkem", "_random", "_x25519")
    hash_name = "sha256"

    def __init__(self, random: Random | None = None) -> None:
        self._random = random
        self._mlkem: MLKEM768PrivateKey | None = None
        self._x25519: X25519Share | None = None

    def client_share(self) -> bytes:
        """Return ML-KEM's encapsulation key and X25519's public key, 1,216 bytes."""
        self._not_begun()
        if self._random is None:
            self._mlkem = MLKEM768PrivateKey.generate()
        else:
            self._mlkem = MLKEM768PrivateKey.from_seed_bytes(self._random(_SEED))
        self._x25519 = X25519Share(self._random)
        return self._mlkem.public_key().public_bytes_raw() + self._x25519.public

    def server_respond(self, client_share: bytes) -> tuple[bytes, bytes]:
        """Return ML-KEM's ciphertext and X25519's public key, 1,120 bytes, and K as a string."""
        self._not_begun()
        encapsulation_key, x25519_public = _split(client_share, _ENCAPSULATION_KEY, "client")
        try:
            # FIPS 203 section 7.2: the library checks the modulus.
            mlkem_secret, ciphertext = MLKEM768PublicKey.from_public_bytes(encapsulation_key).encapsulate()
        except ValueError:
            raise KeyExchangeFailed("the client's ML-KEM-768 encapsulation key is not valid") from None
        self._x25519 = X25519Share(self._random)
        x25519_secret = self._x25519.agree(x25519_public)
        return ciphertext + self._x25519.public, _combine(mlkem_secret, x25519_secret)

    def client_finish(self, server_share: bytes) -> bytes:
        """Return K as a string."""
        if self._mlkem is None or self._x25519 is None:
            raise LocalProtocolError("client_finish comes after client_share, once")
        mlkem, self._mlkem = self._mlkem, None
        ciphertext, x25519_public = _split(server_share, _CIPHERTEXT, "server")
        try:
            # A forged ciphertext of the right size gives another secret, not an error (FIPS 203
            # section 6.3): the signature over the exchange hash fails then.
            mlkem_secret = mlkem.decapsulate(ciphertext)
        except ValueError:
            raise KeyExchangeFailed("the server's ML-KEM-768 ciphertext is not valid") from None
        return _combine(mlkem_secret, self._x25519.agree(x25519_public))

    def _not_begun(self) -> None:
        if self._x25519 is not None:
            raise LocalProtocolError("a key exchange is run once")


def _split(share: bytes, mlkem_size: int, whose: str) -> tuple[bytes, bytes]:
    size = mlkem_size + X25519_SIZE
    if len(share) != size:
        raise KeyExchangeFailed(
            f"the {whose}'s share of mlkem768x25519-sha256 has {len(share)} bytes, not {size}"
        )
    return share[:mlkem_size], share[mlkem_size:]


def _combine(mlkem_secret: bytes, x25519_secret: bytes) -> bytes:
    return encode_string(hashlib.sha256(mlkem_secret + x25519_secret).digest())


def _make(random: Random | None) -> KeyExchange:
    return MlkemX25519Exchange(random)


def _supported() -> bool:
    """Whether this build of `cryptography` has ML-KEM: one linked with an old OpenSSL has not."""
    try:
        MLKEM768PrivateKey.from_seed_bytes(bytes(_SEED))
    except UnsupportedAlgorithm:
        return False
    return True


# What cannot be carried out is not known here, and so neither offered nor accepted as an option.
if _supported():
    register(
        Algorithm(
            family=Family.KEX,
            name="mlkem768x25519-sha256",
            rank=10,
            status=Status.DEFAULT,
            factory=_make,
            hash_name=MlkemX25519Exchange.hash_name,
        )
    )
