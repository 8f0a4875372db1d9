"""Resident keys."""

from __future__ import annotations

import pytest

import nacre
from nacre.keys import Proof, generate_private_key
from nacre.keys.sk import SK_ECDSA, SK_ED25519
from tests.support.authenticator import SoftwareAuthenticator


def test_keys_that_need_no_file():
    device = SoftwareAuthenticator(pin="1234")
    with device.plugged_in():
        alice = generate_private_key(SK_ED25519, pin="1234", resident=True, user="alice")
        bob = generate_private_key(SK_ECDSA, pin="1234", resident=True, user="bob")
        generate_private_key(SK_ECDSA, pin="1234", resident=True, application="ssh:else")
        generate_private_key(SK_ECDSA, pin="1234")
        assert nacre.load_resident_keys("1234") == nacre.load_resident_keys(b"1234") == [alice, bob]
        [found] = nacre.load_resident_keys("1234", user="bob", touch_required=False)
        assert found == bob
        assert found.get_comment() == "bob"
        signature = found.sign(b"data", SK_ECDSA)
        assert bob.proof(b"data", signature) is Proof.KEY
        [touched] = nacre.load_resident_keys("1234", user="alice")
        assert touched.verify(b"data", touched.sign(b"data", SK_ED25519))
        assert nacre.load_resident_keys("1234", application="ssh:none") == []


def test_who_does_not_know_the_pin_is_told_nothing():
    with SoftwareAuthenticator(pin="1234").plugged_in():
        with pytest.raises(nacre.KeyImportError, match="PIN is wrong"):
            nacre.load_resident_keys("4321")
        with pytest.raises(nacre.KeyImportError, match="know its PIN"):
            nacre.load_resident_keys(None)
