"""Signatures of browsers, beside one that a browser made for OpenSSH's tests."""

from __future__ import annotations

import pytest

from nacre.keys import Proof, decode_public_key, read_public_key
from nacre.keys.sshsig import SSHSignature, hash_data
from nacre.keys.webauthn import MAX_CLIENT_DATA, WEBAUTHN, client_data_start
from nacre.trust.allowed_signers import validate_sshsig
from nacre.wire.fields import Reader, encode_byte, encode_string, encode_uint32

SIGNED = b"This is a test, this is only a test"


@pytest.fixture
def recorded(data):
    return SSHSignature.decode((data / "sk-webauthn.sig").read_bytes())


def test_a_browsers_signature_is_right(data, recorded):
    public = (data / "sk-webauthn.pub").read_bytes()
    sig = (data / "sk-webauthn.sig").read_bytes()
    assert validate_sshsig(SIGNED, sig, "a", b"a " + public, namespace="unittest")
    assert not validate_sshsig(SIGNED + b"!", sig, "a", b"a " + public, namespace="unittest")


def over(recorded):
    """What was signed, as SSHSIG has it."""
    digest = hash_data(SIGNED, recorded.hash_name, is_hashed=False)
    return b"SSHSIG" + b"".join(
        encode_string(part) for part in (b"unittest", b"", recorded.hash_name.encode(), digest)
    )


def fields(recorded):
    reader = Reader(recorded.signature)
    name, inner, flags, counter = reader.string(), reader.string(), reader.byte(), reader.uint32()
    origin, text, extensions = reader.string(), reader.string(), reader.string()
    reader.end()
    return {
        "name": name, "inner": inner, "flags": flags, "counter": counter,
        "origin": origin, "text": text, "extensions": extensions,
    }  # fmt: skip


def packed(parts):
    return (
        encode_string(parts["name"]) + encode_string(parts["inner"]) + encode_byte(parts["flags"])
        + encode_uint32(parts["counter"]) + encode_string(parts["origin"]) + encode_string(parts["text"])
        + encode_string(parts["extensions"])
    )  # fmt: skip


def test_every_part_of_it_counts(data, recorded):
    key, signed, parts = read_public_key(data / "sk-webauthn.pub"), over(recorded), fields(recorded)
    assert packed(parts) == recorded.signature
    assert key.proof(signed, recorded.signature, WEBAUTHN) == Proof.KEY | Proof.PRESENCE
    assert not key.proof(signed, recorded.signature, key.algorithm), "the algorithm is another"
    text, origin = parts["text"], parts["origin"]
    wrong = (
        {"flags": parts["flags"] ^ 4},
        {"flags": parts["flags"] | 0x40},
        {"flags": parts["flags"] | 0x80},
        {"extensions": b"x"},
        {"counter": parts["counter"] + 1},
        {"origin": origin + b"x"},
        {"origin": b'https://evil.example","x":"'},
        {"text": text + b" "},
        {"text": b" " + text},
        {"text": text.replace(b"webauthn.get", b"webauthn.create")},
        {"name": b"sk-ecdsa-sha2-nistp256@openssh.com"},
        {"inner": b""},
    )
    for change in wrong:
        assert not key.proof(signed, packed({**parts, **change})), change
    assert not key.proof(signed, recorded.signature + b"\0")
    assert not key.proof(signed, recorded.signature[:-1])


def test_the_text_begins_with_the_data_and_the_origin_as_they_are(recorded):
    parts = fields(recorded)
    assert parts["text"].startswith(client_data_start(over(recorded), parts["origin"]))
    start = client_data_start(b"\xfb\xff", b"https://a.example")
    assert start == b'{"type":"webauthn.get","challenge":"-_8","origin":"https://a.example"'


def test_what_is_too_long_is_not_compared(data, recorded):
    key, parts = read_public_key(data / "sk-webauthn.pub"), fields(recorded)
    assert not key.proof(over(recorded), packed({**parts, "text": parts["text"].ljust(MAX_CLIENT_DATA + 1)}))


def test_only_a_browser_signs_so(data):
    key = decode_public_key(read_public_key(data / "sk-webauthn.pub").public_data)
    assert key.sig_algorithms == (key.algorithm, WEBAUTHN)
    assert key.signing_algorithms == (key.algorithm,)
    with pytest.raises(ValueError, match="signs with"):
        key.sign(b"data", WEBAUTHN)
