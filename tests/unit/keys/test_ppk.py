"""PuTTY's key files (PuTTY manual, appendix C): those of puttygen are read, changed ones are refused."""

from __future__ import annotations

import re

import pytest

from nacre.errors import KeyEncryptionError, KeyExportError, KeyImportError
from nacre.keys import generate_private_key, import_private_key, read_private_key, read_public_key
from nacre.keys.identity_files import read_identity

PASSPHRASE = "correct horse"
KEYS = ["ed25519", "nistp256", "nistp384", "nistp521", "rsa"]
FILES = [
    *(f"{name}-3.ppk" for name in KEYS),
    *(f"{name}-2-encrypted.ppk" for name in KEYS),
    "ed25519-2.ppk",
    "nistp521-2.ppk",
    "ed25519-3-encrypted.ppk",
    "nistp521-3-encrypted.ppk",
    "ed25519-3-argon2d.ppk",
    "ed25519-3-argon2i.ppk",
]


@pytest.mark.parametrize("name", FILES)
def test_files_of_puttygen(data, name):
    key = read_private_key(data / name, PASSPHRASE)
    public = read_public_key(data / f"{name.split('-')[0]}-ppk.pub")
    assert key.convert_to_public() == public
    assert key.get_comment() == "made by puttygen"
    assert public.verify(b"data", key.sign(b"data", key.sig_algorithms[0]))
    assert read_identity(data / name) == public


def test_an_encrypted_file_asks_for_its_passphrase_and_no_other_opens_it(data):
    for name in ("ed25519-2-encrypted.ppk", "ed25519-3-encrypted.ppk", "ed25519-3-argon2d.ppk"):
        with pytest.raises(KeyImportError, match="Passphrase needed"):
            read_private_key(data / name)
        with pytest.raises(KeyEncryptionError, match="passphrase"):
            read_private_key(data / name, "another")


@pytest.mark.parametrize(
    "name", ["ed25519-3.ppk", "ed25519-2.ppk", "ed25519-3-argon2d.ppk", "rsa-2-encrypted.ppk"]
)
def test_each_line_counts(data, name):
    """The MAC covers the type, the encryption, the comment and both parts."""
    text = (data / name).read_bytes()
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        without = b"".join(lines[:number] + lines[number + 1 :])
        position = line.rindex(b": ") + 2 if b": " in line else 5
        changed_line = (
            line[:position] + (b"1" if line[position : position + 1] != b"1" else b"2") + line[position + 1 :]
        )
        for changed in (without, b"".join((*lines[:number], changed_line, *lines[number + 1 :]))):
            with pytest.raises((KeyImportError, KeyEncryptionError)):
                import_private_key(changed, PASSPHRASE)


def change(text: bytes, name: str, value: str) -> bytes:
    changed, count = re.subn(rf"^{name}: .*$".encode(), f"{name}: {value}".encode(), text, flags=re.MULTILINE)
    assert count == 1
    return changed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Argon2-Memory", "262145"),
        ("Argon2-Memory", "999999999"),
        ("Argon2-Memory", "8"),
        ("Argon2-Passes", "0"),
        ("Argon2-Passes", "16385"),
        ("Argon2-Passes", "999999999"),
        ("Argon2-Parallelism", "0"),
        ("Argon2-Parallelism", "17"),
        ("Argon2-Salt", "00" * 7),
        ("Argon2-Salt", "00" * 65),
        ("Key-Derivation", "Argon2x"),
        ("Encryption", "aes128-cbc"),
    ],
)
def test_the_work_is_bounded_before_it_is_done(data, name, value):
    text = change((data / "ed25519-3-argon2d.ppk").read_bytes(), name, value)
    with pytest.raises(KeyEncryptionError, match=r"nacre takes|derivations|not at all"):
        import_private_key(text, PASSPHRASE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Argon2-Memory", "-1"),
        ("Argon2-Memory", "1e3"),
        ("Argon2-Memory", "1234567890"),
        ("Argon2-Salt", "0g"),
        ("Argon2-Salt", "0"),
        ("Public-Lines", "257"),
        ("Private-Lines", "999999999"),
        ("Private-Lines", "0"),
        ("Private-MAC", ""),
        ("Private-MAC", "zz"),
    ],
)
def test_lines_that_are_not_what_they_must_be(data, name, value):
    text = change((data / "ed25519-3-argon2d.ppk").read_bytes(), name, value)
    with pytest.raises((KeyImportError, KeyEncryptionError)):
        import_private_key(text, PASSPHRASE)


def test_other_versions_types_and_trailing_lines(data):
    text = (data / "ed25519-3.ppk").read_bytes()
    for version in (b"1", b"4", b"33"):
        with pytest.raises(KeyImportError, match="version"):
            import_private_key(text.replace(b"File-3", b"File-" + version))
    with pytest.raises(KeyImportError, match="ssh-ed448"):
        read_private_key(data / "ed448-3.ppk")
    with pytest.raises(KeyImportError, match="one file holds one key"):
        import_private_key(text + text)
    assert import_private_key(text + b"\r\n\n").algorithm == "ssh-ed25519"
    for size in range(0, len(text) - 1, 7):
        with pytest.raises((KeyImportError, KeyEncryptionError)):
            import_private_key(text[:size])


@pytest.mark.parametrize(
    ("algorithm", "passphrase"),
    [
        ("ssh-ed25519", None),
        ("ecdsa-sha2-nistp256", None),
        ("ecdsa-sha2-nistp521", None),
        ("ssh-rsa", None),
        ("ssh-ed25519", PASSPHRASE),  # which costs work, and is the same for all
    ],
)
def test_what_is_written_is_read(algorithm, passphrase):
    key = generate_private_key(
        algorithm, comment="a comment", **({"key_size": 2048} if "rsa" in algorithm else {})
    )
    text = key.export_private_key("ppk", passphrase)
    assert (b"Encryption: none" in text) is (passphrase is None)
    back = import_private_key(text, passphrase)
    assert back == key
    assert back.get_comment() == "a comment"


def test_what_cannot_be_written_raises():
    key = generate_private_key("ssh-ed25519")
    with pytest.raises(KeyEncryptionError, match="aes256-cbc"):
        key.export_private_key("ppk", PASSPHRASE, cipher_name="aes256-ctr")
    key.set_comment("two\nlines")
    with pytest.raises(KeyExportError, match="one line"):
        key.export_private_key("ppk")
    with pytest.raises(KeyExportError, match="public"):
        key.export_public_key("ppk")
