"""Certificates from bytes and from files, and every form in which a program may name them.

Owns: `import_certificate`, `read_certificate`, `read_certificate_list`, `load_certificates`, and the file that
lies beside a key. Must not know: what a certificate says, keys.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from nacre.errors import KeyImportError, NotSupportedYet
from nacre.keys.certificate import SSHCertificate, decode_certificate
from nacre.keys.files import MAX_FILE, FilePath, name_of, read_file
from nacre.keys.public import RFC4716_BEGIN, split_public_line, split_rfc4716

__all__ = [
    "CertificateArgument",
    "CertificateListArgument",
    "certificate_beside",
    "import_certificate",
    "load_certificates",
    "read_certificate",
    "read_certificate_list",
]

CertificateArgument = FilePath | bytes | SSHCertificate
CertificateListArgument = CertificateArgument | Sequence[CertificateArgument]

#: The labels of X.509 (RFC 7468 section 5), and OpenSSL's own.
_X509 = re.compile(rb"^-----BEGIN (X509 |X\.509 |TRUSTED )?CERTIFICATE-----", re.MULTILINE)
_DER = b"\x30"


def _of(blob: bytes, comment: bytes | None) -> SSHCertificate:
    certificate = decode_certificate(blob)
    certificate.set_comment(comment)
    return certificate


def _certificates(data: bytes) -> list[SSHCertificate]:
    """Return every certificate in `data`, of which there may be none."""
    if len(data) > MAX_FILE:
        raise KeyImportError(f"certificates of {len(data)} bytes; {MAX_FILE} are the most")
    if data.startswith(_DER) or _X509.search(data):
        raise NotSupportedYet("an X.509 certificate", "OpenSSH's certificates are taken")
    if b"-----BEGIN " in data:
        raise KeyImportError("this is a key or something else, and no certificate")
    if data.lstrip().startswith(RFC4716_BEGIN):
        return [_of(*split_rfc4716(RFC4716_BEGIN + piece)) for piece in data.split(RFC4716_BEGIN)[1:]]
    found = []
    for line in (line.strip() for line in data.split(b"\n")):
        if line and not line.startswith(b"#"):
            _, blob, comment = split_public_line(line)
            found.append(_of(blob, comment))
    return found


def _only(certificates: list[SSHCertificate]) -> SSHCertificate:
    if len(certificates) != 1:
        raise KeyImportError(f"{len(certificates)} certificates where one is expected")
    return certificates[0]


def import_certificate(data: str | bytes) -> SSHCertificate:
    """Return the certificate in `data`, an OpenSSH line or an RFC 4716 file.

    That its authority has signed it was checked; whether to trust that authority was not.

    Raises:
        KeyImportError: there is not exactly one, or it is refused.
        NotSupportedYet: it is one of X.509.
    """
    return _only(
        _certificates(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(data))
    )


def read_certificate_list(filename: FilePath) -> list[SSHCertificate]:
    """Return the certificates in a file, of which there may be none.

    Raises:
        OSError: the file cannot be read.
        KeyImportError: as for `import_certificate`, or it is no regular file or above 1 MiB.
        NotSupportedYet: there is one of X.509.
    """
    try:
        data = read_file(filename)
    except ValueError as exc:
        raise KeyImportError(str(exc)) from None
    return _certificates(data)


def read_certificate(filename: FilePath) -> SSHCertificate:
    """Return the only certificate in a file; all else as for `read_certificate_list`."""
    return _only(read_certificate_list(filename))


def load_certificates(certlist: CertificateListArgument) -> list[SSHCertificate]:
    """Return the certificates that an argument such as `client_certs` names.

    Args:
        certlist: one of, or a sequence of: the name of a file with one or more certificates, the bytes of
            certificates, or an `SSHCertificate`.

    Raises:
        OSError: a file cannot be read.
        KeyImportError: a certificate is refused.
        NotSupportedYet: there is one of X.509.
    """
    entries = [certlist] if isinstance(certlist, (str, bytes, PurePath, SSHCertificate)) else certlist
    found: list[SSHCertificate] = []
    for entry in entries:
        if isinstance(entry, SSHCertificate):
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


def certificate_beside(filename: FilePath) -> Path | None:
    """Return the file with the certificate of a private key, as ssh-keygen names it; None: there is none."""
    beside = f"{name_of(filename)}-cert.pub"
    return Path(beside) if os.path.exists(beside) else None
