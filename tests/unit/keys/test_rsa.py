"""RSA with SHA-2 (RFC 8332): bounds, padding, and no SHA-1."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from nacre.errors import KeyGenerationError, KeyImportError
from nacre.keys import SignatureFault, decode_public_key, generate_private_key, read_private_key
from nacre.keys.rsa import RSAKey, _decode_private
from nacre.wire.fields import Reader, encode_mpint, encode_string
from tests.support.cases import each_case

NAME = encode_string(b"ssh-rsa")


@pytest.fixture(scope="module")
def numbers():
    return rsa.generate_private_key(65537, 2048).private_numbers()


@pytest.fixture
def key(data):
    return read_private_key(data / "rsa")


def blob(e: int, n: int) -> bytes:
    return NAME + encode_mpint(e) + encode_mpint(n)


@pytest.mark.parametrize("algorithm", ["rsa-sha2-512", "rsa-sha2-256"])
def test_sign_and_verify(key, algorithm):
    signature = key.sign(b"data", algorithm)
    public = key.convert_to_public()
    assert public.verify(b"data", signature, algorithm)
    assert public.verify(b"data", signature)
    assert not public.verify(b"other", signature)
    other = "rsa-sha2-256" if algorithm == "rsa-sha2-512" else "rsa-sha2-512"
    assert not public.verify(b"data", signature, other)


def test_the_key_keeps_its_old_name_and_prefers_sha512(key):
    assert key.get_algorithm() == "ssh-rsa"
    assert key.sig_algorithms == ("rsa-sha2-512", "rsa-sha2-256")


def test_cve_2026_44405_sha1_is_neither_made_nor_taken(key):
    for name in ("ssh-rsa", b"ssh-rsa"):
        with pytest.raises(ValueError, match="rsa-sha2-512"):
            key.sign(b"data", name)
    inner = key.library_private_key.sign(b"data", padding.PKCS1v15(), hashes.SHA1())
    for name in (b"ssh-rsa", b"rsa-sha2-256", b"rsa-sha2-512"):
        signature = encode_string(name) + encode_string(inner)
        assert not key.verify(b"data", signature)
        assert not key.verify(b"data", signature, "ssh-rsa")


def test_a_short_signature_is_padded_on_the_left(key):
    """PuTTY up to 0.81 leaves out leading zeros: one signature in 256."""
    for index in range(4000):
        message = index.to_bytes(4, "big")
        inner = key.library_private_key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        if inner[0] == 0:
            break
    else:
        pytest.fail("no signature of 4000 begins with a zero byte")
    short = encode_string(b"rsa-sha2-256") + encode_string(inner.lstrip(b"\0"))
    assert key.verify(message, short, "rsa-sha2-256")


@pytest.mark.parametrize("change", [b"\0", b"\1"])
def test_a_long_signature_is_false(key, change):
    signature = Reader(key.sign(b"data", "rsa-sha2-512"))
    signature.string()
    inner = signature.string()
    assert not key.verify(b"data", encode_string(b"rsa-sha2-512") + encode_string(change + inner))
    assert not key.verify(b"data", encode_string(b"rsa-sha2-512") + encode_string(b""))


def test_passive_rsa_lattice_a_faulty_signature_is_not_handed_out(key):
    class Faulty:
        def sign(self, data, *how):
            good = key.library_private_key.sign(data, *how)
            return bytes([*good[:-1], good[-1] ^ 1])

    with pytest.raises(SignatureFault):
        RSAKey(key.library_public_key, Faulty()).sign(b"data", "rsa-sha2-512")


@pytest.mark.parametrize("bits", [512, 1024, 2047, 16385])
def test_cve_2026_39831_moduli_out_of_bounds_are_refused(bits):
    with pytest.raises(KeyImportError):
        decode_public_key(blob(65537, (1 << (bits - 1)) + 1))


@pytest.mark.parametrize("bits", [2048, 16384])
def test_moduli_within_bounds_are_taken(bits):
    assert decode_public_key(blob(65537, (1 << (bits - 1)) + 1)).get_algorithm() == "ssh-rsa"


@each_case("e", [0, 1, 2, 4, 65536, (1 << 33) + 1, (1 << 2000) + 1])
def test_cve_2026_39829_exponents_out_of_bounds_are_refused(e):
    with pytest.raises(KeyImportError, match="exponent"):
        decode_public_key(blob(e, (1 << 2047) + 1))


def test_an_even_modulus_is_refused():
    with pytest.raises(KeyImportError, match="even"):
        decode_public_key(blob(65537, 1 << 2047))


def test_ssh_keygens_key_of_1024_bits_is_refused(data):
    with pytest.raises(KeyImportError, match="1024 bits"):
        read_private_key(data / "rsa1024")


def private_fields(numbers, **changes):
    values = {
        "n": numbers.public_numbers.n,
        "e": numbers.public_numbers.e,
        "d": numbers.d,
        "iqmp": numbers.iqmp,
        "p": numbers.p,
        "q": numbers.q,
    }
    values |= changes
    return Reader(b"".join(encode_mpint(value) for value in values.values()))


def test_private_numbers_are_checked(numbers):
    assert _decode_private(private_fields(numbers), False).is_private
    wrong = [
        {"d": numbers.d + 2},
        {"d": 0},
        {"iqmp": numbers.iqmp + 1},
        {"p": numbers.p + 2},
        {"p": 0},
        {"p": 1, "q": numbers.public_numbers.n},
        {"q": numbers.q - 2},
        {"e": 3},
        {"n": numbers.public_numbers.n + 2},
    ]
    for change in wrong:
        with pytest.raises(KeyImportError):
            _decode_private(private_fields(numbers, **change), False)


def test_the_slow_checks_can_be_left_out(numbers):
    assert _decode_private(private_fields(numbers, iqmp=numbers.iqmp), True).is_private


def test_generated_keys_have_3072_bits():
    assert generate_private_key("ssh-rsa").library_public_key.key_size == 3072


@pytest.mark.parametrize("arguments", [{"key_size": 1024}, {"key_size": 32768}, {"exponent": 3}])
def test_generation_out_of_bounds(arguments):
    with pytest.raises(KeyGenerationError):
        generate_private_key("ssh-rsa", **arguments)
