"""Proofs of host keys: what is signed (OpenSSH PROTOCOL 2.5), and what is no proof."""

from __future__ import annotations

import nacre
from nacre.protocol.host_keys import prove, proven
from nacre.protocol.settings import Info, Negotiated
from nacre.wire.fields import encode_string, encode_text
from nacre.wire.requests import HostKeyProofs

ED25519 = nacre.generate_private_key("ssh-ed25519")
RSA = nacre.generate_private_key("ssh-rsa", key_size=2048)
PAIRS = nacre.load_keypairs([ED25519, RSA])
BLOBS = [ED25519.public_data, RSA.public_data]


def info(session_id: bytes = b"session", host_key: str = "ssh-ed25519") -> Info:
    return Info(
        session_id=session_id,
        negotiated=Negotiated("kex", host_key, "c", "c", "m", "m", "none", "none", strict=True),
    )


def test_what_is_signed() -> None:
    reply = prove(PAIRS, info(), BLOBS)
    assert reply is not None
    signatures = HostKeyProofs.decode(reply).signatures
    for key, signature in zip((ED25519, RSA), signatures, strict=True):
        data = encode_text("hostkeys-prove-00@openssh.com") + encode_string(b"session")
        assert key.verify(data + encode_string(key.public_data), signature)
    assert proven([ED25519, RSA], info(), reply)


def test_an_rsa_key_signs_as_in_the_key_exchange() -> None:
    for agreed, expected in (("rsa-sha2-256", "rsa-sha2-256"), ("ssh-ed25519", "rsa-sha2-512")):
        reply = prove(PAIRS, info(host_key=agreed), [RSA.public_data])
        assert reply is not None
        (signature,) = HostKeyProofs.decode(reply).signatures
        assert signature.startswith(encode_text(expected))


def test_what_is_not_proven() -> None:
    other = nacre.generate_private_key("ssh-ed25519")
    for blobs in ([], [other.public_data], [*BLOBS, other.public_data], [BLOBS[0], BLOBS[0]]):
        assert prove(PAIRS, info(), blobs) is None


def test_what_is_no_proof() -> None:
    reply = prove(PAIRS, info(), BLOBS)
    assert reply is not None
    first, second = HostKeyProofs.decode(reply).signatures
    assert not proven([ED25519, RSA], info(b"another session"), reply)
    assert not proven([RSA, ED25519], info(), reply)
    for signatures in ((first,), (first, second, second), (), (first, b""), (first, first)):
        assert not proven([ED25519, RSA], info(), HostKeyProofs(signatures).encode())
    assert not proven([ED25519, RSA], info(), reply[:-1])
    assert not proven([ED25519, RSA], info(), b"")
