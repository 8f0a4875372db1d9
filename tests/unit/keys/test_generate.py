"""generate_private_key."""

from __future__ import annotations

import pytest

from nacre.errors import KeyGenerationError, NotSupportedYet
from nacre.keys import decode_public_key, generate_private_key

FAST = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]


@pytest.mark.parametrize("name", FAST)
def test_each_type(name):
    key = generate_private_key(name, comment="made here")
    assert key.get_algorithm() == name
    assert key.is_private
    assert key.get_comment() == "made here"
    assert decode_public_key(key.public_data).verify(b"data", key.sign(b"data", name), name)
    assert generate_private_key(name) != key


def test_rsa_with_a_size():
    key = generate_private_key("ssh-rsa", key_size=2048)
    assert key.sig_algorithms == ("rsa-sha2-512", "rsa-sha2-256")


@pytest.mark.parametrize("name", ["ssh-dss", "", "ed25519", "rsa-sha2-256"])
def test_unknown_types(name):
    with pytest.raises(KeyGenerationError, match="ssh-ed25519"):
        generate_private_key(name)


def test_types_to_come():
    with pytest.raises(NotSupportedYet, match="ssh-ed448"):
        generate_private_key("ssh-ed448")


def test_arguments_of_another_type_are_refused():
    with pytest.raises(KeyGenerationError, match="key_size"):
        generate_private_key("ssh-ed25519", key_size=256)
    with pytest.raises(KeyGenerationError, match="bits"):
        generate_private_key("ssh-rsa", bits=4096)
