"""X.509 certificates that a key makes for others: what `SSHKey.generate_x509_user_certificate` and its like ask.

Owns: the fields of a new certificate. Must not know: files, whether anybody will trust it.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from nacre.errors import KeyGenerationError
from nacre.keys.base import SSHKey
from nacre.keys.validity import FOREVER, TimeArgument, seconds_since_epoch
from nacre.keys.x509 import SSHX509Certificate
from nacre.keys.x509_trust import purpose_oids
from nacre.wire.record import record

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

__all__ = ["X509Order", "make_x509_certificate", "name_of_parts", "name_parts", "parse_name"]

_COMMA: Final = re.compile(r"\\.|(,)", re.DOTALL)
#: RFC 5280 section 4.1.2.5: what has no end.
_NO_END: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@record
class X509Order:
    """What is asked of an authority; see `SSHKey.generate_x509_user_certificate`."""

    key: SSHKey
    subject: str
    issuer: str | None
    serial: int | None
    valid_after: TimeArgument
    valid_before: TimeArgument
    hash_alg: str | tuple[()]
    comment: str | bytes | tuple[()] | None
    purposes: str | Iterable[str] | None = None
    users: str | Iterable[str] = ()
    hosts: str | Iterable[str] = ()
    is_authority: bool = False
    path_length: int | None = None


def name_parts(text: str) -> list[str]:
    """Return the parts of a distinguished name: what is between commas that no backslash stands before (RFC 4514).

    Blanks before a part and behind it do not count, but for one that a backslash makes a part of the value.
    """
    ends = [found.start() for found in _COMMA.finditer(text) if found[1]]
    starts = [0, *(end + 1 for end in ends)]
    return [_bare(text[start:end]) for start, end in zip(starts, [*ends, len(text)], strict=True)]


def _bare(part: str) -> str:
    bare = part.lstrip(" \t\r\n").rstrip(" ")
    escaped = (len(bare) - len(bare.rstrip("\\"))) % 2 and part.endswith(" ")
    return f"{bare} " if escaped else bare


def parse_name(text: str) -> x509.Name:
    """Return a distinguished name written in the order of the certificate, as "O=Org,CN=user".

    Raises:
        ValueError: it is no such name.
    """
    return name_of_parts(name_parts(text))


def name_of_parts(parts: list[str]) -> x509.Name:
    """Return the distinguished name of these parts. ValueError: it is none."""
    from cryptography import x509

    if not all(parts):
        raise _no_name(parts)
    # RFC 4514 section 2.1 has the last part first.
    try:
        return x509.Name.from_rfc4514_string(",".join(reversed(parts)))
    except ValueError:
        raise _no_name(parts) from None


def _no_name(parts: list[str]) -> ValueError:
    return ValueError(f"{','.join(parts)!r} is no distinguished name, as O=Org,CN=user is one")


def _listed(names: str | Iterable[str]) -> list[str]:
    entries = names.split(",") if isinstance(names, str) else names
    return [name for name in (str(entry).strip() for entry in entries) if name]


def _host(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _hash(order: X509Order, authority: SSHKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    from cryptography.hazmat.primitives import hashes

    known = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
    name = order.hash_alg if isinstance(order.hash_alg, str) else "sha256"
    match known.get(name):
        case None:
            raise KeyGenerationError(
                f"a certificate is not signed with {name!r}; there are {', '.join(known)}"
            )
        case hashes.SHA256() | hashes.SHA384() | hashes.SHA512() as chosen:
            return None if authority.algorithm == "ssh-ed25519" else chosen
    raise AssertionError(name)


def make_x509_certificate(authority: SSHKey, order: X509Order) -> SSHX509Certificate:
    """Have an authority sign what is asked of it.

    Raises:
        KeyGenerationError: the key or the hash cannot be used.
        ValueError: a name or a time is wrong.
    """
    from cryptography import x509

    private = authority.library_private_key
    if private is None:
        raise KeyGenerationError(
            "X.509 certificates are signed by private keys that are here, and this is none"
        )
    after, before = seconds_since_epoch(order.valid_after), seconds_since_epoch(order.valid_before)
    if before <= after:
        raise ValueError("the certificate would end before it begins: valid_before is not after valid_after")
    subject = parse_name(order.subject)
    serial = int.from_bytes(os.urandom(8)) | 1 if order.serial is None else order.serial
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(parse_name(order.issuer) if order.issuer else subject)
        .public_key(order.key.library_public_key)  # type: ignore[arg-type]  # of the kinds that nacre has, all fit
        .serial_number(serial)
        .not_valid_before(datetime.fromtimestamp(after, UTC))
        .not_valid_after(_NO_END if before == FOREVER else min(datetime.fromtimestamp(before, UTC), _NO_END))
    )
    for value, critical in _extensions(order, authority):
        builder = builder.add_extension(value, critical)
    made = builder.sign(private, _hash(order, authority))  # type: ignore[arg-type]  # as above
    certificate = SSHX509Certificate(made)
    certificate.set_comment(
        order.key.get_comment_bytes() if isinstance(order.comment, tuple) else order.comment
    )
    return certificate


def _extensions(order: X509Order, authority: SSHKey) -> list[tuple[x509.ExtensionType, bool]]:
    from cryptography import x509

    signs = order.is_authority
    usage = x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
    found: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=signs, path_length=order.path_length), True),
        (usage, True),
        (x509.SubjectKeyIdentifier.from_public_key(order.key.library_public_key), False),  # type: ignore[arg-type]  # as above
        # RFC 5280 section 4.2.1.1: it "MUST be included in all certificates generated by conforming CAs".
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.library_public_key), False),  # type: ignore[arg-type]  # as above
    ]
    purposes = purpose_oids(order.purposes)
    if purposes:
        found.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in sorted(purposes)]), False))
    names: list[x509.GeneralName] = [x509.RFC822Name(name) for name in _listed(order.users)]
    names += [_host(name) for name in _listed(order.hosts)]
    if names:
        found.append((x509.SubjectAlternativeName(names), False))
    return found
