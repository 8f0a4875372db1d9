"""Key revocation lists: keys and certificates that nobody is to believe any more (OpenSSH PROTOCOL.krl).

Owns: the binary format, read and written, and the verdict. Must not know: connections, or who asks.

A list that is not understood as a whole is an error, never an empty one: whatever it revokes would be
trusted. A plain list of public keys, a line each, is taken too, as sshd's RevokedKeys takes it.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from nacre.errors import KeyImportError, WireError
from nacre.keys import SSHKey, decode_public_key, import_certificate
from nacre.keys.algorithms import CERTIFICATE_SUFFIX
from nacre.keys.certificate import SSHCertificate
from nacre.keys.files import FilePath, read_file, replace_file, unmarked
from nacre.keys.public import import_public_line
from nacre.wire.fields import Reader, encode_byte, encode_mpint, encode_string, encode_uint32, encode_uint64
from nacre.wire.record import record

__all__ = [
    "MAX_KRL",
    "Contents",
    "KeyRevocationList",
    "RevokedArgument",
    "import_krl",
    "read_krl",
    "revocation_list",
]

_MAGIC: Final = b"SSHKRL\n\0"
_FORMAT: Final = 1
#: The largest list that is read, in bytes: some 200,000 keys by their hashes.
MAX_KRL: Final = 8 * 1024 * 1024
_MAX_SERIAL: Final = (1 << 64) - 1


class _Section(IntEnum):
    """The parts of a list."""

    CERTIFICATES = 1
    EXPLICIT_KEY = 2
    FINGERPRINT_SHA1 = 3
    SIGNATURE = 4
    FINGERPRINT_SHA256 = 5
    EXTENSION = 255


class _CertSection(IntEnum):
    """The parts of what is revoked of one authority."""

    SERIAL_LIST = 0x20
    SERIAL_RANGE = 0x21
    SERIAL_BITMAP = 0x22
    KEY_ID = 0x23
    EXTENSION = 0x39


@dataclass(slots=True)
class _OfAuthority:
    """What is revoked of one authority's certificates."""

    serials: set[int] = field(default_factory=set)
    ranges: list[tuple[int, int]] = field(default_factory=list)
    bitmaps: list[tuple[int, int]] = field(default_factory=list)
    key_ids: set[bytes] = field(default_factory=set)

    def revokes(self, serial: int, key_id: bytes) -> bool:
        if key_id in self.key_ids:
            return True
        # OpenSSH: 0 is what an authority gives that does not number, and so names no certificate.
        if serial == 0:
            return False
        return (
            serial in self.serials
            or any(low <= serial <= high for low, high in self.ranges)
            or any(serial >= offset and bits >> (serial - offset) & 1 for offset, bits in self.bitmaps)
        )


@record
class Contents:
    """What a list revokes.

    Attributes:
        keys: the blobs of public keys.
        sha1: hashes of such blobs.
        sha256: hashes of such blobs.
        authorities: of each authority its blob (b"": of any), serial numbers from and to, and key IDs.
    """

    keys: frozenset[bytes]
    sha1: frozenset[bytes]
    sha256: frozenset[bytes]
    authorities: tuple[tuple[bytes, tuple[tuple[int, int], ...], frozenset[bytes]], ...]


class KeyRevocationList:
    """Keys and certificates that are not to be believed.

    Args:
        version: the list's own number, which only counts for people.
        comment: likewise.
        generated: when it was made, in seconds since 1970-01-01 UTC; 0: not said.
    """

    def __init__(self, version: int = 0, comment: str = "", generated: int = 0) -> None:
        self.version = version
        self.comment = comment
        self.generated = generated
        self._keys: set[bytes] = set()
        self._sha1: set[bytes] = set()
        self._sha256: set[bytes] = set()
        self._authorities: dict[bytes, _OfAuthority] = {}

    def revokes(self, shown: SSHKey | SSHCertificate) -> bool:
        """Tell whether a key, or a certificate, its key or its authority, is revoked."""
        if isinstance(shown, SSHCertificate):
            return (
                self._revokes_key(shown.key)
                or self._revokes_key(shown.signing_key)
                or self._revokes_certificate(shown)
            )
        return self._revokes_key(shown)

    def _revokes_key(self, key: SSHKey) -> bool:
        blob = key.public_data
        return (
            blob in self._keys
            or (bool(self._sha256) and hashlib.sha256(blob).digest() in self._sha256)
            or (bool(self._sha1) and _sha1(blob) in self._sha1)
        )

    def _revokes_certificate(self, certificate: SSHCertificate) -> bool:
        key_id = certificate.key_id.encode("utf-8", "surrogateescape")
        # A section without an authority counts for all.
        return any(
            entry is not None and entry.revokes(certificate.serial, key_id)
            for entry in map(self._authorities.get, (certificate.signing_key.public_data, b""))
        )

    # ------------------------------------------------------------ adding

    def add_key(self, key: SSHKey) -> None:
        """Revoke a key, and with it every certificate that it is in or has signed."""
        self._keys.add(key.public_data)

    def add_key_hash(self, key: SSHKey, hash_name: str = "sha256") -> None:
        """Revoke a key by its hash alone, so that the list does not show it.

        Args:
            key: the key.
            hash_name: "sha256", or "sha1" for who reads nothing else.

        Raises:
            ValueError: the hash is another one.
        """
        if hash_name not in ("sha256", "sha1"):
            raise ValueError(f"a revocation list has hashes of sha256 and sha1, not {hash_name[:40]!r}")
        blob = key.public_data
        if hash_name == "sha256":
            self._sha256.add(hashlib.sha256(blob).digest())
        else:
            self._sha1.add(_sha1(blob))

    def add_fingerprint(self, digest: bytes) -> None:
        """Revoke the key of which this is the SHA-256. ValueError: it is of another size."""
        if len(digest) != hashlib.sha256().digest_size:
            raise ValueError(f"a fingerprint of {len(digest)} bytes; SHA-256 has 32")
        self._sha256.add(digest)

    def add_serials(self, authority: SSHKey | None, low: int, high: int | None = None) -> None:
        """Revoke certificates by their serial numbers.

        Args:
            authority: who signed them; None: whoever did.
            low: the number, from 1, or the first of several.
            high: the last of several.

        Raises:
            ValueError: the numbers are not from 1 to 2^64 - 1, or not in order.
        """
        last = low if high is None else high
        if not 0 < low <= last <= _MAX_SERIAL:
            raise ValueError(
                f"serial numbers from {low} to {last}; they are from 1 to 2^64 - 1, the lower first"
            )
        entry = self._of(b"" if authority is None else authority.public_data)
        if low == last:
            entry.serials.add(low)
        else:
            entry.ranges.append((low, last))

    def add_key_id(self, authority: SSHKey | None, key_id: str) -> None:
        """Revoke certificates by what the authority calls them; the arguments are as for `add_serials`."""
        blob = b"" if authority is None else authority.public_data
        self._of(blob).key_ids.add(key_id.encode("utf-8", "surrogateescape"))

    def add_certificate(self, certificate: SSHCertificate) -> None:
        """Revoke one certificate: by its serial number, or by its key id if it has none."""
        if certificate.serial:
            self.add_serials(certificate.signing_key, certificate.serial)
        else:
            self.add_key_id(certificate.signing_key, certificate.key_id)

    def _of(self, authority: bytes) -> _OfAuthority:
        return self._authorities.setdefault(authority, _OfAuthority())

    # ------------------------------------------------------------ telling

    def contents(self) -> Contents:
        """Return what it revokes."""
        return Contents(
            frozenset(self._keys),
            frozenset(self._sha1),
            frozenset(self._sha256),
            tuple(
                (blob, _merged(entry), frozenset(entry.key_ids))
                for blob, entry in sorted(self._authorities.items())
            ),
        )

    # ------------------------------------------------------------ writing

    def encode(self) -> bytes:
        """Return the list as ssh-keygen and sshd read it."""
        parts = [
            _MAGIC,
            encode_uint32(_FORMAT),
            encode_uint64(self.version),
            encode_uint64(self.generated),
            encode_uint64(0),
            encode_string(b""),
            encode_string(self.comment.encode("utf-8")),
        ]
        for authority, entry in sorted(self._authorities.items()):
            body = encode_string(authority) + encode_string(b"") + _encode_authority(entry)
            parts.append(_section(_Section.CERTIFICATES, body))
        for kind, blobs in (
            (_Section.EXPLICIT_KEY, self._keys),
            (_Section.FINGERPRINT_SHA1, self._sha1),
            (_Section.FINGERPRINT_SHA256, self._sha256),
        ):
            if blobs:
                parts.append(_section(kind, _strings(blobs)))
        return b"".join(parts)

    def write(self, filename: FilePath) -> None:
        """Write the list to a file, atomically. OSError when it cannot be."""
        replace_file(filename, self.encode(), 0o644)

    # ------------------------------------------------------------ reading

    def _load(self, reader: Reader) -> None:
        while reader.remaining:
            kind, body = reader.byte(), Reader(reader.string())
            if kind == _Section.CERTIFICATES:
                authority = body.string()
                if authority:
                    decode_public_key(authority)
                body.string()  # reserved
                _load_authority(self._of(authority), body)
            elif kind == _Section.EXPLICIT_KEY:
                self._keys.update(_each(body))
            elif kind == _Section.FINGERPRINT_SHA1:
                self._sha1.update(_each(body, 20))
            elif kind == _Section.FINGERPRINT_SHA256:
                self._sha256.update(_each(body, 32))
            elif kind == _Section.EXTENSION:
                _pass_over(body)
            elif kind == _Section.SIGNATURE:
                raise KeyImportError("a signed revocation list, of a form that OpenSSH has given up")
            else:
                raise KeyImportError(f"a section of type {kind} in the revocation list, which is not known")


def _sha1(blob: bytes) -> bytes:
    # The format has it; a collision would revoke too much, never too little.
    return hashlib.sha1(blob, usedforsecurity=False).digest()


def _strings(blobs: Iterable[bytes]) -> bytes:
    return b"".join(map(encode_string, sorted(blobs)))


def _section(kind: IntEnum, body: bytes) -> bytes:
    return encode_byte(kind) + encode_string(body)


def _encode_authority(entry: _OfAuthority) -> bytes:
    parts = []
    if entry.serials:
        parts.append(_section(_CertSection.SERIAL_LIST, b"".join(map(encode_uint64, sorted(entry.serials)))))
    parts += [
        _section(_CertSection.SERIAL_RANGE, encode_uint64(low) + encode_uint64(high))
        for low, high in sorted(entry.ranges)
    ]
    parts += [
        _section(_CertSection.SERIAL_BITMAP, encode_uint64(offset) + encode_mpint(bits))
        for offset, bits in sorted(entry.bitmaps)
        if bits
    ]
    if entry.key_ids:
        parts.append(_section(_CertSection.KEY_ID, _strings(entry.key_ids)))
    return b"".join(parts)


def _merged(entry: _OfAuthority) -> tuple[tuple[int, int], ...]:
    """Return the serial numbers as ranges that neither touch nor overlap, in order."""
    ranges = [(serial, serial) for serial in entry.serials]
    ranges += [*entry.ranges, *(run for offset, bits in entry.bitmaps for run in _runs(offset, bits))]
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def _runs(offset: int, bits: int) -> Iterable[tuple[int, int]]:
    """Return the runs of ones of a bitmap, as the numbers from and to which they go, in linear time."""
    for run in re.finditer("1+", format(bits, "b")[::-1]):
        yield offset + run.start(), offset + run.end() - 1


def _each(body: Reader, size: int | None = None) -> Iterable[bytes]:
    while body.remaining:
        blob = body.string()
        if size is not None and len(blob) != size:
            raise KeyImportError(f"a fingerprint of {len(blob)} bytes in the revocation list")
        yield blob


def _pass_over(body: Reader) -> None:
    """Pass over an extension that need not be understood."""
    name, is_critical = body.string(), body.boolean()
    body.string()
    body.end()
    if is_critical:
        shown = name[:40].decode("ascii", "replace")
        raise KeyImportError(f"the revocation list has a critical extension {shown!r}, which is not known")


def _load_authority(entry: _OfAuthority, reader: Reader) -> None:
    while reader.remaining:
        kind, body = reader.byte(), Reader(reader.string())
        if kind == _CertSection.SERIAL_LIST:
            while body.remaining:
                entry.serials.add(body.uint64())
        elif kind == _CertSection.SERIAL_RANGE:
            low, high = body.uint64(), body.uint64()
            if low > high:
                raise KeyImportError("a range of serial numbers in the revocation list ends before it begins")
            entry.ranges.append((low, high))
        elif kind == _CertSection.SERIAL_BITMAP:
            entry.bitmaps.append((body.uint64(), body.mpint()))
        elif kind == _CertSection.KEY_ID:
            entry.key_ids.update(_each(body))
        elif kind == _CertSection.EXTENSION:
            _pass_over(body)
        else:
            raise KeyImportError(
                f"a section of type {kind} for an authority in the revocation list: not known"
            )
        body.end()


def import_krl(data: bytes) -> KeyRevocationList:
    """Return the list in `data`.

    Args:
        data: what `ssh-keygen -k` wrote, or public keys, one a line.

    Raises:
        KeyImportError: any part of it is not understood, or it is larger than 8 MiB.
    """
    if len(data) > MAX_KRL:
        raise KeyImportError(f"a revocation list of {len(data)} bytes is too large")
    if not data.startswith(_MAGIC):
        return _plain(data)
    reader = Reader(data[len(_MAGIC) :])
    try:
        version = reader.uint32()
        if version != _FORMAT:
            raise KeyImportError(f"a revocation list of format {version}; nacre reads format {_FORMAT}")
        number, generated, _flags = reader.uint64(), reader.uint64(), reader.uint64()
        reader.string()  # reserved
        revoked = KeyRevocationList(number, reader.string().decode("utf-8", "replace"), generated)
        revoked._load(reader)
    except WireError as exc:
        raise KeyImportError(f"the revocation list is damaged: {exc}") from None
    return revoked


def _plain(data: bytes) -> KeyRevocationList:
    """Return the list of a file of public keys; a certificate there stands for its key, as for sshd."""
    revoked = KeyRevocationList()
    try:
        data = unmarked(data)
    except ValueError as exc:
        raise KeyImportError(str(exc)) from None
    for number, line in enumerate(data.split(b"\n"), start=1):
        text = line.strip()
        if text and not text.startswith(b"#"):
            try:
                is_certificate = text.split(maxsplit=1)[0].endswith(CERTIFICATE_SUFFIX.encode())
                revoked.add_key(import_certificate(text).key if is_certificate else import_public_line(text))
            except KeyImportError as exc:
                raise KeyImportError(f"line {number} of the revoked keys: {exc}") from None
    return revoked


def read_krl(filename: FilePath) -> KeyRevocationList:
    """Return the list in a file.

    Raises:
        OSError: it cannot be read.
        KeyImportError: as for `import_krl`, or it is no regular file.
    """
    return import_krl(_content(filename))


def _content(filename: FilePath) -> bytes:
    try:
        return read_file(filename, MAX_KRL)
    except ValueError as exc:
        raise KeyImportError(str(exc)) from None


#: What a program may give: the name of a file, the content of one, or a list.
RevokedArgument = FilePath | bytes | KeyRevocationList


def revocation_list(revoked: RevokedArgument | None) -> KeyRevocationList | None:
    """Return the list that an option names, as its file is now.

    Nobody may add to it: the same content gives the same list again.

    Raises:
        OSError, KeyImportError: as for `read_krl`.
    """
    if revoked is None or isinstance(revoked, KeyRevocationList):
        return revoked
    return _remembered(revoked if isinstance(revoked, bytes) else _content(revoked))


_remembered = functools.lru_cache(4)(import_krl)
