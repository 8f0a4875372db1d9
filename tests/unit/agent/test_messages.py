"""The messages of the agent protocol: their bytes (RFC 9987 section 5), and what is refused."""

from __future__ import annotations

import pytest

import nacre
from nacre.agent import messages
from nacre.agent.constraints import Constraints
from nacre.errors import WireError
from nacre.wire.fields import Reader, encode_string, encode_uint32
from tests.support.cases import each_case


def test_what_is_asked() -> None:
    key, data = encode_string(b"key"), encode_string(b"data")
    assert messages.sign_request(b"key", b"data", "ssh-ed25519") == b"\x0d" + key + data + bytes(4)
    assert messages.sign_request(b"key", b"data", "rsa-sha2-256").endswith(b"\0\0\0\2")
    assert messages.sign_request(b"key", b"data", "rsa-sha2-512").endswith(b"\0\0\0\4")
    comment = encode_string(b"me")
    assert messages.add_request(b"private", b"me") == b"\x11private" + comment
    assert (
        messages.add_request(b"private", b"me", Constraints(60, True))
        == b"\x19private" + comment + b"\1\0\0\0\x3c" + b"\2"
    )
    assert (
        messages.add_request(b"private", b"me", Constraints(confirm=True)) == b"\x19private" + comment + b"\2"
    )
    assert messages.remove_request(b"key") == b"\x12" + key
    assert messages.lock_request(messages.Request.LOCK, "x") == b"\x16\0\0\0\1x"
    assert messages.lock_request(messages.Request.UNLOCK, "x") == b"\x17\0\0\0\1x"
    assert messages.extension_request("query") == b"\x1b\0\0\0\5query"


@pytest.mark.parametrize(("kind", "fields"), [("ssh-ed25519", 2), ("ecdsa-sha2-nistp256", 1), ("ssh-rsa", 4)])
def test_a_key_with_its_certificate(kind: str, fields: int) -> None:
    """PROTOCOL.agent: the certificate, and then the private fields alone, but for Ed25519's."""
    key = nacre.generate_private_key(kind, **({"key_size": 2048} if kind == "ssh-rsa" else {}))
    cert = key.generate_user_certificate(key, "id")
    reader = Reader(messages.certified(key.encode_ssh_private(), key.algorithm, cert))
    assert reader.ascii() == f"{kind}-cert-v01@openssh.com"
    assert reader.string() == cert.public_data
    rest = [reader.string() for _ in range(fields)]
    reader.end()
    assert key.encode_ssh_private().endswith(b"".join(map(encode_string, rest)))


def test_identities() -> None:
    pairs = encode_string(b"key") + encode_string(b"comment" * 1000)
    found = messages.identities(Reader(encode_uint32(1) + pairs))
    assert found == [messages.Identity(b"key", (b"comment" * 1000)[: messages.MAX_COMMENT])]
    assert messages.identities(Reader(encode_uint32(0))) == []


@each_case(
    "data",
    [
        b"",
        encode_uint32(1),
        encode_uint32(1 << 31),
        encode_uint32(1) + encode_string(b"key"),
        encode_uint32(1) + b"\xff\xff\xff\xff" + bytes(8),
        encode_uint32(0) + b"more",
        encode_uint32(messages.MAX_KEYS + 1) + bytes(8) * (messages.MAX_KEYS + 1),
    ],
)
def test_damaged_identities_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        messages.identities(Reader(data))


def test_a_signature_is_of_the_algorithm_that_was_asked_for() -> None:
    blob = encode_string(b"rsa-sha2-256") + encode_string(b"s")
    assert messages.signature(Reader(encode_string(blob)), "rsa-sha2-256") == blob
    sha1 = encode_string(b"ssh-rsa") + encode_string(b"s")
    for answer, algorithm in ((blob, "rsa-sha2-512"), (sha1, "rsa-sha2-256"), (b"", "ssh-ed25519")):
        with pytest.raises(WireError):
            messages.signature(Reader(encode_string(answer)), algorithm)
    with pytest.raises(WireError):
        messages.signature(Reader(encode_string(blob) + b"more"), "rsa-sha2-256")


def test_extension_names() -> None:
    names = encode_string(b"a@x") + encode_string(b"b@x")
    answer = Reader(encode_string(b"query") + names)
    assert messages.extension_names(messages.Answer.EXTENSION_RESPONSE, answer) == ["a@x", "b@x"]
    assert messages.extension_names(messages.Answer.SUCCESS, Reader(names)) == ["a@x", "b@x"]
    with pytest.raises(WireError):
        messages.extension_names(messages.Answer.EXTENSION_RESPONSE, Reader(encode_string(b"other") + names))
