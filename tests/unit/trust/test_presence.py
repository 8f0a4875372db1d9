"""What a login asks of a security key."""

from __future__ import annotations

import pytest

from nacre.keys import Proof, generate_private_key
from nacre.keys.certificate_options import NO_TOUCH_REQUIRED
from nacre.trust.presence import PRESENCE_OPTIONS, describe_missing, login_proof
from tests.support.authenticator import any_key

TOUCHED = Proof.KEY | Proof.PRESENCE
VERIFIED = Proof.KEY | Proof.PRESENCE | Proof.VERIFICATION
SK = any_key("sk-ssh-ed25519@openssh.com").convert_to_public()
PLAIN = generate_private_key("ssh-ed25519").convert_to_public()
NO_TOUCH = {"no-touch-required": True}
VERIFY = {"verify-required": True}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (None, TOUCHED),
        ({}, TOUCHED),
        (NO_TOUCH, Proof.KEY),
        (VERIFY, VERIFIED),
        ({**NO_TOUCH, **VERIFY}, Proof.KEY | Proof.VERIFICATION),
    ],
    ids=["program", "line", "no-touch", "verify", "both"],
)
def test_the_line_of_a_key(line, wanted):
    assert login_proof(SK, line) == wanted


def test_of_a_plain_key_nothing_but_the_key_unless_the_line_asks_for_what_it_cannot_show():
    assert login_proof(PLAIN, {}) == login_proof(PLAIN, None) == login_proof(PLAIN, NO_TOUCH) == Proof.KEY
    assert login_proof(PLAIN, VERIFY) not in PLAIN.possible_proof


def test_certificate_and_line_must_both_waive_the_touch():
    ca = generate_private_key("ssh-ed25519")
    strict, lax = (
        ca.generate_user_certificate(SK, "id", principals="user", touch_required=touch)
        for touch in (True, False)
    )
    assert [login_proof(strict, line) for line in (None, {}, NO_TOUCH)] == [TOUCHED, TOUCHED, TOUCHED]
    assert [login_proof(lax, line) for line in (None, {}, NO_TOUCH)] == [Proof.KEY, TOUCHED, Proof.KEY]
    assert login_proof(lax, VERIFY) == VERIFIED


def test_what_is_always_asked_of_security_keys_is_waived_by_nobody():
    touch, both = Proof.PRESENCE, Proof.PRESENCE | Proof.VERIFICATION
    lax = generate_private_key("ssh-ed25519").generate_user_certificate(
        SK, "id", principals="user", touch_required=False
    )
    for shown in (SK, lax):
        for line in (None, NO_TOUCH):
            assert login_proof(shown, line, touch) == TOUCHED
            assert login_proof(shown, line, both) == VERIFIED
    assert login_proof(PLAIN, NO_TOUCH, both) == Proof.KEY


def test_a_program_can_waive_it_for_a_key():
    key = any_key("sk-ecdsa-sha2-nistp256@openssh.com").convert_to_public()
    key.set_touch_required(False)
    assert login_proof(key, None) == Proof.KEY


def test_reasons():
    assert "touched" in describe_missing(VERIFIED, Proof.KEY)
    assert "verified" in describe_missing(VERIFIED, TOUCHED)
    assert frozenset((NO_TOUCH_REQUIRED, "verify-required")) == PRESENCE_OPTIONS
