"""Signatures that a browser has a security key make (W3C Web Authentication; OpenSSH's PROTOCOL.u2f).

Owns: what of such a signature stands for the data that was to be signed. Must not know: keys, or the
cryptography of the signature.

A browser lets its security key sign a text of its own, which names the web site that asked, and has the
data in it. OpenSSH compares the beginning of this text, letter for letter, rather than read it as JSON, and
so does nacre: what follows (whether another site was involved, say) does not matter.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from nacre.errors import WireError
from nacre.wire.fields import Reader

__all__ = ["MAX_CLIENT_DATA", "WEBAUTHN", "client_data_start", "read_client_data"]

WEBAUTHN: Final = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"

#: More than a login needs: a certificate is a part of what is signed, and a third longer here.
MAX_CLIENT_DATA: Final = 65536
_MAX_ORIGIN: Final = 1024

#: Flags of the authenticator (Web Authentication, section 6.1): what follows them in what it signs.
_ATTESTED_DATA: Final = 0x40
_EXTENSIONS: Final = 0x80


def client_data_start(data: bytes, origin: bytes) -> bytes:
    """Return what the text of a browser must begin with.

    Args:
        data: what was to be signed.
        origin: the web site that has asked for it, such as b"https://login.example".
    """
    challenge = base64.urlsafe_b64encode(data).rstrip(b"=")
    return b'{"type":"webauthn.get","challenge":"' + challenge + b'","origin":"' + origin + b'"'


def read_client_data(reader: Reader, data: bytes, flags: int) -> tuple[bytes, bytes]:
    """Read the end of a signature, after its counter.

    Args:
        reader: at the origin.
        data: what was to be signed.
        flags: of the authenticator.

    Returns:
        The extensions, and the hash that stands for the data.

    Raises:
        WireError: it is not what a browser makes for this data.
    """
    origin, text, extensions = reader.string(), reader.string(), reader.string()
    reader.end()
    if len(origin) > _MAX_ORIGIN or len(text) > MAX_CLIENT_DATA or b'"' in origin or b"\0" in origin:
        raise WireError("the origin of a web signature is too long, or ends itself")
    if flags & _ATTESTED_DATA or bool(flags & _EXTENSIONS) != bool(extensions):
        raise WireError("a web signature has other parts than its flags say")
    if not text.startswith(client_data_start(data, origin)):
        raise WireError("a web signature is of other data, or for another site")
    return extensions, hashlib.sha256(text).digest()
