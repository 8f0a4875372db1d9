"""X.509 certificates at a login: whether a chain makes a user or a host who it says (RFC 6187).

Owns: the verdict, for users on a server and for hosts on a client. Must not know: messages, callbacks.

Off unless roots are given, or certificates in the files of trust. Who trusts a certificate there trusts that very
one, or what it vouches for. A subject there stands in place of the name of the host or user, and needs a root.
Callbacks are not asked. A certificate that names nobody is for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from nacre.errors import HostKeyNotVerifiable
from nacre.keys import SSHX509Certificate, X509Chain
from nacre.trust.authorized_keys import SSHAuthorizedKeys, remembered_authorized_keys

if TYPE_CHECKING:
    from nacre.host_trust import HostTrust
    from nacre.options import SSHClientConnectionOptions, SSHServerConnectionOptions
    from nacre.trust.revocation import KeyRevocationList

__all__ = ["check_host_chain", "takes_x509", "trusts_x509", "vouching"]


def trusts_x509(options: SSHClientConnectionOptions | SSHServerConnectionOptions) -> bool:
    """Tell whether roots are given: without any, no certificate of X.509 is asked for or taken."""
    return bool(options.x509_trusted_certs or options.x509_trusted_cert_paths)


def _roots(
    options: SSHClientConnectionOptions | SSHServerConnectionOptions,
    chain: X509Chain,
    is_revoked: Callable[[SSHX509Certificate], bool],
    known: Sequence[SSHX509Certificate] = (),
) -> list[SSHX509Certificate]:
    if any(is_revoked(each) for each in chain.certificates):
        raise ValueError("a certificate in its chain, or its key, is revoked")
    roots = [*known, *(options.x509_trusted_certs or ())]
    if options.x509_trusted_cert_paths:
        from nacre.keys.x509_directories import certificates_for  # few programs have one

        roots += certificates_for(options.x509_trusted_cert_paths, chain)
        if not roots:
            raise ValueError("no trusted certificate vouches for it: none has the name of its issuer")
    return [root for root in roots if not is_revoked(root)]


def _check_chain(
    options: SSHClientConnectionOptions | SSHServerConnectionOptions,
    chain: X509Chain,
    roots: Sequence[SSHX509Certificate],
    now: float,
) -> None:
    from nacre.keys.x509_trust import check_chain, purpose_oids  # few logins are by a chain

    check_chain(chain, roots, purpose_oids(options.x509_purposes), now)


def _revoked_by(revoked: KeyRevocationList | None) -> Callable[[SSHX509Certificate], bool]:
    return lambda certificate: revoked is not None and revoked.revokes(certificate.key)


def vouching(
    options: SSHServerConnectionOptions,
    chain: X509Chain,
    now: float,
    revoked: KeyRevocationList | None = None,
) -> Callable[[SSHX509Certificate | None], str]:
    """Return a function that says why what a line of authorized_keys trusts does not vouch for a chain; "": it does.

    It takes the certificate of the line: the chain's own, or a root; None: the roots that the options name.
    """

    def why_not(certificate: SSHX509Certificate | None) -> str:
        is_revoked = _revoked_by(revoked)
        try:
            if certificate is None:
                trusted = _roots(options, chain, is_revoked)
            elif any(map(is_revoked, (certificate, *chain.certificates))):
                return "a certificate in its chain, or its key, is revoked"
            else:
                trusted = [certificate]
            _check_chain(options, chain, trusted, now)
        except ValueError as error:
            return str(error)
        return ""

    return why_not


def takes_x509(options: SSHServerConnectionOptions) -> bool:
    """Tell whether a server asks for X.509 certificates: it has roots, or its authorized_keys have certificates."""
    keys = options.authorized_client_keys
    if trusts_x509(options) or keys is None:
        return trusts_x509(options)
    try:
        lines = keys if isinstance(keys, SSHAuthorizedKeys) else remembered_authorized_keys(keys)
    except (OSError, ValueError):
        return False  # each login reads it too, and says so
    return lines.has_x509


def check_host_chain(
    options: SSHClientConnectionOptions, trust: HostTrust, chain: X509Chain, now: float
) -> None:
    """Check that a chain makes a host the one that was meant.

    Raises:
        HostKeyNotVerifiable: it does not; the message is for our user.
    """
    name = trust.name()
    known, leaf = trust.x509, chain.certificate

    def is_revoked(certificate: SSHX509Certificate) -> bool:
        return trust.is_revoked(certificate.key) or known.revokes(certificate)

    if trust.is_revoked(chain.key):
        raise HostKeyNotVerifiable(f"the key in the X.509 certificate of {name} is revoked")
    if trust.anything:
        return
    why = ""
    try:
        roots = _roots(options, chain, is_revoked, known.certificates)
        _check_chain(options, chain, roots, now)
        if leaf not in known.certificates:  # that one is the host's, whatever names it has
            why = _misnamed(trust, leaf)
    except ValueError as error:
        why = str(error)
    if why:
        raise HostKeyNotVerifiable(f"the X.509 certificate of {name} is not believed: {why}")


def _misnamed(trust: HostTrust, leaf: SSHX509Certificate) -> str:
    """Return why the certificate of an authority's is not for this host; "": it is."""
    if trust.x509.subjects:
        if any(subject.is_of(leaf) for subject in trust.x509.subjects):
            return ""
        return f"it is of {leaf.subject[:200]}, and {trust.where} has another subject"
    names = leaf.host_principals
    if any(_is_same(trust.host, principal) for principal in names):
        return ""
    return f"it is for {', '.join(names)[:200] or 'nobody'}"


def _is_same(host: str, principal: str) -> bool:
    """Tell whether a name in a certificate is a host's: as it is, whatever its case; addresses by their value."""
    try:
        return ip_address(host) == ip_address(principal)
    except ValueError:
        return bool(host) and host.lower().rstrip(".") == principal.lower().rstrip(".")
