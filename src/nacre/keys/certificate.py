"""OpenSSH's certificates: what they say, how they are read and made (PROTOCOL.certkeys, version 01).

Owns: `SSHCertificate`, the encoding, the check of the authority's signature, and whether a certificate is
good for a purpose, a name and a time. Must not know: files; whom to trust as an authority.

A certificate that was decoded is one whose signature was verified: there is no other kind of object. What
it is good for is another question, and `validate` the only place that answers it. The authority's key is a
plain one: a certificate that is signed by the key of a certificate is refused before anything of that is
looked at, and so is one signed with SHA-1.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import IntEnum
from functools import cached_property
from typing import Final

from nacre.errors import KeyExportError, KeyGenerationError, KeyImportError, WireError
from nacre.keys import certificate_options as options
from nacre.keys.algorithms import CERTIFICATE_SUFFIX, signature_of, with_certificate
from nacre.keys.base import KEY_TYPES, SSHKey
from nacre.keys.certificate_options import NO_TOUCH_REQUIRED, Options, Restrictions
from nacre.keys.comment import Commented
from nacre.keys.ed25519 import plain_key
from nacre.keys.files import FilePath, append_file, replace_file
from nacre.keys.name_pattern import matches_name
from nacre.keys.proof import Proof
from nacre.keys.public import decode_public_key, export_public_line, export_rfc4716
from nacre.keys.validity import FOREVER, TimeArgument, seconds_since_epoch, wall_clock
from nacre.wire.fields import Reader, encode_string, encode_text, encode_uint32, encode_uint64
from nacre.wire.record import record

__all__ = ["MAX_CERTIFICATE", "CertificateType", "SSHCertificate", "decode_certificate", "decode_shown_key"]

#: The largest certificate that is looked at, in bytes; it must fit a packet before authentication.
MAX_CERTIFICATE: Final = 32768
#: OpenSSH's own bound.
MAX_PRINCIPALS: Final = 256

_NONCE_SIZE: Final = 32
_SUFFIX_BYTES: Final = CERTIFICATE_SUFFIX.encode("ascii")
_FORMATS: Final = {"openssh": export_public_line, "rfc4716": export_rfc4716}


class CertificateType(IntEnum):
    """What a certificate is for."""

    USER = 1
    HOST = 2


@record
class Statement:
    """What an authority signs, beside the nonce and what is reserved."""

    key: SSHKey
    nonce: bytes
    serial: int
    cert_type: CertificateType
    key_id: bytes
    principals: tuple[bytes, ...]
    valid_after: int
    valid_before: int
    critical: Options
    extensions: Options
    signing_key: SSHKey

    def encode(self) -> bytes:
        """Return the certificate up to its signature."""
        return b"".join(
            (
                encode_text(with_certificate(self.key.algorithm)),
                encode_string(self.nonce),
                self.key.encode_ssh_public(),
                encode_uint64(self.serial),
                encode_uint32(self.cert_type),
                encode_string(self.key_id),
                encode_string(b"".join(map(encode_string, self.principals))),
                encode_uint64(self.valid_after),
                encode_uint64(self.valid_before),
                encode_string(options.encode_options(self.critical)),
                encode_string(options.encode_options(self.extensions)),
                encode_string(b""),
                encode_string(self.signing_key.public_data),
            )
        )


class SSHCertificate(Commented):
    """A key and what an authority says of it.

    Made by `SSHKey.generate_user_certificate`, `SSHKey.generate_host_certificate`, `import_certificate` and
    the `read_*` functions; never directly. Two are equal when all but their comments is the same.

    Attributes:
        public_data: the whole certificate, as it goes over the wire.
        algorithm: its type, such as "ssh-ed25519-cert-v01@openssh.com".
        key: the key that it is about.
        signing_key: the key of the authority.
        signature_algorithm: what the authority signed with.
        is_x509: False: this is OpenSSH's kind.
    """

    is_x509 = False
    is_x509_chain = False

    def __init__(self, statement: Statement, public_data: bytes, signature_algorithm: str) -> None:
        self._statement = statement
        self._restrictions = options.restrictions(statement.critical, statement.extensions)
        self._comment: bytes | None = None
        self.public_data = public_data
        self.signature_algorithm = signature_algorithm
        self.key = statement.key
        self.signing_key = statement.signing_key
        self.algorithm = with_certificate(statement.key.algorithm)

    # ------------------------------------------------------------ what it says

    @property
    def cert_type(self) -> CertificateType:
        """Whether it is a user's or a host's."""
        return self._statement.cert_type

    @property
    def serial(self) -> int:
        """The number that the authority gave it; 0 if it gave none."""
        return self._statement.serial

    @property
    def key_id(self) -> str:
        """What the authority calls it in its logs. Bytes that are not UTF-8 are surrogates."""
        return self._statement.key_id.decode("utf-8", "surrogateescape")

    @cached_property
    def principals(self) -> list[str]:
        """The users or hosts that it is for. Bytes that are not UTF-8 are surrogates."""
        return [name.decode("utf-8", "surrogateescape") for name in self._statement.principals]

    @property
    def valid_after(self) -> int:
        """From when on it is valid, in seconds since 1970-01-01 UTC."""
        return self._statement.valid_after

    @property
    def valid_before(self) -> int:
        """When it stops to be valid, in seconds since 1970-01-01 UTC; 2^64 - 1: never."""
        return self._statement.valid_before

    @cached_property
    def options(self) -> dict[str, object]:
        """Critical options and extensions by name; True for one without a value."""
        return self._restrictions.as_options()

    @property
    def restrictions(self) -> Restrictions:
        """What the login that it makes may do."""
        return self._restrictions

    @property
    def sig_algorithms(self) -> tuple[str, ...]:
        """The signature algorithms of its key, best first."""
        return self.key.sig_algorithms

    @property
    def host_key_algorithms(self) -> tuple[str, ...]:
        """The names of these algorithms in a key exchange or a login with this certificate."""
        return tuple(map(with_certificate, self.key.sig_algorithms))

    # ------------------------------------------------------------ what it is good for

    def validate(
        self, cert_type: int, principal: str | bytes | None = None, now: float | None = None
    ) -> None:
        """Check that it is good for something; who trusts its authority is another question.

        Args:
            cert_type: 1 for the login of a user, 2 for the key of a host.
            principal: the user or the host. A user's name must be there as it is, byte for byte; of a
                host's, a principal may be a pattern with `*` and `?`. None: any, for a caller that compares
                the principals by another rule.
            now: seconds since 1970-01-01 UTC; None reads the clock.

        Raises:
            ValueError: it is not; the message says why.
        """
        if self.cert_type != cert_type:
            raise ValueError(f"a {self.cert_type.name.lower()} certificate where another kind is needed")
        if principal is not None and not self.names(principal):
            raise ValueError(
                "the certificate is for other names" if self.principals else "the certificate names nobody"
            )
        now = wall_clock() if now is None else now
        if now < self.valid_after:
            raise ValueError("the certificate is not valid yet")
        if self.valid_before != FOREVER and now >= self.valid_before:
            raise ValueError("the certificate has expired")
        self._require_known()

    def _require_known(self) -> None:
        said = self._restrictions
        # None is defined for hosts.
        unknown = (
            said.unknown
            if self.cert_type is CertificateType.USER
            else tuple(name for name, _ in self._statement.critical)
        )
        if unknown:
            raise ValueError(
                f"the certificate has critical options that are not known: {', '.join(unknown)[:200]}"
            )
        if said.verify_required and Proof.VERIFICATION not in self.key.possible_proof:
            raise ValueError("the certificate asks for the user's verification, which its key cannot show")

    def names(self, principal: str | bytes) -> bool:
        """Tell whether a user or host is among its principals; an empty list has nobody."""
        if isinstance(principal, str):
            try:
                principal = principal.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:  # no bytes are written so
                return False
        if not principal:
            return False
        if self.cert_type is CertificateType.USER:
            return principal in self._statement.principals
        name = principal.decode("utf-8", "surrogateescape").lower()
        return any(matches_name(pattern, name) for pattern in self.principals)

    @property
    def required_proof(self) -> Proof:
        """What it asks of a signature of its key: of a security key, that its user was there, unless it says not."""
        proof = self.key.required_proof
        if NO_TOUCH_REQUIRED in self._restrictions.extensions:
            proof &= ~Proof.PRESENCE
        return proof | Proof.VERIFICATION if self._restrictions.verify_required else proof

    def verify(self, data: bytes, signature: bytes, algorithm: str) -> bool:
        """Tell whether its key has signed `data`, and shown what `required_proof` asks for.

        Args:
            data: what was signed.
            signature: the signature blob.
            algorithm: one of `host_key_algorithms`: what was agreed on.
        """
        return self.required_proof in self.proof(data, signature, algorithm)

    def proof(self, data: bytes, signature: bytes, algorithm: str) -> Proof:
        """Return what a signature of its key proves; the arguments are those of `verify`."""
        if algorithm not in self.host_key_algorithms:
            return Proof.NOTHING
        return self.key.proof(data, signature, signature_of(algorithm))

    # ------------------------------------------------------------ the public face

    def get_algorithm(self) -> str:
        """Return its type, such as "ssh-ed25519-cert-v01@openssh.com"."""
        return self.algorithm

    def export_certificate(self, format_name: str = "openssh") -> bytes:
        """Return the certificate in a file format.

        Args:
            format_name: "openssh" (a line) or "rfc4716".

        Raises:
            KeyExportError: the format is unknown, or for X.509.
        """
        export = _FORMATS.get(format_name)
        if export is None:
            raise KeyExportError(
                f"{format_name!r} is no format of OpenSSH's certificates; use openssh or rfc4716"
            )
        return export(self)

    def write_certificate(self, filename: FilePath, format_name: str = "openssh") -> None:
        """Write the certificate to a file, atomically; the format as for `export_certificate`."""
        replace_file(filename, self.export_certificate(format_name), 0o644)

    def append_certificate(self, filename: FilePath, format_name: str = "openssh") -> None:
        """Add the certificate to the end of a file; the format as for `export_certificate`."""
        append_file(filename, self.export_certificate(format_name), 0o644)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SSHCertificate):
            return NotImplemented
        return self.public_data == other.public_data

    def __hash__(self) -> int:
        return hash(self.public_data)

    def __repr__(self) -> str:
        return f"<SSHCertificate {self.cert_type.name.lower()} {self.key.algorithm} {self.key_id!r:.80}>"


# ---------------------------------------------------------------- reading


def _principals(data: bytes) -> tuple[bytes, ...]:
    reader = Reader(data)
    found: list[bytes] = []
    while reader.remaining:
        if len(found) >= MAX_PRINCIPALS:
            raise WireError(f"a certificate with more than {MAX_PRINCIPALS} principals")
        found.append(reader.string())
    return tuple(found)


def _authority(blob: bytes) -> SSHKey:
    """Return the key of the authority, which must be a plain one."""
    if CERTIFICATE_SUFFIX in Reader(blob).ascii():
        raise KeyImportError("the certificate is signed by a certificate, not by a key")
    return decode_public_key(blob)


def parse_certificate(blob: bytes) -> tuple[Statement, int, bytes]:
    """Take a certificate apart, without a look at its signature.

    Returns:
        What it says, how many of its bytes are signed, and the signature.

    Raises:
        KeyImportError, WireError: whatever is wrong with it.
    """
    if len(blob) > MAX_CERTIFICATE:
        raise KeyImportError(f"a certificate of {len(blob)} bytes is too large")
    reader = Reader(blob)
    name = reader.ascii()
    key_type = KEY_TYPES.get(signature_of(name))
    if key_type is None or not name.endswith(CERTIFICATE_SUFFIX):
        raise KeyImportError(f"{name!r} is no type of certificate that nacre takes")
    nonce = reader.string()
    key = key_type.decode_public(reader)
    serial, number = reader.uint64(), reader.uint32()
    try:
        cert_type = CertificateType(number)
    except ValueError:
        raise KeyImportError(f"a certificate of type {number}; a user's is 1, a host's 2") from None
    statement = Statement(
        key=key,
        nonce=nonce,
        serial=serial,
        cert_type=cert_type,
        key_id=reader.string(),
        principals=_principals(reader.string()),
        valid_after=reader.uint64(),
        valid_before=reader.uint64(),
        critical=options.decode_options(reader.string()),
        extensions=options.decode_options(reader.string()),
        signing_key=_after_reserved(reader),
    )
    signed = len(blob) - reader.remaining
    signature = reader.string()
    reader.end()
    return statement, signed, signature


def _after_reserved(reader: Reader) -> SSHKey:
    reader.string()  # reserved: ignored in this version
    return _authority(reader.string())


def decode_certificate(blob: bytes) -> SSHCertificate:
    """Return the certificate of a blob, whose signature was verified.

    Args:
        blob: exactly one certificate; trailing bytes are refused.

    Raises:
        KeyImportError: whatever is wrong with it: the type, an encoding, a bound, the signature.
    """
    certificate = _of_stranger(blob)
    _ = certificate.restrictions.source_address
    return certificate


def _of_stranger(blob: bytes) -> SSHCertificate:
    """Return a certificate as `decode_certificate` does, but for the networks that it names, which cost: see there."""
    try:
        statement, signed, signature = parse_certificate(blob)
        algorithm = Reader(signature).ascii()
        if algorithm not in statement.signing_key.sig_algorithms:
            # ssh-rsa among them: that is SHA-1.
            raise KeyImportError(f"the certificate is signed with {algorithm!r}, which is not taken")
        if statement.signing_key.verify(bytes(blob[:signed]), signature, algorithm) is not True:
            raise KeyImportError("the signature of the certificate is wrong")
        return SSHCertificate(statement, bytes(blob), algorithm)
    except WireError as exc:
        raise KeyImportError(f"the certificate is not encoded as it should be: {exc}") from None


def decode_shown_key(blob: bytes) -> SSHKey | SSHCertificate:
    """Return what the other end shows of itself: a public key, or a certificate.

    Raises:
        KeyImportError: it is damaged, or of a type that is not taken.
    """
    plain = plain_key(blob)
    if plain is not None:  # as most are
        return plain
    # What is not encoded as it should be is refused there.
    name = blob[4 : 4 + int.from_bytes(blob[:4], "big")]
    return _of_stranger(blob) if name.endswith(_SUFFIX_BYTES) else decode_public_key(blob)


# ---------------------------------------------------------------- making


def _principal(entry: object) -> bytes:
    if isinstance(entry, (str, bytes)):
        return entry.encode("utf-8", "surrogateescape") if isinstance(entry, str) else entry
    raise TypeError(f"a principal is a str or bytes, not {type(entry).__name__}")


def _principal_bytes(principals: str | Iterable[str | bytes]) -> tuple[bytes, ...]:
    entries = [part.strip() for part in principals.split(",")] if isinstance(principals, str) else principals
    found = tuple(map(_principal, entries))
    if len(found) > MAX_PRINCIPALS:
        raise ValueError(f"{len(found)} principals; a certificate has {MAX_PRINCIPALS} at most")
    return tuple(name for name in found if name)


@record
class Order:
    """What is asked of an authority; see `SSHKey.generate_user_certificate`."""

    cert_type: CertificateType
    key: SSHKey
    key_id: str
    version: int
    serial: int
    principals: str | Iterable[str | bytes]
    valid_after: TimeArgument
    valid_before: TimeArgument
    sig_alg: str | tuple[()]
    comment: str | bytes | tuple[()] | None
    critical: Options = ()
    extensions: Options = ()


def make_certificate(authority: SSHKey, order: Order) -> SSHCertificate:
    """Have an authority sign what is asked of it.

    Raises:
        KeyGenerationError: there is no such version of certificates.
        ValueError: the authority's key is public, or a value is wrong.
    """
    if not isinstance(order.key, SSHKey):
        raise TypeError(f"a certificate is about an SSHKey, not about {type(order.key).__name__}")
    if order.version != 1:
        raise KeyGenerationError(f"there is no version {order.version} of OpenSSH's certificates, only 1")
    after, before = seconds_since_epoch(order.valid_after), seconds_since_epoch(order.valid_before)
    if before <= after:
        raise ValueError("the certificate would end before it begins: valid_before is not after valid_after")
    algorithm = order.sig_alg or authority.sig_algorithms[0]
    statement = Statement(
        key=order.key.convert_to_public(),
        nonce=os.urandom(_NONCE_SIZE),
        serial=order.serial,
        cert_type=order.cert_type,
        key_id=order.key_id.encode("utf-8", "surrogateescape"),
        principals=_principal_bytes(order.principals),
        valid_after=after,
        valid_before=before,
        critical=order.critical,
        extensions=order.extensions,
        signing_key=authority.convert_to_public(),
    )
    signed = statement.encode()
    blob = signed + encode_string(authority.sign(signed, algorithm))
    if len(blob) > MAX_CERTIFICATE:
        raise ValueError(f"the certificate would have {len(blob)} bytes; {MAX_CERTIFICATE} are the most")
    certificate = SSHCertificate(statement, blob, algorithm)
    certificate.set_comment(
        order.key.get_comment_bytes() if isinstance(order.comment, tuple) else order.comment
    )
    return certificate
