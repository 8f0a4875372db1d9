"""Faults of certificates, put back.

Owns: these faults. Must not know: the tests that they turn red.
"""

from __future__ import annotations

from typing import Final

from nacre.keys import SSHCertificate, SSHKey, certificate, decode_shown_key
from tests.security.registry import Fault, replaced, rewritten

__all__ = ["CERTIFICATES"]


def _any_authority(blob: bytes) -> SSHKey:
    shown = decode_shown_key(blob)
    return shown.key if isinstance(shown, SSHCertificate) else shown


CERTIFICATES: Final = (
    Fault(52, "a certificate is taken for its key", replaced(certificate, "_authority", _any_authority)),
    Fault(
        57,
        "a certificate may be signed with whatever its name says",
        rewritten(
            certificate.decode_certificate,
            "if algorithm not in statement.signing_key.sig_algorithms:",
            "if algorithm == 'ssh-rsa':\n            return SSHCertificate(statement, bytes(blob), algorithm)\n"
            "        if not algorithm:",
        ),
    ),
)
