"""Public keys: the blob, the OpenSSH line, and the file format of RFC 4716.

Owns: `decode_public_key` and the formats "openssh" (public half) and "rfc4716", in which certificates
are written too. Must not know: any key type, private keys, PEM, what a certificate says.
"""

from __future__ import annotations

import base64
import re
from typing import Final, Protocol

from nacre.errors import KeyExportError, KeyImportError, WireError
from nacre.keys.armor import decode_base64
from nacre.keys.base import KEY_TYPES, KeyFormat, SSHKey, register_key_format
from nacre.wire.fields import Reader, encode_text

__all__ = [
    "MAX_PUBLIC_KEY",
    "RFC4716_BEGIN",
    "decode_public_key",
    "export_public_line",
    "import_public_line",
    "import_rfc4716",
    "split_line",
    "split_public_line",
    "split_rfc4716",
]

#: The largest public key blob that is looked at, in bytes; RSA with 16384 bits has 2100.
MAX_PUBLIC_KEY: Final = 8192

RFC4716_BEGIN: Final = b"---- BEGIN SSH2 PUBLIC KEY ----"
_RFC4716_END: Final = b"---- END SSH2 PUBLIC KEY ----"
_RFC4716_LINE: Final = 70
_RFC4716_MAX_HEADER: Final = 1024
_BLANKS: Final = rb"[ \t]+"


class Shown(Protocol):
    """A public key or a certificate."""

    @property
    def algorithm(self) -> str:
        """Its type."""

    @property
    def public_data(self) -> bytes:
        """Its blob."""

    def get_comment_bytes(self) -> bytes | None:
        """Return its comment."""


def unknown_key_type(name: str) -> KeyImportError:
    """Return the error for a key type that is not built."""
    known = ", ".join(KEY_TYPES)
    if "-cert-v01" in name:
        return KeyImportError(
            f"{name[:64]!r} is a certificate, and a key is needed here: {known}; import_certificate reads those"
        )
    return KeyImportError(f"key type {name[:64]!r} is not supported; nacre takes {known}")


def decode_public_key(blob: bytes) -> SSHKey:
    """Return the key of a public key blob (RFC 4253 section 6.6).

    Args:
        blob: exactly one key; trailing bytes are refused.

    Raises:
        KeyImportError: whatever is wrong with it: the type, an encoding, a length, a bound.
    """
    if len(blob) > MAX_PUBLIC_KEY:
        raise KeyImportError(f"a public key of {len(blob)} bytes is too large")
    try:
        reader = Reader(blob)
        name = reader.ascii()
        key_type = KEY_TYPES.get(name)
        if key_type is None:
            raise unknown_key_type(name)
        key = key_type.decode_public(reader)
        reader.end()
    except WireError as exc:
        raise KeyImportError(f"the public key is not encoded as it should be: {exc}") from None
    return key


def split_line(line: bytes) -> tuple[str, bytes, bytes | None]:
    """Return type, base64 and comment of a line as in an `id_*.pub` file. KeyImportError: nothing follows the type."""
    # Split at blanks only: what else Python counts as space may be part of a comment.
    parts = re.split(_BLANKS, line.strip(b" \t\r\n"), maxsplit=2)
    name = parts[0].decode("ascii", "replace")
    if len(parts) == 1:
        raise KeyImportError(f"nothing follows {name[:64]!r} in the public key line")
    return name, parts[1], parts[2] if len(parts) == 3 else None


def split_public_line(line: bytes) -> tuple[str, bytes, bytes | None]:
    """Return type, blob and comment of a line as in an `id_*.pub` file.

    Raises:
        KeyImportError: it is no such line, or the blob is not of the type that it names.
    """
    name, text, comment = split_line(line)
    blob = decode_base64(text)
    if not blob.startswith(encode_text(name)):
        raise KeyImportError(f"the line says {name[:64]!r}, but the key in it is of another type")
    return name, blob, comment


def import_public_line(line: bytes) -> SSHKey:
    """Return the key of a line as in an `id_*.pub` file: type, base64, comment.

    Raises:
        KeyImportError: it is no such line, or the key is refused.
    """
    name = line.split(maxsplit=1)[0].decode("ascii", "replace") if line.strip() else ""
    if name not in KEY_TYPES:
        raise unknown_key_type(name)
    _, blob, comment = split_public_line(line)
    key = decode_public_key(blob)
    key.set_comment(comment)
    return key


def _comment_for_line(shown: Shown) -> bytes:
    comment = shown.get_comment_bytes() or b""
    # A line break would begin a second line, which in authorized_keys is a second key.
    if any(octet < 0x20 and octet != 0x09 for octet in comment):
        raise KeyExportError("the comment of the key has control characters; set another with set_comment()")
    return comment


def export_public_line(shown: Shown) -> bytes:
    """Return the line of an `id_*.pub` or `id_*-cert.pub` file, with its line end."""
    parts = [shown.algorithm.encode("ascii"), base64.b64encode(shown.public_data)]
    comment = _comment_for_line(shown)
    return b" ".join([*parts, comment] if comment else parts) + b"\n"


def split_rfc4716(data: bytes) -> tuple[bytes, bytes | None]:
    """Return blob and comment of an SSH2 public key file (RFC 4716 section 3).

    Raises:
        KeyImportError: it is no such file.
    """
    lines = [line.rstrip(b"\r") for line in data.strip().split(b"\n")]
    if lines[0].rstrip() != RFC4716_BEGIN or lines[-1].rstrip() != _RFC4716_END:
        raise KeyImportError("the SSH2 public key has no end line; the file may be cut off")
    body = iter(lines[1:-1])
    comment: bytes | None = None
    encoded: list[bytes] = []
    for line in body:
        tag, colon, value = line.partition(b":")
        if not colon:
            encoded.append(line)
            continue
        # RFC 4716 section 3.3: a header is continued by a backslash at the end of the line.
        while value.endswith(b"\\"):
            value = value[:-1] + next(body, b"")
            if len(value) > _RFC4716_MAX_HEADER:
                raise KeyImportError("a header of the SSH2 public key is longer than 1024 bytes")
        if tag.lower() == b"comment":
            comment = value.strip()
            if len(comment) >= 2 and comment[:1] == comment[-1:] == b'"':
                comment = comment[1:-1]
    return decode_base64(b"".join(encoded)), comment


def import_rfc4716(data: bytes) -> SSHKey:
    """Return the key of an SSH2 public key file (RFC 4716 section 3).

    Raises:
        KeyImportError: it is no such file, or the key is refused.
    """
    blob, comment = split_rfc4716(data)
    key = decode_public_key(blob)
    key.set_comment(comment)
    return key


def export_rfc4716(shown: Shown) -> bytes:
    """Return a key or a certificate as an SSH2 public key file (RFC 4716 section 3)."""
    lines = [RFC4716_BEGIN]
    comment = _comment_for_line(shown)
    if comment:
        header = b'Comment: "' + comment + b'"'
        if len(header) > _RFC4716_MAX_HEADER:
            raise KeyExportError("the comment is too long for RFC 4716 (1024 bytes)")
        pieces = [header[start : start + _RFC4716_LINE] for start in range(0, len(header), _RFC4716_LINE)]
        lines += [piece + b"\\" for piece in pieces[:-1]] + pieces[-1:]
    encoded = base64.b64encode(shown.public_data)
    lines += [encoded[start : start + _RFC4716_LINE] for start in range(0, len(encoded), _RFC4716_LINE)]
    return b"\n".join([*lines, _RFC4716_END, b""])


register_key_format(KeyFormat("rfc4716", export_private=None, export_public=export_rfc4716))
