"""ECDSA keys and signatures on the curves nistp256, nistp384 and nistp521 (RFC 5656).

Owns: the key types `ecdsa-sha2-*`. Must not know: files.

A key belongs to one curve, the curve to one hash (RFC 5656 section 6.2.1), and each name stands for
itself: a signature or key of another curve is never taken for it. Points are taken uncompressed
only; `cryptography` would also take compressed ones, which no SSH implementation sends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from nacre.crypto.registry import Status
from nacre.errors import KeyImportError
from nacre.keys.algorithms import SignatureAlgorithm, register_signature_algorithm
from nacre.keys.base import KeyType, SSHKey, register_key_type, require_private
from nacre.wire.fields import Reader, encode_mpint, encode_string
from nacre.wire.record import record

__all__ = ["ECDSAKey"]

_UNCOMPRESSED = 0x04


@record
class _Curve:
    """One curve of RFC 5656 section 10.1, with the hash of section 6.2.1."""

    name: str
    library_curve: ec.EllipticCurve
    hash: hashes.HashAlgorithm
    rank: int

    @property
    def algorithm(self) -> str:
        return f"ecdsa-sha2-{self.name}"

    @property
    def coordinate_size(self) -> int:
        return (self.library_curve.key_size + 7) // 8


_CURVES = (
    _Curve("nistp256", ec.SECP256R1(), hashes.SHA256(), 20),
    _Curve("nistp384", ec.SECP384R1(), hashes.SHA384(), 21),
    _Curve("nistp521", ec.SECP521R1(), hashes.SHA512(), 22),
)


class ECDSAKey(SSHKey):
    """An ECDSA key on one of the NIST curves."""

    def __init__(
        self,
        curve: _Curve,
        public: ec.EllipticCurvePublicKey,
        private: ec.EllipticCurvePrivateKey | None = None,
    ) -> None:
        super().__init__()
        self._curve = curve
        self._public = public
        self._private = private
        self.algorithm = curve.algorithm
        self.sig_algorithms = (curve.algorithm,)

    @property
    def library_public_key(self) -> ec.EllipticCurvePublicKey:
        """The public key as an object of `cryptography`."""
        return self._public

    @property
    def library_private_key(self) -> ec.EllipticCurvePrivateKey | None:
        """The private key as an object of `cryptography`, or None."""
        return self._private

    def _point(self) -> bytes:
        # As in nacre.keys.pem: slow to import.
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def encode_ssh_public(self) -> bytes:
        """Return the name of the curve and the uncompressed point (RFC 5656 section 3.1)."""
        return encode_string(self._curve.name.encode("ascii")) + encode_string(self._point())

    def encode_ssh_private(self) -> bytes:
        """Return the public fields, then the secret scalar as an mpint, as OpenSSH writes them."""
        private = require_private(self._private)
        return self.encode_ssh_public() + encode_mpint(private.private_numbers().private_value)

    def _public_part(self) -> Self:
        return type(self)(self._curve, self._public)

    def _sign(self, data: bytes, sig_algorithm: str) -> bytes:
        private = require_private(self._private)
        # RFC 5656 section 3.1.2: mpint r, mpint s.
        r, s = decode_dss_signature(private.sign(data, ec.ECDSA(self._curve.hash)))
        return encode_mpint(r) + encode_mpint(s)

    def _verify(self, data: bytes, signature: bytes, sig_algorithm: str) -> bool:
        reader = Reader(signature)
        r = reader.mpint()
        s = reader.mpint()
        reader.end()
        try:
            self._public.verify(encode_dss_signature(r, s), data, ec.ECDSA(self._curve.hash))
        except InvalidSignature:
            return False
        return True


def _read_public(curve: _Curve, reader: Reader) -> ec.EllipticCurvePublicKey:
    name = reader.string()
    if name != curve.name.encode("ascii"):
        raise KeyImportError(f"a key of type {curve.algorithm} names another curve than {curve.name}")
    point = reader.string()
    if len(point) != 1 + 2 * curve.coordinate_size or point[0] != _UNCOMPRESSED:
        raise KeyImportError(f"the public key is not an uncompressed point of {curve.name}")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve.library_curve, point)
    except ValueError:
        raise KeyImportError(f"the public key is not a point of {curve.name}") from None


def _public_decoder(curve: _Curve) -> Callable[[Reader], SSHKey]:
    def decode_public(reader: Reader) -> SSHKey:
        return ECDSAKey(curve, _read_public(curve, reader))

    return decode_public


def _private_decoder(curve: _Curve) -> Callable[[Reader, bool], SSHKey]:
    def decode_private(reader: Reader, unsafe_skip_rsa_key_validation: bool) -> SSHKey:
        public = _read_public(curve, reader)
        scalar = reader.mpint()
        if not 0 < scalar < 1 << curve.library_curve.key_size:
            raise KeyImportError(f"the private part of this {curve.name} key is out of range")
        try:
            private = ec.derive_private_key(scalar, curve.library_curve)
        except ValueError:
            raise KeyImportError(f"the private part of this {curve.name} key is out of range") from None
        if private.public_key() != public:
            raise KeyImportError(f"the parts of this {curve.name} key do not belong together")
        return ECDSAKey(curve, public, private)

    return decode_private


def _library_taker(curve: _Curve) -> Callable[[object, bool], SSHKey | None]:
    def from_library(key: object, unsafe_skip_rsa_key_validation: bool) -> SSHKey | None:
        private = key if isinstance(key, ec.EllipticCurvePrivateKey) else None
        public = private.public_key() if private else key
        if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != curve.library_curve.name:
            return None
        return ECDSAKey(curve, public, private)

    return from_library


def _generator(curve: _Curve) -> Callable[[], SSHKey]:
    def generate() -> SSHKey:
        private = ec.generate_private_key(curve.library_curve)
        return ECDSAKey(curve, private.public_key(), private)

    return generate


for _curve in _CURVES:
    register_key_type(
        KeyType(
            _curve.algorithm,
            _public_decoder(_curve),
            _private_decoder(_curve),
            _library_taker(_curve),
            _generator(_curve),
        )
    )
    register_signature_algorithm(
        SignatureAlgorithm(
            _curve.algorithm, _curve.algorithm, _curve.rank, host=Status.OPTIONAL, user=Status.DEFAULT
        )
    )
