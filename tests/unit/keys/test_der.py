"""How much work an encrypted PKCS#8 key asks for."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.errors import KeyEncryptionError, KeyImportError
from nacre.keys.armor import blocks, decode_base64
from nacre.keys.der import MAX_PBKDF2_ROUNDS, check_work, is_encrypted

PBES2 = "2a864886f70d01050d"
PBKDF2 = "2a864886f70d01050c"
SCRYPT = "2b06010401da47040b"
PBES1_MD5_DES = "2a864886f70d010503"


def der(tag: int, content: bytes) -> bytes:
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    size = len(content).to_bytes(2, "big")
    return bytes([tag, 0x82]) + size + content


def sequence(*parts: bytes) -> bytes:
    return der(0x30, b"".join(parts))


def oid(text: str) -> bytes:
    return der(0x06, bytes.fromhex(text))


def integer(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def pbes2(kdf: str, *parameters: int) -> bytes:
    derivation = sequence(oid(kdf), sequence(der(4, bytes(8)), *map(integer, parameters)))
    return sequence(sequence(oid(PBES2), sequence(derivation, sequence())), der(4, bytes(200)))


def pbes1(rounds: int) -> bytes:
    algorithm = sequence(oid(PBES1_MD5_DES), sequence(der(4, bytes(8)), integer(rounds)))
    return sequence(algorithm, der(4, bytes(200)))


@pytest.mark.parametrize("rounds", [1, 2048, MAX_PBKDF2_ROUNDS])
def test_usual_rounds(rounds):
    check_work(pbes2(PBKDF2, rounds))
    check_work(pbes1(rounds))


@pytest.mark.parametrize("rounds", [-1, 0, MAX_PBKDF2_ROUNDS + 1, (1 << 31) - 1, 1 << 100])
def test_too_many_rounds(rounds):
    for data in (pbes2(PBKDF2, rounds), pbes1(rounds)):
        with pytest.raises(KeyEncryptionError, match="rounds"):
            check_work(data)


def test_scrypt():
    check_work(pbes2(SCRYPT, 16384, 8, 1))
    for parameters in ((1 << 24, 8, 1), (16384, 1 << 20, 1), (16384, 8, 1 << 20), (0, 8, 1), (-1, 8, 1)):
        with pytest.raises(KeyEncryptionError, match="scrypt"):
            check_work(pbes2(SCRYPT, *parameters))


def test_another_derivation():
    with pytest.raises(KeyEncryptionError, match="ssh-keygen"):
        check_work(pbes2("2a0304", 1))


def test_files_of_ssh_keygen(data):
    for name, encrypted in (("rsa-pkcs8", False), ("rsa-pkcs8-encrypted", True), ("rsa-pkcs1", False)):
        (block,) = blocks((data / name).read_bytes())
        whole = decode_base64(block.body)
        assert is_encrypted(whole) is encrypted
        if encrypted:
            check_work(whole)


def test_every_truncation_is_a_key_import_error():
    whole = pbes2(PBKDF2, 2048)
    for size in range(len(whole)):
        with pytest.raises(KeyImportError):
            check_work(whole[:size])


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_any_change_raises_only_key_errors(data):
    changed = bytearray(pbes2(PBKDF2, 2048))
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(KeyImportError, KeyEncryptionError):
        is_encrypted(bytes(changed))
        check_work(bytes(changed))


@pytest.mark.parametrize("head", ["3080", "3085ffffffffff", "3084ffffffff", "30", ""])
def test_lengths_that_cannot_be(head):
    with pytest.raises(KeyImportError):
        check_work(bytes.fromhex(head))
