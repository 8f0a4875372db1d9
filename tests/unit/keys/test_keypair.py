"""SSHKeyPair."""

from __future__ import annotations

import pytest

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


def test_a_certificate_stands_in_for_the_key(data):
    key, other = read_private_key(data / "rsa"), read_private_key(data / "ed25519")
    pair = SSHKeyPair.from_key(key)
    assert (pair.has_cert, pair.cert, pair.key_data) == (False, None, key.public_data)
    assert pair.host_key_algorithms == pair.sig_algorithms
    cert = other.generate_user_certificate(key, "id")
    pair.set_certificate(cert)
    assert (pair.has_cert, pair.cert, pair.key_data) == (True, cert, key.public_data)
    assert pair.public_data == cert.public_data
    assert pair.get_algorithm() == pair.algorithm == "ssh-rsa-cert-v01@openssh.com"
    assert pair.sig_algorithms == key.sig_algorithms
    for name, signature in zip(pair.host_key_algorithms, pair.sig_algorithms, strict=True):
        assert name == f"{signature}-cert-v01@openssh.com"
        assert key.verify(b"data", pair.sign(b"data", name), signature)
        assert key.verify(b"data", pair.sign(b"data", signature), signature)


def test_a_certificate_of_another_key_is_refused(data):
    key = read_private_key(data / "ed25519")
    pair = SSHKeyPair.from_key(key)
    with pytest.raises(ValueError, match="another key"):
        pair.set_certificate(key.generate_user_certificate(read_private_key(data / "rsa"), "id"))
    with pytest.raises(TypeError, match="object"):
        pair.set_certificate(object())
    assert not pair.has_cert


def test_the_repr_has_no_signer(data):
    assert repr(SSHKeyPair.from_key(read_private_key(data / "ed25519"))) == "<SSHKeyPair local ssh-ed25519>"
