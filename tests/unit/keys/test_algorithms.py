"""The registry of signature algorithms."""

from __future__ import annotations

import pytest

from nacre.crypto.registry import Status
from nacre.keys import (
    SIGNATURE_ALGORITHMS,
    default_host_key_algorithms,
    default_signature_algorithms,
    select_host_key_algorithms,
    select_signature_algorithms,
    signature_algorithms,
    signature_of,
    with_certificate,
)
from nacre.keys.algorithms import SignatureAlgorithm, register_signature_algorithm

ECDSA = ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
RSA = ("rsa-sha2-512", "rsa-sha2-256")
SECURITY_KEYS = (
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
)


def test_default_user_algorithms_in_order():
    assert default_signature_algorithms() == ("ssh-ed25519", *ECDSA, *SECURITY_KEYS, *RSA)


def test_ecdsa_host_keys_are_not_offered_unasked():
    assert default_host_key_algorithms() == ("ssh-ed25519", *RSA)


def test_a_program_may_name_ecdsa_host_keys():
    assert select_host_key_algorithms(["ecdsa-sha2-nistp256"]) == ("ecdsa-sha2-nistp256",)
    assert select_host_key_algorithms("+ecdsa-sha2-nistp256")[-1] == "ecdsa-sha2-nistp256"


def test_patterns_do_not_reach_what_is_optional():
    assert select_host_key_algorithms("*") == default_host_key_algorithms()
    with pytest.raises(ValueError, match="ecdsa"):
        select_host_key_algorithms("ecdsa-*")
    assert select_signature_algorithms("ecdsa-*") == ECDSA


@pytest.mark.parametrize("name", ["ssh-rsa", "ssh-dss", "ssh-rsa-sha256@ssh.com"])
def test_sha1_and_dsa_cannot_even_be_named(name):
    assert name not in signature_algorithms()
    with pytest.raises(ValueError, match=name):
        select_signature_algorithms([name])
    with pytest.raises(ValueError, match=name):
        select_host_key_algorithms([name])


def test_each_algorithm_names_its_key_type():
    assert {SIGNATURE_ALGORITHMS[name].key_type for name in RSA} == {"ssh-rsa"}
    assert all(SIGNATURE_ALGORITHMS[name].key_type == name for name in ("ssh-ed25519", *ECDSA))


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="twice"):
        register_signature_algorithm(
            SignatureAlgorithm("ssh-ed25519", "ssh-ed25519", 1, Status.DEFAULT, Status.DEFAULT)
        )


@pytest.mark.parametrize(
    ("name", "certified"),
    [
        ("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"),
        ("rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com"),
        ("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com"),
        (
            "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
            "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        ),
    ],
)
def test_names_with_certificates(name, certified):
    """OpenSSH's own names have its domain once."""
    assert with_certificate(name) == certified
    assert signature_of(certified) == signature_of(name) == name
