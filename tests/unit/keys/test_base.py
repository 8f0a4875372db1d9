"""SSHKey: fingerprints, comments, blobs, and signatures of another implementation."""

from __future__ import annotations

import hashlib
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.errors import KeyExportError
from nacre.keys import KEY_TYPES, generate_private_key, read_private_key, read_public_key
from nacre.keys.armor import blocks, decode_base64
from nacre.keys.base import KEY_FORMATS, register_key_format, register_key_type
from nacre.wire.fields import Reader, encode_string
from tests.support.authenticator import any_key


def test_fingerprints_are_those_of_ssh_keygen(data):
    key = read_private_key(data / "ed25519")
    assert key.get_fingerprint() == "SHA256:rYKw7dHw9G100n/0k0NIBbV/WCEha2KXcamrVxo9qtk"
    assert key.get_fingerprint("sha256") == key.convert_to_public().get_fingerprint()
    digest = hashlib.md5(key.public_data).hexdigest()
    assert key.get_fingerprint("md5").replace(":", "") == f"MD5{digest}"
    assert len(key.get_fingerprint("md5")) == len("MD5") + 16 * 3
    with pytest.raises(ValueError):
        key.get_fingerprint("sha257")


def test_signatures_made_by_ssh_keygen_verify(data, key_name):
    """PROTOCOL.sshsig: what is signed is the namespace and a hash of the message."""
    (block,) = blocks((data / f"{key_name}.sshsig").read_bytes())
    reader = Reader(decode_base64(block.body))
    assert reader.take(6) == b"SSHSIG"
    assert reader.uint32() == 1
    public_blob, namespace, reserved, hash_name = (reader.string() for _ in range(4))
    signature = reader.string()
    digest = hashlib.new(hash_name.decode(), b"nacre").digest()
    signed = b"SSHSIG" + b"".join(map(encode_string, (namespace, reserved, hash_name, digest)))

    key = read_public_key(data / f"{key_name}.pub")
    assert key.public_data == public_blob
    assert key.verify(signed, signature)
    assert key.verify(signed, signature, key.sig_algorithms[0])
    assert not key.verify(signed + b"x", signature)
    for position in range(len(signature)):
        changed = bytearray(signature)
        changed[position] ^= 1
        assert key.verify(signed, bytes(changed)) is False
        assert key.verify(signed, signature[:position]) is False
    assert key.verify(signed, signature + b"\0") is False


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300))
def test_no_bytes_make_verify_raise(blob):
    for key in KEYS:
        assert key.verify(b"data", blob) is False
        for name in key.sig_algorithms:
            assert key.verify(b"data", encode_string(name.encode()) + encode_string(blob)) is False


KEYS = [any_key(name).convert_to_public() for name in KEY_TYPES if name != "ssh-rsa"]


def test_a_public_key_cannot_sign(data, key_name):
    key = read_public_key(data / f"{key_name}.pub")
    with pytest.raises(ValueError, match="private"):
        key.sign(b"data", key.sig_algorithms[0])
    with pytest.raises(KeyExportError, match="private"):
        key.export_private_key()
    with pytest.raises(KeyExportError, match="private"):
        _ = key.private_data


def test_sign_takes_names_as_bytes(data):
    key = read_private_key(data / "ed25519")
    assert key.verify(b"data", key.sign(b"data", b"ssh-ed25519"), b"ssh-ed25519")


def test_nothing_private_in_repr_or_str(data, key_name):
    key = read_private_key(data / key_name)
    text = repr(key) + str(key)
    assert "private" in text
    assert len(text) < 400
    assert key.get_fingerprint() in text


def test_comments(data):
    key = read_private_key(data / "ed25519")
    assert key.get_comment() == "test ed25519"
    assert key.get_comment_bytes() == b"test ed25519"
    assert key.has_comment()
    key.set_comment("ümlaut")
    assert key.get_comment_bytes() == "ümlaut".encode()
    key.set_comment(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        key.get_comment()
    assert key.get_comment(errors="replace") == "\N{REPLACEMENT CHARACTER}"
    for nothing in (None, "", b""):
        key.set_comment(nothing)
        assert key.get_comment() is None
        assert not key.has_comment()


def test_the_public_part(data, key_name):
    key = read_private_key(data / key_name)
    public = key.convert_to_public()
    assert public.public_data == key.public_data == read_public_key(data / f"{key_name}.pub").public_data
    assert public.get_comment() == key.get_comment()
    assert public.get_filename() == str(data / key_name)
    assert not public.is_private
    assert key.is_private


def test_equality(data):
    key = read_private_key(data / "ed25519")
    again = read_private_key(data / "ed25519-aes256-ctr", "correct horse")
    again.set_comment("another")
    assert key == again
    assert hash(key) == hash(again)
    assert key != key.convert_to_public()
    assert key.convert_to_public() == read_public_key(data / "ed25519.pub")
    assert key != generate_private_key("ssh-ed25519")
    assert key != "ed25519"


def test_private_keys_are_written_for_their_owner_alone(data, tmp_path):
    key = read_private_key(data / "ed25519")
    key.write_private_key(tmp_path / "key")
    key.write_public_key(tmp_path / "key.pub")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert read_private_key(tmp_path / "key") == key
    assert (tmp_path / "key.pub").read_bytes() == (data / "ed25519.pub").read_bytes()


def test_appending(data, tmp_path):
    for name in ("ed25519", "nistp256"):
        key = read_private_key(data / name)
        key.append_private_key(tmp_path / "keys", "pkcs8-pem")
        key.append_public_key(tmp_path / "keys.pub")
    assert (tmp_path / "keys").read_bytes().count(b"BEGIN PRIVATE KEY") == 2
    assert (tmp_path / "keys.pub").read_bytes() == b"".join(
        (data / f"{name}.pub").read_bytes() for name in ("ed25519", "nistp256")
    )
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600


def test_unknown_formats_are_refused(data):
    key = read_private_key(data / "ed25519")
    with pytest.raises(KeyExportError, match="'jwk'"):
        key.export_private_key("jwk")
    with pytest.raises(KeyExportError, match="'jwk'"):
        key.export_public_key("jwk")
    with pytest.raises(KeyExportError, match="rfc4716"):
        key.export_private_key("rfc4716")


def test_registries_take_a_name_once():
    with pytest.raises(ValueError, match="twice"):
        register_key_type(KEY_TYPES["ssh-ed25519"])
    with pytest.raises(ValueError, match="twice"):
        register_key_format(KEY_FORMATS["openssh"])
