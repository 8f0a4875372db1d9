"""What known_hosts says of a host's X.509 certificates: which it may show, who vouches for them, their subjects.

Owns: these four lists, and what is revoked of them. Must not know: the file format
(`nacre.trust.known_hosts`), connections, or how a chain is checked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from nacre.keys import SSHX509Certificate
from nacre.keys.x509_subjects import X509Subject
from nacre.wire.record import record

__all__ = ["NO_X509", "KnownX509", "known_x509", "x509_certificates", "x509_subjects"]

Entry = SSHX509Certificate | X509Subject
#: Trusted certificates, revoked ones, subjects, revoked ones.
Lists = tuple[list[SSHX509Certificate], list[SSHX509Certificate], list[X509Subject], list[X509Subject]]


@record
class KnownX509:
    """What is known of one host.

    Attributes:
        certificates: those that it may show, and those of authorities that vouch for its own.
        revoked: those that nobody may show, and that vouch for nobody.
        subjects: one of these its certificate must have, in place of the host's name; (): the name it is.
        revoked_subjects: what has one of these is revoked.
    """

    certificates: tuple[SSHX509Certificate, ...] = ()
    revoked: tuple[SSHX509Certificate, ...] = ()
    subjects: tuple[X509Subject, ...] = ()
    revoked_subjects: tuple[X509Subject, ...] = ()

    def revokes(self, certificate: SSHX509Certificate) -> bool:
        """Tell whether a certificate is revoked: itself, or what has its subject. Its key is another question."""
        return certificate in self.revoked or any(
            subject.is_of(certificate) for subject in self.revoked_subjects
        )

    def lists(self) -> Lists:
        """Return the last four of the seven lists of `match_known_hosts`, in lists of the caller's own."""
        return list(self.certificates), list(self.revoked), list(self.subjects), list(self.revoked_subjects)


NO_X509 = KnownX509()


def known_x509(entries: Sequence[Entry], revoked: Sequence[Entry], barred: Collection[bytes]) -> KnownX509:
    """Return what is known; what is revoked is trusted no more.

    Args:
        entries: what is trusted.
        revoked: what is not.
        barred: keys that are revoked, by their blobs.
    """
    gone = KnownX509(
        revoked=tuple(dict.fromkeys(each for each in revoked if isinstance(each, SSHX509Certificate))),
        revoked_subjects=tuple(dict.fromkeys(each for each in revoked if isinstance(each, X509Subject))),
    )
    keys = {*barred, *(each.key.public_data for each in gone.revoked)}
    certificates = [each for each in entries if isinstance(each, SSHX509Certificate)]
    return KnownX509(
        tuple(each for each in certificates if each.key.public_data not in keys and not gone.revokes(each)),
        gone.revoked,
        # One that is revoked stays: taken out, it would leave the host's name to be enough.
        tuple(each for each in entries if isinstance(each, X509Subject)),
        gone.revoked_subjects,
    )


def x509_certificates(given: Any) -> tuple[SSHX509Certificate, ...]:
    """Return the X.509 certificates in a list that a program gives, in any form of `load_certificates`.

    Raises:
        OSError, ValueError: a file cannot be read, or there is a certificate that is not of X.509.
    """
    if not given:
        return ()
    from nacre.keys import load_certificates

    found = load_certificates(given)
    certificates = tuple(each for each in found if isinstance(each, SSHX509Certificate))
    if len(certificates) != len(found):
        raise ValueError("the fourth and fifth list of known_hosts are for X.509 certificates")
    return certificates


def x509_subjects(given: Any) -> tuple[X509Subject, ...]:
    """Return the subjects in a list that a program gives: text, or what `match_known_hosts` has returned.

    Raises:
        ValueError: it is no subject.
    """
    entries = (given,) if isinstance(given, str) else given or ()
    return tuple(each if isinstance(each, X509Subject) else X509Subject(str(each)) for each in entries)
