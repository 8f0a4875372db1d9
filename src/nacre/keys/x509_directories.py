"""Directories of trusted X.509 certificates, whose files are named by a hash of the subject (OpenSSL's `-CApath`).

Owns: the hash, and which files are read for a chain. Must not know: whether the chain leads anywhere
(`nacre.keys.x509_trust`).

A directory has the certificates of hundreds of authorities, of which a chain needs one or two: only the files that
have the names in the chain are read, as they are now. A file says who is trusted, so one that is there and cannot
be used is an error and is not passed over. Revocation lists (`.r0`) are not read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from nacre.keys.certificate_files import read_certificate_list
from nacre.keys.files import FilePath, name_of
from nacre.keys.x509 import SSHX509Certificate, X509Chain

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["MAX_SAME_HASH", "certificates_for", "subject_hash"]

#: Files of one hash that are read: authorities that share a name, or an old certificate and a new one.
MAX_SAME_HASH: Final = 16

#: The strings of ASN.1 that OpenSSL compares as text, by tag, and how they are decoded.
_TEXTS: Final = {
    12: "utf-8",
    19: "latin-1",
    20: "latin-1",
    22: "latin-1",
    26: "latin-1",
    28: "utf-32-be",
    30: "utf-16-be",
}
_UTF8: Final = 12
_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_SPACES: Final = " \t\n\v\f\r"


def certificates_for(directories: Sequence[FilePath], chain: X509Chain) -> list[SSHX509Certificate]:
    """Return the certificates in directories that may vouch for one of a chain, or are that of its key.

    Raises:
        ValueError: a file that may have one cannot be used; the message names it.
    """
    names = [chain.certificate.x509_cert.subject, *(each.x509_cert.issuer for each in chain.certificates)]
    wanted = dict.fromkeys(_canonical(name) for name in names)
    return [
        found
        for directory in directories
        for name in wanted
        for found in _in_files(os.path.join(name_of(directory), _hash(name)))
        # A hash of 32 bits is easily met: the name decides.
        if _canonical(found.x509_cert.subject) == name
    ]


def _in_files(start: str) -> Iterator[SSHX509Certificate]:
    for number in range(MAX_SAME_HASH):
        path = f"{start}.{number}"
        try:
            found = read_certificate_list(path)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise ValueError(f"the trusted certificate {path} cannot be used: {error}") from None
        for certificate in found:
            if isinstance(certificate, SSHX509Certificate):
                yield certificate


def subject_hash(name: x509.Name) -> str:
    """Return the name of a certificate's file without its number, as `openssl x509 -hash` prints it."""
    return _hash(_canonical(name))


def _hash(canonical: bytes) -> str:
    digest = hashlib.sha1(canonical, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _canonical(name: x509.Name) -> bytes:
    """Return a name so that two that OpenSSL takes for the same are: small letters, single blanks, UTF-8."""
    ((_, rdns),) = _elements(name.public_bytes())
    encoded = []
    for _, rdn in _elements(rdns):
        attributes = []
        for _, attribute in _elements(rdn):
            (_, oid), (tag, value) = _elements(attribute)
            attributes.append(_element(_SEQUENCE, _element(6, oid) + _canonical_value(tag, value)))
        encoded.append(_element(_SET, b"".join(sorted(attributes))))
    return b"".join(encoded)


def _canonical_value(tag: int, value: bytes) -> bytes:
    if tag not in _TEXTS:
        return _element(tag, value)
    words = "".join(" " if each in _SPACES else each for each in value.decode(_TEXTS[tag])).split(" ")
    # Letters of ASCII alone are made small, as there.
    text = " ".join(word for word in words if word).encode().lower()
    return _element(_UTF8, text)


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Return the tags and contents of DER that the library has written itself."""
    found = []
    while data:
        tag, size, start = data[0], data[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[2:start])
        found.append((tag, data[start : start + size]))
        data = data[start + size :]
    return found


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(octets))) + octets + content
