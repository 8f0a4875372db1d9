"""Security keys, beside those of OpenSSH's software authenticator."""

from __future__ import annotations

import hashlib

import pytest

from nacre.errors import KeyExportError, KeyGenerationError, KeyImportError
from nacre.keys import (
    Proof,
    SSHKeyPair,
    decode_certificate,
    decode_public_key,
    generate_private_key,
    import_private_key,
    read_private_key,
    read_public_key,
)
from nacre.keys.sk import SK_ECDSA, SK_ED25519
from nacre.trust.allowed_signers import validate_sshsig
from nacre.wire.fields import Reader, encode_string
from tests.support.authenticator import SoftwareAuthenticator, any_key, plugged_in

ALGORITHMS = (SK_ED25519, SK_ECDSA)
UP, UV = 1, 4


@pytest.fixture(params=ALGORITHMS)
def algorithm(request):
    return request.param


@pytest.fixture(params=["ed25519", "ecdsa"])
def recorded(request, data):
    return data / f"sk-{request.param}"


def test_recorded_keys_are_read_and_written(recorded):
    key = read_private_key(recorded)
    public = read_public_key(f"{recorded}.pub")
    assert key.is_private
    assert key.convert_to_public() == public
    assert key.export_public_key() == recorded.with_name(recorded.name + ".pub").read_bytes()
    assert key.application == "ssh:"
    assert key.get_comment() == "recorded"
    again = import_private_key(key.export_private_key(passphrase="x", rounds=1, ignore_few_rounds=True), "x")
    assert again.private_data == key.private_data
    assert key.library_private_key is None
    assert not public.is_private


def test_recorded_signatures(recorded):
    key = recorded.with_name(recorded.name + ".pub").read_bytes()
    sig = recorded.with_name(recorded.name + ".sig").read_bytes()
    assert validate_sshsig(b"hello", sig, "a", b"a " + key, namespace="file")
    assert not validate_sshsig(b"hellO", sig, "a", b"a " + key, namespace="file")


def test_recorded_signatures_that_nobody_touched_for(recorded):
    key = recorded.with_name(recorded.name + "-untouched.pub").read_bytes()
    sig = recorded.with_name(recorded.name + "-untouched.sig").read_bytes()
    assert not validate_sshsig(b"hello", sig, "a", b"a " + key, namespace="file")


def test_a_signature_shows_that_somebody_was_there(algorithm):
    device = SoftwareAuthenticator()
    with device.plugged_in():
        key = generate_private_key(algorithm, "its comment", application="ssh:work")
        assert device.touches == 1
        signature = key.sign(b"data", algorithm)
        assert device.touches == 2
    assert key.get_comment() == "its comment"
    public = decode_public_key(key.public_data)
    assert public.application == "ssh:work"
    assert public.proof(b"data", signature) == Proof.KEY | Proof.PRESENCE
    assert public.verify(b"data", signature, algorithm)
    assert not public.verify(b"Data", signature, algorithm)
    for position in range(len(signature)):
        damaged = bytearray(signature)
        damaged[position] ^= 0x10
        assert not public.verify(b"data", bytes(damaged)), position
    assert not public.verify(b"data", signature + b"\0")


def test_one_that_nobody_touches_is_not_enough(algorithm):
    device = SoftwareAuthenticator()
    with device.plugged_in():
        key = generate_private_key(algorithm, touch_required=False)
        signature = key.sign(b"data", algorithm)
        assert device.touches == 1, "to make it"
    public = key.convert_to_public()
    assert public.proof(b"data", signature) is Proof.KEY
    assert not public.verify(b"data", signature)
    public.set_touch_required(False)
    assert public.verify(b"data", signature)
    assert not public.verify(b"Data", signature)
    public.set_touch_required(True)
    assert not public.verify(b"data", signature)


def test_the_application_is_a_part_of_what_is_signed(algorithm):
    """A signature that was made for something else is none for a login, though the key inside is the same."""
    with SoftwareAuthenticator().plugged_in():
        key = generate_private_key(algorithm, application="ssh:")
        signature = key.sign(b"data", algorithm)
    other = decode_public_key(key.public_data.replace(encode_string(b"ssh:"), encode_string(b"ssh!")))
    assert other.library_public_key == key.library_public_key
    assert not other.proof(b"data", signature)


@pytest.mark.parametrize("application", ["", "a\0b", "x" * 1025])
def test_a_key_that_could_not_be_read_again_is_not_made(application):
    with pytest.raises(KeyGenerationError, match="application"):
        generate_private_key(SK_ED25519, application=application)


@pytest.mark.parametrize("application", [b"", b"a\0b", b"x" * 1025])
def test_an_application_has_bounds(algorithm, application):
    blob = any_key(algorithm).public_data
    with pytest.raises(KeyImportError, match="application"):
        decode_public_key(blob.removesuffix(encode_string(b"ssh:")) + encode_string(application))


def test_flags_that_are_changed_on_the_way_are_noticed(algorithm):
    with SoftwareAuthenticator().plugged_in():
        key = generate_private_key(algorithm, touch_required=False)
        signature = bytearray(key.sign(b"data", algorithm))
    assert signature[-5] == 0
    signature[-5] = UP | UV
    assert not key.proof(b"data", bytes(signature))


def test_an_authenticator_that_signs_with_another_key(algorithm):
    device = SoftwareAuthenticator()
    with device.plugged_in():
        key = generate_private_key(algorithm)
        device.forget()
        with pytest.raises(ValueError, match="another key"):
            key.sign(b"data", algorithm)


def test_no_other_format_holds_one(algorithm):
    key = any_key(algorithm)
    for name in ("pkcs8-pem", "pkcs1-der", "ppk"):
        with pytest.raises(KeyExportError):
            key.export_private_key(name)
    for name in ("pkcs8-pem", "pkcs8-der", "pkcs1-pem"):
        with pytest.raises(KeyExportError, match="openssh"):
            key.export_public_key(name)
    assert key.export_public_key("rfc4716")


def test_a_public_key_cannot_sign(algorithm):
    with pytest.raises(ValueError, match="private"):
        any_key(algorithm).convert_to_public().sign(b"data", algorithm)


def test_what_making_one_takes(algorithm):
    with pytest.raises(KeyGenerationError, match="without key_size"):
        any_key(algorithm, key_size=256)
    with plugged_in(), pytest.raises(KeyGenerationError, match="plugged in"):
        generate_private_key(algorithm)


def test_a_pair_waits_and_signs_with_what_its_authenticator_can(algorithm):
    pair = SSHKeyPair.from_key(any_key(algorithm))
    assert pair.waits
    assert pair.sig_algorithms == (algorithm,)


@pytest.mark.parametrize("touch_required", [True, False])
def test_certificates(algorithm, touch_required):
    ca = generate_private_key("ssh-ed25519")
    device = SoftwareAuthenticator()
    with device.plugged_in():
        key = generate_private_key(algorithm, touch_required=touch_required)
        cert = ca.generate_user_certificate(key, "id", principals="user", touch_required=touch_required)
        signature = key.sign(b"data", algorithm)
    assert cert.algorithm == algorithm.replace("@openssh.com", "-cert-v01@openssh.com")
    again = decode_certificate(cert.public_data)
    assert again.key == key.convert_to_public()
    assert again.host_key_algorithms[0] == cert.algorithm
    assert again.verify(b"data", signature, cert.algorithm)
    untouched = ca.generate_user_certificate(key, "id", principals="user")
    assert untouched.verify(b"data", signature, cert.algorithm) == touch_required


def test_an_authority_is_touched_too(algorithm):
    with SoftwareAuthenticator().plugged_in():
        authority = generate_private_key(algorithm)
        cert = authority.generate_user_certificate(generate_private_key("ssh-ed25519"), "id", principals="a")
        assert decode_certificate(cert.public_data) == cert
        lax = generate_private_key(algorithm, touch_required=False)
        cert = lax.generate_user_certificate(generate_private_key("ssh-ed25519"), "id", principals="a")
    with pytest.raises(KeyImportError, match="signature"):
        decode_certificate(cert.public_data)


def test_a_key_that_asks_for_verification():
    device = SoftwareAuthenticator(pin="1234")
    with device.plugged_in():
        key = generate_private_key(SK_ED25519, pin="1234")
        key._credential.flags |= UV
        signature = key.sign(b"data", SK_ED25519)
        assert key.proof(b"data", signature) == Proof.KEY | Proof.PRESENCE | Proof.VERIFICATION
        read = import_private_key(key.export_private_key())
        with pytest.raises(ValueError, match="PIN"):
            read.sign(b"data", SK_ED25519)
    assert "1234" not in repr(vars(key))


def test_a_private_key_keeps_what_it_does_not_know(recorded):
    key = read_private_key(recorded)
    reader = Reader(key.encode_ssh_private().removeprefix(key.encode_ssh_public()))
    assert reader.byte() == UP
    assert hashlib.sha256(reader.string()).digest()
    assert reader.string() == b""
    reader.end()
