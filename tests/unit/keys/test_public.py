"""Public key blobs, OpenSSH lines and RFC 4716 files."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.errors import KeyExportError, KeyImportError
from nacre.keys import KEY_TYPES, decode_public_key, read_private_key, read_public_key
from nacre.keys.public import MAX_PUBLIC_KEY, import_public_line, import_rfc4716
from nacre.wire.fields import encode_string
from tests.support.authenticator import any_key

KEYS = [any_key(name).convert_to_public() for name in KEY_TYPES if name != "ssh-rsa"]


def test_round_trip(data, key_name):
    key = read_public_key(data / f"{key_name}.pub")
    assert decode_public_key(key.public_data) == key
    assert decode_public_key(key.public_data).public_data == key.public_data


def test_every_truncation_is_a_key_import_error(data, key_name):
    blob = read_public_key(data / f"{key_name}.pub").public_data
    for size in range(len(blob)):
        with pytest.raises(KeyImportError):
            decode_public_key(blob[:size])
    with pytest.raises(KeyImportError, match="too many"):
        decode_public_key(blob + b"\0")


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_changed_blobs_raise_nothing_else(data):
    blob = bytearray(data.draw(st.sampled_from(KEYS)).public_data)
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(KeyImportError):
        decode_public_key(bytes(blob))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([*KEY_TYPES, "ssh-dss", ""]), st.binary(max_size=200))
def test_any_bytes_behind_a_name_raise_nothing_else(name, rest):
    with contextlib.suppress(KeyImportError):
        decode_public_key(encode_string(name.encode()) + rest)


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF, 1 << 24])
def test_lengths_beyond_the_blob(length):
    for name in KEY_TYPES:
        with pytest.raises(KeyImportError):
            decode_public_key(encode_string(name.encode()) + length.to_bytes(4, "big") + b"abc")
    with pytest.raises(KeyImportError):
        decode_public_key(length.to_bytes(4, "big"))


def test_a_huge_blob_is_refused():
    with pytest.raises(KeyImportError, match="too large"):
        decode_public_key(encode_string(b"ssh-ed25519") + bytes(MAX_PUBLIC_KEY))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ssh-dss", "ssh-dss"),
        ("ssh-ed448", "ssh-ed448"),
        ("ssh-ed25519-cert-v01@openssh.com", "certificate"),
        ("x" * 64, "x" * 64 + "'"),
        ("x" * 65, "a name of 65 characters"),
    ],
)
def test_types_that_are_not_built_are_named(name, said):
    with pytest.raises(KeyImportError, match=said):
        decode_public_key(encode_string(name.encode()) + bytes(100))


def test_the_line_of_an_unsupported_type_is_named(data):
    with pytest.raises(KeyImportError, match="'ssh-dss' is not supported"):
        read_public_key(data / "dsa.pub")


def test_lines(data):
    line = (data / "ed25519.pub").read_bytes()
    key = import_public_line(line)
    assert key.get_comment() == "test ed25519"
    assert key.export_public_key() == line
    first, encoded, _ = line.split(b" ", 2)
    assert import_public_line(first + b"\t " + encoded).get_comment() is None
    assert import_public_line(first + b"  " + encoded + b"  two  words \r\n").get_comment() == "two  words"


def test_lines_that_are_wrong(data):
    name, encoded, _ = (data / "ed25519.pub").read_bytes().split(b" ", 2)
    for line in (
        b"",
        name,
        name + b" ",
        name + b" AAAA",
        name + b" " + encoded[:-4],
        name + b" " + encoded + b"!",
        b"ecdsa-sha2-nistp256 " + encoded,
        encoded,
        b"\xff\xff " + encoded,
    ):
        with pytest.raises(KeyImportError):
            import_public_line(line)


@pytest.mark.parametrize("comment", ["two\nlines", "a\rb", "nul\0", "\x1b[2J"])
def test_a_comment_cannot_add_a_line(data, comment):
    key = read_private_key(data / "ed25519")
    key.set_comment(comment)
    for form in ("openssh", "rfc4716"):
        with pytest.raises(KeyExportError, match="set_comment"):
            key.export_public_key(form)


def test_rfc_4716_file_of_ssh_keygen(data):
    key = read_public_key(data / "rsa.rfc4716")
    assert key == read_public_key(data / "rsa.pub")
    assert "2048-bit RSA" in str(key.get_comment())


def test_rfc_4716_example():
    """RFC 4716 section 3.6: a header continued with a backslash; other headers are ignored."""
    encoded = base64.b64encode(KEYS[0].public_data).decode()
    text = f"""---- BEGIN SSH2 PUBLIC KEY ----
Subject: me
Comment: This is my public key for use on \\
servers which I don't like.
x-command: /home/me/bin/lock-in-guest.sh
{encoded}
---- END SSH2 PUBLIC KEY ----
""".replace("\n", "\r\n")
    key = import_rfc4716(text.encode())
    assert key == KEYS[0]
    assert key.get_comment() == "This is my public key for use on servers which I don't like."


@pytest.mark.parametrize("comment", [None, "short", "x" * 200, "with: colon"])
def test_rfc_4716_round_trip(data, key_name, comment):
    key = read_public_key(data / f"{key_name}.pub")
    key.set_comment(comment)
    text = key.export_public_key("rfc4716")
    # RFC 4716 section 3.3: lines are at most 72 bytes long.
    assert max(len(line) for line in text.split(b"\n")) <= 72
    again = import_rfc4716(text)
    assert again == key
    assert again.get_comment() == comment


def test_rfc_4716_limits(data):
    key = read_public_key(data / "ed25519.pub")
    key.set_comment("x" * 1100)
    with pytest.raises(KeyExportError, match="1024"):
        key.export_public_key("rfc4716")
    lines = [b"---- BEGIN SSH2 PUBLIC KEY ----", b"Comment: \\", *[b"y" * 70 + b"\\"] * 100]
    with pytest.raises(KeyImportError, match="1024"):
        import_rfc4716(b"\n".join([*lines, b"---- END SSH2 PUBLIC KEY ----"]))
    with pytest.raises(KeyImportError, match="cut off"):
        import_rfc4716((data / "rsa.rfc4716").read_bytes()[:200])
