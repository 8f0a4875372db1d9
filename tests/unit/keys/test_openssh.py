"""OpenSSH's private key files, against files that ssh-keygen made."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.errors import KeyEncryptionError, KeyImportError
from nacre.keys import PassphraseNeeded, import_private_key, read_private_key
from nacre.keys.armor import armor, blocks, decode_base64
from nacre.keys.openssh import LABEL, import_openssh
from nacre.keys.openssh_cipher import CIPHERS
from nacre.keys.passphrase import PassphraseSource
from nacre.wire.fields import Reader, encode_string, encode_uint32

PASSPHRASE = "correct horse"
MAGIC = b"openssh-key-v1\0"


def container(path):
    (block,) = blocks(path.read_bytes())
    return decode_base64(block.body)


def take(path):
    """The fields of a container, without its magic."""
    reader = Reader(container(path)[len(MAGIC) :])
    return {
        "cipher": reader.string(),
        "kdf": reader.string(),
        "options": reader.string(),
        "count": reader.uint32(),
        "public": reader.string(),
        "secret": reader.string(),
        "tag": reader.rest(),
    }


def build(fields, **changes):
    fields = fields | changes
    return MAGIC + b"".join(
        (
            encode_string(fields["cipher"]),
            encode_string(fields["kdf"]),
            encode_string(fields["options"]),
            encode_uint32(fields["count"]),
            encode_string(fields["public"]),
            encode_string(fields["secret"]),
            fields["tag"],
        )
    )


def load(data, passphrase=None):
    return import_openssh(data, PassphraseSource(passphrase), False)


def test_files_of_ssh_keygen(data, key_name):
    key = read_private_key(data / key_name)
    assert key.is_private
    assert key.convert_to_public().export_public_key() == (data / f"{key_name}.pub").read_bytes()


@pytest.mark.parametrize("cipher", [name.partition("@")[0] for name in CIPHERS])
def test_encrypted_files_of_ssh_keygen(data, cipher):
    key = read_private_key(data / f"ed25519-{cipher}", PASSPHRASE)
    assert key == read_private_key(data / "ed25519")
    assert key.get_comment() == "test ed25519"
    with pytest.raises(KeyEncryptionError, match="passphrase"):
        read_private_key(data / f"ed25519-{cipher}", "wrong")


def test_a_missing_passphrase_is_said(data):
    for passphrase in (None, "", b"", lambda filename: None):
        with pytest.raises(PassphraseNeeded, match="Passphrase"):
            read_private_key(data / "ed25519-aes256-ctr", passphrase)


def test_round_trip_of_each_type(data, key_name):
    key = read_private_key(data / key_name)
    again = import_private_key(key.export_private_key())
    assert again == key
    assert again.private_data == key.private_data
    assert again.get_comment() == key.get_comment()


@pytest.mark.parametrize("cipher", [None, *CIPHERS])
def test_round_trip_of_each_cipher(data, cipher):
    key = read_private_key(data / "nistp521")
    text = key.export_private_key(passphrase=PASSPHRASE, cipher_name=cipher, rounds=2, ignore_few_rounds=True)
    assert import_private_key(text, PASSPHRASE) == key
    with pytest.raises((KeyEncryptionError, KeyImportError)):
        import_private_key(text, "wrong")
    (block,) = blocks(text)
    assert Reader(decode_base64(block.body)[len(MAGIC) :]).string().decode() == cipher or cipher is None
    if cipher is None:
        assert b"aes256-ctr" in decode_base64(block.body)


def test_few_rounds_are_warned_of(data):
    key = read_private_key(data / "ed25519")
    with pytest.warns(UserWarning, match="2 round"):
        key.export_private_key(passphrase=PASSPHRASE, rounds=2)


def test_unknown_ciphers_and_rounds_are_refused_on_export(data):
    key = read_private_key(data / "ed25519")
    with pytest.raises(KeyEncryptionError, match="3des-cbc"):
        key.export_private_key(passphrase=PASSPHRASE, cipher_name="3des-cbc")
    with pytest.raises(KeyEncryptionError, match="2049 rounds"):
        key.export_private_key(passphrase=PASSPHRASE, rounds=2049)


@pytest.mark.timeout(120)
def test_rounds_are_bounded_before_any_work(data):
    fields = take(data / "ed25519-aes256-ctr")
    salt = Reader(fields["options"]).string()
    for rounds in (0, 2049, 0xFFFFFFFF):
        options = encode_string(salt) + encode_uint32(rounds)
        with pytest.raises(KeyEncryptionError, match="rounds"):
            load(build(fields, options=options), PASSPHRASE)


def test_every_truncation_is_a_key_import_error(data, key_name):
    whole = container(data / key_name)
    assert load(whole).is_private
    for size in range(len(whole)):
        with pytest.raises(KeyImportError):
            load(whole[:size])
    with pytest.raises(KeyImportError):
        load(whole + b"\0")


@pytest.mark.parametrize("name", ["ed25519-chacha20-poly1305", "ed25519-aes256-gcm", "ed25519-aes256-ctr"])
def test_truncations_of_encrypted_files_raise_only_key_errors(data, name):
    whole = container(data / name)
    for size in range(0, len(whole), 7):
        with pytest.raises((KeyImportError, KeyEncryptionError)):
            load(whole[:size], PASSPHRASE)


@settings(deadline=None, max_examples=200)
@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_changed_files_raise_only_key_errors(position, value):
    changed = bytearray(PLAIN)
    changed[position % len(PLAIN)] = value
    with contextlib.suppress(KeyImportError, KeyEncryptionError):
        load(bytes(changed))


def test_the_inner_part_is_checked(data):
    fields = take(data / "ed25519")
    secret = fields["secret"]
    other = take(data / "nistp256")
    wrong = {
        "another public key": build(fields, public=other["public"]),
        "check numbers": build(fields, secret=b"\0\0\0\0" + secret[4:]),
        "padding": build(fields, secret=secret[:-1] + b"\x09"),
        "whole blocks": build(fields, secret=secret + b"\x09"),
        "no secret": build(fields, secret=b""),
        "two keys": build(fields, count=2),
        "no keys": build(fields, count=0),
        "options without cipher": build(fields, options=b"x"),
        "kdf without cipher": build(fields, kdf=b"bcrypt"),
        "tag without cipher": build(fields, tag=bytes(16)),
        "magic": b"openssh-key-v2\0" + build(fields)[len(MAGIC) :],
    }
    assert load(build(fields)).is_private
    for changed in wrong.values():
        with pytest.raises(KeyImportError):
            load(changed)


def test_an_ed25519_seed_beside_another_public_part_is_refused(data):
    fields = take(data / "ed25519")
    secret = bytearray(fields["secret"])
    # uint32 check x 2, string "ssh-ed25519", string public (32), string seed and public (64)
    seed = 8 + 4 + 11 + 4 + 32 + 4
    secret[seed] ^= 1
    with pytest.raises(KeyImportError, match="belong together"):
        load(build(fields, secret=bytes(secret)))


def test_unknown_ciphers_and_kdfs_are_named(data):
    fields = take(data / "ed25519-aes256-ctr")
    for change in ({"cipher": b"3des-cbc"}, {"kdf": b"argon2"}, {"kdf": b"none"}):
        with pytest.raises(KeyEncryptionError, match=r"ssh-keygen -p"):
            load(build(fields, **change), PASSPHRASE)


def test_unknown_inner_types_are_named(data):
    fields = take(data / "ed25519")
    secret = bytes(8) + encode_string(b"ssh-dss") + bytes(13)
    with pytest.raises(KeyImportError, match="ssh-dss"):
        load(build(fields, secret=secret))


def test_padding_is_one_two_three(data):
    key = read_private_key(data / "ed25519")
    for size in range(8):
        key.set_comment(b"x" * size)
        (block,) = blocks(key.export_private_key())
        secret = Reader(decode_base64(block.body)[len(MAGIC) :])
        for _ in range(3):
            secret.string()
        secret.uint32()
        secret.string()
        assert len(secret.string()) % 8 == 0
        assert import_private_key(armor(LABEL, decode_base64(block.body))).get_comment_bytes() == (
            b"x" * size or None
        )


def _plain() -> bytes:
    from pathlib import Path

    return container(Path(__file__).parent / "data" / "ed25519")


PLAIN = _plain()
