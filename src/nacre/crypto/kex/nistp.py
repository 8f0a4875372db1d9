"""ecdh-sha2-nistp256, -nistp384 and -nistp521 (RFC 5656 section 4).

Owns: ECDH on the NIST curves with its checks. Must not know: messages. Optional: offered only where
somebody names them, for what these curves are is not explained by those who chose their constants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec

from nacre.crypto.kex.ecdh import MakeShare, register_ecdh
from nacre.crypto.registry import Status
from nacre.errors import KeyExchangeFailed, LocalProtocolError

if TYPE_CHECKING:
    from nacre.crypto.kex.base import Random

#: What naming one of these methods costs, for a person.
RISK: Final = "no protection from a future quantum computer, and a curve whose constants nobody explains"

#: SEC 1 section 2.3.3: the octet before a point that is not compressed.
_UNCOMPRESSED: Final = 4

#: The orders of the groups (FIPS 186-4 appendix D.1.2); for replay alone.
_ORDERS: Final = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
        16,
    ),
    "secp521r1": int(
        "1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA"
        "51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
        16,
    ),
}


def field_size(curve: ec.EllipticCurve) -> int:
    """Return the bytes of a field element: of each coordinate, and of what two ends agree on."""
    return (curve.key_size + 7) // 8


class NistShare:
    """An ephemeral key on a NIST curve, good for one agreement.

    Args:
        curve: which one.
        random: the source of the private key; None: the generator of `cryptography`.
    """

    __slots__ = ("_curve", "_private", "public")

    def __init__(self, curve: ec.EllipticCurve, random: Random | None) -> None:
        if random is None:
            private = ec.generate_private_key(curve)
        else:
            # FIPS 186-4 appendix B.4.1: eight bytes more than the order has leave no bias.
            number = int.from_bytes(random(field_size(curve) + 8), "big")
            private = ec.derive_private_key(number % (_ORDERS[curve.name] - 1) + 1, curve)
        self._curve = curve
        self._private: ec.EllipticCurvePrivateKey | None = private
        numbers = private.public_key().public_numbers()
        size = field_size(curve)
        #: Our public key: a point, not compressed.
        self.public = b"\x04" + numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")

    def agree(self, peer_public: bytes) -> bytes:
        """Return the x coordinate shared with the peer, and forget the private key.

        Raises:
            KeyExchangeFailed: the peer's key is no point of the curve, or not in the one form.
            LocalProtocolError: called a second time.
        """
        if self._private is None:
            raise LocalProtocolError("an ephemeral key is used once")
        private, self._private = self._private, None
        # `cryptography` takes compressed and hybrid points too; one form is enough (row 22).
        size = 1 + 2 * field_size(self._curve)
        if len(peer_public) != size or peer_public[0] != _UNCOMPRESSED:
            raise KeyExchangeFailed(
                f"the peer's {self._curve.name} key is no uncompressed point of {size} bytes"
            )
        try:
            # RFC 5656 section 4: "validate received public keys": on the curve, and not the infinity.
            point = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, peer_public)
            return private.exchange(ec.ECDH(), point)
        except ValueError:
            raise KeyExchangeFailed(f"the peer's key is no point of {self._curve.name}") from None


def nist_share(curve: ec.EllipticCurve) -> MakeShare:
    """Return what makes ephemeral keys on a curve."""
    return lambda random: NistShare(curve, random)


# RFC 5656 section 6.2.1: the hash grows with the curve.
register_ecdh("ecdh-sha2-nistp256", 60, nist_share(ec.SECP256R1()), "sha256", Status.OPTIONAL, RISK)
register_ecdh("ecdh-sha2-nistp384", 70, nist_share(ec.SECP384R1()), "sha384", Status.OPTIONAL, RISK)
register_ecdh("ecdh-sha2-nistp521", 80, nist_share(ec.SECP521R1()), "sha512", Status.OPTIONAL, RISK)
