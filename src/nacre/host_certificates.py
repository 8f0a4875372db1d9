"""Whether the certificate that a host shows makes its key its own: the client's verdict, in words for a person.

Owns: the rules for certificates of hosts. Must not know: the connection, files; what is believed of the host
comes from `nacre.host_trust`.

A certificate counts where its authority is trusted for the host: then it must be one of a host, have the
host's name, and be valid now. Where the authority is not known, the key in it may be known by itself, as
OpenSSH has it; and the program may be asked about the authority, never about the certificate.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from nacre.errors import HostKeyNotVerifiable
from nacre.host_trust import HostTrust, Standing
from nacre.keys import CertificateType, SSHCertificate
from nacre.signature_lists import require_authority_algorithm

if TYPE_CHECKING:
    from nacre.options import SSHConnectionOptions

__all__ = ["Authority", "certificate_refusal", "find_authority", "misfit"]


class Authority(Enum):
    """What is known of the authority of a certificate, or of the key in it."""

    TRUSTED = "trusted"
    KEY_TRUSTED = "the key itself is trusted"
    UNKNOWN = "unknown"
    REVOKED = "revoked"


def find_authority(trust: HostTrust, certificate: SSHCertificate) -> Authority:
    """Return what is known of who stands behind a certificate."""
    if trust.is_revoked(certificate):
        return Authority.REVOKED
    signer = certificate.signing_key.public_data
    if trust.standing(certificate.key) is Standing.TRUSTED:
        return Authority.KEY_TRUSTED
    if any(signer == key.public_data for key in trust.authorities):
        return Authority.TRUSTED
    return Authority.UNKNOWN


def misfit(trust: HostTrust, certificate: SSHCertificate, now: float, options: SSHConnectionOptions) -> str:
    """Return why a certificate of a trusted authority is not good for this host; "" if it is."""
    try:
        require_authority_algorithm(certificate, options)
        certificate.validate(CertificateType.HOST, trust.host, now)
    except ValueError as error:
        return str(error)
    return ""


def certificate_refusal(
    trust: HostTrust, certificate: SSHCertificate, standing: Authority, why: str = ""
) -> HostKeyNotVerifiable:
    """Return the error for a certificate that is not believed: what came, and what is wrong with it."""
    shown, key = trust.shows(certificate.signing_key), trust.shows(certificate.key)
    name = trust.name()
    match standing:
        case Authority.REVOKED:
            text = f"{name} shows the key {key}, certified by {shown}, {trust.revoked_by(certificate)}"
        case Authority.UNKNOWN:
            text = (
                f"{name} shows the key {key}, certified by {shown}, and {trust.where} trusts neither of them"
            )
        case _:
            names = ", ".join(certificate.principals) or "none"
            text = f"the certificate of {name} is no good: {why} (by {shown}, for {names[:200]!r})"
    return HostKeyNotVerifiable(text)
