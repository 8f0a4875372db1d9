"""PKCS#8 and PKCS#1."""

from __future__ import annotations

import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.errors import KeyEncryptionError, KeyExportError, KeyImportError
from nacre.keys import (
    PassphraseNeeded,
    generate_private_key,
    import_private_key,
    import_public_key,
    read_private_key,
    read_public_key,
)
from nacre.keys.armor import armor

PASSPHRASE = "correct horse"
SPKI = [
    generate_private_key(name).export_public_key("pkcs8-der")
    for name in ("ssh-ed25519", "ecdsa-sha2-nistp256")
]
PKCS8 = generate_private_key("ssh-ed25519").export_private_key("pkcs8-der")


@pytest.mark.parametrize("name", ["rsa", "nistp256"])
@pytest.mark.parametrize("form", ["pkcs8", "pkcs1"])
def test_files_of_ssh_keygen(data, name, form):
    expected = read_private_key(data / name)
    assert read_private_key(data / f"{name}-{form}") == expected
    assert read_private_key(data / f"{name}-{form}-encrypted", PASSPHRASE) == expected
    with pytest.raises(PassphraseNeeded):
        read_private_key(data / f"{name}-{form}-encrypted")
    with pytest.raises(KeyEncryptionError, match="passphrase"):
        read_private_key(data / f"{name}-{form}-encrypted", "wrong")


def test_public_files_of_ssh_keygen(data):
    expected = read_public_key(data / "rsa.pub")
    assert read_public_key(data / "rsa.spki") == expected
    assert read_public_key(data / "rsa.pkcs1-public") == expected


def test_a_passphrase_for_a_key_without_is_not_used(data):
    assert read_private_key(data / "rsa-pkcs8", PASSPHRASE) == read_private_key(data / "rsa")
    assert read_private_key(data / "rsa-pkcs1", PASSPHRASE) == read_private_key(data / "rsa")


@pytest.mark.parametrize("form", ["pkcs8-pem", "pkcs8-der"])
def test_pkcs8_round_trip(data, key_name, form):
    key = read_private_key(data / key_name)
    assert import_private_key(key.export_private_key(form)) == key
    encrypted = key.export_private_key(form, PASSPHRASE)
    assert import_private_key(encrypted, PASSPHRASE) == key
    with pytest.raises(KeyEncryptionError):
        import_private_key(encrypted, "wrong")
    with pytest.raises(PassphraseNeeded):
        import_private_key(encrypted)
    assert import_public_key(key.export_public_key(form)) == key.convert_to_public()


@pytest.mark.parametrize("form", ["pkcs1-pem", "pkcs1-der"])
def test_pkcs1_round_trip(data, form):
    for name in ("rsa", "nistp384"):
        key = read_private_key(data / name)
        assert import_private_key(key.export_private_key(form)) == key
    rsa_key = read_private_key(data / "rsa")
    if form == "pkcs1-pem":
        assert import_public_key(rsa_key.export_public_key(form)) == rsa_key.convert_to_public()


@pytest.mark.parametrize("form", ["pkcs1-pem", "pkcs1-der"])
def test_what_pkcs1_cannot_hold(data, form):
    key = read_private_key(data / "ed25519")
    with pytest.raises(KeyExportError, match="pkcs8-pem"):
        key.export_private_key(form)
    with pytest.raises(KeyExportError, match="pkcs8-pem"):
        key.export_public_key(form)
    with pytest.raises(KeyExportError, match="does not encrypt"):
        read_private_key(data / "rsa").export_private_key(form, PASSPHRASE)


@pytest.mark.parametrize(
    "arguments", [{"cipher_name": "aes128-cbc"}, {"hash_name": "sha1"}, {"pbe_version": 1}]
)
def test_other_encryption_is_refused_rather_than_changed(data, arguments):
    with pytest.raises(KeyEncryptionError, match="only"):
        read_private_key(data / "ed25519").export_private_key("pkcs8-pem", PASSPHRASE, **arguments)


def library_pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ed448.Ed448PrivateKey.generate(),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: rsa.generate_private_key(65537, 1024),
        lambda: dsa.generate_private_key(1024),
    ],
    ids=["ed448", "secp256k1", "rsa1024", "dsa"],
)
def test_other_kinds_of_keys_are_refused(make):
    key = make()
    with pytest.raises(KeyImportError):
        import_private_key(library_pem(key))
    with pytest.raises(KeyImportError):
        import_public_key(public_pem(key))


_RSA, _PSS = (bytes.fromhex(f"06092a864886f70d0101{last}") for last in ("01", "0a"))


def for_pss(der: bytes) -> bytes:
    """Return a key of plain RSA as one for RSA-PSS (RFC 4055): another identifier, without parameters."""
    shorter = der.replace(b"\x30\x0d" + _RSA + b"\x05\x00", b"\x30\x0b" + _PSS)
    assert len(shorter) == len(der) - 2
    return b"\x30\x82" + (len(shorter) - 4).to_bytes(2, "big") + shorter[4:]


def test_a_key_for_rsa_pss_alone_is_refused_as_by_ssh_keygen():
    key = rsa.generate_private_key(65537, 2048)
    private = for_pss(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    public = for_pss(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    assert load_der_private_key(private, None).key_size == 2048  # the library would take it for plain RSA
    for read, data in (
        (import_private_key, private),
        (import_private_key, armor("PRIVATE KEY", private)),
        (import_public_key, private),
        (import_public_key, public),
        (import_public_key, armor("PUBLIC KEY", public)),
    ):
        with pytest.raises(KeyImportError, match="for RSA-PSS alone, with which SSH does not sign"):
            read(data)


def test_rsa_numbers_that_do_not_belong_together_are_refused():
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    wrong = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp ^ 2, numbers.public_numbers
    )
    pem = library_pem(wrong.private_key(unsafe_skip_rsa_key_validation=True))
    with pytest.raises(KeyImportError, match="belong together"):
        import_private_key(pem)
    assert import_private_key(pem, unsafe_skip_rsa_key_validation=True).is_private


def test_every_truncation_is_a_key_import_error(data):
    for size in range(1, len(PKCS8)):
        with pytest.raises(KeyImportError):
            import_private_key(PKCS8[:size])
        with pytest.raises(KeyImportError):
            import_private_key(armor("PRIVATE KEY", PKCS8[:size]))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_changed_public_keys_raise_only_key_errors(data):
    changed = bytearray(data.draw(st.sampled_from(SPKI)))
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(KeyImportError):
        import_public_key(bytes(changed))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_russh_0363fde_changed_pkcs8_raises_only_key_errors(data):
    changed = bytearray(PKCS8)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    for content in (bytes(changed), armor("PRIVATE KEY", bytes(changed))):
        with contextlib.suppress(KeyImportError, KeyEncryptionError):
            import_private_key(content)


def test_a_key_of_a_wrong_length_for_its_curve():
    """X448 with 32 bytes: the library has an error of its own for it."""
    changed = PKCS8.replace(bytes.fromhex("2b6570"), bytes.fromhex("2b656f"))
    with pytest.raises(KeyImportError):
        import_private_key(changed)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY"]), st.binary(max_size=100))
def test_any_bytes_in_a_block_raise_only_key_errors(label, content):
    with contextlib.suppress(KeyImportError, KeyEncryptionError):
        import_private_key(armor(label, content), PASSPHRASE)
    with contextlib.suppress(KeyImportError):
        import_public_key(armor("PUBLIC KEY", content))


#: An Ed25519 key, encrypted by `openssl pkcs8 -topk8 -v2 camellia-256-cbc -iter 100`.
CAMELLIA = """-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGcMFgGCSqGSIb3DQEFDTBLMCgGCSqGSIb3DQEFDDAbBAjQC8YBlb37DwIBZDAM
BggqhkiG9w0CCQUAMB8GCyqDCIyaSz0BAQEEBBAp4laghRyI13Q8ei4Mj0k5BEB3
twPTTx5P6LJ9m5QBqszQc40/O6Mu+83YfHtgepTahnxP245RifONnXDe58XsECf9
WacEGPb5utshqOWAS2Ck
-----END ENCRYPTED PRIVATE KEY-----
"""


def test_a_cipher_that_is_not_taken_is_not_called_a_wrong_passphrase():
    with pytest.raises(KeyEncryptionError, match="in a way that nacre does not take"):
        import_private_key(CAMELLIA, PASSPHRASE)


def test_a_cipher_of_pkcs1_that_is_not_taken_is_not_called_a_wrong_passphrase(data):
    other = (data / "rsa-pkcs1-encrypted").read_bytes().replace(b"AES-128-CBC", b"AES-192-CBC")
    with pytest.raises(KeyEncryptionError, match="in a way that nacre does not take"):
        import_private_key(other, PASSPHRASE)
