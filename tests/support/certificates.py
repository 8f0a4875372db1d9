"""Certificates made by hand, as PROTOCOL.certkeys has them: whatever field is wanted can be wrong.

Owns: the layout, written from the standard and not taken from nacre. Must not know: what is tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from nacre.keys import SSHKey
from nacre.wire.fields import encode_string, encode_text, encode_uint32, encode_uint64

__all__ = ["CERT_NAME", "by_hand", "option", "options", "principals", "sha1"]

CERT_NAME: Final = b"ssh-ed25519-cert-v01@openssh.com"


def option(name: str, value: bytes = b"") -> bytes:
    """Return one option of a list."""
    return encode_text(name) + encode_string(value)


def options(*listed: bytes) -> bytes:
    """Return a list of options as a field."""
    return encode_string(b"".join(listed))


def principals(*names: bytes) -> bytes:
    """Return a list of principals as a field."""
    return encode_string(b"".join(map(encode_string, names)))


def sha1(authority: SSHKey, data: bytes) -> bytes:
    """Return an RSA signature with SHA-1, which nacre cannot make."""
    private = authority.library_private_key
    assert isinstance(private, rsa.RSAPrivateKey)
    return encode_text("ssh-rsa") + encode_string(private.sign(data, padding.PKCS1v15(), hashes.SHA1()))


def by_hand(
    key: SSHKey,
    authority: SSHKey,
    *,
    sign: Callable[[bytes], bytes] | None = None,
    **fields: bytes,
) -> bytes:
    """Return a certificate of a user, valid for ever.

    Args:
        key: the user's key.
        authority: who signs.
        sign: makes the signature blob; None: as the authority does it best.
        fields: what replaces a field, as it is encoded.
    """
    parts = {
        "name": encode_text(f"{key.algorithm.removesuffix('@openssh.com')}-cert-v01@openssh.com"),
        "nonce": encode_string(b"n" * 32),
        "certified": key.encode_ssh_public(),
        "serial": encode_uint64(7),
        "kind": encode_uint32(1),
        "key_id": encode_string(b"id"),
        "principals": principals(b"user"),
        "after": encode_uint64(0),
        "before": encode_uint64((1 << 64) - 1),
        "critical": encode_string(b""),
        "extensions": options(option("permit-pty")),
        "reserved": encode_string(b""),
        "signing_key": encode_string(authority.public_data),
    }
    assert fields.keys() <= parts.keys()
    body = b"".join({**parts, **fields}.values())
    signature = sign(body) if sign is not None else authority.sign(body, authority.sig_algorithms[0])
    return body + encode_string(signature)
