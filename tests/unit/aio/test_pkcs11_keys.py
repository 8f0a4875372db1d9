"""Keys on tokens, with SoftHSM."""

from __future__ import annotations

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest

import nacre
from nacre.aio import pkcs11_keys
from nacre.aio.pkcs11_keys import _octets, _public_key, load_pkcs11_keys
from nacre.keys import decode_public_key
from tests.support.softhsm import PIN, provider
from tests.support.x509 import ROOT, user_certificate

pytestmark = pytest.mark.requires("softhsm")

ALGORITHMS = {
    "rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    "p256": ("ecdsa-sha2-nistp256",),
    "p384": ("ecdsa-sha2-nistp384",),
    "p521": ("ecdsa-sha2-nistp521",),
    "ed": ("ssh-ed25519",),
}


def load(pin: str | None = PIN, **wanted):
    return {pair.get_comment(): pair for pair in load_pkcs11_keys(provider(), pin, **wanted)}


@pytest.fixture(autouse=True)
def _closed_between_tests():
    """A token knows one login of a process; it ends with the last of its keys."""
    yield
    gc.collect()
    assert not pkcs11_keys._OPEN


def test_every_key_signs():
    found = load()
    assert found.keys() == ALGORITHMS.keys()
    for label, pair in found.items():
        assert pair.sig_algorithms == ALGORITHMS[label]
        assert pair.get_key_type() == "pkcs11"
        assert pair.waits
        public = decode_public_key(pair.public_data)
        for algorithm in pair.sig_algorithms:
            signature = pair.sign(b"data", algorithm)
            assert public.verify(b"data", signature, algorithm)
            assert not public.verify(b"Data", signature, algorithm)


@pytest.mark.parametrize(
    ("wanted", "labels"),
    [
        ({"token_label": "one"}, {"rsa", "p256", "p521"}),
        ({"token_label": "three"}, set()),
        ({"key_label": "p384"}, {"p384"}),
        ({"key_id": b"\2"}, {"p256", "ed"}),
        ({"key_id": "02", "token_label": "one"}, {"p256"}),
        ({"key_id": b"\7"}, set()),
        ({"token_serial": "0" * 16}, set()),
    ],
    ids=["token", "no-token", "label", "id", "hex", "no-id", "no-serial"],
)
def test_only_what_is_asked_for(wanted, labels):
    assert load(**wanted).keys() == labels


def test_the_serial_number_of_a_token():
    import pkcs11

    serial = pkcs11.lib(provider()).get_token(token_label="two").serial
    assert load(token_serial=bytes(serial)).keys() == {"p384", "ed"}
    assert load(token_serial=bytes(serial).decode()).keys() == {"p384", "ed"}


def test_who_does_not_know_the_pin():
    with pytest.raises(nacre.KeyImportError, match="PIN is wrong"):
        load("4321")
    assert load(None) == {}, "the keys are not shown to everybody"


def test_a_token_that_is_in_use_is_opened_once():
    first = load()
    again = load(token_label="one")
    assert again["rsa"].public_data == first["rsa"].public_data
    with pytest.raises(nacre.KeyImportError, match="another PIN"):
        load("4321")
    with pytest.raises(nacre.KeyImportError, match="another PIN"):
        load(None)
    del first
    gc.collect()
    assert again["rsa"].sign(b"data")


def test_threads_take_turns():
    pair = load()["p256"]
    public = decode_public_key(pair.public_data)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: pair.sign(b"%d" % number), range(12)))
    assert all(public.verify(b"%d" % number, signature) for number, signature in enumerate(made))


def test_a_wrong_signature_is_not_handed_out():
    pair = load()["rsa"]
    with (
        mock.patch.object(pkcs11_keys._Token, "sign", return_value=bytes(256)),
        pytest.raises(ValueError, match="wrong"),
    ):
        pair.sign(b"data")


def test_what_goes_wrong_is_one_line(tmp_path):
    (tmp_path / "library.so").write_bytes(b"no library")
    for path in (tmp_path / "library.so", tmp_path / "missing.so"):
        with pytest.raises(nacre.KeyImportError, match="PKCS#11 library"):
            load_pkcs11_keys(path)
    with (
        mock.patch.dict(sys.modules, {"pkcs11": None}),
        pytest.raises(nacre.KeyImportError, match=r"nacre\[pkcs11\]"),
    ):
        load_pkcs11_keys("x")
    with pytest.raises(ValueError):
        load(key_id="no hex")


def test_certificates_on_the_token():
    """A key with one comes twice: first with its certificate."""
    import pkcs11
    from pkcs11 import Attribute, CertificateType, ObjectClass

    plain = load(key_label="p256")["p256"]
    public = decode_public_key(plain.public_data)
    certificate = ROOT.generate_x509_user_certificate(public, "CN=alice", "CN=root")
    with pkcs11.lib(provider()).get_token(token_label="one").open(rw=True) as session:
        made = [
            session.create_object(
                {
                    Attribute.CLASS: ObjectClass.CERTIFICATE,
                    Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
                    Attribute.TOKEN: True,
                    Attribute.ID: b"\2",
                    Attribute.SUBJECT: b"0\0",
                    Attribute.VALUE: value,
                }
            )
            for value in (b"no certificate", user_certificate().public_data, certificate.public_data)
        ]
        try:
            certified, again = load_pkcs11_keys(provider(), PIN, key_label="p256")
            [alone] = load_pkcs11_keys(provider(), PIN, key_label="p256", load_certs=False)
        finally:
            for entry in made:
                entry.destroy()
    assert certified.cert.certificate == certificate, "those of others, and what is none, are passed over"
    assert not again.has_cert
    assert not alone.has_cert
    [algorithm] = certified.host_key_algorithms
    signature = certified.sign(b"data", algorithm)
    assert certified.cert.verify(b"data", signature, algorithm)


def test_the_pin_is_shown_nowhere():
    pair = load()["p256"]
    assert PIN not in repr(pair) + repr(pair._token) + repr(nacre.SSHClientConnectionOptions(pkcs11_pin=PIN))


def test_points_with_and_without_their_der():
    for size in (65, 97, 133, 200):
        point = bytes([4]) + bytes(size - 1)
        length = bytes([size]) if size < 128 else bytes([0x81, size])
        assert _octets(b"\x04" + length + point) == point
        assert _octets(point) == point
    nothing = {"MODULUS": None, "PUBLIC_EXPONENT": None, "EC_PARAMS": None, "EC_POINT": None}
    assert _public_key(nothing) is None
    unknown = {**nothing, "EC_PARAMS": bytes.fromhex("06052b8104000a"), "EC_POINT": bytes(65)}
    assert _public_key(unknown) is None
