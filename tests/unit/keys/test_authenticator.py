"""Talking to authenticators: which one is asked, and what goes wrong, in words."""

from __future__ import annotations

import sys
from unittest import mock

import pytest

from nacre.keys import authenticator, generate_private_key
from nacre.keys.sk import SK_ECDSA, SK_ED25519
from tests.support.authenticator import SoftwareAuthenticator, plugged_in


def test_the_one_that_has_the_key_is_asked_and_no_other_is_touched():
    first, second = SoftwareAuthenticator(), SoftwareAuthenticator()
    with second.plugged_in():
        key = generate_private_key(SK_ED25519)
    with plugged_in(first, second):
        assert key.verify(b"data", key.sign(b"data", SK_ED25519))
    assert (first.touches, second.touches) == (0, 2)
    with first.plugged_in(), pytest.raises(ValueError, match="has this key"):
        key.sign(b"data", SK_ED25519)


def test_nobody_there():
    device = SoftwareAuthenticator()
    with device.plugged_in():
        key = generate_private_key(SK_ECDSA)
        device.is_touched = False
        with pytest.raises(ValueError, match="signing: nobody touched it"):
            key.sign(b"data", SK_ECDSA)
        with pytest.raises(ValueError, match="making a key: nobody touched it"):
            generate_private_key(SK_ECDSA)


def test_a_type_that_it_has_not():
    with (
        SoftwareAuthenticator(algorithms=(-7,)).plugged_in(),
        pytest.raises(ValueError, match="try the other"),
    ):
        generate_private_key(SK_ED25519)


def test_pins():
    with SoftwareAuthenticator(pin="1234").plugged_in():
        with pytest.raises(ValueError, match="asks for its PIN"):
            generate_private_key(SK_ED25519)
        with pytest.raises(ValueError, match="PIN is wrong"):
            generate_private_key(SK_ED25519, pin="4321")
        assert generate_private_key(SK_ED25519, pin="1234").is_private


def test_without_the_package_or_a_device():
    with plugged_in(), pytest.raises(ValueError, match="plugged in"):
        authenticator.resident_keys("1234", "ssh:")
    with (
        mock.patch.dict(sys.modules, {"fido2.hid": None}),
        pytest.raises(ValueError, match=r"nacre\[fido2\]"),
    ):
        authenticator.resident_keys("1234", "ssh:")
    broken = mock.patch("fido2.hid.CtapHidDevice.list_devices", mock.Mock(side_effect=OSError("no bus")))
    with broken, pytest.raises(ValueError, match="no bus"):
        authenticator.resident_keys("1234", "ssh:")


def test_nonsense_is_one_line():
    device = SoftwareAuthenticator()
    with device.plugged_in():
        key = generate_private_key(SK_ED25519)
        for answer in (b"\0\xf6", b"\0\x01", b"\x7f", b"\0"):
            says = mock.patch.object(SoftwareAuthenticator, "call", lambda *rest, answer=answer: answer)
            with says, pytest.raises(ValueError):
                key.sign(b"data", SK_ED25519)


def test_a_signature_of_ecdsa_has_its_numbers():
    with pytest.raises(ValueError):
        authenticator.encode_signature("ecdsa-sha2-nistp256", b"\0")
    assert authenticator.encode_signature("ssh-ed25519", b"as it is") == b"as it is"


def test_one_that_signs_for_its_user_alone():
    device = SoftwareAuthenticator(pin="1234")
    with device.plugged_in():
        key = generate_private_key(SK_ED25519, pin="1234", verify_required=True)
        assert key.verify(b"data", key.sign(b"data", SK_ED25519))
        with pytest.raises(ValueError, match="takes the PIN"):
            generate_private_key(SK_ED25519, verify_required=True)
    # It does not tell strangers that it has the key; and no PIN is tried on another one.
    with plugged_in(SoftwareAuthenticator(pin="9"), device), pytest.raises(ValueError, match="alone"):
        key.sign(b"data", SK_ED25519)
    device.protects = False
    with device.plugged_in(), pytest.raises(ValueError, match="user is verified"):
        generate_private_key(SK_ED25519, pin="1234", verify_required=True)
