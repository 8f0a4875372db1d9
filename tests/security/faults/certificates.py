"""Faults of certificates, put back.

Owns: these faults. Must not know: the tests that they turn red.
"""

from __future__ import annotations

from typing import Final

from nacre import config_principals, host_trust, user_certificates
from nacre.keys import SSHCertificate, SSHKey, certificate, certificate_options, decode_shown_key
from nacre.protocol.auth import publickey
from tests.security.registry import Fault, replaced, rewritten

__all__ = ["CERTIFICATES"]


def _any_authority(blob: bytes) -> SSHKey:
    shown = decode_shown_key(blob)
    return shown.key if isinstance(shown, SSHCertificate) else shown


CERTIFICATES: Final = (
    Fault(
        43,
        "the address of a certificate is not looked at",
        rewritten(user_certificates.check_source_address, "if networks is not None:", "if False:"),
    ),
    Fault(
        43,
        "a certificate may name no address at all",
        replaced(certificate_options, "_networks", lambda value: ()),
    ),
    Fault(
        49,
        "a comma in a principal separates",
        rewritten(
            certificate.SSHCertificate.names,
            "return principal in self._statement.principals",
            "return principal in b','.join(self._statement.principals).split(b',')",
        ),
    ),
    Fault(
        49,
        "a user's list of principals may name an authority of the user's own",
        replaced(config_principals, "_is_options", lambda text: True),
    ),
    Fault(
        49,
        "a certificate without principals is for everybody",
        rewritten(
            certificate.SSHCertificate.names,
            "return principal in self._statement.principals",
            "return not self._statement.principals or principal in self._statement.principals",
        ),
    ),
    Fault(
        50,
        "every algorithm is allowed with a certificate",
        rewritten(
            publickey.shown_key,
            "if signature_of(algorithm) in ours if taken is None else algorithm in taken:",
            "if signature_of(algorithm) in (*ours, 'rsa-sha2-512'):",
        ),
    ),
    Fault(
        51,
        "a revoked authority is another that is not known",
        rewritten(
            host_trust.HostTrust.is_revoked,
            "(shown.key, shown.signing_key)",
            "(shown.key,)",
        ),
    ),
    Fault(
        53,
        "a critical option that is not known is passed over",
        rewritten(certificate.SSHCertificate._require_known, "if unknown:", "if False:"),
    ),
    Fault(
        53,
        "the certificate of a host logs in",
        rewritten(certificate.SSHCertificate.validate, "if self.cert_type != cert_type:", "if False:"),
    ),
    Fault(
        53,
        "a certificate is valid for a second too long",
        rewritten(certificate.SSHCertificate.validate, "now >= self.valid_before", "now > self.valid_before"),
    ),
    Fault(52, "a certificate is taken for its key", replaced(certificate, "_authority", _any_authority)),
    Fault(
        57,
        "a certificate may be signed with whatever its name says",
        rewritten(
            certificate._of_stranger,
            "if algorithm not in statement.signing_key.sig_algorithms:",
            "if algorithm == 'ssh-rsa':\n            return SSHCertificate(statement, bytes(blob), algorithm)\n"
            "        if not algorithm:",
        ),
    ),
)
