"""The ciphers of OpenSSH's key files."""

from __future__ import annotations

import pytest

from nacre.errors import KeyEncryptionError, KeyImportError
from nacre.keys.openssh_cipher import CIPHERS, DEFAULT_CIPHER, MAX_ROUNDS, decrypt, derive, encrypt

SALT = bytes(range(16))


@pytest.fixture(params=list(CIPHERS))
def cipher(request):
    return CIPHERS[request.param]


def test_round_trip_and_tags(cipher):
    material = derive(cipher, b"passphrase", SALT, 1)
    plain = bytes(range(48))
    sealed, tag = encrypt(cipher, material, plain)
    assert len(sealed) == len(plain)
    assert len(tag) == cipher.tag_size
    assert sealed != plain
    assert decrypt(cipher, material, sealed, tag) == plain


@pytest.mark.parametrize("name", [name for name, cipher in CIPHERS.items() if cipher.tag_size])
def test_a_changed_byte_fails_where_there_is_a_tag(name):
    cipher = CIPHERS[name]
    material = derive(cipher, b"passphrase", SALT, 1)
    sealed, tag = encrypt(cipher, material, bytes(48))
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(KeyEncryptionError):
            decrypt(cipher, material, bytes(changed), tag)
    with pytest.raises(KeyEncryptionError):
        decrypt(cipher, material, sealed, bytes(16))


def test_lengths_that_cannot_be(cipher):
    material = derive(cipher, b"passphrase", SALT, 1)
    for size, tag_size in ((0, cipher.tag_size), (17, cipher.tag_size), (48, cipher.tag_size + 1), (48, 15)):
        with pytest.raises(KeyImportError, match="length"):
            decrypt(cipher, material, bytes(size), bytes(tag_size))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("rounds", [0, MAX_ROUNDS + 1, 0xFFFFFFFF])
def test_rounds_are_bounded_before_any_work(rounds):
    with pytest.raises(KeyEncryptionError, match=f"1 to {MAX_ROUNDS}"):
        derive(CIPHERS[DEFAULT_CIPHER], b"passphrase", SALT, rounds)


@pytest.mark.parametrize("size", [0, 65, 100_000])
def test_salts_are_bounded(size):
    with pytest.raises(KeyEncryptionError, match="salt"):
        derive(CIPHERS[DEFAULT_CIPHER], b"passphrase", bytes(size), 1)


def test_key_material_is_not_in_the_repr(cipher):
    material = derive(cipher, b"passphrase", SALT, 1)
    assert repr(material) == "KeyMaterial()"
