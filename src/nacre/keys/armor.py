"""Text armour around binary keys: `-----BEGIN X-----` blocks (RFC 7468, RFC 1421).

Owns: finding, decoding and writing the blocks. Must not know: what is in them.
"""

from __future__ import annotations

import base64
from binascii import a2b_base64
from typing import Final

from nacre.errors import KeyImportError
from nacre.wire.record import hidden, record

__all__ = ["PPK_BEGIN", "ArmorBlock", "armor", "blocks", "decode_base64"]

#: PuTTY's files (`nacre.keys.ppk`) have no armour, and begin so.
PPK_BEGIN: Final = b"PuTTY-User-Key-File-"

_BEGIN: Final = b"-----BEGIN "
_END: Final = b"-----END "
_DASHES: Final = b"-----"
_LINE: Final = 70


@record
class ArmorBlock:
    """One block.

    Attributes:
        label: what stands after BEGIN.
        text: the whole block with its first and last line; it may be a private key.
        body: the lines between them.
    """

    label: str
    text: bytes = hidden()
    body: bytes = hidden()


def strict_base64(text: str | bytes) -> bytes:
    """Return what `text` stands for. ValueError on anything but base64 with the padding that it needs, and no more."""
    if len(text) % 4 or (text[-3:] in ("===", b"===")):  # which Python takes for padding
        raise ValueError("this is not base64 with its padding")
    return a2b_base64(text, strict_mode=True)


def decode_base64(text: bytes) -> bytes:
    """Return what `text` stands for, white space left out. KeyImportError on anything but base64."""
    try:
        return strict_base64(b"".join(text.split()))
    except ValueError:
        raise KeyImportError("the key is not valid base64; was it cut off or changed?") from None


def blocks(data: bytes) -> list[ArmorBlock]:
    """Return the blocks in `data`; what stands between them is ignored.

    Raises:
        KeyImportError: a block has no end, or another's.
    """
    found: list[ArmorBlock] = []
    label: bytes | None = None
    lines: list[bytes] = []
    for line in data.split(b"\n"):
        stripped = line.strip()
        if label is None:
            if stripped.startswith(_BEGIN) and stripped.endswith(_DASHES):
                label = stripped[len(_BEGIN) : -len(_DASHES)]
                lines = []
        elif stripped.startswith(_END):
            if stripped != _END + label + _DASHES:
                raise KeyImportError("a key block ends with another name than it begins with")
            body = b"\n".join(lines)
            text = b"\n".join((_BEGIN + label + _DASHES, body, _END + label + _DASHES, b""))
            found.append(ArmorBlock(label.decode("ascii", "replace")[:64], text, body))
            label = None
        else:
            lines.append(stripped)
    if label is not None:
        raise KeyImportError("a key block has no end line; the file may be cut off")
    return found


def armor(label: str, data: bytes) -> bytes:
    """Return `data` as a block with lines of 70 characters, as OpenSSH writes them."""
    encoded = base64.b64encode(data)
    lines = [encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE)]
    name = label.encode("ascii")
    return b"\n".join((_BEGIN + name + _DASHES, *lines, _END + name + _DASHES, b""))
