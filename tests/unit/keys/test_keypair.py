"""SSHKeyPair."""

from __future__ import annotations

import pytest

from nacre.errors import NotSupportedYet
from nacre.keys import SSHKeyPair, read_private_key, read_public_key


def test_pair_of_a_local_key(data, key_name):
    key = read_private_key(data / key_name)
    pair = SSHKeyPair.from_key(key)
    assert pair.get_key_type() == "local"
    assert pair.get_algorithm() == pair.algorithm == key.algorithm
    assert pair.public_data == key.public_data
    assert pair.get_comment() == key.get_comment()
    assert pair.get_comment_bytes() == key.get_comment_bytes()
    assert not pair.has_cert
    for name in pair.sig_algorithms:
        assert key.verify(b"data", pair.sign(b"data", name), name)
    assert key.verify(b"data", pair.sign(b"data"), pair.sig_algorithms[0])


def test_choosing_the_signature_algorithm(data):
    key = read_private_key(data / "rsa")
    pair = SSHKeyPair.from_key(key)
    pair.set_sig_algorithm(b"rsa-sha2-256")
    assert key.verify(b"data", pair.sign(b"data"), "rsa-sha2-256")
    with pytest.raises(ValueError, match="ssh-rsa"):
        pair.set_sig_algorithm("ssh-rsa")


def test_the_comment_of_the_pair(data):
    pair = SSHKeyPair.from_key(read_private_key(data / "ed25519"))
    pair.set_comment("another")
    assert pair.get_comment() == "another"
    pair.set_comment(None)
    assert pair.get_comment() is None


def test_a_public_key_makes_no_pair(data):
    with pytest.raises(ValueError, match="private"):
        SSHKeyPair.from_key(read_public_key(data / "ed25519.pub"))
    with pytest.raises(ValueError, match="signature algorithm"):
        SSHKeyPair("ssh-ed25519", b"", (), lambda data, name: b"")


def test_certificates_are_not_built(data):
    with pytest.raises(NotSupportedYet):
        SSHKeyPair.from_key(read_private_key(data / "ed25519")).set_certificate(object())


def test_the_repr_has_no_signer(data):
    assert repr(SSHKeyPair.from_key(read_private_key(data / "ed25519"))) == "<SSHKeyPair local ssh-ed25519>"
