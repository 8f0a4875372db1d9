"""What a user's certificate is good for on a server, whoever vouches for it.

Owns: the checks that do not depend on the authority. Must not know: which authorities are trusted, callbacks,
messages; how it goes together with other factors is `nacre.login_restrictions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nacre.keys import CertificateType, SSHCertificate
from nacre.signature_lists import require_authority_algorithm
from nacre.trust.pattern import parse_address

if TYPE_CHECKING:
    from nacre.options import SSHConnectionOptions

__all__ = ["check_source_address", "check_user_certificate"]


def check_user_certificate(certificate: SSHCertificate, now: float, options: SSHConnectionOptions) -> None:
    """Check everything but whether the authority is trusted, the user's name, and where it comes from.

    Args:
        certificate: what the client has shown, and proven to have the key of.
        now: seconds since 1970-01-01 UTC.
        options: of the connection.

    Raises:
        ValueError: it lets nobody in, here and now; the message says why.
    """
    require_authority_algorithm(certificate, options)
    certificate.validate(CertificateType.USER, None, now)


def check_source_address(certificate: SSHCertificate, client_addr: str | None) -> None:
    """Check that a certificate may be used from an address, once its authority is trusted: there may be many networks.

    Args:
        certificate: what the client has shown.
        client_addr: where it comes from; None is nowhere that a certificate can name.

    Raises:
        ValueError: it may not, or its list of networks is wrong.
    """
    networks = certificate.restrictions.source_address
    if networks is not None:
        address = parse_address(client_addr)
        if address is None or not any(address in network for network in networks):
            raise ValueError("the certificate may not be used from this address")
