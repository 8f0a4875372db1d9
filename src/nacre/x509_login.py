"""X.509 certificates at a login: whether a chain makes a user or a host who it says (RFC 6187).

Owns: the verdict, for users on a server and for hosts on a client. Must not know: messages, callbacks.

Off unless roots are given. Whose roots they are decides everything, so nothing else is asked: authorized_keys and
known_hosts know no X.509, and neither do callbacks. A certificate that names nobody is for nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from nacre.errors import HostKeyNotVerifiable
from nacre.keys import SSHKey, SSHX509Certificate, X509Chain
from nacre.keys.x509_trust import check_chain, purpose_oids

if TYPE_CHECKING:
    from nacre.host_trust import HostTrust
    from nacre.options import SSHClientConnectionOptions, SSHServerConnectionOptions
    from nacre.trust.revocation import KeyRevocationList

__all__ = ["check_host_chain", "check_user_chain", "trusts_x509"]


def trusts_x509(options: SSHClientConnectionOptions | SSHServerConnectionOptions) -> bool:
    """Tell whether roots are given: without any, no certificate of X.509 is asked for or taken."""
    return bool(options.x509_trusted_certs or options.x509_trusted_cert_paths)


def _roots(
    options: SSHClientConnectionOptions | SSHServerConnectionOptions,
    chain: X509Chain,
    is_revoked: Callable[[SSHKey], bool],
) -> list[SSHX509Certificate]:
    if any(is_revoked(each.key) for each in chain.certificates):
        raise ValueError("the key of a certificate in its chain is revoked")
    roots = list(options.x509_trusted_certs or ())
    if options.x509_trusted_cert_paths:
        from nacre.keys.x509_directories import certificates_for  # few programs have one

        roots += certificates_for(options.x509_trusted_cert_paths, chain)
        if not roots:
            raise ValueError("no trusted certificate vouches for it: none has the name of its issuer")
    return [root for root in roots if not is_revoked(root.key)]


def check_user_chain(
    options: SSHServerConnectionOptions,
    chain: X509Chain,
    username: str,
    now: float,
    revoked: KeyRevocationList | None = None,
) -> None:
    """Check that a chain lets a user log in; a revoked key vouches for nobody, that of a root neither.

    Raises:
        ValueError: it does not; the message says why.
    """
    roots = _roots(options, chain, lambda key: revoked is not None and revoked.revokes(key))
    check_chain(chain, roots, purpose_oids(options.x509_purposes), now)
    # Names are compared as they are, as those of OpenSSH's certificates.
    if not username or username not in chain.certificate.user_principals:
        raise ValueError("the certificate is for other names")


def check_host_chain(
    options: SSHClientConnectionOptions, trust: HostTrust, chain: X509Chain, now: float
) -> None:
    """Check that a chain makes a host the one that was meant.

    Raises:
        HostKeyNotVerifiable: it does not; the message is for our user.
    """
    name = trust.name()
    if trust.is_revoked(chain.key):
        raise HostKeyNotVerifiable(f"the key in the X.509 certificate of {name} is revoked")
    if trust.anything:
        return
    why = ""
    names = chain.certificate.host_principals
    try:
        roots = _roots(options, chain, trust.is_revoked)
        check_chain(chain, roots, purpose_oids(options.x509_purposes), now)
    except ValueError as error:
        why = str(error)
    if not why and not any(_is_same(trust.host, principal) for principal in names):
        why = f"it is for {', '.join(names)[:200] or 'nobody'}"
    if why:
        raise HostKeyNotVerifiable(f"the X.509 certificate of {name} is not believed: {why}")


def _is_same(host: str, principal: str) -> bool:
    """Tell whether a name in a certificate is a host's: as it is, whatever its case; addresses by their value."""
    try:
        return ip_address(host) == ip_address(principal)
    except ValueError:
        return bool(host) and host.lower().rstrip(".") == principal.lower().rstrip(".")
