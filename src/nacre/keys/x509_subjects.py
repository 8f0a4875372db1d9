"""Subjects of X.509 certificates as files of trust name them (PKIX-SSH): "subject=O=Example,CN=host".

Owns: that syntax, and whether a certificate has such a subject. Must not know: the files, and whether anybody
believes the certificate: a subject without a trusted root above it says nothing.

A name is written in the order of the certificate, and all of it: `,*` at its end stands for whatever follows.
Values are compared as they are, with their case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nacre.keys.armor import decode_base64
from nacre.keys.x509 import SSHX509Certificate, load_der

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["SUBJECT", "X509_LINE", "X509Subject", "decode_x509_line", "subject_of"]

#: How the types of lines with X.509 begin.
X509_LINE: Final = "x509v3-"
_RSA: Final = frozenset(("x509v3-ssh-rsa", "x509v3-rsa2048-sha256", "x509v3-sign-rsa"))
_ELLIPTIC: Final = frozenset(
    f"x509v3-{name}"
    for name in ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
)
#: What a line has that names a subject; the name is its group.
SUBJECT: Final = r"(?is)(?:subject|dn|distinguished[-_ ]name)(?:[ \t]*[=:]|[ \t])[ \t]*(.*)"


class X509Subject:
    """The subject that a certificate must have.

    Args:
        text: the distinguished name, as "O=Example,CN=host" or "O=Example,*".

    Raises:
        ValueError: it is none.
    """

    __slots__ = ("_open", "_rdns", "_text")

    def __init__(self, text: str) -> None:
        from nacre.keys.x509_making import name_of_parts, name_parts  # few programs have one

        self._text = text
        parts = name_parts(text)
        self._open = len(parts) > 1 and parts[-1] == "*"
        try:
            self._rdns = tuple(name_of_parts(parts[:-1] if self._open else parts).rdns)
        except ValueError:
            raise ValueError(
                f"{self._text[:80]!r} is no subject of a certificate, as O=Example,CN=name is one"
            ) from None

    def matches(self, name: x509.Name) -> bool:
        """Tell whether a certificate with this name is meant."""
        rdns = tuple(name.rdns)
        return (rdns[: len(self._rdns)] if self._open else rdns) == self._rdns

    def is_of(self, certificate: SSHX509Certificate) -> bool:
        """Tell whether a certificate has the subject."""
        return self.matches(certificate.x509_cert.subject)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, X509Subject):
            return NotImplemented
        return (self._rdns, self._open) == (other._rdns, other._open)

    def __hash__(self) -> int:
        return hash((self._rdns, self._open))

    def __repr__(self) -> str:
        return f"<X509Subject {self._text!r:.80}>"


def subject_of(text: str) -> X509Subject | None:
    """Return the subject that the rest of a line names; None: it names none, and so has a certificate.

    Raises:
        ValueError: it is to be a subject, and is none.
    """
    found = re.match(SUBJECT, text)
    return X509Subject(found[1]) if found is not None else None


def decode_x509_line(key_type: str, text: str) -> SSHX509Certificate | X509Subject:
    """Return what a line of a file of trust has behind its type: a certificate in base64, or a subject.

    Args:
        key_type: the type that the line names; that of a subject is not compared with anything.
        text: the rest of the line.

    Raises:
        ValueError: the line is damaged, or of no type of X.509.
    """
    if key_type not in _RSA | _ELLIPTIC:
        raise ValueError(f"{key_type[:40]!r} is no type of X.509 certificates")
    subject = subject_of(text)
    if subject is not None:
        return subject
    word = re.split(r"[ \t]", text, maxsplit=1)[0]  # a comment may follow
    certificate = SSHX509Certificate(load_der(decode_base64(word.encode("utf-8", "replace"))))
    if key_type != certificate.algorithm and not (
        key_type in _RSA and certificate.key.algorithm == "ssh-rsa"
    ):
        raise ValueError(f"the certificate is for another type of key than {key_type}")
    return certificate
