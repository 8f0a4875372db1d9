"""What one end shows of itself: a key, a certificate, or a chain of X.509 certificates.

Owns: `Shown`, and which of them an algorithm is for. Must not know: whether any of them is believed.
"""

from __future__ import annotations

from nacre.keys.base import SSHKey
from nacre.keys.certificate import SSHCertificate, decode_shown_key
from nacre.keys.x509 import X509_ALGORITHMS, X509Chain, decode_chain

__all__ = ["Shown", "decode_shown"]

Shown = SSHKey | SSHCertificate | X509Chain


def decode_shown(algorithm: str, blob: bytes) -> Shown:
    """Return what the other end shows of itself for an algorithm that was agreed on or is taken.

    A chain of X.509 certificates is none unless the algorithm is one for these: nothing else looks at them.

    Raises:
        KeyImportError: it is damaged, or of a type that is not taken.
    """
    return decode_chain(blob) if algorithm in X509_ALGORITHMS else decode_shown_key(blob)
