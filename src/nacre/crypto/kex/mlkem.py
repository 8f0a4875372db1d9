"""ML-KEM beside a curve, so that either alone keeps the secret (RFC 10042).

mlkem768x25519-sha256, and, where somebody names them, mlkem768nistp256-sha256 and
mlkem1024nistp384-sha384.

Owns: the hybrid. Must not know: messages. The shares are ML-KEM's part followed by the curve's; K is
the hash of both secrets, ML-KEM's first, and enters the exchange hash and the keys as a string.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
    MLKEM1024PrivateKey,
    MLKEM1024PublicKey,
)

from nacre.crypto.kex import nistp
from nacre.crypto.kex.curve25519 import X25519_SIZE, X25519Share
from nacre.crypto.kex.ecdh import MakeShare, Share
from nacre.crypto.kex.nistp import nist_share
from nacre.crypto.registry import Algorithm, Family, Status, register
from nacre.errors import KeyExchangeFailed, LocalProtocolError
from nacre.wire.fields import encode_string
from nacre.wire.record import record

if TYPE_CHECKING:
    from nacre.crypto.kex.base import KeyExchange, Random

_PrivateKey: TypeAlias = MLKEM768PrivateKey | MLKEM1024PrivateKey
#: FIPS 203 section 7.1: d and z, of 32 bytes each.
_SEED: Final = 64


@record
class _Kem:
    """One parameter set of ML-KEM, with the sizes of FIPS 203 section 8."""

    name: str
    private: type[MLKEM768PrivateKey | MLKEM1024PrivateKey]
    public: type[MLKEM768PublicKey | MLKEM1024PublicKey]
    encapsulation_key: int
    ciphertext: int


_MLKEM768: Final = _Kem("ML-KEM-768", MLKEM768PrivateKey, MLKEM768PublicKey, 1184, 1088)
_MLKEM1024: Final = _Kem("ML-KEM-1024", MLKEM1024PrivateKey, MLKEM1024PublicKey, 1568, 1568)


@record
class _Hybrid:
    """One method: its two halves, the size of the curve's share, and the hash."""

    name: str
    kem: _Kem
    curve: MakeShare
    curve_size: int
    hash_name: str

    def split(self, share: bytes, kem_size: int, whose: str) -> tuple[bytes, bytes]:
        """Return both halves of a share."""
        size = kem_size + self.curve_size
        if len(share) != size:
            raise KeyExchangeFailed(f"the {whose}'s share of {self.name} has {len(share)} bytes, not {size}")
        return share[:kem_size], share[kem_size:]

    def combine(self, kem_secret: bytes, curve_secret: bytes) -> bytes:
        """Return K as a string."""
        return encode_string(hashlib.new(self.hash_name, kem_secret + curve_secret).digest())


class HybridExchange:
    """One run of a hybrid method.

    With `random` given, a client's whole share comes from it: first ML-KEM's 64-byte seed (d and z
    of FIPS 203), then the curve's private key. A server's curve key comes from it too, but not what
    it encapsulates: `cryptography` takes no randomness for that.
    """

    __slots__ = ("_curve", "_kem", "_method", "_random", "hash_name")

    def __init__(self, method: _Hybrid, random: Random | None = None) -> None:
        self._method = method
        self._random = random
        self._kem: _PrivateKey | None = None
        self._curve: Share | None = None
        self.hash_name = method.hash_name

    def client_share(self) -> bytes:
        """Return ML-KEM's encapsulation key and the curve's public key."""
        self._not_begun()
        kem = self._method.kem
        if self._random is None:
            self._kem = kem.private.generate()
        else:
            self._kem = kem.private.from_seed_bytes(self._random(_SEED))
        self._curve = self._method.curve(self._random)
        return self._kem.public_key().public_bytes_raw() + self._curve.public

    def server_respond(self, client_share: bytes) -> tuple[bytes, bytes]:
        """Return ML-KEM's ciphertext and the curve's public key, and K as a string."""
        self._not_begun()
        method, kem = self._method, self._method.kem
        encapsulation_key, curve_public = method.split(client_share, kem.encapsulation_key, "client")
        try:
            # FIPS 203 section 7.2: the library checks the modulus.
            kem_secret, ciphertext = kem.public.from_public_bytes(encapsulation_key).encapsulate()
        except ValueError:
            raise KeyExchangeFailed(f"the client's {kem.name} encapsulation key is not valid") from None
        self._curve = method.curve(self._random)
        curve_secret = self._curve.agree(curve_public)
        return ciphertext + self._curve.public, method.combine(kem_secret, curve_secret)

    def client_finish(self, server_share: bytes) -> bytes:
        """Return K as a string."""
        if self._kem is None or self._curve is None:
            raise LocalProtocolError("client_finish comes after client_share, once")
        method = self._method
        private, self._kem = self._kem, None
        ciphertext, curve_public = method.split(server_share, method.kem.ciphertext, "server")
        try:
            # A forged ciphertext of the right size gives another secret, not an error (FIPS 203
            # section 6.3): the signature over the exchange hash fails then.
            kem_secret = private.decapsulate(ciphertext)
        except ValueError:
            raise KeyExchangeFailed(f"the server's {method.kem.name} ciphertext is not valid") from None
        return method.combine(kem_secret, self._curve.agree(curve_public))

    def _not_begun(self) -> None:
        if self._curve is not None:
            raise LocalProtocolError("a key exchange is run once")


def _supported(kem: _Kem) -> bool:
    """Whether this build of `cryptography` has ML-KEM: one linked with an old OpenSSL has not."""
    try:
        kem.private.from_seed_bytes(bytes(_SEED))
    except UnsupportedAlgorithm:
        return False
    return True


def _register(method: _Hybrid, rank: int, status: Status, risk: str = "") -> None:
    """Register a method. What cannot be carried out is not known, and so neither offered nor accepted
    as an option.
    """
    if not _supported(method.kem):
        return

    def factory(random: Random | None) -> KeyExchange:
        return HybridExchange(method, random)

    register(
        Algorithm(
            family=Family.KEX,
            name=method.name,
            rank=rank,
            status=status,
            factory=factory,
            hash_name=method.hash_name,
            risk=risk,
        )
    )


def _nist(name: str, kem: _Kem, curve: ec.EllipticCurve, hash_name: str) -> _Hybrid:
    return _Hybrid(name, kem, nist_share(curve), 1 + 2 * nistp.field_size(curve), hash_name)


_RISK: Final = "beside ML-KEM, a curve whose constants nobody explains"
_register(_Hybrid("mlkem768x25519-sha256", _MLKEM768, X25519Share, X25519_SIZE, "sha256"), 10, Status.DEFAULT)
_register(_nist("mlkem768nistp256-sha256", _MLKEM768, ec.SECP256R1(), "sha256"), 40, Status.OPTIONAL, _RISK)
_register(_nist("mlkem1024nistp384-sha384", _MLKEM1024, ec.SECP384R1(), "sha384"), 50, Status.OPTIONAL, _RISK)
