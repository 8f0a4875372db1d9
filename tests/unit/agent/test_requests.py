"""What clients ask of an agent, decoded (RFC 9987 section 5)."""

from __future__ import annotations

import functools

import pytest

import nacre
from nacre.agent import messages, requests
from nacre.agent.constraints import ConstraintRefused, Constraints
from nacre.errors import KeyImportError, WireError
from nacre.wire.fields import Reader, encode_string, encode_text
from tests.support.authenticator import any_key

TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ssh-rsa")


@functools.cache
def key(kind: str) -> nacre.SSHKey:
    return nacre.generate_private_key(kind, **({"key_size": 2048} if kind == "ssh-rsa" else {}))


def added(data: bytes, constraints: Constraints = messages.UNCONSTRAINED) -> requests.AddedKey:
    return requests.decode_added(Reader(messages.add_request(data, b"comment", constraints)[1:]))


@pytest.mark.parametrize("kind", TYPES)
def test_keys_and_certificates(kind: str) -> None:
    found = added(key(kind).private_data, Constraints(60, True))
    assert found.pair.key == key(kind)
    assert (found.comment, found.constraints) == (b"comment", Constraints(60, True))
    certificate = key("ssh-ed25519").generate_user_certificate(key(kind), "id")
    data = messages.certified(key(kind).encode_ssh_private(), kind, certificate)
    pair = added(data, Constraints(60)).pair
    assert pair.public_data == certificate.public_data
    assert key(kind).verify(b"data", pair.sign(b"data"))


@pytest.mark.parametrize("kind", TYPES)
def test_a_certificate_with_another_key(kind: str) -> None:
    ca = key("ssh-ed25519")
    other = nacre.generate_private_key("ecdsa-sha2-nistp256" if kind != "ssh-rsa" else "ssh-ed25519")
    data = messages.certified(key(kind).encode_ssh_private(), kind, ca.generate_user_certificate(other, "id"))
    with pytest.raises((KeyImportError, WireError)):
        added(data)


def test_what_is_not_taken() -> None:
    good = key("ssh-ed25519").private_data
    with pytest.raises(KeyImportError, match="sk-ssh"):
        added(encode_text("sk-ssh-unknown@openssh.com") + bytes(100))
    with pytest.raises(KeyImportError, match="ssh-dss"):
        added(encode_text("ssh-dss") + bytes(100))
    with pytest.raises(KeyImportError):
        added(encode_text("ssh-ed25519-cert-v01@openssh.com") + encode_string(b"none") + bytes(100))
    with pytest.raises(KeyImportError):
        added(good[:-1] + bytes((good[-1] ^ 1,)))  # the seed of another key
    with pytest.raises(ConstraintRefused):
        requests.decode_added(Reader(good + encode_string(b"comment") + b"\x07"))
    for size in range(0, len(good), 7):
        with pytest.raises((WireError, KeyImportError)):
            requests.decode_added(Reader(good[:size]))


def test_tokens() -> None:
    request = messages.add_smartcard_request("provider", "1234", Constraints(5))
    card = requests.decode_smartcard(Reader(request[1:]))
    assert (card.provider, card.pin, card.constraints) == ("provider", "1234", Constraints(5))
    assert "1234" not in repr(card)


def test_a_security_key_of_another_application_signs_for_ssh_alone() -> None:
    """What could be the challenge of a web site is not signed (ssh-agent's "websafe")."""
    login = encode_string(b"session") + b"\x32" + encode_text("user") + encode_text("ssh-connection")
    challenge = b'{"type":"webauthn.get","challenge":"AAAA"}'
    for application, refused in (("ssh:", False), ("ssh:work", False), ("https://example.org", True)):
        key = any_key("sk-ssh-ed25519@openssh.com", application=application)
        pair = nacre.load_keypairs([key])[0]
        for data in (login, b"SSHSIG" + encode_string(b"file")):
            requests.require_ours(pair, data)
        for data in (challenge, b"", encode_string(b"") + login[11:], login.replace(b"\x32", b"\x33", 1)):
            if refused:
                with pytest.raises(WireError, match="another application"):
                    requests.require_ours(pair, data)
            else:
                requests.require_ours(pair, data)
    requests.require_ours(nacre.load_keypairs([any_key("ssh-ed25519")])[0], challenge)


def test_flags() -> None:
    rsa, other = nacre.load_keypairs([key("ssh-rsa"), key("ssh-ed25519")])
    assert requests.algorithm_of(rsa, 2) == "rsa-sha2-256"
    assert requests.algorithm_of(rsa, 4) == "rsa-sha2-512"
    assert requests.algorithm_of(rsa, 6) == "rsa-sha2-256"  # as OpenSSH's agent
    assert requests.algorithm_of(other, 0) == requests.algorithm_of(other, 4) == "ssh-ed25519"
    with pytest.raises(WireError, match="SHA-2"):
        requests.algorithm_of(rsa, 0)
    for flags in (1, 8, 2**31 | 2):
        with pytest.raises(WireError, match="not known"):
            requests.algorithm_of(rsa, flags)
