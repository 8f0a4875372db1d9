"""Certificates from bytes and from files, and every form in which a program may name them.

Owns: `import_certificate`, `read_certificate`, `read_certificate_list`, `load_certificates`, and the file that
lies beside a key. Must not know: what a certificate says, keys.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from nacre.errors import KeyImportError
from nacre.keys.armor import blocks, decode_base64
from nacre.keys.certificate import SSHCertificate, decode_certificate
from nacre.keys.files import MAX_FILE, FilePath, name_of, naming, read_file, unmarked
from nacre.keys.public import RFC4716_BEGIN, split_line, split_public_line, split_rfc4716
from nacre.keys.x509 import MAX_CHAIN, SSHX509Certificate, X509Chain, load_der

__all__ = [
    "X509_LABELS",
    "CertificateArgument",
    "CertificateListArgument",
    "Certified",
    "certificate_beside",
    "certified_within",
    "chained",
    "import_certificate",
    "load_certificates",
    "load_certified",
    "read_certificate",
    "read_certificate_list",
]

#: What a file may hold; and what goes with a key: of X.509, the whole chain.
Certificate = SSHCertificate | SSHX509Certificate
Certified = SSHCertificate | X509Chain
CertificateArgument = FilePath | bytes | Certificate
CertificateListArgument = CertificateArgument | Sequence[CertificateArgument]

#: The labels of X.509 (RFC 7468 section 5.1). OpenSSL's TRUSTED CERTIFICATE says more than it shows: it is refused.
X509_LABELS = frozenset(("CERTIFICATE", "X509 CERTIFICATE", "X.509 CERTIFICATE"))
_X509 = rb"(?m)^-----BEGIN (X509 |X\.509 )?CERTIFICATE-----"
_X509_LINE = "x509v3-"
_DER = b"\x30"


def _of(blob: bytes, comment: bytes | None) -> SSHCertificate:
    certificate = decode_certificate(blob)
    certificate.set_comment(comment)
    return certificate


def _x509(data: bytes) -> list[Certificate]:
    """Return the certificates of a PEM file, which may have keys between them."""
    found = [block for block in blocks(data) if block.label in X509_LABELS]
    return [SSHX509Certificate(load_der(decode_base64(block.body))) for block in found]


def _certificates(data: bytes) -> list[Certificate]:
    """Return every certificate in `data`, of which there may be none."""
    if len(data) > MAX_FILE:
        raise KeyImportError(f"certificates of {len(data)} bytes; {MAX_FILE} are the most")
    try:
        data = unmarked(data)
    except ValueError as exc:
        raise KeyImportError(str(exc)) from None
    if data.startswith(_DER):
        return [SSHX509Certificate(load_der(data))]
    if re.search(_X509, data):
        return _x509(data)
    if b"-----BEGIN " in data:
        raise KeyImportError("this is a key or something else, and no certificate")
    if data.lstrip().startswith(RFC4716_BEGIN):
        return [_of(*split_rfc4716(RFC4716_BEGIN + piece)) for piece in data.split(RFC4716_BEGIN)[1:]]
    lines = (line.strip() for line in data.split(b"\n"))
    return [_of_line(line) for line in lines if line and not line.startswith(b"#")]


def _of_line(line: bytes) -> Certificate:
    name, text, comment = split_line(line)
    if not name.startswith(_X509_LINE):
        _, blob, comment = split_public_line(line)
        return _of(blob, comment)
    certificate = SSHX509Certificate(
        load_der(decode_base64(text)), comment
    )  # PKIX-SSH's form: DER, and no chain
    if name != certificate.algorithm:
        raise KeyImportError(
            f"the line says {name[:64]!r}, but the certificate in it is for another type of key"
        )
    return certificate


def _only(certificates: list[Certificate]) -> Certificate:
    if len(certificates) != 1:
        raise KeyImportError(f"{len(certificates)} certificates where one is expected")
    return certificates[0]


def import_certificate(data: str | bytes) -> Certificate:
    """Return the certificate in `data`: an OpenSSH line or an RFC 4716 file; or one of X.509 in PEM, DER or a line.

    That its authority has signed one of OpenSSH's was checked; whether to trust that authority was not. Of an X.509
    certificate nothing was.

    Raises:
        KeyImportError: there is not exactly one, or it is refused.
    """
    return _only(
        _certificates(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(data))
    )


def read_certificate_list(filename: FilePath) -> list[Certificate]:
    """Return the certificates in a file, of which there may be none.

    Raises:
        OSError: the file cannot be read.
        KeyImportError: as for `import_certificate`, or it is no regular file or above 1 MiB.
    """
    try:
        data = read_file(filename)
    except ValueError as exc:
        raise KeyImportError(str(exc)) from None
    with naming(filename):
        return _certificates(data)


def read_certificate(filename: FilePath) -> Certificate:
    """Return the only certificate in a file; all else as for `read_certificate_list`."""
    with naming(filename):
        return _only(read_certificate_list(filename))


def load_certificates(certlist: CertificateListArgument) -> list[Certificate]:
    """Return the certificates that an argument such as `client_certs` names.

    Args:
        certlist: one of, or a sequence of: the name of a file with one or more certificates, the bytes of
            certificates, or an `SSHCertificate`.

    Raises:
        OSError: a file cannot be read.
        KeyImportError: a certificate is refused.
    """
    entries = (
        [certlist]
        if isinstance(certlist, (str, bytes, PurePath, SSHCertificate, SSHX509Certificate))
        else certlist
    )
    found: list[Certificate] = []
    for entry in entries:
        if isinstance(entry, (SSHCertificate, SSHX509Certificate)):
            found.append(entry)
        elif isinstance(entry, bytes):
            found += _certificates(entry)
        elif isinstance(entry, (str, PurePath)):
            found += read_certificate_list(entry)
        else:
            raise TypeError(
                f"a certificate is a file name, bytes or an SSHCertificate, not {type(entry).__name__}"
            )
    return found


def load_certified(certlist: CertificateListArgument) -> list[Certified]:
    """Return the certificates that an argument names, each of X.509 with those in it that vouch for it.

    Raises:
        OSError, KeyImportError: as for `load_certificates`.
    """
    return chained(load_certificates(certlist))


def chained(certificates: Sequence[Certificate]) -> list[Certified]:
    """Return certificates, each of X.509 with those among them that vouch for it, but for a root."""
    others = [each for each in certificates if isinstance(each, SSHX509Certificate)]
    return [
        X509Chain(_chain_of(each, others)) if isinstance(each, SSHX509Certificate) else each
        for each in certificates
    ]


def _chain_of(leaf: SSHX509Certificate, others: Sequence[SSHX509Certificate]) -> list[SSHX509Certificate]:
    chain = [leaf]
    while len(chain) < MAX_CHAIN:
        issuer = chain[-1].x509_cert.issuer
        found = [each for each in others if each.x509_cert.subject == issuer and each not in chain]
        # RFC 6187 section 2.1: a root may be left out, and whoever trusts it has it.
        if not found or found[0].x509_cert.issuer == issuer:
            break
        chain.append(found[0])
    return chain


def certified_within(entry: FilePath | bytes) -> list[Certified]:
    """Return the X.509 certificates that stand in a private key's own file, each with those that vouch for it.

    Raises:
        OSError, ValueError: the file cannot be read, or a certificate cannot be used.
    """
    data = entry if isinstance(entry, bytes) else read_file(entry)
    if len(data) > MAX_FILE or data.startswith(_DER) or not re.search(_X509, data):
        return []
    return chained(_x509(data))


def certificate_beside(filename: FilePath) -> Path | None:
    """Return the file with the certificate of a private key, as ssh-keygen names it; None: there is none."""
    beside = f"{name_of(filename)}-cert.pub"
    return Path(beside) if os.path.exists(beside) else None
