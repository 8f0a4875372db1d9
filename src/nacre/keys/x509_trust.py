"""Whether a chain of X.509 certificates leads to a trusted root (RFC 5280), and is for SSH (RFC 6187).

Owns: the verdict on a chain. Must not know: who the user or the host is; whose root is trusted for what.

The path is `cryptography`'s own verifier's, which knows no SSH: what it leaves open is refused here. A
certificate that limits names or policies is refused, for the names of users are none that such a limit can
be held against. Signatures with SHA-1 are none, and the verifier takes no authority whose key is of Ed25519.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from nacre.keys.x509 import SSHX509Certificate, X509Chain

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["ANY_PURPOSE", "PURPOSES", "check_chain", "purpose_oids"]

#: The purposes of RFC 6187 section 2.2.2 and others that certificates are made for, by name.
PURPOSES: Final = {
    "secureShellClient": "1.3.6.1.5.5.7.3.21",
    "secureShellServer": "1.3.6.1.5.5.7.3.22",
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "serverAuth": "1.3.6.1.5.5.7.3.1",
}
ANY_PURPOSE: Final = "any"
_ANY_OID: Final = "2.5.29.37.0"
#: What may be critical in a certificate: what is looked at, here or by the verifier.
_UNDERSTOOD: Final = frozenset(("2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17"))
#: Name constraints, policy constraints, policies that may not be any: nobody here holds to them.
_LIMITS: Final = frozenset(("2.5.29.30", "2.5.29.36", "2.5.29.54"))
_MAX_DEPTH: Final = 6


def purpose_oids(purposes: str | Iterable[str] | None) -> frozenset[str] | None:
    """Return the object identifiers of purposes; None, as "any", is for whatever there is.

    Raises:
        ValueError: a name is not known, and is no object identifier.
    """
    names = [name.strip() for name in purposes.split(",")] if isinstance(purposes, str) else purposes
    if names is None:
        return None
    found = set()
    for name in names:
        if name == ANY_PURPOSE:
            return None
        oid = PURPOSES.get(name, name)
        if not oid.replace(".", "").isdecimal():
            raise ValueError(f"{name!r} is no purpose of a certificate; there are {', '.join(PURPOSES)}, any")
        found.add(oid)
    return frozenset(found)


def _require_authority(policy: object, certificate: x509.Certificate, basic: x509.BasicConstraints) -> None:
    if not basic.ca:
        raise ValueError("it is not the certificate of an authority")


def _require_signer(policy: object, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("its key is not for certificates")


def check_chain(
    chain: X509Chain, trusted: Sequence[SSHX509Certificate], purposes: frozenset[str] | None, now: float
) -> None:
    """Check that a chain leads to a certificate that is trusted, now and for a purpose.

    Args:
        chain: what the other end has shown.
        trusted: the roots; also others, as the certificate of the key itself.
        purposes: of `purpose_oids`; of a certificate that names its purposes one must be among these.
        now: seconds since 1970-01-01 UTC.

    Raises:
        ValueError: it does not; the message says why.
    """
    if not trusted:
        raise ValueError("no X.509 certificate is trusted here")
    leaf = chain.certificate.x509_cert
    for certificate in _path(chain, trusted, now):
        for extension in certificate.extensions:
            oid = extension.oid.dotted_string
            if oid in _LIMITS or (extension.critical and oid not in _UNDERSTOOD):
                raise ValueError(f"a certificate has the extension {oid}, which is not understood here")
        if not _lasts(certificate, now):  # the verifier does not look at that of a root
            raise ValueError("a certificate is not valid yet, or has expired")
    _check_usage(leaf, purposes)


def _lasts(certificate: x509.Certificate, now: float) -> bool:
    moment = datetime.fromtimestamp(now, UTC)
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def _path(chain: X509Chain, trusted: Sequence[SSHX509Certificate], now: float) -> Sequence[x509.Certificate]:
    from cryptography import x509
    from cryptography.x509 import verification

    authority = (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, _require_authority)
        .may_be_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _require_signer)
    )
    builder = (
        verification.PolicyBuilder()
        .store(verification.Store([root.x509_cert for root in trusted]))
        .time(datetime.fromtimestamp(now, UTC))
        .max_chain_depth(_MAX_DEPTH)
        .extension_policies(ca_policy=authority, ee_policy=verification.ExtensionPolicy.permit_all())
    )
    others = [each.x509_cert for each in chain.certificates[1:]]
    try:
        return builder.build_client_verifier().verify(chain.certificate.x509_cert, others).chain
    except (verification.VerificationError, ValueError, TypeError) as error:
        raise ValueError(f"no trusted certificate vouches for it: {_words(error)}") from None


def _words(error: Exception) -> str:
    """Return what the verifier says, without its structures."""
    said = str(error).removeprefix("validation failed: ").removeprefix("candidates exhausted: ")
    return said.partition(" {")[0]


def _check_usage(leaf: x509.Certificate, purposes: frozenset[str] | None) -> None:
    """RFC 6187 sections 2.2.1 and 2.2.2."""
    from cryptography import x509

    for extension in leaf.extensions:
        match extension.value:
            case x509.KeyUsage(digital_signature=False):
                raise ValueError("the key of the certificate is not for signatures")
            case x509.ExtendedKeyUsage() as usages if purposes is not None:
                named = {oid.dotted_string for oid in usages}
                if named.isdisjoint({*purposes, _ANY_OID}):
                    raise ValueError("the certificate is for other purposes")
